"""The threshold over which labels hold, from labelled examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from unimc.calibration._arithmetic import Floats
from unimc.calibration._calibration import Thresholds
from unimc.calibration._table import Names, Table
from unimc.example import InputError

ENOUGH = 50
"""Rows in which a label holds, and in which it doesn't, for a threshold of its own."""


def best_threshold(
    scores: Sequence[ArrayLike], right: Sequence[Sequence[int]], names: Names, *, per_label: bool = False
) -> Thresholds:
    """The threshold under which the labels of some examples would have been found best.

    One for all labels maximises micro-F1; one for a label its own F1, where at least `ENOUGH` examples have the label
    and as many don't. It lies halfway between two scores; of equally good ones the lowest is taken.

    Args:
        scores: of each example, (options,): probabilities, calibrated if they will be.
        right: indices of the options that hold.
        names: of each example's options.
        per_label: whether labels get thresholds of their own; those with fewer examples get the one for all.

    Raises:
        InputError: if the lists don't fit each other, or no example has a label.
    """
    table = Table.of(scores, names, right, multi_label=True)
    if not table.right.any():
        raise InputError("no example has a label, so no threshold can be fitted")
    overall = _best(table.values[table.given], table.right[table.given])
    if not per_label:
        return overall
    found = []
    for column, name in enumerate(table.columns):
        there = table.given[:, column]
        own, held = table.values[there, column], table.right[there, column]
        enough = min(held.sum(), len(held) - held.sum()) >= ENOUGH
        found.append((name, _best(own, held) if enough else overall))
    return tuple(found)


def _best(scores: Floats, right: Floats) -> float:
    """The threshold with the highest F1 = 2 · hits / (said + right)."""
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], right[order].cumsum()
    said = np.arange(1, len(ranked) + 1)
    cuts = np.append(ranked[1:] < ranked[:-1], True)  # equal scores hold together or not at all
    f1 = np.where(cuts, 2 * hits / (said + right.sum()), -1.0)
    last = len(f1) - 1 - int(f1[::-1].argmax())
    below = ranked[last + 1] if last + 1 < len(ranked) else 0.0
    return float((ranked[last] + below) / 2)
