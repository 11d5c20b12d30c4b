"""Softmax and sigmoid without overflow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def log_sum_exp(values: Floats, axis: int) -> Floats:
    largest = values.max(axis, keepdims=True)
    found: Floats = np.log(np.exp(values - largest).sum(axis)) + largest.squeeze(axis)
    return found


def log_softmax(values: Floats) -> Floats:
    found: Floats = values - log_sum_exp(values, -1)[..., None]
    return found


def sigmoid(values: Floats) -> Floats:
    small = np.exp(-np.abs(values))
    found: Floats = np.where(values >= 0, 1.0, small) / (1 + small)
    return found


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
