"""Linear layers and word embeddings in eight bits, for exported graphs. Beyond the paper.

Every token's state is put on a scale of its own when it is multiplied, so what a text gets doesn't depend on the texts
that share its batch, as it does where one scale serves a whole batch (onnxruntime's dynamic quantisation); measured on
real texts, the error of the logits is half as large too. The attention, the norms and the masked-LM head stay float32.
"""

from __future__ import annotations

from copy import deepcopy
from functools import reduce
from operator import add

import torch
from torch import Tensor, nn
from torch.nn import functional

from unimc.modeling import UniMCModel

WEIGHT_STEPS = 63
"""Weights take seven bits. A processor without VNNI instructions adds up pairs of products of an unsigned byte (255 at
most) and a signed one in 16 bits, which is right only while 2 * 255 * weight < 2^15. So the answers are the same on
every processor, and unsigned weights, which need no such care, would be less than half as fast."""
ROUGH = 0.02
"""Relative error of a layer's weights from which on what they lose is kept in a second matrix: where a few weights are
far larger than the others, seven bits are too few. In trained models that is the second layer of the feed-forward part
(3 %, all others 1.6 %); the error of the margins falls by a third, for a sixth more time."""
STATE_STEPS = 255
"""From a token's smallest state to its largest. States are unsigned, the only form for which onnxruntime has fast
products on every processor; a scale that is as wide on both sides of zero would waste steps, most after a GELU, which
gives next to nothing below zero: measured, the error of the margins would be half as large again."""
EMBEDDING_STEPS = 127


class Int8Linear(nn.Module):
    """A linear layer whose product is one of whole numbers: a scale for each output, and one for each token.

    It exists to be exported: onnxruntime runs it, PyTorch can't.

    Args:
        layer: the layer in floating point.
    """

    sums: Tensor
    bias: Tensor | None

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        wanted = layer.weight.detach()
        weight, scale = _scaled(wanted, WEIGHT_STEPS)
        lost = wanted - weight * scale
        parts = [(weight, scale)]
        if lost.norm() > ROUGH * wanted.norm():
            parts.append(_scaled(lost, WEIGHT_STEPS))
        self.weights = nn.ParameterList(_fixed(part.t().contiguous()) for part, _ in parts)  # (in, out) each
        self.scales = nn.ParameterList(_fixed(part[:, 0]) for _, part in parts)  # (out,) each
        # What a state of one is worth to each output: a token's smallest state is taken off before the product.
        self.register_buffer("sums", reduce(add, (part.float().sum(1) * by[:, 0] for part, by in parts)))  # (out,)
        self.register_buffer("bias", None if layer.bias is None else layer.bias.detach())

    def forward(self, states: Tensor) -> Tensor:
        """(…, in) -> (…, out)."""
        tokens = states.reshape(-1, states.shape[-1])  # (tokens, in)
        lowest = tokens.amin(1, keepdim=True)  # (tokens, 1)
        tokens = tokens - lowest
        smallest = torch.finfo(tokens.dtype).tiny  # where all states are the same
        scale = tokens.amax(1).clamp_min(smallest) / STATE_STEPS
        zero = torch.zeros((), dtype=torch.uint8)
        whole = torch.onnx.ops.symbolic(
            "QuantizeLinear",
            (tokens, scale, zero.expand(tokens.shape[0])),
            {"axis": 0},
            dtype=torch.uint8,
            shape=tokens.shape,
        )
        shape = (tokens.shape[0], self.weights[0].shape[1])
        products = [
            torch.onnx.ops.symbolic("MatMulInteger", (whole, weight, zero), dtype=torch.int32, shape=shape).float() * by
            for weight, by in zip(self.weights, self.scales, strict=True)
        ]
        found: Tensor = reduce(add, products) * scale[:, None] + lowest * self.sums
        if self.bias is not None:
            found = found + self.bias
        return found.reshape(*states.shape[:-1], shape[1])


class Int8Embedding(nn.Module):
    """An embedding table of whole numbers, with a scale for each row.

    Args:
        table: the table in floating point.
    """

    weight: Tensor
    scale: Tensor

    def __init__(self, table: nn.Embedding) -> None:
        super().__init__()
        weight, scale = _scaled(table.weight.detach(), EMBEDDING_STEPS)
        self.register_buffer("weight", weight)  # (vocabulary, embedding)
        self.register_buffer("scale", scale)  # (vocabulary, 1)

    def forward(self, ids: Tensor) -> Tensor:
        """(batch, length) -> (batch, length, embedding)."""
        return functional.embedding(ids, self.weight).float() * functional.embedding(ids, self.scale)


def quantised(model: UniMCModel) -> UniMCModel:
    """A copy of a model with its encoder's linear layers and its word embeddings in eight bits."""
    made = deepcopy(model)
    encoder = made.backbone.base_model
    words = encoder.get_input_embeddings()
    for parent in [*encoder.modules()]:
        for name, child in [*parent.named_children()]:
            if isinstance(child, nn.Linear):
                setattr(parent, name, Int8Linear(child))
            elif child is words:
                setattr(parent, name, Int8Embedding(child))
    return made


def _fixed(values: Tensor) -> nn.Parameter:
    return nn.Parameter(values, requires_grad=False)


def _scaled(weight: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """(rows, columns) as int8 with a scale for each row: the whole numbers, and (rows, 1)."""
    scale = weight.abs().amax(1, keepdim=True).clamp_min(torch.finfo(weight.dtype).tiny) / steps
    return torch.round(weight / scale).to(torch.int8), scale
