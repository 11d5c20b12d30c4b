"""Linear layers by oneDNN on the CPU, where PyTorch would give float32 to another library.

PyTorch sends float32 products to MKL, which on processors that are not Intel's leaves the widest vector instructions
unused: oneDNN, which comes with PyTorch too and runs its bfloat16 products, is more than twice as fast there
(benchmarks/README.md). Same weights, same arithmetic, sums in another order.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

for _cache in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
    # oneDNN, and PyTorch's layer over it, keep what they made for each of the last 1,024 shapes: with batches of every
    # length, hundreds of MiB. Sixteen are the shapes of one batch; making them anew takes a thousandth of its time.
    os.environ.setdefault(_cache, "16")


class _Linear(TorchFunctionMode):
    """Takes over `functional.linear`, and nothing else."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is functional.linear and not kwargs:
            states, weight, *bias = args
            if states.dtype == weight.dtype == torch.float32 and states.device.type == "cpu":
                return torch.ops.mkldnn._linear_pointwise(
                    states.contiguous(), weight, bias[0] if bias else None, "none", [], ""
                )
        return func(*args, **(kwargs or {}))


def available() -> bool:
    """Whether this PyTorch has oneDNN, and its linear layer for dense weights."""
    library: Any = torch.backends.mkldnn  # its functions carry no types
    return bool(library.is_available()) and hasattr(torch.ops.mkldnn, "_linear_pointwise")


def linear_layers(device: str) -> AbstractContextManager[Any]:
    """Within it, linear layers on the CPU run by oneDNN, if that can be had. For inference: nothing is recorded."""
    return _Linear() if device == "cpu" and available() else nullcontext()
