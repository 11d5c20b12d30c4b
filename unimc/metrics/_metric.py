"""What every metric is: an `evaluate.Metric` that needs no network, with a bootstrap interval beside its value."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

import evaluate
import numpy as np
from datasets import Features, List, Value
from numpy.typing import ArrayLike, NDArray

from unimc.example import InputError
from unimc.metrics import LEVEL, RESAMPLES

Floats = NDArray[np.float64]
_CELLS = 4_000_000  # of the counts held at once: 32 MB


class Metric(evaluate.Metric):
    """One number from predictions and references.

    `compute(predictions=…, references=…, num_labels=…, sample_weight=…)` is that of the library `evaluate` and returns
    `{name: value}`. Labels are indices into the task's label set; where several labels may hold, an example's
    predictions and references are rows of 0 and 1, one column a label.

    Everything stays in memory: no files, no locks, so processes can't get into each other's way.

    Attributes:
        kinds: the kinds of task that it is computed for.
        needs_scores: whether predictions are scores, (examples, labels), in place of decisions; NaN for labels that an
            example doesn't offer.
    """

    kinds: ClassVar[tuple[str, ...]] = ()
    needs_scores: ClassVar[bool] = False

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"keep_in_memory": True, **settings})

    def _build_data_dir(self) -> str:
        # The library makes a cache folder even for what it keeps in memory.
        return "" if self.keep_in_memory else str(super()._build_data_dir())

    @abstractmethod
    def resampled(self, predictions: ArrayLike, references: ArrayLike, counts: Floats, num_labels: int) -> Floats:
        """The metric on many weightings of the same examples at once; equals `compute` with each as `sample_weight`.

        Args:
            predictions: as for `compute`.
            references: as for `compute`.
            counts: (resamples, examples), how often each example was drawn.
            num_labels: size of the label set.

        Returns:
            (resamples,); NaN where the metric is not defined.
        """

    def interval(
        self,
        predictions: ArrayLike,
        references: ArrayLike,
        *,
        num_labels: int,
        resamples: int = RESAMPLES,
        seed: int = 0,
        level: float = LEVEL,
    ) -> tuple[float, float]:
        """The percentile bootstrap interval over examples (Efron and Tibshirani 1993, section 13.3).

        Args:
            predictions: as for `compute`.
            references: as for `compute`.
            num_labels: size of the label set.
            resamples: how many samples of as many examples are drawn, with replacement.
            seed: of the draws; metrics with the same seed see the same samples.
            level: share of the resampled values that lies within.

        Returns:
            The lower and the upper end; NaN if the metric is defined on no sample.

        Raises:
            InputError: if there are no examples or no resamples.
        """
        examples = len(np.asarray(references))
        if examples < 1 or resamples < 1:
            raise InputError(f"an interval needs examples and resamples; there are {examples} and {resamples}")
        drawn = [
            self.resampled(predictions, references, counts, num_labels) for counts in draws(examples, resamples, seed)
        ]
        return _percentiles(np.concatenate(drawn), level)

    def interval_of_difference(
        self,
        one: tuple[ArrayLike, ArrayLike],
        other: tuple[ArrayLike, ArrayLike],
        *,
        num_labels: int,
        resamples: int = RESAMPLES,
        seed: int = 0,
        level: float = LEVEL,
    ) -> tuple[float, float]:
        """As `interval`, of how much higher the metric is on `one` than on `other`.

        Both are predictions and references of the same examples in the same order, and are computed on the same
        samples of them: what makes an example easy or hard for both falls out.
        """
        examples = len(np.asarray(one[1]))
        if examples < 1 or resamples < 1 or len(np.asarray(other[1])) != examples:
            raise InputError(
                f"an interval of a difference needs the same examples on both sides and resamples; there are {examples}"
                f" and {len(np.asarray(other[1]))} examples, {resamples} resamples"
            )
        drawn = [
            self.resampled(*one, counts, num_labels) - self.resampled(*other, counts, num_labels)
            for counts in draws(examples, resamples, seed)
        ]
        return _percentiles(np.concatenate(drawn), level)


class ScoreMetric(Metric):
    """A metric of scores for tasks of every kind, whose value is that of the examples weighed once."""

    kinds = ("classification", "multiple_choice", "multi_label")
    needs_scores = True

    def _described(self, description: str, citation: str, url: str) -> Any:
        """What `_info` gives: the form of predictions and references is the same for all of them."""
        scores = List(Value("float64"))
        return evaluate.MetricInfo(
            description=description,
            citation=citation,
            inputs_description="predictions: scores, (examples, labels), NaN for labels that an example doesn't offer. "
            "references: label indices, (examples,), or 0 and 1, (examples, labels).",
            features=[
                Features({"predictions": scores, "references": kind}) for kind in (Value("int64"), List(Value("int64")))
            ],
            reference_urls=[url],
        )

    def _compute(
        self,
        predictions: ArrayLike,
        references: ArrayLike,
        num_labels: int = 0,
        sample_weight: ArrayLike | None = None,
    ) -> dict[str, float]:
        examples = len(np.asarray(references))
        weights = np.ones(examples) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        name = type(self).__module__.rpartition(".")[2]
        return {name: float(self.resampled(predictions, references, weights[None], num_labels)[0])}


def _percentiles(values: Floats, level: float) -> tuple[float, float]:
    values = values[~np.isnan(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def draws(examples: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Counts of examples drawn with replacement, (rows, examples) at a time; every row sums to `examples`."""
    generator = np.random.default_rng(seed)
    at_once = max(1, _CELLS // examples)
    for start in range(0, resamples, at_once):
        rows = min(at_once, resamples - start)
        picked = generator.integers(0, examples, size=(rows, examples))
        picked += np.arange(rows)[:, None] * examples
        yield np.bincount(picked.ravel(), minlength=rows * examples).reshape(rows, examples).astype(np.float64)


def indicators(labels: ArrayLike, num_labels: int) -> Floats:
    """(examples, labels) of 0 and 1, from label indices or from such rows."""
    given = np.asarray(labels)
    return (np.eye(num_labels)[given] if given.ndim == 1 else given).astype(np.float64)


def hits(predictions: ArrayLike, references: ArrayLike, counts: Floats, num_labels: int) -> tuple[Floats, Floats]:
    """For each resample and label: twice the true positives, and the predicted plus the right (F1 is their ratio)."""
    predicted, right = indicators(predictions, num_labels), indicators(references, num_labels)
    return 2 * (counts @ (predicted * right)), counts @ (predicted + right)


def ratio(above: Floats, below: Floats, undefined: float) -> Floats:
    """The quotient; `undefined` where it would be 0 / 0."""
    return np.divide(above, below, out=np.full_like(above, undefined), where=below > 0)
