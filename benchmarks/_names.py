"""The names of the sides and what tables and plots call them."""

from __future__ import annotations

from _program import chosen


class LeftOut(Exception):  # noqa: N818  # nothing is wrong
    """A side that can't be measured here, or not on this workload; says why."""


TITLES = {
    "ours": "ours: UniMC.predict",
    "ours_one_row": "ours, all options in one row",
    "ours_stock": "ours, PyTorch's linear layers",
    "ours_dense": "ours, attention over all pairs",
    "ours_packed": "ours, short texts packed",
    "ours_windows": "ours, windows",
    "ours_bf16": "ours, bfloat16",
    "ours_onnx": "ours, ONNX",
    "ours_onnx_int8": "ours, ONNX, int8",
    "released_as_is": "(a) the released code's way",
    "released": "(a') the same, fused attention",
    "released_no_grad": "(a'') and under no_grad",
    "pipeline": "(b) zero-shot pipeline",
    "gliclass": "(c) GLiClass uni-encoder",
    "bare_encoder": "floor: bare encoder, no padding",
    "bare_encoder_batches": "floor: the same, our batches",
    "bare_encoder_onednn": "floor: the same, no padding, oneDNN",
}
RELEASED = ("released_as_is", "released", "released_no_grad")
SAME = ("ours_stock", "ours_dense", "ours_packed", *RELEASED)
"""Sides that have to give our probabilities."""
OTHER_ARITHMETIC = ("ours_bf16", "ours_onnx", "ours_onnx_int8", "ours_one_row")
"""Sides whose probabilities are compared with ours, and may differ."""


def sides(given: str, known: tuple[str, ...]) -> list[str]:
    """The sides of a comma-separated list, ours always among them: the others are measured against it.

    Raises:
        InputError: if one is not known.
    """
    return chosen(f"ours,{given}", known, "side")
