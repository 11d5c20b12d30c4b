"""Finding a task's split in a folder of local data sets: in our layout, or as its authors publish it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from converters import originals
from converters.files import SUFFIXES, read_file, read_json
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
        if tried[-1].is_dir():
            return _original(task, split, original, tried[-1])
    hint = "" if data_dir.is_dir() else f" ({data_dir} itself is not a folder)"
    others = f", and none of {', '.join(map(str, tried[1:]))}" if len(tried) > 1 else ""
    raise InputError(
        f"task {task.name}: no folder {folder}{others}{hint}; check --data-dir and {DATA_DIR}, "
        "or unset both to use the hub"
    )


def _split_file(task: Task, split: str, folder: Path) -> Path:
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        suffix = next((suffix for suffix in SUFFIXES if path.name.endswith(suffix)), None)
        if suffix is not None:
            found.setdefault(path.name.removesuffix(suffix), []).append(path)
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
    named = original["files"][split]
    paths = [folder / name for name in ([named] if isinstance(named, str) else named)]
    source = " + ".join(map(str, paths))
    if "reader" in original:
        return originals.read(original["reader"], [read_json(path) for path in paths]), source
    return [row for path in paths for row in read_file(path)], source
