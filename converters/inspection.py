"""Every row of a task's split converted, with all that is wrong collected instead of the first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from converters import loading, values
from converters.drafting.draft import PLACEHOLDER
from converters.task import Task
from unimc.example import InputError, MultipleChoiceExample


@dataclass
class Problem:
    """One thing that is wrong, and where it first shows.

    Args:
        message: what is wrong; names the column.
        row: the first row with it, from 0.
        rows: how many rows have it.
        variant: the wording that has it; None for the default.
    """

    message: str
    row: int
    rows: int = 1
    variant: str | None = None


@dataclass
class Inspection:
    """What the rows of a split become.

    Args:
        source: where the rows are.
        rows: how many there are.
        skipped: of these, left out on purpose.
        examples: the first examples, as many as were asked for.
        converted: how many examples there are in all.
        merged: of these, with an option given twice.
        unlabelled: of these, without a label.
        labels: name -> examples that have it, 0 included; empty where each row has its own options.
        positions: place of the right option -> examples; only where each row has its own options.
        option_counts: number of options -> examples.
        longest: characters of the longest question, passage and textb together, and the id of that example.
        empty: part of the text (passage, textb) -> examples where the card has it and the row nothing.
        failing: rows that can't be converted.
        problems: what is wrong, each kind once.
        unknown: value of the label column that the card lacks -> rows.
    """

    source: str
    rows: int = 0
    skipped: int = 0
    examples: list[MultipleChoiceExample] = field(default_factory=list)
    converted: int = 0
    merged: int = 0
    unlabelled: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    positions: Counter[int] = field(default_factory=Counter)
    option_counts: Counter[int] = field(default_factory=Counter)
    longest: tuple[int, str] = (0, "")
    empty: Counter[str] = field(default_factory=Counter)
    failing: int = 0
    problems: list[Problem] = field(default_factory=list)
    unknown: dict[str, Problem] = field(default_factory=dict)


def inspect(
    task: Task, split: str, data_dir: str | Path | None = None, shown: int = 3, *, unlabelled: bool = False
) -> Inspection:
    """Converts all rows of a split, in every wording.

    Args:
        task: the card.
        split: the split.
        data_dir: as in `Task.load`.
        shown: how many examples to keep.
        unlabelled: whether rows may come without the label column.

    Raises:
        InputError: if the rows cannot be read, the label column isn't there, or an option is still to be written.
    """
    if task.label_set is not None:
        for name, option in zip(task.label_set.names, task.label_set.wordings, strict=True):
            if option.text.startswith(PLACEHOLDER):
                raise InputError(
                    f"{task.where}: labels.values.{name}: still says {option.text!r}; write the option's words there"
                )
    table = loading.split_rows(task, split, data_dir, unlabelled)
    loading.check_columns(task, table, unlabelled)
    rows = table.take(range(len(table.content)))
    found = Inspection(table.source, rows=len(rows))
    found.labels.update(dict.fromkeys(task.label_names or (), 0))
    seen: dict[str, int] = {}
    for place, row in enumerate(rows):
        if any(task.skips(column, row.get(column)) for column in task.skip):
            found.skipped += 1
            continue
        found.failing += _unknown_labels(task, row, place, found) or not _converts(
            task, row, split, place, seen, found, shown
        )
    return found


def _converts(
    task: Task, row: Any, split: str, place: int, seen: dict[str, int], found: Inspection, shown: int
) -> bool:
    """Whether a row converts in every wording; counts what it becomes, or puts down what is wrong."""
    variant: str | None = None
    try:
        converted = task.convert_all(row, None, split, place)
        for variant in task.variants:
            task.convert_all(row, variant, split, place)
    except InputError as problem:
        message = str(problem).removeprefix(f"{task.where}: row {split}/{place} (from 0): ")
        _add(found.problems, message, place, variant)
        return False
    for one in converted:
        earlier = seen.setdefault(one.example.id, place)
        if earlier != place:
            _add(found.problems, f"the id {one.example.id!r} is that of row {earlier} too", place, None)
            return False
        _count(task, one.example, one.merged, found, shown)
    return True


def _unknown_labels(task: Task, row: Any, place: int, found: Inspection) -> bool:
    """Whether a row's label is none of the card's; it is put down then. Row functions may change the label first."""
    labels = task.label_set
    if labels is None or task.row is not None or not labels.column.present(row):
        return False
    try:
        value = labels.column.get(row)
    except InputError:
        return False  # the conversion says what is wrong with it
    listed = value if isinstance(value, list | tuple) and task.kind == "multi_label" else [value]
    lacking = [one for one in listed if one is not None and values.find(one, labels.values) is None]
    if any(isinstance(one, list | dict) for one in lacking):
        return False
    for one in lacking:
        entry = found.unknown.get(values.key(one))
        if entry is None:
            found.unknown[values.key(one)] = Problem(labels.column.text, place)
        else:
            entry.rows += 1
    return bool(lacking)


def _add(problems: list[Problem], message: str, row: int, variant: str | None) -> None:
    same = next((one for one in problems if one.message == message and one.variant == variant), None)
    if same is None:
        problems.append(Problem(message, row, variant=variant))
    else:
        same.rows += 1


def _count(task: Task, example: MultipleChoiceExample, merged: bool, found: Inspection, shown: int) -> None:
    if len(found.examples) < shown:
        found.examples.append(example)
    found.converted += 1
    found.merged += merged
    right = example.right
    if right is None:
        found.unlabelled += 1
    elif task.label_set is not None:
        found.labels.update(example.names[place] for place in right)
    else:
        found.positions.update(place + 1 for place in right)
    found.option_counts[len(example.options)] += 1
    length = len(example.question) + len(example.passage) + len(example.textb)
    if length > found.longest[0]:
        found.longest = (length, example.id)
    for part in ("passage", "textb"):
        if getattr(task, part) and not getattr(example, part).strip():
            found.empty[part] += 1
