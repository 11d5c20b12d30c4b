"""The mean of runs that hold out different rows: every row is trained on and none says alone when to stop.

With a handful of rows the few that are held out choose the step by chance, and what is left of them for training is
less. Runs that begin from one state and differ in their rows lie near each other, so that the mean of their parameters
is a model too, and a steadier one (model soups: Wortsman et al., ICML 2022).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from unimc.adaptation.config import AdaptConfig
from unimc.adaptation.loop import ALL_STEPS, HELD_OUT, SECONDS, Check, Tuned, copied, restore
from unimc.adaptation.rows import Drawn


def averaged(
    tune: Callable[[Drawn, AdaptConfig], Tuned], moving: Sequence[Tensor], folds: Sequence[Drawn], config: AdaptConfig
) -> Tuned:
    """Tunes from the same start on every fold, and leaves the mean of what came out in the parameters.

    Args:
        tune: tunes on these rows, and leaves its best state in the parameters.
        moving: the parameters that are tuned.
        folds: the rows of each run.
        config: how; its seconds are those of all runs together, and one gives to the next what it leaves.

    Returns:
        All runs as one: the steps and seconds of all of them, and two checks, over the rows that each held out: before,
        and at the state that each kept.
    """
    start = copied(moving)
    total = [torch.zeros(one.shape, dtype=torch.float64) for one in moving]
    runs: list[Tuned] = []
    for number, rows in enumerate(folds):
        restore(moving, start)
        seconds = config.seconds
        if seconds is not None:
            seconds = max(seconds - sum(run.seconds for run in runs), 1.0) / (len(folds) - number)
        runs.append(tune(rows, replace(config, seconds=seconds)))
        for sum_, one in zip(total, moving, strict=True):
            sum_ += one.detach().cpu()
    restore(moving, [one / len(folds) for one in total])
    stopped = {run.stopped for run in runs}
    kept = sum(run.kept for run in runs)
    return Tuned(
        steps=sum(run.steps for run in runs),
        kept=kept,
        stopped=next(why for why in (SECONDS, HELD_OUT, ALL_STEPS) if why in stopped),
        seconds=sum(run.seconds for run in runs),
        trainable=runs[0].trainable,
        memory=max((run.memory for run in runs if run.memory is not None), default=None),
        checks=(_over(runs, folds, 0, [0] * len(runs)), _over(runs, folds, kept, [run.kept for run in runs])),
    )


def _over(runs: Sequence[Tuned], folds: Sequence[Drawn], step: int, at: Sequence[int]) -> Check:
    """One check over the rows that all runs held out, of each run that after its own step."""
    checks = [next(one for one in run.checks if one.step == own) for run, own in zip(runs, at, strict=True)]
    rows = [len(fold.held_out) for fold in folds]
    loss = sum(one.loss * count for one, count in zip(checks, rows, strict=True)) / sum(rows)
    right = [one.accuracy * count for one, count in zip(checks, rows, strict=True) if one.accuracy is not None]
    return Check(step, loss, sum(right) / sum(rows) if len(right) == len(rows) else None)
