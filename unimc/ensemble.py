"""Several wordings of one question, answered together: wording moves results, and their mean moves less.

Beyond the paper.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from unimc.answer_rule import AnswerRule, Threshold
from unimc.example import InputError
from unimc.prediction import Prediction


def averaged(
    predictions: Sequence[Prediction],
    weights: Sequence[float] | None = None,
    *,
    multi_label: bool = False,
    threshold: Threshold | None = None,
    top_k: int | None = None,
) -> Prediction:
    """One prediction of several for the same example in other wordings.

    Margins and scores are averaged; with one label the scores are those of the geometric mean, so that a wording that
    is sure counts for more than one that is not.

    Args:
        predictions: of one example; the options may be worded and ordered differently, their names are the same.
        weights: of the wordings, equal if None; only their ratios count.
        multi_label: whether several options, or none, may hold.
        threshold: as for `UniMC.predict`, of the averages.
        top_k: as for `UniMC.predict`.

    Returns:
        A prediction with the options of the first wording.

    Raises:
        InputError: if there is none, names differ, only some are calibrated, a weight is negative or all are 0, or a
            setting is out of range.
    """
    rule = AnswerRule.of(multi_label, threshold, top_k)
    if not predictions:
        raise InputError("no predictions to average")
    shares = _shares(weights, len(predictions))
    first = predictions[0]
    if any(prediction.calibrated != first.calibrated for prediction in predictions):
        raise InputError("some predictions are calibrated and some are not; their scores don't mean the same")
    aligned = [_aligned(prediction, first.names) for prediction in predictions]
    margins = [_mean([margin for margin, _ in column], shares) for column in zip(*aligned, strict=True)]
    columns = [[score for _, score in column] for column in zip(*aligned, strict=True)]
    if multi_label:
        scores = [_mean(column, shares) for column in columns]
    else:
        logs = [_mean([math.log(max(score, 1e-300)) for score in column], shares) for column in columns]
        top = max(logs)
        weighed = [math.exp(log - top) for log in logs]
        scores = [weight / sum(weighed) for weight in weighed]
    label, labels = rule.answer(first.names, scores, margins)
    return replace(
        first,
        scores=tuple(scores),
        margins=tuple(margins),
        label=label,
        labels=labels,
        rows=sum(prediction.rows for prediction in predictions),
        tokens=sum(prediction.tokens for prediction in predictions),
        truncated=max(prediction.truncated for prediction in predictions),
    )


def _shares(weights: Sequence[float] | None, count: int) -> list[float]:
    given = [1.0] * count if weights is None else list(weights)
    if len(given) != count:
        raise InputError(f"{len(given)} weights for {count} wordings; give one for each")
    if min(given) < 0 or not 0 < sum(given) < math.inf:
        raise InputError(f"weights must be 0 or more, one of them above 0, not {given}")
    return [weight / sum(given) for weight in given]


def _aligned(prediction: Prediction, names: Sequence[str]) -> list[tuple[float, float]]:
    """Margin and score of each name, in the order of `names`."""
    if set(prediction.names) != set(names):
        odd = sorted(set(prediction.names) ^ set(names))[0]
        raise InputError(f"the wordings have other options: {odd!r} is not in all of them; give their names alike")
    found = {
        name: (margin, score)
        for name, margin, score in zip(prediction.names, prediction.margins, prediction.scores, strict=True)
    }
    return [found[name] for name in names]


def _mean(values: Sequence[float], shares: Sequence[float]) -> float:
    return sum(value * share for value, share in zip(values, shares, strict=True))
