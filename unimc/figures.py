"""What predictions are worth: figures with their intervals, differences between two, and baselines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unimc import metrics
from unimc.evaluation_set import PRIMARY, EvaluationSet
from unimc.example import MultipleChoiceExample
from unimc.prediction import Prediction

if TYPE_CHECKING:
    from unimc.metrics._metric import Metric


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric's value and the ends of its 95 % bootstrap interval; NaN where not defined or not asked for."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float | None]:
        """For JSON: what is NaN is null."""
        return {name: number(getattr(self, name)) for name in ("value", "low", "high")}


def number(value: float) -> float | None:
    """For JSON, which has no NaN."""
    return None if np.isnan(value) else float(value)


@dataclass(frozen=True)
class Judged:
    """Predictions of a task in the form that metrics take.

    Attributes:
        gold: for each example the right label's index; where several may hold 0 or 1 for each label.
        guessed: what was predicted, likewise.
        scores: (examples, labels), NaN for labels that an example doesn't offer.
    """

    gold: list[Any]
    guessed: list[Any]
    scores: list[list[float]]

    @classmethod
    def of(cls, task: EvaluationSet, predictions: Sequence[Prediction]) -> Judged:
        """Predictions of a task, given in its examples' order."""
        rows = _several if task.multi_label else _single
        gold = [rows(task, example, example.right or ()) for example in task.examples]
        both = zip(task.examples, predictions, strict=True)
        guessed = [
            rows(task, example, prediction.labels if task.multi_label else (prediction.label,))
            for example, prediction in both
        ]
        return cls(gold, guessed, _score_rows(task, predictions))

    @property
    def correct(self) -> list[bool]:
        """Whether each is right; with several labels, whether exactly the right ones hold."""
        return [one == other for one, other in zip(self.gold, self.guessed, strict=True)]

    def given(self, metric: Metric) -> Any:
        """What a metric is computed from."""
        return self.scores if metric.needs_scores else self.guessed


def figures(task: EvaluationSet, judged: Judged, *, seed: int, resamples: int) -> dict[str, Figure]:
    """Every metric that fits the task, the primary one first."""
    primary = PRIMARY[task.kind]
    names = [primary, *(name for name in metrics.for_kind(task.kind) if name != primary)]
    return {name: figure(task, judged, name, seed=seed, resamples=resamples) for name in names}


def figure(task: EvaluationSet, judged: Judged, name: str, *, seed: int, resamples: int) -> Figure:
    """One metric, with its interval unless there are no resamples."""
    metric = metrics.get(name)
    given = judged.given(metric)
    value = metric.compute(predictions=given, references=judged.gold, num_labels=task.num_labels)[name]
    low = high = float("nan")
    if resamples:
        low, high = metric.interval(given, judged.gold, num_labels=task.num_labels, resamples=resamples, seed=seed)
    return Figure(value, low, high)


def difference(task: EvaluationSet, one: Judged, other: Judged, *, seed: int, resamples: int) -> Figure:
    """How much higher the primary figure of `one` is than that of `other`, which answers the same examples.

    The interval is of the difference itself: both are computed on the same resamples, so that what makes an example
    easy or hard for both falls out.
    """
    name = PRIMARY[task.kind]
    metric = metrics.get(name)
    sides = [(side.given(metric), side.gold) for side in (one, other)]
    values = [metric.compute(predictions=given, references=gold, num_labels=task.num_labels) for given, gold in sides]
    low = high = float("nan")
    if resamples:
        low, high = metric.interval_of_difference(*sides, num_labels=task.num_labels, resamples=resamples, seed=seed)
    return Figure(values[0][name] - values[1][name], low, high)


def majority(task: EvaluationSet, gold: Any) -> float:
    """The primary figure of always giving the label that is right most often, the first of equals."""
    rows = np.asarray(gold)
    constant: int | list[int]
    if task.multi_label:
        best = int(rows.sum(0).argmax())
        constant = [int(label == best) for label in range(task.num_labels)]
    else:
        constant = int(np.bincount(rows).argmax())
    primary = PRIMARY[task.kind]
    found = metrics.get(primary).compute(
        predictions=[constant] * len(gold), references=gold, num_labels=task.num_labels
    )
    return float(found[primary])


def chance(task: EvaluationSet, gold: Any) -> float:
    """The primary figure of guessing: the mean of 1 / options; what a coin thrown for each label tends to."""
    if not task.multi_label:
        return float(np.mean([1 / len(example.options) for example in task.examples]))
    share = float(np.mean(gold))
    # Half of the share is found; half of all is predicted: F1 = 2 (share / 2) / (share + 1 / 2).
    return share / (share + 0.5)


def _single(task: EvaluationSet, example: MultipleChoiceExample, right: Sequence[int]) -> int:
    """The label's index: in the label set by the option's name, among the example's own options if there is none."""
    (index,) = right
    return index if task.label_names is None else task.index[example.names[index]]


def _several(task: EvaluationSet, example: MultipleChoiceExample, right: Sequence[int]) -> list[int]:
    """0 or 1 for every label of the set; labels that the example doesn't offer don't hold."""
    held = {task.index[example.names[index]] for index in right}
    return [int(label in held) for label in range(task.num_labels)]


def _score_rows(task: EvaluationSet, predictions: Sequence[Prediction]) -> list[list[float]]:
    """(examples, labels), without a label set by position; NaN for labels that an example doesn't offer."""
    missing = float("nan")
    if task.label_names is None:
        return [[*guess.scores, *[missing] * (task.num_labels - len(guess.scores))] for guess in predictions]
    found = [dict(zip(guess.names, guess.scores, strict=True)) for guess in predictions]
    return [[scores.get(name, missing) for name in task.label_names] for scores in found]
