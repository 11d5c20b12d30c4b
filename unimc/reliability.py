"""How far scores can be trusted: of the answers with about the same score, how many are right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from unimc.figures import Judged, number
from unimc.outcomes import outcomes, places

BINS = 10
"""Ranges of equal width between 0 and 1, each with its upper end."""


@dataclass(frozen=True, slots=True)
class Bin:
    """The decisions whose score lies in one range: over `low`, up to `high` (the first range holds 0 too).

    Attributes:
        low, high: ends of the range.
        count: how many decisions: one an example, its answer; where several labels may hold one for each label.
        confidence: their mean score; NaN if there are none.
        accuracy: the share of them that is right; where several labels may hold, of labels that hold.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float

    def to_dict(self) -> dict[str, Any]:
        """For JSON; what is NaN is null."""
        return {**asdict(self), "confidence": number(self.confidence), "accuracy": number(self.accuracy)}


def reliability(judged: Judged) -> Sequence[Bin]:
    """The table of `BINS` ranges (the diagram of Niculescu-Mizil and Caruana 2005 as figures)."""
    scores, right, offered = outcomes(judged.scores, judged.gold)
    placed = places(scores, offered, BINS)
    found = []
    for place in range(BINS):
        within = offered & (placed == place)
        count = int(within.sum())
        confidence = float(scores[within].mean()) if count else float("nan")
        accuracy = float(np.mean(right[within])) if count else float("nan")
        found.append(Bin(place / BINS, (place + 1) / BINS, count, confidence, accuracy))
    return found
