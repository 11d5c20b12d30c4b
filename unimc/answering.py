"""Asking the model every example of a task, on one process or several, in one wording or several."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from unimc import ensemble
from unimc.answer_rule import AnswerRule, Threshold
from unimc.calibration import Calibration
from unimc.evaluation_set import EvaluationSet
from unimc.example import InputError, shown, whole_number
from unimc.prediction import Prediction, recalibrated
from unimc.stored_calibration import find
from unimc.windows import Pooling

if TYPE_CHECKING:
    from unimc.inference import UniMC

OF_TASK = "task"
"""Instead of a calibration's name: the one stored by each task's name."""
BATCH_SIZE = 32
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


class Asked(TypedDict, total=False):
    """How the model is asked, as `UniMC.predict` takes it.

    Attributes:
        batch_size: the most rows in a batch.
        threshold: where several labels may hold, the probability from which one does; 0.5 if None.
        windows: what becomes of a passage too long for its row: None cuts it, "max" and "mean" read all of it.
        stride: with `windows`, how many tokens neighbouring windows share at least.
    """

    batch_size: int
    threshold: Threshold | None
    windows: Pooling | None
    stride: int | None


def answered(
    model: UniMC, task: EvaluationSet, accelerator: Any, progress: bool, asked: Asked
) -> tuple[list[Prediction], float]:
    """The predictions of all processes in one wording, and the seconds that the slowest took."""
    shard, main = Shard(), True
    if accelerator is not None:
        shard, main = Shard(accelerator.process_index, accelerator.num_processes), accelerator.is_main_process
    start = time.perf_counter()
    part = predict_shard(model, task, shard, progress=progress and main, **asked)
    seconds = time.perf_counter() - start
    parts, times = [part], [seconds]
    if shard.count > 1:
        from accelerate.utils import gather_object

        # gather_object joins the processes' lists, so each process puts its part into a list of one.
        parts, times = gather_object([part]), gather_object([seconds])
    return merge(parts, len(task.examples)), max(times)


def predict_shard(
    model: UniMC, task: EvaluationSet, shard: Shard, *, progress: bool = False, **asked: Unpack[Asked]
) -> Answered:
    """The predictions of one process, each with the index of its example.

    Raises:
        InputError: if the batch size, or another setting, is out of range.
    """
    from tqdm import tqdm

    asked = {"batch_size": BATCH_SIZE, **asked}
    if whole_number("batch_size", asked["batch_size"]) < 1:  # as `UniMC.predict` says it
        raise InputError(f"batch_size is {shown(asked['batch_size'])}; it must be at least 1")
    if not task.multi_label:
        asked.pop("threshold", None)  # has no meaning there
    indices = shard.of(len(task.examples))
    found: Answered = []
    about = f"{task.name} ({task.variant})" if task.variant else task.name
    # disable=None: tqdm stays silent where standard error is no terminal.
    with tqdm(total=len(indices), desc=about, unit="ex", leave=False, disable=None if progress else True) as bar:
        for start in range(0, len(indices), _CHUNK * asked["batch_size"]):
            chunk = indices[start : start + _CHUNK * asked["batch_size"]]
            examples = [task.examples[index] for index in chunk]
            predictions = model.predict(examples, multi_label=task.multi_label, **asked)
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


def rule_for(
    model: UniMC, task: EvaluationSet, calibration: Calibration | str | None, threshold: Threshold | None
) -> AnswerRule:
    """How scores and answers are made for a task: with a calibration given, stored by its name, or the task's own.

    Raises:
        InputError: if no such calibration is stored, it doesn't fit the task, or the threshold is out of range.
    """
    try:
        if isinstance(calibration, str):
            name = task.name if calibration == OF_TASK else calibration
            calibration = find(model.checkpoint.calibration, name)
        # With one right label the best option is the answer: a threshold has a meaning where several may hold.
        found = AnswerRule.of(task.multi_label, threshold if task.multi_label else None, None, calibration)
        if not task.multi_label:
            found = replace(found, threshold=None)
        for names in {example.names for one in task.asked.values() for example in one.examples}:
            zeros = [0.0] * len(names)
            if calibration is not None:
                calibration.apply(zeros, names)
            found.answer(names, zeros, zeros)
    except InputError as problem:
        raise InputError(f"{task.name} ({task.split}): {problem}") from None
    return found


def calibrated(predictions: list[Prediction], rule: AnswerRule) -> list[Prediction]:
    """The predictions with the scores of the rule's calibration; as they are without one."""
    if rule.calibration is None:
        return predictions
    found = []
    for one in predictions:
        again = recalibrated(one, rule.calibration, threshold=rule.threshold)
        found.append(again if rule.multi_label else replace(again, labels=(again.label,)))
    return found


def averaged(answers: Sequence[list[Prediction]], rule: AnswerRule) -> list[Prediction]:
    """The answers of all wordings as one; those of a single wording as they are."""
    if len(answers) == 1:
        return answers[0]
    found = []
    for of_example in zip(*answers, strict=True):
        one = ensemble.averaged(of_example, multi_label=rule.multi_label)
        label, labels = rule.answer(one.names, one.scores, one.margins)
        found.append(replace(one, label=label, labels=labels))
    return found
