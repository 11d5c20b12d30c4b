"""What a calibration changes: fitted in folds and judged on the rows that it was not fitted on."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unimc.calibration import Calibration
    from unimc.prediction import Prediction

FOLDS = 5

Right = Sequence[tuple[int, ...]]
"""The right options of each example, by index."""
Fit = Callable[[Sequence["Prediction"], Right], "Calibration"]


def parts_with_labels(right: Right, seed: int = 0) -> int:
    """In how many of the folds that `crossed` draws a row has a label.

    In fewer than two, what is fitted on the others has no label to fit a threshold by.
    """
    order = _drawn(len(right), seed)
    return sum(any(right[place] for place in order[fold::FOLDS]) for fold in range(FOLDS))


def crossed(predictions: Sequence[Prediction], right: Right, fit: Fit, seed: int = 0) -> list[Prediction]:
    """Every prediction recalibrated by what was fitted on the other folds, drawn by the seed."""
    from unimc.prediction import recalibrated

    order = _drawn(len(predictions), seed)
    found: dict[int, Prediction] = {}
    for fold in range(FOLDS):
        others = [place for number, place in enumerate(order) if number % FOLDS != fold]
        made = fit([predictions[place] for place in others], [right[place] for place in others])
        found |= {place: recalibrated(predictions[place], made) for place in order[fold::FOLDS]}
    return [found[place] for place in range(len(predictions))]


def _drawn(rows: int, seed: int) -> list[int]:
    return random.Random(f"{seed} folds").sample(range(rows), rows)


def figures(predictions: Sequence[Prediction], right: Right, multi_label: bool) -> dict[str, float]:
    """Name to value: expected calibration error, log-loss (natural logarithm, a decision), and accuracy or micro-F1."""
    import numpy as np

    from unimc import metrics

    width = max(len(one.scores) for one in predictions)
    scores = [[*one.scores, *[float("nan")] * (width - len(one.scores))] for one in predictions]
    held = np.array([[option in own for option in range(width)] for own in right])
    gold: Any = held.astype(int).tolist() if multi_label else [own[0] for own in right]
    found = {
        shown: float(metrics.get(name).compute(predictions=scores, references=gold, num_labels=width)[name])
        for name, shown in (("ece", "expected calibration error"), ("log_loss", "log-loss"))
    }
    said = np.array([[option in one.labels for option in range(width)] for one in predictions])
    if multi_label:
        return {**found, "micro-F1": float(2 * (said & held).sum() / max(1, said.sum() + held.sum()))}
    return {**found, "accuracy": float((said & held).any(1).mean())}
