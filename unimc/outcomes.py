"""Scores as answers that turned out right or not: what a calibration error and a reliability table count."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


def outcomes(scores: ArrayLike, references: ArrayLike) -> tuple[Floats, Flags, Flags]:
    """With one right label the best label's score, where several may hold the score of every label.

    Args:
        scores: (examples, labels), NaN for labels that an example doesn't offer.
        references: label indices, (examples,), or 0 and 1, (examples, labels).

    Returns:
        Score, whether the label is right, and whether it was offered: (examples, 1) or (examples, labels).
    """
    given, right = np.asarray(scores, dtype=np.float64), np.asarray(references)
    if right.ndim == 1:
        best = np.where(np.isnan(given), -np.inf, given).argmax(1)
        given, right = given.max(1, initial=0.0, where=~np.isnan(given))[:, None], (best == right)[:, None]
    return given, right.astype(bool), ~np.isnan(given)


def places(scores: Floats, offered: Flags, bins: int) -> NDArray[np.int64]:
    """The bin of each score among so many of equal width between 0 and 1, each with its upper end."""
    found: NDArray[np.int64] = np.ceil(np.where(offered, scores, 0.0) * bins).astype(np.int64) - 1
    return found.clip(0, bins - 1)
