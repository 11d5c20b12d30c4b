"""What an evaluation found, and its form on disk (DESIGN, section 10)."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unimc import comparison, report
from unimc.example import InputError, MultipleChoiceExample
from unimc.prediction import Prediction
from unimc.seen import Seen

if TYPE_CHECKING:
    from rich.table import Table

FORMAT = 1
"""Version of the form of `results.json`; it goes up when a key changes its meaning or goes away."""
PRIMARY = {"classification": "accuracy", "multiple_choice": "accuracy", "multi_label": "micro_f1"}
"""The figure of each kind of task that its baselines belong to."""


@dataclass(frozen=True)
class EvaluationSet:
    """Labelled examples of one task, and what is said about them in the results.

    Args:
        name: of the task.
        split: where the examples come from.
        examples: the examples, every one with its label.
        label_names: the fixed label set, None where every example has its own options. Answers are then compared by
            option name, so options may stand in any order; without it by index.
        multi_label: whether several labels, or none, may hold; needs `label_names`.
        language, family, source, variant: of the task and its wording, for the results.

    Raises:
        InputError: if there is no example, one has no label or too many, or an option is not in the label set.
    """

    name: str
    split: str
    examples: list[MultipleChoiceExample] = field(repr=False)
    label_names: tuple[str, ...] | None = None
    multi_label: bool = False
    language: str = ""
    family: str = ""
    source: str = ""
    variant: str | None = None

    def __post_init__(self) -> None:
        if not self.examples:
            raise self._error("no examples; nothing can be measured")
        if self.multi_label and self.label_names is None:
            raise self._error("multi_label needs label_names, the labels that F1 is averaged over")
        if self.label_names is not None and len(set(self.label_names)) < len(self.label_names):
            raise self._error("label_names has a name twice")
        for number, example in enumerate(self.examples):
            where = f"example {example.id or number}"
            if example.right is None:
                raise self._error(f"{where} has no label; evaluate on a labelled split")
            if example.label is None and not self.multi_label:
                raise self._error(f"{where} has several labels (`labels`); set multi_label, or give one `label`")
            unknown = set(example.names).difference(self.label_names or example.names)
            if unknown:
                raise self._error(f"{where} has the option {min(unknown)!r}, which is not among the task's labels")

    @property
    def kind(self) -> str:
        """What is measured: "classification" (fixed labels), "multiple_choice" (own options) or "multi_label"."""
        if self.multi_label:
            return "multi_label"
        return "multiple_choice" if self.label_names is None else "classification"

    @property
    def num_labels(self) -> int:
        """Size of the label set; the most options of an example where each has its own."""
        return len(self.label_names or max((example.options for example in self.examples), key=len))

    @cached_property
    def index(self) -> dict[str, int]:
        """Label name -> its place in the label set; empty without one."""
        return {name: place for place, name in enumerate(self.label_names or ())}

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all that the model reads and what is right, in order."""
        digest = hashlib.sha256()
        for example in self.examples:
            texts = [example.question, example.passage, example.textb, example.language]
            row = [example.id, *texts, example.options, example.names, example.right]
            digest.update(json.dumps(row, ensure_ascii=True).encode() + b"\n")
        return digest.hexdigest()

    def _error(self, problem: str) -> InputError:
        return InputError(f"{self.name} ({self.split}): {problem}")


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric's value and the ends of its 95 % bootstrap interval; NaN where not defined or not asked for."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class TaskResult:
    """What one task gave.

    Attributes:
        task: the examples.
        predictions: one for each example, in their order.
        correct: whether each is right; with several labels, whether exactly the right ones hold.
        figures: metric name -> figure.
        chance: the primary figure (accuracy; micro F1 with several labels) of guessing: the mean of 1 / options; with
            several labels, what a coin thrown for each label tends to.
        majority: the primary figure of always giving the label (without a label set, the position) that is right most
            often here.
        seconds: time to predict, of the slowest process.
        seen: what of the examples the model saw in training.
    """

    task: EvaluationSet
    predictions: list[Prediction] = field(repr=False)
    correct: list[bool] = field(repr=False)
    figures: dict[str, Figure]
    chance: float
    majority: float
    seconds: float
    seen: Seen = field(default_factory=lambda: Seen("unknown"))

    @property
    def name(self) -> str:
        """The task's name."""
        return self.task.name

    @property
    def primary(self) -> Figure:
        """The figure that `chance` and `majority` are baselines of."""
        return self.figures[PRIMARY[self.task.kind]]

    def to_dict(self) -> dict[str, Any]:
        """The task's entry in `results.json`; what is not defined or was not asked for is null."""
        task, count = self.task, len(self.predictions)
        return {
            "task": task.name,
            "split": task.split,
            "variant": task.variant,
            "language": task.language,
            "family": task.family,
            "source": task.source,
            "kind": task.kind,
            "labels": list(task.label_names) if task.label_names is not None else None,
            "figures": {
                name: {"value": _number(figure.value), "low": _number(figure.low), "high": _number(figure.high)}
                for name, figure in self.figures.items()
            },
            "primary": PRIMARY[task.kind],
            "chance": _number(self.chance),
            "majority": _number(self.majority),
            "seen": self.seen.to_dict(),
            "examples": count,
            "correct": sum(self.correct),
            "rows": sum(prediction.rows for prediction in self.predictions),
            "truncated": sum(prediction.truncated > 0 for prediction in self.predictions),
            "seconds": self.seconds,
            "examples_per_second": count / self.seconds if self.seconds else None,
            "data_fingerprint": task.fingerprint,
        }

    def lines(self) -> list[dict[str, Any]]:
        """The task's lines in `predictions.jsonl`; with several labels gold, answer and label are lists."""
        found = []
        for example, guess, correct in zip(self.task.examples, self.predictions, self.correct, strict=True):
            gold = [example.names[index] for index in example.right or ()]
            answers = [guess.names[index] for index in guess.labels]
            several = self.task.multi_label
            found.append(
                {
                    "id": example.id,
                    "task": self.task.name,
                    "split": self.task.split,
                    "gold": gold if several else gold[0],
                    "answer": answers if several else answers[0],
                    "label": list(guess.labels) if several else guess.label,
                    "scores": dict(zip(guess.names, guess.scores, strict=True)),
                    "correct": correct,
                    "truncated": guess.truncated,
                }
            )
        return found


@dataclass(frozen=True)
class Evaluation:
    """What all tasks gave, and with what.

    Attributes:
        tasks: the tasks' results, in the order given.
        model: its name and fingerprint (SHA-256 over the weights).
        settings: what else the figures depend on: seed, resamples, threshold, versions …
    """

    tasks: list[TaskResult]
    model: Mapping[str, Any]
    settings: Mapping[str, Any]

    @property
    def mean(self) -> float:
        """Mean of the tasks' primary figures, each task counting the same: one number to compare models by."""
        return sum(result.primary.value for result in self.tasks) / len(self.tasks)

    def to_dict(self) -> dict[str, Any]:
        """The content of `results.json`."""
        tasks = [result.to_dict() for result in self.tasks]
        return {
            "format": FORMAT,
            "model": dict(self.model),
            **self.settings,
            "mean": _number(self.mean),
            "tasks": tasks,
        }

    def table(self) -> Table:
        """A table for the terminal."""
        return report.table(self.to_dict())

    def write(self, folder: str | Path) -> Path:
        """Writes `predictions.jsonl`, `plot.png` (with matplotlib), `report.md` and, last, `results.json`.

        For every suite in the settings, its table is written as `<suite>.csv` too.

        Each file appears whole or not at all. With several processes only the main one may write.

        Returns:
            The folder, made if it wasn't there.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        lines = (json.dumps(line, ensure_ascii=False) + "\n" for result in self.tasks for line in result.lines())
        _write(folder / "predictions.jsonl", "".join(lines).encode())
        results = self.to_dict()
        for suite in results.get("suites", []):
            _write(folder / f"{suite['name']}.csv", comparison.csv_text(results, suite).encode())
        plot = report.plot(results)
        if plot is not None:
            _write(folder / "plot.png", plot)
        else:
            (folder / "plot.png").unlink(missing_ok=True)  # an earlier evaluation's would contradict the report
        _write(folder / "report.md", report.markdown(results, plot="plot.png" if plot else None).encode())
        _write(folder / "results.json", (json.dumps(results, ensure_ascii=False, indent=2) + "\n").encode())
        return folder


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
