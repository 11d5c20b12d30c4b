"""Expected calibration error: how far the scores lie from being the shares of right answers. Lower is better."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from unimc.metrics._metric import Floats, ScoreMetric, ratio
from unimc.outcomes import outcomes, places

BINS = 15
"""Bins of equal width between 0 and 1, each with its upper end (Guo et al. 2017)."""


class ECE(ScoreMetric):
    """The mean over bins of |mean score - share that is right|, each bin weighing as much as it holds.

    With one right label, the best label's score and whether it is the right one; where several may hold, every
    (example, label) with its score and whether the label holds. An absolute value can't average out: few examples, and
    so every resample, raise it; the interval leans upwards, and may lie above the value of a well calibrated model.
    """

    def _info(self) -> Any:
        return self._described(
            f"Mean of |score - share right| over {BINS} bins of equal width; lower is better.",
            "Guo, Pleiss, Sun and Weinberger, On calibration of modern neural networks, ICML 2017; Naeini, "
            "Cooper and Hauskrecht, Obtaining well calibrated probabilities using Bayesian binning, AAAI 2015",
            "https://proceedings.mlr.press/v70/guo17a.html",
        )

    def resampled(
        self,
        predictions: ArrayLike,
        references: ArrayLike,
        counts: Floats,
        num_labels: int,  # noqa: ARG002 (every metric takes it)
    ) -> Floats:
        """See `Metric.resampled`."""
        scores, right, offered = outcomes(predictions, references)
        placed = places(scores, offered, BINS)
        # What an example adds to each bin: the sum of score - right over its decisions there.
        added = np.zeros((len(scores), BINS))
        rows = np.broadcast_to(np.arange(len(scores))[:, None], scores.shape)
        np.add.at(added, (rows[offered], placed[offered]), (scores - right)[offered])
        return ratio(np.abs(counts @ added).sum(1), counts @ offered.sum(1).astype(np.float64), np.nan)
