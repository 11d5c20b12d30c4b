"""A checkpoint as a graph that onnxruntime runs: `model.onnx` with its weights beside it, and how it was made.

The graph builds the mask from `option_ids` and `segment_ids`, computes the last layer at the O-MASKs alone and of the
masked-LM head only the answer pieces, as the model does; the rest of the vocabulary matrix is left behind.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from logging import ERROR, getLogger
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from unimc.backends.int8 import quantised
from unimc.backends.onnx import FORMAT, INPUTS, NOTE, OUTPUT, OnnxBackend, check_installed, feeds
from unimc.backends.torch import TorchBackend
from unimc.checkpoint import FILE, Checkpoint
from unimc.collation import Batch, collate
from unimc.encoding import Encoder
from unimc.example import InputError, MultipleChoiceExample
from unimc.modeling import UniMCModel
from unimc.pretrained import GRAPH, first_line

OPSETS = range(20, 24)
"""Of the versions, 23 has an operator for attention. Before, it is spelled out: slower, for an older onnxruntime."""

_CHECKED = (
    MultipleChoiceExample(
        ["music", "the weather", "food"], "What is it about?", "It rained all day, and then it snowed."
    ),
    MultipleChoiceExample(["是", "不是这样的"], "", "火车今天晚到了。", "车站里的人都在等火车。"),
    MultipleChoiceExample(["good", "bad"], "", "The soup was cold."),
)
"""What the graph is traced with, and has to answer as the model does."""
_TOLERANCE = 1e-3
"""The most by which a logit of a float32 graph may differ from the model's, relative to it if it is over 1."""


class _Graph(nn.Module):
    """What is exported: the tensors of `INPUTS` in, (batch, most, pieces) logits out.

    Args:
        model: what is run.
        head: what the head's last layer is taken from: in some families it is the embedding table, in float.
        pieces: ids of the answer pieces.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, model: UniMCModel, head: UniMCModel, pieces: Sequence[int]) -> None:
        super().__init__()
        self.model = model
        weight, bias = head.family.decoder(head.backbone)
        self.register_buffer("weight", weight[list(pieces)].detach().clone())
        self.register_buffer("bias", bias[list(pieces)].detach().clone())

    def forward(
        self,
        input_ids: Tensor,
        option_ids: Tensor,
        position_ids: Tensor,
        token_type_ids: Tensor,
        segment_ids: Tensor,
        places: Tensor,
    ) -> Tensor:
        states = self.model.states_at(places, input_ids, option_ids, position_ids, token_type_ids, segment_ids)
        return functional.linear(self.model.family.transform(self.model.backbone, states), self.weight, self.bias)


def export(checkpoint: Checkpoint, folder: str | Path, *, int8: bool = False, opset: int = OPSETS[-1]) -> float:
    """Writes a folder that `UniMC.from_pretrained(folder, backend="onnx")` opens.

    Args:
        checkpoint: a checkpoint, on the CPU, in float32.
        folder: where to; an export that is there already is replaced.
        int8: linear layers and word embeddings in eight bits (`unimc.backends.int8`).
        opset: version of ONNX's operators.

    Returns:
        The largest difference of a logit from the model's, on a few short rows.

    Raises:
        InputError: if onnxruntime or onnxscript is not installed, the folder holds a checkpoint or an adapter, the
            model has no trained head, PyTorch can't export it, or the graph doesn't answer as the model does.
    """
    folder = Path(folder)
    _check(checkpoint, folder, opset)
    checkpoint.save(folder, weights=False)
    (folder / NOTE).unlink(missing_ok=True)  # written last: what is broken off half-way doesn't open
    pieces = checkpoint.answers.ids
    encoder = Encoder(checkpoint.tokenizer, checkpoint.model.layout, max_length=128)
    rows = [row for rows in encoder.batch(_CHECKED) for row in rows]
    batches = [collate(some, encoder.tokenizer.pad) for some in (rows, rows[2:])]
    model = quantised(checkpoint.model) if int8 else checkpoint.model
    _write(_Graph(model, checkpoint.model, pieces).eval(), batches[0], folder / GRAPH, opset)
    reference = TorchBackend(checkpoint.model, pieces)
    entry = {
        "format": FORMAT,
        "dtype": "int8" if int8 else "float32",
        "pieces": pieces,
        "opset": opset,
        "source": {"fingerprint": reference.fingerprint()},
        "versions": {
            package: version(package) for package in ("unimc", "torch", "transformers", "onnxscript", "onnxruntime")
        },
    }
    (folder / NOTE).write_text(json.dumps(entry, indent=2) + "\n", encoding="utf-8")
    exported = OnnxBackend.opened(folder, checkpoint)
    difference = 0.0
    for batch in batches:
        expected, found = reference.logits(batch), exported.logits(batch)
        difference = max(difference, float((found - expected).abs().max()))
        if not int8 and not torch.allclose(found, expected, rtol=_TOLERANCE, atol=_TOLERANCE):
            (folder / GRAPH).unlink()
            raise InputError(
                f"the graph that torch {torch.__version__} made answers otherwise than the model itself (a logit "
                f"differs by {difference:.2g}); use the backend 'torch', and please report it"
            )
    return difference


def _check(checkpoint: Checkpoint, folder: Path, opset: int) -> None:
    check_installed()
    if find_spec("onnxscript") is None:
        raise InputError("an export needs onnxscript, which is not installed; pip install 'unimc[onnx]'")
    if not hasattr(torch.onnx, "ops"):
        raise InputError(f"an export needs a later torch than {torch.__version__}")
    if opset not in OPSETS:
        raise InputError(f"opset is {opset}; it can be from {OPSETS[0]} to {OPSETS[-1]}")
    if checkpoint.fresh_head:
        raise InputError("this model's masked-LM head has random weights; train it first, then export it")
    if any(folder.glob("*.safetensors.index.json")) or (folder / "model.safetensors").exists():
        raise InputError(f"{folder} holds a checkpoint; give the export a folder of its own")
    if _holds_adapter(folder):
        raise InputError(f"{folder} holds an adapter; give the export a folder of its own")


def _holds_adapter(folder: Path) -> bool:
    """Whether `unimc.adaptation`, which stands to the right of this module, wrote the folder."""
    if (folder / "adapter.safetensors").exists():
        return True
    try:
        return "adapter" in json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError):  # no such file, or none that opens: there is nothing to lose
        return False


def _write(graph: _Graph, batch: Batch, path: Path, opset: int) -> None:
    """Exports the graph, traced with a batch of which no axis is 1 long (that one would be taken for fixed)."""
    inputs, _ = feeds(batch)
    sizes: dict[str, dict[int, str]] = {name: {0: "batch", 1: "length"} for name in INPUTS}
    sizes["places"] = {0: "batch", 1: "most"}
    own: Any = {torch.ops.aten.scaled_dot_product_attention.default: _attention} if opset >= 23 else None
    try:
        with _quiet(), torch.no_grad():
            torch.onnx.export(
                graph,
                tuple(inputs[name] for name in INPUTS),
                path,
                input_names=list(INPUTS),
                output_names=[OUTPUT],
                dynamic_shapes=sizes,
                opset_version=opset,
                custom_translation_table=own,
                dynamo=True,
                external_data=True,
                verbose=False,
            )
    except Exception as error:
        family, reason = graph.model.family.name, first_line(error)
        raise InputError(
            f"torch {torch.__version__} can't export {family} ({reason}); use the backend 'torch'"
        ) from error


def _attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """PyTorch's attention in ONNX's operator, in the form that onnxruntime runs fastest on a CPU.

    Heads side by side, as the linear layers give them, need no transposing; and a mask that is added is made once for
    all layers (the graph's equal parts are merged), where a boolean one would be turned into that in every layer.
    """
    from onnxscript import opset23

    op: Any = opset23  # its types are those of eager values, not of a graph's

    heads, size = query.shape[1], query.shape[3]
    if attn_mask is None or is_causal or enable_gqa or dropout_p:
        raise NotImplementedError("attention without the isolating mask")

    def side_by_side(one: Any) -> Any:  # (batch, heads, tokens, size) -> (batch, tokens, heads * size)
        return op.Reshape(op.Transpose(one, perm=[0, 2, 1, 3]), op.Constant(value_ints=[0, 0, heads * size]))

    blocked = op.Constant(value_float=torch.finfo(torch.float32).min)
    added = op.Where(attn_mask, op.Constant(value_float=0.0), blocked)
    found, *_ = op.Attention(
        side_by_side(query),
        side_by_side(key),
        side_by_side(value),
        added,
        q_num_heads=heads,
        kv_num_heads=heads,
        scale=scale,
    )
    return op.Transpose(op.Reshape(found, op.Constant(value_ints=[0, 0, heads, size])), perm=[0, 2, 1, 3])


@contextmanager
def _quiet() -> Iterator[None]:
    """Mutes what the exporter says of itself: nothing in it is for the user to mend."""
    loggers = [getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
