"""What an evaluation found, and its form on disk (DESIGN, section 10)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unimc import comparison, plots, report, sections
from unimc.calibration import Calibration
from unimc.evaluation_set import PRIMARY, EvaluationSet
from unimc.figures import Figure, number
from unimc.prediction import Prediction
from unimc.reliability import Bin
from unimc.seen import Seen

if TYPE_CHECKING:
    from rich.table import Table

FORMAT = 1
"""Version of the form of `results.json`; it goes up when a key changes its meaning or goes away."""


@dataclass(frozen=True)
class InWordings:
    """The primary figure of each wording alone, beside that of their averaged answers.

    Attributes:
        each: wording -> its figure, the first wording first.
        gain: how much higher the figure of the averaged answers is than that of the first wording, on the same
            examples.
    """

    each: dict[str, Figure]
    gain: Figure

    @property
    def spread(self) -> float:
        """How far apart the best and the worst wording are."""
        values = [figure.value for figure in self.each.values()]
        return max(values) - min(values)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "against": next(iter(self.each)),
            "each": {wording: figure.to_dict() for wording, figure in self.each.items()},
            "spread": number(self.spread),
            "gain": self.gain.to_dict(),
        }


@dataclass(frozen=True)
class Calibrated:
    """With what the scores were calibrated, and what the figures were before."""

    calibration: Calibration
    before: dict[str, Figure]

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        before = {name: figure.to_dict() for name, figure in self.before.items()}
        return {**self.calibration.to_dict(), "before": before}


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
        reliability: how many answers are right among those with about the same score.
        seen: what of the examples the model saw in training.
        wordings: if the answers are averaged over several wordings, how each did alone.
        calibrated: if the scores are calibrated, how they were before.
    """

    task: EvaluationSet
    predictions: list[Prediction] = field(repr=False)
    correct: list[bool] = field(repr=False)
    figures: dict[str, Figure]
    chance: float
    majority: float
    seconds: float
    reliability: Sequence[Bin] = field(default=(), repr=False)
    seen: Seen = field(default_factory=lambda: Seen("unknown"))
    wordings: InWordings | None = None
    calibrated: Calibrated | None = None

    @property
    def name(self) -> str:
        """The task's name."""
        return self.task.name

    @property
    def primary(self) -> Figure:
        """The figure that `chance` and `majority` are baselines of."""
        return self.figures[PRIMARY[self.task.kind]]

    @property
    def several_rows(self) -> int:
        """How many examples took more than one row (in a wording): groups of options, or windows."""
        asked = 1 if self.wordings is None else len(self.wordings.each)
        return sum(prediction.rows > asked for prediction in self.predictions)

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
            "figures": {name: figure.to_dict() for name, figure in self.figures.items()},
            "primary": PRIMARY[task.kind],
            "chance": number(self.chance),
            "majority": number(self.majority),
            "wordings": self.wordings.to_dict() if self.wordings is not None else None,
            "calibration": self.calibrated.to_dict() if self.calibrated is not None else None,
            "reliability": [one.to_dict() for one in self.reliability],
            "seen": self.seen.to_dict(),
            "examples": count,
            "correct": sum(self.correct),
            "rows": sum(prediction.rows for prediction in self.predictions),
            "tokens": sum(prediction.tokens for prediction in self.predictions),
            "several_rows": self.several_rows,
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
                    "question": example.question,
                    "passage": example.passage,
                    "textb": example.textb,
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
            "mean": number(self.mean),
            "tasks": tasks,
        }

    def table(self) -> Table:
        """A table for the terminal."""
        return report.table(self.to_dict())

    def tables(self) -> list[Table]:
        """`table`, and if there are several wordings or a calibration, what they did."""
        results = self.to_dict()
        return [report.table(results), *(section.table() for section in sections.asked_for(results))]

    def write(self, folder: str | Path) -> Path:
        """Writes `predictions.jsonl`, the report with its plots (with matplotlib) and, last, `results.json`.

        For every suite in the settings, its table is written as `<suite>.csv` too.

        Each file appears whole or not at all, and an earlier `results.json` goes first: what is stopped halfway has
        none, instead of old figures beside new predictions. With several processes only the main one may write.

        Returns:
            The folder, made if it wasn't there.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        lines = [result.lines() for result in self.tasks]
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for of_task in lines for line in of_task)
        _forget(folder)
        _write(folder / "predictions.jsonl", text.encode())
        results = self.to_dict()
        for suite in results.get("suites", []):
            _write(folder / f"{suite['name']}.csv", comparison.csv_text(results, suite).encode())
        files = report.files(results, lines)
        for path in [*(folder / name for name in plots.FILES), *folder.glob(plots.OF_TASKS)]:
            if path.name not in files:
                path.unlink(missing_ok=True)  # an earlier evaluation's would contradict the report
        for name, content in files.items():
            _write(folder / name, content)
        _write(folder / "results.json", (json.dumps(results, ensure_ascii=False, indent=2) + "\n").encode())
        return folder


def _forget(folder: Path) -> None:
    """Removes an earlier evaluation's tables of suites, then its `results.json`, which alone names them."""
    file = folder / "results.json"
    try:
        earlier = json.loads(file.read_text(encoding="utf-8"))
        names = [str(suite["name"]) for suite in earlier.get("suites", [])]
    except (OSError, ValueError, RecursionError, AttributeError, KeyError, TypeError):
        names = []  # there was none, or no evaluation of ours
    for table in (f"{name}.csv" for name in names):
        if table == Path(table).name and "\0" not in table:  # of this folder, whatever the file says
            (folder / table).unlink(missing_ok=True)
    file.unlink(missing_ok=True)


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
