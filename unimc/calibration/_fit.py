"""A temperature and biases from a few labelled examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from unimc.calibration._arithmetic import Floats, is_number, log_softmax, sigmoid
from unimc.calibration._calibration import Calibration
from unimc.calibration._table import Names, Table, pairs
from unimc.example import InputError

_STEPS, _HALVINGS, _TOLERANCE = 200, 60, 1e-12


def fit(
    logits: Sequence[ArrayLike],
    right: Sequence[Sequence[int]],
    names: Names | None = None,
    *,
    multi_label: bool = False,
    bias: bool = False,
    strength: float = 1.0,
) -> Calibration:
    """The calibration under which a few labelled examples are likeliest (temperature: Guo et al. 2017, section 4.2).

    Minimised over a = 1 / T and the biases b: the negative log-likelihood, summed over examples (and labels), plus
    strength · (a - 1 - log a + |b|² / 2). The added term pulls towards doing nothing, about as much as one example
    would, keeps T above 0 and makes the sum convex: there is one minimum whatever the examples, even if all have the
    same label.

    Args:
        logits: of each example, (options,). Examples with an infinite one are left out.
        right: indices of each example's right options; exactly one if not `multi_label`.
        names: of each example's options; needed for a bias.
        multi_label: whether several options, or none, may hold; the logits are margins then.
        bias: whether to fit one for each option name; else the temperature alone.
        strength: of the pull; over 0.

    Raises:
        InputError: if the lists don't fit each other, or no example is left.
    """
    if not (is_number(strength) and strength > 0):
        raise InputError(f"strength is {strength!r}; it must be a number over 0")
    if bias and names is None:
        raise InputError("a bias belongs to an option's name; give the names")
    table = Table.of(logits, names, right, multi_label).usable()
    inverse, shifts = _minimise(table, multi_label, bias, strength)
    return Calibration(
        1 / inverse, pairs(table.columns, shifts) if bias else None, "multi" if multi_label else "single"
    )


def _minimise(table: Table, multi_label: bool, with_bias: bool, strength: float) -> tuple[float, Floats]:
    """1 / T and the biases at the minimum that `fit` describes, by Newton's method with halved steps."""
    given, right = table.given, table.right
    values = table.values
    if not multi_label:  # the softmax doesn't see it, the arithmetic does
        values = np.where(given, values - np.where(given, values, -np.inf).max(1, keepdims=True), 0.0)
    count = len(table.columns)

    def loss(inverse: float, shifts: Floats) -> float:
        raw = inverse * values + shifts
        if multi_label:
            terms = np.where(given, np.logaddexp(0, raw) - right * raw, 0.0)
        else:
            terms = np.where(right > 0, -log_softmax(np.where(given, raw, -np.inf)), 0.0)
        return float(terms.sum() + strength * (inverse - 1 - np.log(inverse) + shifts @ shifts / 2))

    inverse, shifts = 1.0, np.zeros(count)
    best = loss(inverse, shifts)
    for _ in range(_STEPS):
        raw = inverse * values + shifts
        found = sigmoid(raw) if multi_label else np.exp(log_softmax(np.where(given, raw, -np.inf)))
        found = np.where(given, found, 0.0)
        off = found - right
        gradient = np.append((off * values).sum() + strength * (1 - 1 / inverse), off.sum(0) + strength * shifts)
        curve = _curvature(found, values, multi_label)
        curve[np.diag_indices(count + 1)] += strength
        curve[0, 0] += strength * (1 / inverse**2 - 1)
        size = count + 1 if with_bias else 1
        step = np.zeros(count + 1)
        step[:size] = -np.linalg.solve(curve[:size, :size], gradient[:size])
        slope = float(gradient @ step)
        if -slope < _TOLERANCE:
            break
        length = min(1.0, 0.9 * inverse / -step[0]) if step[0] < 0 else 1.0  # 1 / T stays above 0
        for _ in range(_HALVINGS):
            tried = (inverse + length * step[0], shifts + length * step[1:])
            if (lower := loss(*tried)) <= best + 1e-4 * length * slope:
                break
            length /= 2
        else:
            break  # no step helps: what is left is rounding
        (inverse, shifts), best = tried, lower
    return float(inverse), shifts


def _curvature(found: Floats, values: Floats, multi_label: bool) -> Floats:
    """Second derivatives of the log-likelihood, 1 / T first, then the biases."""
    count = found.shape[1]
    made = np.zeros((count + 1, count + 1))
    if multi_label:
        weights = found * (1 - found)
        made[0, 0] = (weights * values**2).sum()
        made[0, 1:] = made[1:, 0] = (weights * values).sum(0)
        made[1:, 1:] = np.diag(weights.sum(0))
        return made
    mean = (found * values).sum(1, keepdims=True)
    made[0, 0] = (found * (values - mean) ** 2).sum()
    made[0, 1:] = made[1:, 0] = (found * (values - mean)).sum(0)
    made[1:, 1:] = np.diag(found.sum(0)) - found.T @ found
    return made
