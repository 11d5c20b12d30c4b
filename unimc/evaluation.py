"""Measuring a model on labelled examples, on one process or several, with intervals and baselines."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Unpack

from unimc.answering import (
    BATCH_SIZE,
    OF_TASK,
    Asked,
    Shard,
    answered,
    averaged,
    calibrated,
    merge,
    predict_shard,
    rule_for,
)
from unimc.calibration import Calibration
from unimc.evaluation_set import PRIMARY, EvaluationSet
from unimc.example import InputError, shown, whole_number
from unimc.figures import Figure, Judged, chance, difference, figure, figures, majority
from unimc.metrics import LEVEL, RESAMPLES
from unimc.reliability import reliability
from unimc.results import Calibrated, Evaluation, InWordings, TaskResult
from unimc.seen import seen
from unimc.windows import checked_stride

if TYPE_CHECKING:
    from unimc.inference import UniMC
    from unimc.prediction import Prediction

__all__ = [
    "OF_TASK",
    "RESAMPLES",
    "Asked",
    "Evaluation",
    "EvaluationSet",
    "Figure",
    "Shard",
    "TaskResult",
    "evaluate_task",
    "evaluate_tasks",
    "merge",
    "predict_shard",
]

SEEDS = 2**32
"""Seeds are the whole numbers below it: numpy takes no others, wherever one is set."""


def evaluate_tasks(
    model: UniMC,
    tasks: Sequence[EvaluationSet],
    *,
    name: str | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
    calibration: Calibration | str | None = None,
    accelerator: Any = None,
    progress: bool = True,
    after_task: Callable[[TaskResult], None] | None = None,
    **asked: Unpack[Asked],
) -> Evaluation:
    """Evaluates a model on tasks.

    Args:
        model: the model, on its device.
        tasks: the tasks; any two differ in name, split or variant.
        name: of the model, for the results; where it was loaded from if None.
        seed: of the bootstrap.
        resamples: samples drawn for an interval; 0 for values alone.
        calibration: of the scores; by its name one that is stored with the model, "task" for the one stored by each
            task's name. The figures before it are given too.
        accelerator: `accelerate`'s Accelerator or PartialState: each process answers its part of the examples and all
            get the whole result, equal to that of one process (figures of scores but for their last digits).
        progress: whether to show a bar, if standard error is a terminal.
        after_task: called with each task's result as soon as it is there, on the main process.
        asked: see `Asked`.

    Raises:
        InputError: if there is no task, one is given twice, no such calibration is stored, or a setting is out of
            range.
    """
    keys = Counter((task.name, task.split, task.variant) for task in tasks)
    if not keys:
        raise InputError("no tasks to evaluate; name at least one")
    (task, split, variant), times = keys.most_common(1)[0]
    if times > 1:
        raise InputError(f"{task} ({split}{f', {variant}' if variant else ''}) is given {times} times; give it once")
    if not 0 <= whole_number("seed", seed) < SEEDS:
        raise InputError(f"seed is {shown(seed)}; it must be between 0 and {SEEDS - 1}")
    threshold, stride = asked.get("threshold"), checked_stride(asked.get("windows"), asked.get("stride"))
    if threshold is not None and not any(one.multi_label for one in tasks):
        raise InputError("threshold has a meaning where several labels may hold; none of the tasks is of that kind")
    for one in tasks:
        rule_for(model, one, calibration, threshold)  # an error now, not after the tasks before it
    results = []
    for one in tasks:
        result = evaluate_task(
            model,
            one,
            seed=seed,
            resamples=resamples,
            calibration=calibration,
            accelerator=accelerator,
            progress=progress,
            **asked,
        )
        results.append(result)
        if after_task is not None and (accelerator is None or accelerator.is_main_process):
            after_task(result)
    backend = model.backend
    return Evaluation(
        tasks=results,
        model={
            "name": name if name is not None else model.model.backbone.config.name_or_path,
            "fingerprint": backend.fingerprint(),
            "parameters": backend.parameters,
            "max_length": model.encoder.max_length,
        },
        settings={
            "seed": seed,
            "resamples": resamples,
            "level": LEVEL,
            "threshold": 0.5 if threshold is None and calibration is None else threshold,  # None: each calibration's
            "windows": asked.get("windows"),
            "stride": stride,
            "calibration": calibration if isinstance(calibration, str) else None,
            "batch_size": asked.get("batch_size", BATCH_SIZE),
            "processes": 1 if accelerator is None else accelerator.num_processes,
            "device": backend.device.partition(":")[0],
            "dtype": backend.dtype,
            "versions": {
                **{package: version(package) for package in ("unimc", "torch", "transformers", "datasets")},
                "python": platform.python_version(),
            },
        },
    )


def evaluate_task(
    model: UniMC,
    task: EvaluationSet,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    calibration: Calibration | str | None = None,
    accelerator: Any = None,
    progress: bool = True,
    **asked: Unpack[Asked],
) -> TaskResult:
    """Evaluates a model on one task; arguments as for `evaluate_tasks`."""
    if resamples < 0:
        raise InputError(f"resamples is {resamples}; give 0 for no intervals, or more")
    rule = rule_for(model, task, calibration, asked.get("threshold"))
    answers, seconds = {}, 0.0
    for wording, one in task.asked.items():
        answers[wording], took = answered(model, one, accelerator, progress, asked)
        seconds += took
    scored = {wording: calibrated(predictions, rule) for wording, predictions in answers.items()}
    together = averaged([*scored.values()], rule)
    result = score(task, together, seconds, seed=seed, resamples=resamples)
    known = model.checkpoint
    result = replace(result, seen=seen(task.name, task.examples, known.trained_on, known.training_texts))
    if task.wordings:
        result = replace(result, wordings=_in_wordings(task, scored, together, seed, resamples))
    if rule.calibration is not None:
        plain = rule_for(model, task, None, asked.get("threshold"))
        judged = Judged.of(task, averaged([*answers.values()], plain))
        before = figures(task, judged, seed=seed, resamples=resamples)
        result = replace(result, calibrated=Calibrated(rule.calibration, before))
    return result


def score(
    task: EvaluationSet, predictions: list[Prediction], seconds: float, *, seed: int = 0, resamples: int = RESAMPLES
) -> TaskResult:
    """The figures of predictions, given in the examples' order."""
    judged = Judged.of(task, predictions)
    return TaskResult(
        task=task,
        predictions=predictions,
        correct=judged.correct,
        figures=figures(task, judged, seed=seed, resamples=resamples),
        chance=chance(task, judged.gold),
        majority=majority(task, judged.gold),
        seconds=seconds,
        reliability=reliability(judged),
    )


def _in_wordings(
    task: EvaluationSet, answers: Mapping[str, list[Prediction]], together: list[Prediction], seed: int, resamples: int
) -> InWordings:
    """How each wording does alone, and what averaging them gains over the first."""
    sets = task.asked
    judged = {wording: Judged.of(sets[wording], predictions) for wording, predictions in answers.items()}
    each = {
        wording: figure(sets[wording], one, PRIMARY[task.kind], seed=seed, resamples=resamples)
        for wording, one in judged.items()
    }
    gain = difference(task, Judged.of(task, together), judged[task.first], seed=seed, resamples=resamples)
    return InWordings(each, gain)
