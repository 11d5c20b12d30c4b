"""Calibration: what turns a model's logits into probabilities that mean what they say (DESIGN, section 4).

A calibration divides the logits by a temperature and adds a bias to every option by its name. It is fitted from a few
labelled examples, or without labels from what the model says about other texts. Logits are margins throughout
(`Prediction.margins`): for one label a softmax goes over them, for several a sigmoid over each, and what is fitted for
one kind fits that kind only, so a calibration says its kind.

Without a calibration the scores of one label in one row are the softmax of the yes logits, as in the paper. Those of
several rows don't compare with each other, and only their margins are used; a calibration uses margins in every case,
so that one fits all. It may so change a close call even where it has no bias. All of it is beyond the paper; nothing
here is applied unless asked for.
"""

from __future__ import annotations

from unimc.calibration._calibration import Calibration, Kind, Thresholds
from unimc.calibration._content_free import CONTENT_FREE, content_free_examples
from unimc.calibration._fit import fit
from unimc.calibration._priors import batch_prior, content_free_prior
from unimc.calibration._threshold import best_threshold

__all__ = [
    "CONTENT_FREE",
    "Calibration",
    "Kind",
    "Thresholds",
    "batch_prior",
    "best_threshold",
    "content_free_examples",
    "content_free_prior",
    "fit",
]
