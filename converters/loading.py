"""Getting the rows of a task's split: from the task itself, from local files, or from the hub."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from converters.files import read_file
from converters.folders import DATA_DIR, local_rows
from converters.hub_files import HubFile
from unimc.example import InputError, MultipleChoiceExample

if TYPE_CHECKING:
    from converters.task import Task


@dataclass(frozen=True)
class Loaded:
    """The examples of a split and what was counted on the way.

    Args:
        examples: in the file's order.
        rows: how many rows the split has there, before anything was left out.
        merged: how many of the examples had an option given twice.
        skipped: how many of the rows the task leaves out on purpose.
        source: where the rows came from, for people.
    """

    examples: list[MultipleChoiceExample]
    rows: int
    merged: int
    skipped: int
    source: str


@dataclass(frozen=True)
class Rows:
    """Rows of a split, in memory or in a data set of the hub's (where only the chosen ones are decoded)."""

    content: Any
    columns: tuple[str, ...]
    source: str

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]], source: str) -> Rows:
        """Rows in memory; their columns are those of any row."""
        return cls(rows, tuple(dict.fromkeys(column for row in rows for column in row)), source)

    def column(self, name: str) -> list[Any]:
        """One column; None where a row lacks it."""
        if name not in self.columns:
            return [None] * len(self.content)
        return list(self.content[name]) if self._from_hub else [row.get(name) for row in self.content]

    def take(self, places: Sequence[int]) -> list[Mapping[str, Any]]:
        """The rows at `places`."""
        if self._from_hub:
            return [dict(row) for row in self.content.select(places)]
        return [self.content[place] for place in places]

    @property
    def _from_hub(self) -> bool:
        return hasattr(self.content, "select")


def read(
    task: Task,
    split: str,
    data_dir: str | Path | None,
    limit: int | None,
    seed: int,
    variant: str | None,
    unlabelled: bool,
) -> Loaded:
    """The examples of a split; `Task.load` says what the arguments are and what is raised."""
    if limit is not None and limit < 1:
        raise InputError(f"limit is {limit}; it must be 1 or more")
    task.wording(variant)
    rows = split_rows(task, split, data_dir, unlabelled)
    check_columns(task, rows, unlabelled)
    total = len(rows.content)
    left_out: set[int] = set()
    for column in task.skip:
        left_out |= {place for place, value in enumerate(rows.column(column)) if task.skips(column, value)}
    places = [place for place in range(total) if place not in left_out]
    if limit is not None and limit < len(places):
        places = sorted(random.Random(f"{seed} {task.name} {split}").sample(places, limit))
    examples, merged, seen = [], 0, dict[str, int]()
    for place, row in zip(places, rows.take(places), strict=True):
        try:
            found = task.convert_all(row, variant, split, place)
        except InputError as problem:
            raise InputError(f"{problem} [{rows.source}]") from None
        for one in found:
            if seen.setdefault(one.example.id, place) != place:
                raise InputError(
                    f"{rows.source}: rows {seen[one.example.id]} and {place} (from 0) both have the id "
                    f"{one.example.id!r}"
                )
            examples.append(one.example)
            merged += one.merged
    return Loaded(examples, total, merged, len(left_out), _with_commit(task, rows.source))


def _with_commit(task: Task, source: str) -> str:
    """Where rows are from, so that it names the commit of a card of the hub: another one may make other examples."""
    if not isinstance(task.path, HubFile) or task.path.commit in source:
        return source
    return f"{source}, by {task.path}"


def check_columns(task: Task, rows: Rows, unlabelled: bool) -> None:
    """Raise InputError if a column that the card's labels or its `skip` need is not there at all."""
    there = ", ".join(rows.columns)
    label = task.label_column
    # A row function may make the label's column; then the conversion of every row says if it doesn't.
    if label is not None and task.row is None and not label.present(dict.fromkeys(rows.columns)) and not unlabelled:
        raise InputError(
            f"{rows.source}: task {task.name} takes its labels from the column {label.text!r}, which is not there; the "
            f"columns are: {there} (for rows without labels: `unlabelled`)"
        )
    for column in task.skip:
        if column not in rows.columns:
            raise InputError(
                f"{rows.source}: task {task.name} skips by the column {column!r}, which is not there; the columns are: "
                f"{there}"
            )


def split_rows(task: Task, split: str, data_dir: str | Path | None, unlabelled: bool = False) -> Rows:
    """The rows of a split, unconverted, and where they came from; `Task.load` says what is raised."""
    if task.rows:
        _known_split(task, split, list(task.rows))
        return Rows.of(task.rows[split], f"{task.path or f'task {task.name}'}: rows.{split}")
    files = task.source.get("files")
    if files is not None:
        _known_split(task, split, list(files))
        if isinstance(task.path, HubFile):
            file = task.path.beside(files[split])
            return Rows.of(read_file(file.local), str(file))
        path = (task.path.parent if task.path is not None else Path()) / files[split]
        return Rows.of(read_file(path), str(path))
    if split in task.splits and task.splits[split] is None and not unlabelled:
        labelled = ", ".join(task.split_names)
        raise InputError(f"task {task.name}: split {split!r} has no labels; labelled are: {labelled}")
    folder = data_dir if data_dir is not None else os.environ.get(DATA_DIR) or None
    if folder is not None:
        return Rows.of(*local_rows(task, split, Path(folder).expanduser()))
    return _from_hub(task, split)


def _known_split(task: Task, split: str, there: list[str]) -> None:
    if split not in there:
        raise InputError(f"task {task.name}: no split {split!r}; there are: {', '.join(there) or 'none'}")


def _from_hub(task: Task, split: str) -> Rows:
    hub, there = task.source.get("hub"), [*task.splits, *task.source.get("folder_splits", [])]
    _known_split(task, split, there)
    if hub is None or split not in task.splits:
        what = f"split {split!r} of task {task.name}" if hub is not None else f"task {task.name}"
        raise InputError(f"{what} is only read from local files; give --data-dir or set {DATA_DIR}")
    if isinstance(task.path, HubFile):
        task.path.check_data_set(hub)
    from datasets import load_dataset

    config, name = task.source.get("config"), task.splits[split] or split
    try:
        content = load_dataset(hub, config, split=name)
    except Exception as problem:  # the hub client's errors have no common type: connection, offline, not found, script
        first_line = (str(problem) or type(problem).__name__).splitlines()[0]
        raise InputError(
            f"task {task.name}: {hub} (split {name!r}) cannot be had from the hub: {first_line}; "
            f"for files on this machine give --data-dir or set {DATA_DIR}"
        ) from problem
    return Rows(content, tuple(content.column_names), f"{hub}{f' ({config})' if config else ''}, split {name}")
