"""Whether the sides answer alike: those that compute the same have to, of the others it is told by how much not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from _names import OTHER_ARITHMETIC, RELEASED, SAME, TITLES

TOLERANCE = 1e-4

Scores = Sequence[Sequence[float]]


def agreements(scores: Mapping[str, Scores]) -> dict[str, dict[str, Any]]:
    """For each side with our weights, how far its probabilities are from ours.

    The released code's way knows no groups of options: it is held against ours with all options in one row, if that
    was measured.

    Args:
        scores: probabilities of every example, by side.
    """
    one_row = "ours_one_row" if "ours_one_row" in scores else "ours"
    found = {}
    for name in scores:
        if name in SAME or name in OTHER_ARITHMETIC:
            beside = one_row if name in RELEASED else "ours"
            found[name] = {"with": beside, **agreement(scores[beside], scores[name])}
    return found


def agreement(ours: Scores, theirs: Scores) -> dict[str, Any]:
    """The largest difference of any probability, and how many answers are others."""
    pairs = list(zip(ours, theirs, strict=True))
    return {
        "examples": len(pairs),
        "largest_difference": max(abs(a - b) for our, their in pairs for a, b in zip(our, their, strict=True)),
        "different_answers": sum(_best(our) != _best(their) for our, their in pairs),
    }


def check(found: Mapping[str, Mapping[str, Any]]) -> None:
    """Stops before anything is timed if a side that computes the same doesn't answer the same.

    Raises:
        RuntimeError: then.
    """
    for name, one in found.items():
        if name in SAME and (one["largest_difference"] > TOLERANCE or one["different_answers"]):
            raise RuntimeError(f"{name} doesn't answer as {one['with']} does ({dict(one)}); nothing is timed")


def sentences(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One for each side."""
    return [
        f"{TITLES[name]}, against {TITLES[one['with']]}: largest difference of a probability "
        f"{one['largest_difference']:.2g}, other answers {one['different_answers']} of {one['examples']}."
        for name, one in found.items()
    ]


def _best(scores: Sequence[float]) -> int:
    return max(range(len(scores)), key=scores.__getitem__)
