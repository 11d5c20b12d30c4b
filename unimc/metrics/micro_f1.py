"""Micro F1: every decision about a label counts the same."""

from __future__ import annotations

from typing import Any

import evaluate
import numpy as np
from datasets import Features, List, Value
from numpy.typing import ArrayLike

from unimc.metrics._metric import Floats, Metric, hits, ratio


class MicroF1(Metric):
    """The F1 of all (example, label) decisions together, where several labels may hold.

    Not defined (NaN) where no label is right and none predicted in any example.
    """

    kinds = ("multi_label",)

    def _info(self) -> Any:
        rows = List(Value("int64"))
        return evaluate.MetricInfo(
            description="F1 = 2 TP / (2 TP + FP + FN) with the counts summed over all labels.",
            citation="van Rijsbergen, Information Retrieval, 2nd edition, Butterworths 1979, chapter 7",
            inputs_description="predictions, references: 0 and 1, (examples, labels).",
            features=Features({"predictions": rows, "references": rows}),
            reference_urls=["https://scikit-learn.org/stable/modules/generated/sklearn.metrics.f1_score.html"],
        )

    def _compute(
        self,
        predictions: ArrayLike,
        references: ArrayLike,
        num_labels: int | None = None,  # noqa: ARG002 (every metric takes it)
        sample_weight: ArrayLike | None = None,
    ) -> dict[str, float]:
        from sklearn.metrics import f1_score

        value = f1_score(references, predictions, average="micro", sample_weight=sample_weight, zero_division=np.nan)
        return {"micro_f1": float(value)}

    def resampled(self, predictions: ArrayLike, references: ArrayLike, counts: Floats, num_labels: int) -> Floats:
        """See `Metric.resampled`."""
        above, below = hits(predictions, references, counts, num_labels)
        return ratio(above.sum(1), below.sum(1), np.nan)
