"""Whether two evaluations of the same rows differ: paired bootstrap of every figure, and McNemar's test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unimc import metrics
from unimc.confusion import Line
from unimc.figures import Figure, Judged, number
from unimc.identity import text_hash
from unimc.metrics import LEVEL
from unimc.metrics._metric import draws
from unimc.pairing import Pair

Floats = NDArray[np.float64]
_SIDES = ("gold", "answer")


@dataclass(frozen=True, slots=True)
class Difference:
    """A figure of both evaluations, and how much higher that of B is, with the interval of the difference itself."""

    a: float
    b: float
    difference: Figure

    def to_dict(self) -> dict[str, Any]:
        """For JSON; what is NaN is null."""
        return {"a": number(self.a), "b": number(self.b), "difference": self.difference.to_dict()}


@dataclass(frozen=True, slots=True)
class Wins:
    """On how many rows which of the two is right; with several labels, whether exactly the right ones hold."""

    both: int
    only_a: int
    only_b: int
    neither: int

    @property
    def p(self) -> float:
        """McNemar's test, two-sided and exact: rows that one alone got right fall to A and B like a coin (binomial).

        1 where there are none. Source: McNemar 1947; the exact form, Fagerland, Lydersen and Laake 2013, section 2.
        """
        from scipy.stats import binomtest

        apart = self.only_a + self.only_b
        return float(binomtest(self.only_b, apart).pvalue) if apart else 1.0

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**{name: getattr(self, name) for name in self.__slots__}, "p": self.p}


@dataclass(frozen=True)
class Compared:
    """A task of both evaluations.

    Attributes:
        pair: its rows.
        figures: metric -> difference, the primary one first.
        wins: rows by who is right.
    """

    pair: Pair
    figures: Mapping[str, Difference]
    wins: Wins

    @property
    def primary(self) -> str:
        """The figure that the mean is taken of."""
        return next(iter(self.figures))

    @property
    def apart(self) -> int:
        """Rows that the primary figure can tell A and B apart by; of several labels, those with other answers."""
        if self.pair.a["kind"] == "multi_label":
            return sum(set(one["answer"]) != set(other["answer"]) for one, other in self.pair.lines)
        return self.wins.only_a + self.wins.only_b

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        task, split = self.pair.key
        return {
            "task": task,
            "split": split,
            "variants": [self.pair.a.get("variant"), self.pair.b.get("variant")],
            "rows": len(self.pair.lines),
            "primary": self.primary,
            "figures": {name: one.to_dict() for name, one in self.figures.items()},
            "right": self.wins.to_dict(),
        }


@dataclass(frozen=True)
class Comparison:
    """All tasks of both evaluations.

    Attributes:
        tasks: one by one.
        mean: of the tasks' primary figures, each task counting the same; every task is resampled for itself.
        wins: of all rows together.
        seed: of the bootstrap.
        resamples: samples that intervals are drawn from.
    """

    tasks: Sequence[Compared] = field(repr=False)
    mean: Difference
    wins: Wins
    seed: int
    resamples: int

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "seed": self.seed,
            "resamples": self.resamples,
            "level": LEVEL,
            "mean": self.mean.to_dict(),
            "right": self.wins.to_dict(),
            "tasks": [one.to_dict() for one in self.tasks],
        }


def compared(pairs: Sequence[Pair], *, seed: int = 0, resamples: int = metrics.RESAMPLES) -> Comparison:
    """The figures of tasks that both evaluations answered.

    Args:
        pairs: the tasks.
        seed: of the bootstrap; a task's samples follow from it and the task's name.
        resamples: how many samples of as many rows are drawn, with replacement; 0 for no intervals.
    """
    tasks, of_means = [], []
    for pair in pairs:
        task, drawn = _compared(pair, seed, resamples)
        tasks.append(task)
        of_means.append(drawn)
    primary = [one.figures[one.primary] for one in tasks]
    a, b = (float(np.mean([getattr(one, side) for one in primary])) for side in ("a", "b"))
    mean = Difference(a, b, _figure(b - a, np.mean(of_means, axis=0)))
    totals = {name: sum(getattr(one.wins, name) for one in tasks) for name in Wins.__slots__}
    return Comparison(tasks, mean, Wins(**totals), seed, resamples)


def judged(task: Mapping[str, Any], lines: Sequence[Line]) -> Judged:
    """Lines of `predictions.jsonl` in the form that metrics take.

    Args:
        task: the entry in `results.json`.
        lines: those of the task.
    """
    labels, missing = task["labels"], float("nan")
    if labels is None:
        most = max(len(line["scores"]) for line in lines)
        scores = [[*line["scores"].values(), *[missing] * (most - len(line["scores"]))] for line in lines]
        return Judged(
            [[*line["scores"]].index(line["gold"]) for line in lines], [one["label"] for one in lines], scores
        )
    scores = [[line["scores"].get(name, missing) for name in labels] for line in lines]
    if task["kind"] == "multi_label":
        gold, guessed = ([[int(name in line[side]) for name in labels] for line in lines] for side in _SIDES)
    else:
        gold, guessed = ([labels.index(line[side]) for line in lines] for side in _SIDES)
    return Judged(gold, guessed, scores)


def _compared(pair: Pair, seed: int, resamples: int) -> tuple[Compared, Floats]:
    """A task, and the differences of its primary figure on every sample."""
    task, rows = pair.a, len(pair.lines)
    # By the labels of A for both: the other side may have them in another order.
    a, b = (judged(task, [lines[side] for lines in pair.lines]) for side in (0, 1))
    found = metrics.for_kind(task["kind"])
    names = [task["primary"], *(name for name in found if name != task["primary"])]
    num_labels = len(task["labels"] or max((*a.scores, *b.scores), key=len))

    def both(name: str, counts: Floats) -> list[Floats]:
        metric = found[name]
        return [metric.resampled(one.given(metric), one.gold, counts, num_labels) for one in (a, b)]

    drawn: dict[str, list[Floats]] = {name: [] for name in names}
    for counts in draws(rows, resamples, text_hash(f"{seed} {task['task']} {task['split']}")) if resamples else ():
        for name in names:
            of_a, of_b = both(name, counts)
            drawn[name].append(of_b - of_a)
    figures = {}
    for name in names:
        value_a, value_b = (float(value[0]) for value in both(name, np.ones((1, rows))))
        figures[name] = Difference(value_a, value_b, _figure(value_b - value_a, _joined(drawn[name])))
    right = [(one["correct"], other["correct"]) for one, other in pair.lines]
    outcomes = ((True, True), (True, False), (False, True), (False, False))
    wins = Wins(*(right.count(outcome) for outcome in outcomes))
    return Compared(pair, figures, wins), _joined(drawn[names[0]])


def _joined(drawn: Sequence[Floats]) -> Floats:
    return np.concatenate(drawn) if drawn else np.empty(0)


def _figure(value: float, drawn: Floats) -> Figure:
    """A difference with the percentile interval of its resampled values, where it is defined on any."""
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn):
        return Figure(value, float("nan"), float("nan"))
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Figure(value, float(low), float(high))
