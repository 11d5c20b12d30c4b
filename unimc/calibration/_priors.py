"""Biases without labels: what the model says on the whole, or of texts without content."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from unimc.calibration._arithmetic import Floats, log_softmax, log_sum_exp
from unimc.calibration._calibration import Calibration
from unimc.calibration._table import Names, Table, pairs
from unimc.example import InputError


def batch_prior(
    logits: Sequence[ArrayLike], names: Names, *, multi_label: bool = False, temperature: float = 1.0
) -> Calibration:
    """Takes from each option its mean log-probability over unlabelled texts (after Zhou et al. 2023).

    The mean is that of the logarithms, so a constant that the model adds to an option goes away exactly. Right if the
    options are about equally frequent in the texts. With `multi_label` it is the mean margin, and only what sets the
    options apart is taken: how many hold on the whole stays as it was.

    Args:
        logits: of each text, (options,). Texts with an infinite one are left out.
        names: of each text's options: the same for all, in any order.
        multi_label: whether the logits are margins, each for itself.
        temperature: of the calibration.

    Raises:
        InputError: if the lists don't fit each other, the names differ, or no text is left.
    """
    return _prior(logits, names, multi_label, temperature, lambda logs: logs.mean(0))


def content_free_prior(
    logits: Sequence[ArrayLike], names: Names, *, multi_label: bool = False, temperature: float = 1.0
) -> Calibration:
    """Divides by the mean probability that each option gets without content (Zhao et al. 2021, section 5).

    Arguments and errors as for `batch_prior`, the logits being those of `content_free_examples`.
    """
    return _prior(logits, names, multi_label, temperature, lambda logs: log_sum_exp(logs, 0) - np.log(len(logs)))


def _prior(
    logits: Sequence[ArrayLike],
    names: Names,
    multi_label: bool,
    temperature: float,
    mean: Callable[[Floats], Floats],
) -> Calibration:
    made = Calibration(temperature, kind="multi" if multi_label else "single")
    table = Table.of(logits, names, None, multi_label).usable()
    if not table.given.all():
        lacks = table.columns[int((~table.given).any(0).argmax())]
        raise InputError(f"an example lacks the option {lacks!r}; a prior needs the same option names in all")
    values = table.values / temperature
    if multi_label:  # the odds of the mean probability, from the logarithms of both sides
        shifts = mean(-np.logaddexp(0, -values)) - mean(-np.logaddexp(0, values))
    else:
        shifts = mean(log_softmax(values))
    return replace(made, bias=pairs(table.columns, shifts.mean() - shifts))
