"""Finding a task's split in a folder of local data sets: in our layout, or as its authors publish it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from converters import originals
from converters.files import SUFFIXES, count_rows, read_file, read_json
from unimc.example import InputError

if TYPE_CHECKING:
    from converters.task import Task

DATA_DIR = "UNIMC_DATA_DIR"
"""The environment variable that names the folder of local data sets."""


def local_rows(task: Task, split: str, data_dir: Path) -> tuple[Sequence[Mapping[str, Any]], str]:
    """The rows of a split and where they came from.

    `<data_dir>/<source.folder>/<split>.jsonl` (or another suffix) comes first, then the authors' own files in the order
    in which the card lists them (`source.originals`).

    Raises:
        InputError: if neither is there, or two files claim to be the split.
    """
    folder = data_dir / task.source.get("folder", f"{task.language}/{task.name}")
    if folder.is_dir():
        path = _split_file(task, split, folder)
        return read_file(path), str(path)
    tried = [folder]
    for original in task.source.get("originals", []):
        tried.append(data_dir / original["folder"])
        named = (name for files in original["files"].values() for name in _listed(files))
        if any((tried[-1] / name).is_file() for name in named):
            return _original(task, split, original, tried[-1])
    hint = "" if data_dir.is_dir() else f" ({data_dir} itself is not a folder)"
    others = f", and none of {', '.join(map(str, tried[1:]))}" if len(tried) > 1 else ""
    raise InputError(
        f"task {task.name}: no folder {folder}{others}{hint}; check --data-dir and {DATA_DIR}, "
        "or unset both to use the hub"
    )


def _split_file(task: Task, split: str, folder: Path) -> Path:
    found = _splits(folder)
    if split not in found:
        there = ", ".join(name for name in found if name != "labels") or "none"
        raise InputError(f"task {task.name}: no split {split!r} in {folder}; there are: {there}")
    if len(found[split]) > 1:
        raise InputError(
            f"{folder}: {' and '.join(path.name for path in found[split])} are both split {split!r}; keep one"
        )
    return found[split][0]


def _original(
    task: Task, split: str, original: Mapping[str, Any], folder: Path
) -> tuple[Sequence[Mapping[str, Any]], str]:
    if split not in original["files"]:
        there = ", ".join(original["files"])
        raise InputError(
            f"task {task.name}: no split {split!r} among the original files in {folder}; there are: {there}"
        )
    paths = [folder / name for name in _listed(original["files"][split])]
    source = " + ".join(map(str, paths))
    if "reader" in original:
        contents = [read_json(path) for path in paths]
        try:
            return originals.read(original["reader"], contents), source
        except (KeyError, IndexError, TypeError, AttributeError, ValueError) as problem:
            said = f"{type(problem).__name__}: {problem}"
            raise InputError(
                f"{source}: not of the form in which the authors publish {task.name} ({said})"
            ) from problem
    return [row for path in paths for row in read_file(path)], source


def splits_on_hand(task: Task, data_dir: str | Path | None) -> list[str]:
    """The labelled splits that can be read: those in the local folder, or without one those that the card names."""
    folder = data_dir if data_dir is not None else os.environ.get(DATA_DIR) or None
    if task.rows or "files" in task.source or folder is None:
        return list(task.split_names)
    place = Path(folder).expanduser() / task.source.get("folder", f"{task.language}/{task.name}")
    if place.is_dir():
        return [name for name in _splits(place) if name in task.split_names]
    for original in task.source.get("originals", []):
        place = Path(folder).expanduser() / original["folder"]
        there = [split for split, names in original["files"].items() if (place / _listed(names)[0]).is_file()]
        if there:
            return there
    return []


def row_counts(task: Task, data_dir: str | Path | None) -> dict[str, int]:
    """Labelled split -> its rows, of those that are on this machine; nothing is counted on the hub."""
    if task.rows:
        return {split: len(rows) for split, rows in task.rows.items()}
    folder = data_dir if data_dir is not None else os.environ.get(DATA_DIR) or None
    if folder is None:
        return {}
    place = Path(folder).expanduser() / task.source.get("folder", f"{task.language}/{task.name}")
    if not place.is_dir():
        return {}
    return {split: count_rows(paths[0]) for split, paths in _splits(place).items() if split in task.split_names}


def _listed(names: str | Sequence[str]) -> Sequence[str]:
    return [names] if isinstance(names, str) else names


def _splits(folder: Path) -> dict[str, list[Path]]:
    """Split -> the files in a folder that claim to be it."""
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        suffix = next((suffix for suffix in SUFFIXES if path.name.endswith(suffix)), None)
        if suffix is not None:
            found.setdefault(path.name.removesuffix(suffix), []).append(path)
    return found
