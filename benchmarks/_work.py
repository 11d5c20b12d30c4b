"""How much there is to compute, and how fast this machine multiplies matrices."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from unimc import MultipleChoiceExample, UniMC
from unimc.backends import onednn

SIZES = (1024, 2048)
"""Sides of the square matrices whose product is timed; the faster counts."""
REPEATS = 4


def work(model: UniMC, examples: Sequence[MultipleChoiceExample]) -> dict[str, Any]:
    """Rows, tokens (no padding) and floating-point operations of the encoder for these examples.

    A multiplication and an addition are two operations. Counted are the linear layers, and in attention the scores and
    the weighted sum of a row in which every token looks at every other; nothing else of the encoder is a matrix
    product. The operations are None for an encoder of which that is not true (ModernBERT looks through windows).
    """
    lengths = [len(row) for made in model.encoder.batch(examples) for row in made]
    config = model.model.backbone.config
    operations = None
    if getattr(config, "local_attention", None) is None:
        attention = 4 * config.hidden_size * config.num_hidden_layers * sum(length**2 for length in lengths)
        operations = sum(lengths) * _linear_operations(model.model.backbone.base_model) + attention
    return {"rows": len(lengths), "tokens": sum(lengths), "operations": operations}


def _linear_operations(encoder: Any) -> int:
    """Operations of the linear layers for one token; a layer that is used several times (ALBERT) counts as often."""
    found = 0

    def count(layer: nn.Linear, *_: object) -> None:
        nonlocal found
        found += 2 * layer.in_features * layer.out_features

    hooks = [layer.register_forward_hook(count) for layer in encoder.modules() if isinstance(layer, nn.Linear)]
    with torch.inference_mode():
        encoder(torch.zeros((1, 1), dtype=torch.long))
    for hook in hooks:
        hook.remove()
    return found


@torch.inference_mode()
def peak_rates() -> dict[str, float]:
    """Operations a second of a product of two square float32 matrices, the best of several, with the threads set.

    By library: the one that PyTorch chooses, and oneDNN, where PyTorch has it.
    """
    best = {"PyTorch's own choice": 0.0, **({"oneDNN": 0.0} if onednn.available() else {})}
    for size in SIZES:
        left, right = torch.rand(size, size), torch.rand(size, size)
        for library in best:
            with onednn.linear_layers("cpu" if library == "oneDNN" else "none"):
                for _ in range(REPEATS + 1):
                    start = time.perf_counter()
                    functional.linear(left, right)
                    best[library] = max(best[library], 2 * size**3 / (time.perf_counter() - start))
    return best
