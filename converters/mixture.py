"""A mixture: several tasks sampled together for training, capped, weighted and kept clean of held-out tasks.

The paper's recipe takes at most 20,000 examples of every set."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from converters import card, held_out, licences, registry
from converters.loading import Loaded
from converters.mixture_checks import check_mixture, check_options, check_part
from converters.options import fewest_to_most, shuffled, subsampled
from converters.shares import shares
from converters.task import Task
from unimc.example import InputError, MultipleChoiceExample

if TYPE_CHECKING:
    from converters.decontamination import OverlapRow


@dataclass(frozen=True)
class Part:
    """One task of a mixture; what is None is as the mixture has it."""

    task: str | Path | Task
    split: str = "train"
    weight: float = 1.0
    variant: str | None = None
    cap: int | None = None
    max_options: int | None = None
    min_options: int | None = None
    wordings: str | None = None

    def __post_init__(self) -> None:
        check_part(self)


@dataclass(frozen=True)
class ReportRow:
    """What one task gave to a mixture.

    Args:
        rows: rows that the split has.
        taken: examples that the mixture holds of it, repeats included.
        merged: rows read with an option given twice.
        skipped: rows that the task leaves out on purpose.
        dropped: rows read that stand in held-out tasks too.
        options: the fewest and the most options of an example taken; (0, 0) if none was.
    """

    task: str
    split: str
    language: str
    rows: int
    taken: int
    merged: int
    skipped: int
    dropped: int = 0
    options: tuple[int, int] = (0, 0)
    family: str = ""
    licence: str = ""


@dataclass
class Mixture:
    """Several tasks sampled together.

    Args:
        tasks: names, YAML files or tasks, or mappings `{task, split, weight, variant, cap, max_options,
            min_options, wordings}`.
        cap: at most that many rows of a task (before the weight), drawn by the seed.
        sampling: how the tasks share the mixture: `proportional` to their rows, `uniform`, or `temperature`
            (`converters.shares`); weights multiply a task's share. Without `size`, a proportional weight w takes
            round(w * min(cap, rows)) examples: below 1 a random part, above 1 with repeats, whose ids end in "#2", ….
        temperature: of that sampling; 1 is proportional, infinity uniform.
        size: examples in all; None = as many as the tasks have.
        copies: the most times that a row is taken.
        max_options: examples with more options keep the right ones and others drawn at random; None = all.
        min_options: how many options an example keeps is drawn, from this many to `max_options`; None = always as many
            as there may be.
        wordings: `default`, or `all`: every example (and every repeat of one) comes in one of the task's wordings,
            drawn at random; an entry that names a `variant` has that one.
        shuffle_options: whether the options of every example come in a random order.
        licences: terms (open, non-commercial, not-stated), ids, or patterns of ids ("CC BY-SA*"); other tasks are left
            out (`left_out`). None = every licence.
        seed: of all draws.
        data_dir: as in `Task.load`.
        held_out: tasks (or `name:split`, or suites) that must not be trained on; their evaluation splits are read, and
            rows that stand there too are dropped.
        near: similarity from which a row counts as a copy of a held-out one (`converters.decontamination`); None = only
            exact copies.
        decontaminate: False = only the names of held-out tasks are kept out, their rows are not looked at.
        progress: whether to show progress bars; by default only on a terminal.

    Attributes:
        report: what each task gave.
        overlaps: how many rows were dropped, per pair of task and held-out split.
        left_out: tasks left out for their licence, with it.

    Raises:
        InputError: if an entry is not valid, or a task is both trained on and held out.
    """

    tasks: Sequence[str | Path | Task | Mapping[str, Any] | Part]
    cap: int = 20_000
    sampling: str = "proportional"
    temperature: float = 2.0
    size: int | None = None
    copies: int = 4
    max_options: int | None = None
    min_options: int | None = None
    wordings: str = "default"
    shuffle_options: bool = True
    licences: Sequence[str] | None = None
    seed: int = 0
    data_dir: str | Path | None = None
    held_out: Sequence[str | Path | Task] = ()
    near: float | None = 0.8
    decontaminate: bool = True
    progress: bool | None = None
    note: str = ""
    report: list[ReportRow] = field(init=False, default_factory=list)
    overlaps: list[OverlapRow] = field(init=False, default_factory=list)
    left_out: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        check_mixture(self)
        self.parts = [_part(entry) for entry in self.tasks]
        for part in self.parts:
            check_options(self, part)
            if self.size is None and self.sampling == "proportional" and part.weight > self.copies:
                raise InputError(
                    f"mixture: task {getattr(part.task, 'name', part.task)}: weight {part.weight} would take rows more "
                    f"than {self.copies} times; raise `copies`, or lower the weight"
                )
        out = {task.name for task, _ in held_out.tasks(self.held_out)}
        both = sorted({registry.get(part.task).name for part in self.parts} & out)
        if both:
            raise InputError(f"mixture: {', '.join(both)}: both in tasks and in held_out; leave it out of one")
        if self.licences is not None:
            self._leave_out(self.licences)

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> Mixture:
        """A mixture from the mapping of a configuration file; its keys are the arguments.

        `from` names a file with a mixture; the keys beside it take the place of that file's.

        Raises:
            InputError: as the class, and for a key that is not known.
        """
        section = resolved(given)
        card.known_keys(section, [entry.name for entry in fields(cls) if entry.init], "mixture")
        if "tasks" not in section:
            raise InputError("mixture: the key `tasks` is missing")
        return cls(**section)

    def examples(self) -> list[MultipleChoiceExample]:
        """The mixed examples, shuffled; the same for the same seed and files. Fills `report` and `overlaps`."""
        from tqdm import tqdm

        from converters.decontamination import decontaminate

        index = None
        if self.held_out and self.decontaminate:
            index = held_out.index(self.held_out, self.data_dir, self.near, self.progress)
        read: list[tuple[Part, Task, Loaded]] = []
        # tqdm: None = off unless standard error is a terminal.
        disable = None if self.progress is None else not self.progress
        for part in tqdm(self.parts, desc="reading tasks", unit="task", disable=disable):
            task = registry.get(part.task)
            read.append((part, task, self._read(part, task, part.variant)))
        kept = [loaded.examples for _, _, loaded in read]
        self.overlaps = []
        if index is not None:
            for number, examples in enumerate(tqdm(kept, desc="decontaminating", unit="task", disable=disable)):
                kept[number], found = decontaminate(examples, index)
                self.overlaps += found
        counts = shares(
            [len(examples) for examples in kept],
            [part.weight for part, _, _ in read],
            sampling=self.sampling,
            temperature=self.temperature,
            size=self.size,
            copies=self.copies,
        )
        mixed: list[MultipleChoiceExample] = []
        copies: Counter[tuple[str, str]] = Counter()
        self.report = []
        for (part, task, loaded), clean, count in zip(read, kept, counts, strict=True):
            taken = self._finished(
                self._drawn(clean, count, task, part), part, copies, self._other_wordings(part, task)
            )
            mixed += taken
            self.report.append(_report_row(part, task, loaded, len(loaded.examples) - len(clean), taken))
        random.Random(self.seed).shuffle(mixed)
        return mixed

    def _read(self, part: Part, task: Task, variant: str | None) -> Loaded:
        return task.read(part.split, self.data_dir, part.cap or self.cap, self.seed, variant)

    def _other_wordings(self, part: Part, task: Task) -> list[dict[str, MultipleChoiceExample]]:
        """The part's examples by their ids, in each of the task's variants; empty where the wording is given."""
        if part.variant is not None or (part.wordings or self.wordings) == "default":
            return []
        loaded = (self._read(part, task, variant) for variant in task.variants)
        return [{example.id: example for example in one.examples} for one in loaded]

    def _drawn(
        self, examples: list[MultipleChoiceExample], count: int, task: Task, part: Part
    ) -> list[MultipleChoiceExample]:
        whole, rest = divmod(count, len(examples)) if examples else (0, 0)
        drawn = random.Random(f"{self.seed} {task.name} {part.split}").sample(range(len(examples)), rest)
        return examples * whole + [examples[index] for index in sorted(drawn)]

    def _finished(
        self,
        examples: list[MultipleChoiceExample],
        part: Part,
        copies: Counter[tuple[str, str]],
        others: Sequence[Mapping[str, MultipleChoiceExample]],
    ) -> list[MultipleChoiceExample]:
        """Repeats get ids of their own, and with them another wording, other options and another order."""
        most, fewest = part.max_options or self.max_options, part.min_options or self.min_options
        finished = []
        for example in examples:
            key = (example.task, example.id)
            copies[key] += 1
            repeat = f"{example.id}#{copies[key]}" if copies[key] > 1 else example.id
            if others:
                worded = [example, *(other[example.id] for other in others)]
                example = random.Random(f"{self.seed} wording {example.task} {repeat}").choice(worded)
            example = replace(example, id=repeat)
            if fewest is not None:
                example = fewest_to_most(example, fewest, most, self.seed)
            elif most is not None:
                example = subsampled(example, most, self.seed)
            finished.append(shuffled(example, self.seed) if self.shuffle_options else example)
        return finished

    def _leave_out(self, wanted: Sequence[str]) -> None:
        kept = []
        for part in self.parts:
            task = registry.get(part.task)
            if licences.allowed(task.licence, wanted):
                kept.append(part)
            else:
                self.left_out[task.name] = task.licence
        if not kept:
            raise InputError(f"mixture: no task has one of the licences {', '.join(wanted)}")
        self.parts = kept


def resolved(given: Mapping[str, Any]) -> dict[str, Any]:
    """A mixture's section with the file that it names by `from` put in; its own keys take the place of the file's.

    Raises:
        InputError: if the file is not a mixture.
    """
    section = dict(card.mapping(given, "mixture"))
    return {**card.read(Path(str(section.pop("from")))), **section} if "from" in section else section


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


def _report_row(
    part: Part, task: Task, loaded: Loaded, dropped: int, taken: Sequence[MultipleChoiceExample]
) -> ReportRow:
    counts = [len(example.options) for example in taken] or [0]
    return ReportRow(
        task=task.name,
        split=part.split,
        language=task.language,
        rows=loaded.rows,
        taken=len(taken),
        merged=loaded.merged,
        skipped=loaded.skipped,
        dropped=dropped,
        options=(min(counts), max(counts)),
        family=task.family,
        licence=task.licence,
    )
