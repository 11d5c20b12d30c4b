"""Mean average precision: how well a label's scores rank the examples that have it, without a threshold."""

from __future__ import annotations

from typing import Any

import evaluate
import numpy as np
from datasets import Features, List, Value
from numpy.typing import ArrayLike

from unimc.metrics._metric import Floats, Metric, ratio


class MeanAveragePrecision(Metric):
    """The mean over labels of the area under the precision-recall curve (by steps, not interpolated).

    Labels that are right in no example have no recall and are left out; NaN if that is all of them.
    """

    kinds = ("multi_label",)
    needs_scores = True

    def _info(self) -> Any:
        return evaluate.MetricInfo(
            description="Mean over labels of sum_k (R_k - R_(k-1)) P_k, k over the distinct scores, best first.",
            citation="Su, Yuan and Zhu, A relationship between the average precision and the area under the ROC curve, "
            "ICTIR 2015",
            inputs_description="predictions: scores, (examples, labels), NaN (ranked as 0) for labels that an example "
            "doesn't offer. references: 0 and 1, (examples, labels).",
            features=Features({"predictions": List(Value("float64")), "references": List(Value("int64"))}),
            reference_urls=[
                "https://scikit-learn.org/stable/modules/generated/sklearn.metrics.average_precision_score.html"
            ],
        )

    def _compute(
        self,
        predictions: ArrayLike,
        references: ArrayLike,
        num_labels: int | None = None,  # noqa: ARG002 (every metric takes it)
        sample_weight: ArrayLike | None = None,
    ) -> dict[str, float]:
        from sklearn.metrics import average_precision_score

        right, scores = np.asarray(references), np.nan_to_num(np.asarray(predictions, dtype=np.float64))
        weight = np.ones(len(right)) if sample_weight is None else np.asarray(sample_weight)
        present = np.flatnonzero(weight @ right > 0)
        if not len(present):
            return {"mean_average_precision": float("nan")}
        value = average_precision_score(right[:, present], scores[:, present], average="macro", sample_weight=weight)
        return {"mean_average_precision": float(value)}

    def resampled(self, predictions: ArrayLike, references: ArrayLike, counts: Floats, num_labels: int) -> Floats:
        """See `Metric.resampled`."""
        scores = np.nan_to_num(np.asarray(predictions, dtype=np.float64))
        right = np.asarray(references, dtype=np.float64)
        of_label = [_average_precision(scores[:, label], right[:, label], counts) for label in range(num_labels)]
        values = np.stack(of_label, axis=1)  # (resamples, labels)
        return ratio(np.nansum(values, axis=1), (~np.isnan(values)).sum(1).astype(np.float64), np.nan)


def _average_precision(scores: Floats, right: Floats, counts: Floats) -> Floats:
    """(resamples,); NaN where no drawn example has the label."""
    order = np.argsort(-scores, kind="stable")
    # Examples with equal scores come in together: the curve has a point only at the last of them.
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    drawn = counts[:, order]
    found = np.cumsum(drawn * right[order], axis=1)[:, last]
    precision = ratio(found, np.cumsum(drawn, axis=1)[:, last], 0.0)
    area = (np.diff(found, axis=1, prepend=0.0) * precision).sum(1)
    return ratio(area, found[:, -1], np.nan)
