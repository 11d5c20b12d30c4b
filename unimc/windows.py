"""Windows over a passage that is longer than its row, for those who ask for them (DESIGN, section 6; not in the paper).

Every window stands in a row of its own, with the same options, question and textb, so that all of the passage is read.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, get_args

from unimc.budget import PASSAGE_FLOOR, Budgets, Lengths, fit
from unimc.example import InputError, shown, whole_number

Pooling = Literal["max", "mean"]
"""How an option's margins over the windows of a passage become one."""
STRIDE = 64
"""Tokens that neighbouring windows share at least, if no other number is given."""
WINDOW_FLOOR = 32
"""Tokens of the passage that a window holds while anything else can be cut; in short rows a quarter of the row."""


def fit_window(lengths: Lengths, budgets: Budgets) -> Lengths | None:
    """The lengths of each row when the passage may go on in others: its `passage` is the most that a window holds.

    Nothing is cut if a window of `WINDOW_FLOOR` tokens fits beside all the rest. If not, the rest is cut as without
    windows (`budget.fit`), and never by more.

    Returns:
        The lengths, or None if one token an option, no other text and one token of the passage are too much.
    """
    if lengths.over(budgets) <= 0:
        return lengths
    row = min(budgets.tokens, budgets.positions)
    beside = replace(lengths, passage=min(lengths.passage, WINDOW_FLOOR, row // 4))
    if beside.over(budgets) > 0:
        fitted = fit(replace(lengths, passage=min(lengths.passage, PASSAGE_FLOOR, row // 2)), budgets)
        if fitted is None or fitted.passage < min(lengths.passage, 1):
            return None
        beside = fitted
    return replace(beside, passage=min(lengths.passage, beside.passage - beside.over(budgets)))


def starts(passage: int, window: int, stride: int) -> list[int]:
    """Where the windows begin: as few as cover the passage, all of the full length, spread evenly.

    Args:
        passage: its tokens.
        window: the most tokens of it in a row; at least 1 if there are any.
        stride: tokens that neighbours share at least, but never more than half a window: a row holds what it holds,
            and that bounds the rows at about two for each that the passage fills.
    """
    if passage <= window:
        return [0]
    left = passage - window
    steps = -(-left // (window - min(stride, window // 2)))
    return [step * left // steps for step in range(steps + 1)]


def check_stride(stride: int) -> None:
    """Refuses what can't be a number of tokens.

    Raises:
        InputError: if it is negative or no whole number.
    """
    if whole_number("stride", stride) < 0:
        raise InputError(
            f"stride is {shown(stride)}; it is the number of tokens that neighbouring windows share, 0 or more"
        )


def checked_stride(windows: Pooling | None, stride: int | None) -> int | None:
    """The stride for the encoder: `STRIDE` if windows are asked for without one, None if they aren't.

    Raises:
        InputError: if one of them is out of range, or a stride is given without windows.
    """
    if windows is None:
        if stride is not None:
            raise InputError("stride has a meaning only with windows='max' or windows='mean'")
        return None
    if not isinstance(windows, str) or windows not in get_args(Pooling):
        raise InputError(f"windows is {shown(windows)}; use 'max', 'mean' or None")
    if stride is None:
        return STRIDE
    check_stride(stride)
    return stride
