"""Macro F1: every label counts the same, however rare it is."""

from __future__ import annotations

from typing import Any

import evaluate
import numpy as np
from datasets import Features, List, Value
from numpy.typing import ArrayLike

from unimc.metrics._metric import Floats, Metric, hits, ratio


class MacroF1(Metric):
    """The mean of the F1 of every label of the task's label set, for one right label or several.

    A label that is right somewhere but never predicted has F1 0 and counts. A label that is neither right nor predicted
    anywhere has no F1 (0 / 0) and is left out: it would otherwise pull a small sample, and most resamples of it, down.
    """

    kinds = ("classification", "multi_label")

    def _info(self) -> Any:
        one, several = Value("int64"), List(Value("int64"))
        return evaluate.MetricInfo(
            description="Mean over the label set of each label's F1 = 2 TP / (2 TP + FP + FN).",
            citation="van Rijsbergen, Information Retrieval, 2nd edition, Butterworths 1979, chapter 7",
            inputs_description="predictions, references: label indices, (examples,), or 0 and 1, (examples, labels). "
            "num_labels: size of the label set.",
            features=[Features({"predictions": kind, "references": kind}) for kind in (one, several)],
            reference_urls=["https://scikit-learn.org/stable/modules/generated/sklearn.metrics.f1_score.html"],
        )

    def _compute(
        self,
        predictions: ArrayLike,
        references: ArrayLike,
        num_labels: int,
        sample_weight: ArrayLike | None = None,
    ) -> dict[str, float]:
        from sklearn.metrics import f1_score

        of_each = f1_score(
            references,
            predictions,
            labels=range(num_labels),
            average=None,
            sample_weight=sample_weight,
            zero_division=np.nan,
        )
        defined = of_each[~np.isnan(of_each)]
        return {"macro_f1": float(defined.mean()) if len(defined) else float("nan")}

    def resampled(self, predictions: ArrayLike, references: ArrayLike, counts: Floats, num_labels: int) -> Floats:
        """See `Metric.resampled`."""
        above, below = hits(predictions, references, counts, num_labels)
        return ratio(ratio(above, below, 0.0).sum(1), (below > 0).sum(1), np.nan)
