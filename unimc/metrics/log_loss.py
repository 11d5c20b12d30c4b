"""Log-loss: the mean of minus the logarithm of the probability given to what is right. Lower is better."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from unimc.metrics._metric import Floats, ScoreMetric, ratio

SMALLEST = 2.0**-52
"""A probability below it counts as this: one certain mistake costs 36, not infinity."""


class LogLoss(ScoreMetric):
    """The mean of -log p, in nats: p is what the right label got, or where several may hold what each decision got.

    Unlike accuracy it sees how sure the answers are, unlike ECE also how well they tell labels apart: a model that
    gives every one of n labels 1 / n has log n.
    """

    def _info(self) -> Any:
        return self._described(
            "Mean of minus the natural logarithm of the probability of what is right; lower is better.",
            "Good, Rational decisions, Journal of the Royal Statistical Society B 14, 1952",
            "https://scikit-learn.org/stable/modules/generated/sklearn.metrics.log_loss.html",
        )

    def resampled(
        self,
        predictions: ArrayLike,
        references: ArrayLike,
        counts: Floats,
        num_labels: int,  # noqa: ARG002 (every metric takes it)
    ) -> Floats:
        """See `Metric.resampled`."""
        scores, right = np.asarray(predictions, dtype=np.float64), np.asarray(references)
        if right.ndim == 1:
            given = scores[np.arange(len(right)), right][:, None]
        else:
            given = np.where(right == 1, scores, 1 - scores)
        offered = ~np.isnan(given)
        losses = -np.log(np.where(offered, given, 1.0).clip(SMALLEST, 1.0))
        return ratio(counts @ losses.sum(1), counts @ offered.sum(1).astype(np.float64), np.nan)
