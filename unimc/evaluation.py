"""Measuring a model on labelled examples, on one process or several, with intervals and baselines."""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from unimc import metrics
from unimc.example import InputError, MultipleChoiceExample
from unimc.metrics import LEVEL, RESAMPLES
from unimc.results import PRIMARY, Evaluation, EvaluationSet, Figure, TaskResult
from unimc.seen import seen

if TYPE_CHECKING:
    from unimc.inference import UniMC
    from unimc.prediction import Prediction

__all__ = [
    "RESAMPLES",
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

_CHUNK = 16  # batches between two steps of the progress bar


@dataclass(frozen=True, slots=True)
class Shard:
    """The part of the examples that one process answers: every `count`-th, from `index` on."""

    index: int = 0
    count: int = 1

    def of(self, examples: int) -> range:
        """Indices of this part among so many examples."""
        return range(self.index, examples, self.count)


Answered = list[tuple[int, "Prediction"]]
"""Predictions with the index of their example."""


def evaluate_tasks(
    model: UniMC,
    tasks: Sequence[EvaluationSet],
    *,
    name: str | None = None,
    batch_size: int = 32,
    seed: int = 0,
    resamples: int = RESAMPLES,
    threshold: float | None = None,
    accelerator: Any = None,
    progress: bool = True,
    after_task: Callable[[TaskResult], None] | None = None,
) -> Evaluation:
    """Evaluates a model on tasks.

    Args:
        model: the model, on its device.
        tasks: the tasks; any two differ in name, split or variant.
        name: of the model, for the results; where it was loaded from if None.
        batch_size: the most rows in a batch.
        seed: of the bootstrap.
        resamples: samples drawn for an interval; 0 for values alone.
        threshold: where several labels may hold, the probability from which one does; 0.5 if None.
        accelerator: `accelerate`'s Accelerator or PartialState: each process answers its part of the examples and all
            get the whole result, equal to that of one process (figures of scores but for their last digits).
        progress: whether to show a bar, if standard error is a terminal.
        after_task: called with each task's result as soon as it is there, on the main process.

    Raises:
        InputError: if there is no task, or one is given twice.
    """
    keys = Counter((task.name, task.split, task.variant) for task in tasks)
    if not keys:
        raise InputError("no tasks to evaluate; name at least one")
    (task, split, variant), times = keys.most_common(1)[0]
    if times > 1:
        raise InputError(f"{task} ({split}{f', {variant}' if variant else ''}) is given {times} times; give it once")
    results = []
    for one in tasks:
        result = evaluate_task(
            model,
            one,
            batch_size=batch_size,
            seed=seed,
            resamples=resamples,
            threshold=threshold,
            accelerator=accelerator,
            progress=progress,
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
            "threshold": 0.5 if threshold is None else threshold,
            "batch_size": batch_size,
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
    batch_size: int = 32,
    seed: int = 0,
    resamples: int = RESAMPLES,
    threshold: float | None = None,
    accelerator: Any = None,
    progress: bool = True,
) -> TaskResult:
    """Evaluates a model on one task; arguments as for `evaluate_tasks`."""
    if resamples < 0:
        raise InputError(f"resamples is {resamples}; give 0 for no intervals, or more")
    shard, main = Shard(), True
    if accelerator is not None:
        shard, main = Shard(accelerator.process_index, accelerator.num_processes), accelerator.is_main_process
    start = time.perf_counter()
    part = predict_shard(model, task, shard, batch_size=batch_size, threshold=threshold, progress=progress and main)
    seconds = time.perf_counter() - start
    parts, times = [part], [seconds]
    if shard.count > 1:
        from accelerate.utils import gather_object

        # gather_object joins the processes' lists, so each process puts its part into a list of one.
        parts, times = gather_object([part]), gather_object([seconds])
    result = score(task, merge(parts, len(task.examples)), max(times), seed=seed, resamples=resamples)
    known = model.checkpoint
    return replace(result, seen=seen(task.name, task.examples, known.trained_on, known.training_texts))


def predict_shard(
    model: UniMC,
    task: EvaluationSet,
    shard: Shard,
    *,
    batch_size: int = 32,
    threshold: float | None = None,
    progress: bool = False,
) -> Answered:
    """The predictions of one process, each with the index of its example."""
    from tqdm import tqdm

    indices = shard.of(len(task.examples))
    found: Answered = []
    # disable=None: tqdm stays silent where standard error is no terminal.
    with tqdm(total=len(indices), desc=task.name, unit="ex", leave=False, disable=None if progress else True) as bar:
        for start in range(0, len(indices), _CHUNK * batch_size):
            chunk = indices[start : start + _CHUNK * batch_size]
            examples = [task.examples[index] for index in chunk]
            predictions = model.predict(
                examples, multi_label=task.multi_label, threshold=threshold, batch_size=batch_size
            )
            found.extend(zip(chunk, predictions, strict=True))
            bar.update(len(chunk))
    return found


def merge(parts: Iterable[Answered], examples: int) -> list[Prediction]:
    """The predictions of all processes in the examples' order.

    Raises:
        RuntimeError: if an example was answered by none or by two: the figures would be wrong without a sign.
    """
    answered = [pair for part in parts for pair in part]
    by_index = dict(answered)
    if len(answered) != examples or by_index.keys() != set(range(examples)):
        raise RuntimeError(f"{len(answered)} predictions of {len(by_index)} examples came back for {examples} examples")
    return [by_index[index] for index in range(examples)]


def score(
    task: EvaluationSet, predictions: list[Prediction], seconds: float, *, seed: int = 0, resamples: int = RESAMPLES
) -> TaskResult:
    """The figures of predictions, given in the examples' order."""
    rows = _several if task.multi_label else _single
    gold = [rows(task, example, example.right or ()) for example in task.examples]
    guessed = [
        rows(task, example, prediction.labels) for example, prediction in zip(task.examples, predictions, strict=True)
    ]
    figures = {}
    for name, metric in metrics.for_kind(task.kind).items():
        given = _score_rows(task, predictions) if metric.needs_scores else guessed
        value = metric.compute(predictions=given, references=gold, num_labels=task.num_labels)[name]
        low = high = float("nan")
        if resamples:
            low, high = metric.interval(given, gold, num_labels=task.num_labels, resamples=resamples, seed=seed)
        figures[name] = Figure(value, low, high)
    primary = PRIMARY[task.kind]
    constant = _most_frequent(task, gold)
    majority = metrics.get(primary).compute(
        predictions=[constant] * len(gold), references=gold, num_labels=task.num_labels
    )
    return TaskResult(
        task=task,
        predictions=predictions,
        correct=[one == other for one, other in zip(gold, guessed, strict=True)],
        figures={primary: figures.pop(primary), **figures},
        chance=_chance(task, gold),
        majority=majority[primary],
        seconds=seconds,
    )


def _single(task: EvaluationSet, example: MultipleChoiceExample, right: Sequence[int]) -> int:
    """The label's index: in the label set by the option's name, among the example's own options if there is none."""
    (index,) = right
    return index if task.label_names is None else task.index[example.names[index]]


def _several(task: EvaluationSet, example: MultipleChoiceExample, right: Sequence[int]) -> list[int]:
    """0 or 1 for every label of the set; labels that the example doesn't offer don't hold."""
    held = {task.index[example.names[index]] for index in right}
    return [int(label in held) for label in range(task.num_labels)]


def _score_rows(task: EvaluationSet, predictions: Sequence[Prediction]) -> list[list[float]]:
    """(examples, labels), without a label set by position; NaN for labels that an example doesn't offer."""
    missing = float("nan")
    if task.label_names is None:
        return [[*guess.scores, *[missing] * (task.num_labels - len(guess.scores))] for guess in predictions]
    found = [dict(zip(guess.names, guess.scores, strict=True)) for guess in predictions]
    return [[scores.get(name, missing) for name in task.label_names] for scores in found]


def _most_frequent(task: EvaluationSet, gold: Any) -> int | list[int]:
    """The constant answer of the majority baseline, the first of equals."""
    rows = np.asarray(gold)
    if task.multi_label:
        best = int(rows.sum(0).argmax())
        return [int(label == best) for label in range(task.num_labels)]
    return int(np.bincount(rows).argmax())


def _chance(task: EvaluationSet, gold: Any) -> float:
    if not task.multi_label:
        return float(np.mean([1 / len(example.options) for example in task.examples]))
    share = float(np.mean(gold))
    # Half of the share is found; half of all is predicted: F1 = 2 (share / 2) / (share + 1 / 2).
    return share / (share + 0.5)
