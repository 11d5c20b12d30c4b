"""A mixture: several tasks sampled together for training, capped and weighted.

The paper's recipe takes at most 20,000 examples of every set."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from converters import card, registry
from converters.loading import Loaded
from converters.task import Task
from unimc.example import InputError, MultipleChoiceExample


@dataclass(frozen=True)
class Part:
    """One task of a mixture; `cap` None = the mixture's."""

    task: str | Path | Task
    split: str = "train"
    weight: float = 1.0
    variant: str | None = None
    cap: int | None = None

    def __post_init__(self) -> None:
        where = f"mixture: task {self.task.name if isinstance(self.task, Task) else self.task}"
        if isinstance(self.weight, bool) or not isinstance(self.weight, int | float) or not 0 < self.weight < math.inf:
            raise InputError(f"{where}: weight must be a number above 0, not {self.weight!r}; leave the task out for 0")
        _check_cap(self.cap, where)


@dataclass(frozen=True)
class ReportRow:
    """What one task gave to a mixture.

    Args:
        rows: rows that the split has.
        taken: examples that the mixture holds of it, repeats included.
        merged: rows read with an option given twice.
        skipped: rows that the task leaves out on purpose.
    """

    task: str
    split: str
    language: str
    rows: int
    taken: int
    merged: int
    skipped: int


@dataclass
class Mixture:
    """Several tasks sampled together.

    Args:
        tasks: names, YAML files or tasks, or mappings `{task, split, weight, variant, cap}`. A weight w takes
            round(w * min(cap, rows)) examples: below 1 a random part, above 1 with repeats, whose ids
            end in "#2", "#3" ….
        cap: at most that many rows of a task (before the weight).
        seed: of the draws and the shuffle.
        data_dir: as in `Task.load`.
        held_out: tasks that must not be trained on.
        progress: whether to show a progress bar; by default only on a terminal.

    Raises:
        InputError: if an entry is not valid, or a task is both trained on and held out.
    """

    tasks: Sequence[str | Path | Task | Mapping[str, Any] | Part]
    cap: int = 20_000
    seed: int = 0
    data_dir: str | Path | None = None
    held_out: Sequence[str | Path | Task] = ()
    progress: bool | None = None
    report: list[ReportRow] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        _check_cap(self.cap, "mixture")
        for name in ("tasks", "held_out"):
            if isinstance(getattr(self, name), str | Mapping):
                raise InputError(f"mixture: {name}: must be a list")
        if not self.tasks:
            raise InputError("mixture: tasks: empty; name at least one task")
        self.parts = [_part(entry) for entry in self.tasks]
        out = {registry.get(name).name for name in self.held_out}
        both = sorted({registry.get(part.task).name for part in self.parts} & out)
        if both:
            raise InputError(f"mixture: {', '.join(both)}: both in tasks and in held_out; leave it out of one")

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> Mixture:
        """A mixture from the mapping of a configuration file; its keys are the arguments.

        Raises:
            InputError: as the class, and for a key that is not known.
        """
        section = card.mapping(given, "mixture")
        card.known_keys(section, [entry.name for entry in fields(cls) if entry.init], "mixture")
        if "tasks" not in section:
            raise InputError("mixture: the key `tasks` is missing")
        return cls(**section)

    def examples(self) -> list[MultipleChoiceExample]:
        """The mixed examples, shuffled; the same for the same seed and files. Fills `report`."""
        from tqdm import tqdm

        mixed: list[MultipleChoiceExample] = []
        self.report = []
        # tqdm: None = off unless standard error is a terminal.
        disable = None if self.progress is None else not self.progress
        for part in tqdm(self.parts, desc="reading tasks", unit="task", disable=disable):
            task = registry.get(part.task)
            loaded = task.read(part.split, self.data_dir, part.cap or self.cap, self.seed, part.variant)
            taken = self._weighted(loaded, task, part)
            mixed += taken
            self.report.append(_report_row(task, part, loaded, len(taken)))
        copies: Counter[tuple[str, str]] = Counter()
        for index, example in enumerate(mixed):
            key = (example.task, example.id)
            copies[key] += 1
            if copies[key] > 1:
                mixed[index] = replace(example, id=f"{example.id}#{copies[key]}")
        random.Random(self.seed).shuffle(mixed)
        return mixed

    def _weighted(self, loaded: Loaded, task: Task, part: Part) -> list[MultipleChoiceExample]:
        count = round(part.weight * len(loaded.examples))
        whole, rest = divmod(count, len(loaded.examples)) if loaded.examples else (0, 0)
        drawn = random.Random(f"{self.seed} {task.name} {part.split}").sample(range(len(loaded.examples)), rest)
        return loaded.examples * whole + [loaded.examples[index] for index in sorted(drawn)]


def _part(entry: Any) -> Part:
    if isinstance(entry, Part):
        return entry
    if isinstance(entry, str | Path | Task):
        return Part(entry)
    section = card.mapping(entry, "mixture: tasks: an entry")
    card.known_keys(section, [one.name for one in fields(Part)], "mixture: tasks")
    if "task" not in section:
        raise InputError("mixture: tasks: an entry has no `task`; write {task: name, split: train}")
    return Part(**section)


def _check_cap(cap: Any, where: str) -> None:
    if cap is not None and (type(cap) is not int or cap < 1):
        raise InputError(f"{where}: cap must be a whole number, 1 or more, not {cap!r}")


def _report_row(task: Task, part: Part, loaded: Loaded, taken: int) -> ReportRow:
    return ReportRow(task.name, part.split, task.language, loaded.rows, taken, loaded.merged, loaded.skipped)
