"""Accuracy: the share of examples answered right."""

from __future__ import annotations

from typing import Any

import evaluate
import numpy as np
from datasets import Features, Value
from numpy.typing import ArrayLike

from unimc.metrics._metric import Floats, Metric, ratio


class Accuracy(Metric):
    """The share of examples whose predicted label is the right one."""

    kinds = ("classification", "multiple_choice")

    def _info(self) -> Any:
        return evaluate.MetricInfo(
            description="Share of examples whose predicted label is the right one.",
            citation="",
            inputs_description="predictions, references: label indices, (examples,).",
            features=Features({"predictions": Value("int64"), "references": Value("int64")}),
            reference_urls=["https://scikit-learn.org/stable/modules/model_evaluation.html#accuracy-score"],
        )

    def _compute(
        self,
        predictions: ArrayLike,
        references: ArrayLike,
        num_labels: int | None = None,  # noqa: ARG002 (every metric takes it)
        sample_weight: ArrayLike | None = None,
    ) -> dict[str, float]:
        from sklearn.metrics import accuracy_score

        return {"accuracy": float(accuracy_score(references, predictions, sample_weight=sample_weight))}

    def resampled(
        self,
        predictions: ArrayLike,
        references: ArrayLike,
        counts: Floats,
        num_labels: int,  # noqa: ARG002
    ) -> Floats:
        """See `Metric.resampled`."""
        correct = np.equal(predictions, references).astype(np.float64)
        return ratio(counts @ correct, counts.sum(1), np.nan)
