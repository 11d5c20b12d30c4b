"""Whether answers hold: with the options in other orders, and in other wordings.

Options don't see each other and their positions restart, so their order should change nothing (DESIGN, section 3):
here that is counted, on real examples. Wordings do change answers; here it is measured by how much.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any

from unimc.answering import Shard, predict_shard
from unimc.evaluation_set import PRIMARY, EvaluationSet
from unimc.example import InputError, whole_number
from unimc.figures import Judged, figure

if TYPE_CHECKING:
    from unimc.inference import UniMC
    from unimc.prediction import Prediction

KIND, FORMAT = "robustness", 1
"""What tells the file from `results.json`, and the version of its form."""


@dataclass(frozen=True, slots=True)
class Order:
    """What other orders of the options change.

    Attributes:
        shuffles: orders besides that given.
        asked: shuffled examples in all.
        changed: how many of them got another answer; with several labels, other labels.
        largest_change: of an option's score.
    """

    shuffles: int
    asked: int
    changed: int
    largest_change: float


def order_of(examples: EvaluationSet, number: int, example: int, seed: int) -> list[int]:
    """The order of an example's options in a shuffle: never the one given, where there is another."""
    count = len(examples.examples[example].options)
    order = list(range(count))
    draw = random.Random(f"{seed} {examples.name} {example} {number}")
    while count > 1 and order == list(range(count)):
        draw.shuffle(order)
    return order


def order_changes(
    model: UniMC, task: EvaluationSet, given: Sequence[Prediction], shuffles: int, seed: int, batch_size: int
) -> Order:
    """Asks every example again in other orders of its options.

    Args:
        model: the model.
        task: the examples.
        given: the predictions in the order given.
        shuffles: how many other orders.
        seed: of the orders.
        batch_size: the most rows in a batch.
    """
    changed, largest = 0, 0.0
    for number in range(shuffles):
        orders = [order_of(task, number, place, seed) for place in range(len(task.examples))]
        examples = [one.taking(order) for one, order in zip(task.examples, orders, strict=True)]
        answers = _answers(model, replace(task, examples=examples, wordings={}), batch_size)
        for before, after, order in zip(given, answers, orders, strict=True):
            changed += set(before.labels) != {order[new] for new in after.labels}
            moved = zip(order, after.scores, strict=True)
            largest = max(largest, *(abs(before.scores[old] - score) for old, score in moved))
    return Order(shuffles, shuffles * len(task.examples), changed, largest)


def check(
    model: UniMC,
    task: EvaluationSet,
    wordings: Mapping[str, EvaluationSet],
    *,
    shuffles: int = 3,
    seed: int = 0,
    batch_size: int = 32,
) -> dict[str, Any]:
    """A task's entry in `robustness.json`.

    Args:
        model: the model.
        task: the examples in the default wording.
        wordings: name -> the same examples in another wording; their options need not have the same names.
        shuffles: how many other orders of the options; 0 for none.
        seed: of the orders.
        batch_size: the most rows in a batch.

    Raises:
        InputError: if `shuffles` is negative, or a wording is of other examples.
    """
    for name, one in wordings.items():
        if [example.id for example in one.examples] != [example.id for example in task.examples]:
            raise InputError(f"{task.name} ({task.split}): the wording {name!r} is not of the same examples")
    if whole_number("shuffles", shuffles) < 0:
        raise InputError(f"shuffles is {shuffles}; give 0 for none, or more")
    given = _answers(model, task, batch_size)
    entry: dict[str, Any] = {
        "task": task.name,
        "split": task.split,
        "language": task.language,
        "primary": PRIMARY[task.kind],
        "examples": len(task.examples),
        "data_fingerprint": task.fingerprint,
        "order": None,
        "wordings": None,
    }
    if shuffles:
        found = order_changes(model, task, given, shuffles, seed, batch_size)
        entry["order"] = {name: getattr(found, name) for name in Order.__slots__}
    if wordings:
        each = {task.first: _value(task, given)}
        for name, one in wordings.items():
            each[name] = _value(one, _answers(model, one, batch_size))
        default, *others = each.values()
        entry["wordings"] = {
            "against": task.first,
            "each": {name: {"value": value} for name, value in each.items()},
            "spread": max(each.values()) - min(each.values()),
            "mean_change": fmean(value - default for value in others),
        }
    return entry


def _answers(model: UniMC, task: EvaluationSet, batch_size: int) -> list[Prediction]:
    answered = predict_shard(model, task, Shard(), progress=True, batch_size=batch_size)
    return [prediction for _, prediction in answered]


def _value(task: EvaluationSet, predictions: Sequence[Prediction]) -> float:
    judged = Judged.of(task, predictions)
    return figure(task, judged, PRIMARY[task.kind], seed=0, resamples=0).value
