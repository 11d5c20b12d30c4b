"""The rows of held-out tasks, as what training is kept clean of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from converters import registry, suites
from converters.folders import splits_on_hand
from converters.hub_files import PREFIX
from converters.task import Task
from unimc.example import InputError

if TYPE_CHECKING:
    from converters.decontamination import HeldOut


def tasks(names: Sequence[str | Path | Task]) -> list[tuple[Task, str | None]]:
    """The tasks named, each with the split named with it (`name:split`), None if none is; a suite is all of its tasks.

    Raises:
        InputError: if there is no such task.
    """
    found: list[tuple[Task, str | None]] = []
    for name in suites.expanded(names):
        if isinstance(name, str) and ":" in name.removeprefix(PREFIX) and not Path(name).is_file():
            task, _, split = name.rpartition(":")
            found.append((registry.get(task), split))
        else:
            found.append((registry.get(name), None))
    return found


def evaluation_splits(task: Task, data_dir: str | Path | None) -> list[str]:
    """The splits that a task is evaluated on: all that are there but those for training; all if only those are.

    Where none is there, those that the card names: reading them says what is missing.
    """
    there = splits_on_hand(task, data_dir) or list(task.split_names)
    return [split for split in there if not split.startswith("train")] or there


def index(
    names: Sequence[str | Path | Task], data_dir: str | Path | None, near: float | None, progress: bool | None
) -> HeldOut:
    """An index over the held-out tasks' evaluation splits, or those named (`name:split`).

    Raises:
        InputError: if one can't be read.
    """
    from converters.decontamination import HeldOut

    found = HeldOut(near, progress)
    for task, named in tasks(names):
        splits = [named] if named else evaluation_splits(task, data_dir)
        if not splits:
            raise InputError(f"held_out: task {task.name} names no labelled split; name one, as {task.name}:test")
        for split in splits:
            try:
                found.add(task.name, split, task.load(split, data_dir, unlabelled=True))
            except InputError as problem:
                raise InputError(
                    f"held_out: {problem}; its rows are needed to keep training clean of them (`decontaminate: false` "
                    "goes without)"
                ) from None
    return found
