"""Calibration: what turns a model's logits into probabilities that mean what they say (DESIGN, section 4).

A calibration divides the logits by a temperature and adds a bias to every option by its name. It is fitted from a few
labelled examples, or without labels from what the model says about other texts. Logits are, for one label, whatever the
scores are the softmax of (yes logits, pooled margins, or the logarithms of the scores themselves: the same up to what
the softmax takes away); for several labels the margins. What is fitted on one kind fits that kind only. All of it is
beyond the paper; nothing here is applied unless asked for.
"""

from __future__ import annotations

from unimc.calibration._calibration import Calibration
from unimc.calibration._content_free import CONTENT_FREE, content_free_examples
from unimc.calibration._fit import fit
from unimc.calibration._priors import batch_prior, content_free_prior

__all__ = ["CONTENT_FREE", "Calibration", "batch_prior", "content_free_examples", "content_free_prior", "fit"]
