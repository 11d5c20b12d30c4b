"""The arithmetic of training on a CPU: linear layers by oneDNN in float32, or in bfloat16.

As `unimc.backends.onednn` says, PyTorch gives float32 products to MKL, which leaves the widest instructions of some
processors unused. Here the gradients go the same way: half the time, the same arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from unimc.backends.onednn import available

PRECISIONS = ("float32", "bfloat16")


def arithmetic(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """Within it models are trained: in bfloat16 with weights in float32, or in float32, on a CPU by oneDNN."""
    if precision == "bfloat16":
        return torch.autocast(device.type, torch.bfloat16)
    return _Mode() if device.type == "cpu" and available() else nullcontext()


class _Mode(TorchFunctionMode):
    """Takes over `functional.linear`, and nothing else."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is functional.linear and not kwargs:
            states, weight, *bias = args
            if states.dtype == weight.dtype == torch.float32:
                return _Linear.apply(states, weight, bias[0] if bias else None)  # type: ignore[no-untyped-call]
        return func(*args, **(kwargs or {}))


def _product(states: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """(rows, inputs) and (outputs, inputs) -> (rows, outputs)."""
    made: Tensor = torch.ops.mkldnn._linear_pointwise(states.contiguous(), weight.contiguous(), bias, "none", [], "")
    return made


class _Linear(torch.autograd.Function):
    """A linear layer of which only the gradients that somebody wants are computed."""

    @staticmethod
    def forward(context: Any, states: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        context.save_for_backward(states, weight)
        return _product(states, weight, bias)

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        states, weight = context.saved_tensors
        (gradient,) = gradients
        flat = gradient.flatten(0, -2)
        to_states, to_weight, to_bias = context.needs_input_grad
        return (
            _product(gradient, weight.t()) if to_states else None,
            _product(flat.t(), states.flatten(0, -2).t()) if to_weight else None,
            flat.sum(0) if to_bias else None,
        )
