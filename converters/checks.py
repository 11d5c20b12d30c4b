"""Checks of a task's plain fields: their types, and which of them go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from converters import card, rows
from unimc.example import InputError

if TYPE_CHECKING:
    from converters.task import Task

KINDS = ("classification", "multiple_choice", "multi_label")
LANGUAGES = ("en", "zh")
_SOURCE_KEYS = ("hub", "config", "folder", "folder_splits", "originals", "files")
_ORIGINALS_KEYS = ("folder", "files", "reader")
_TEXTS = ("name", "family", "licence", "citation", "note")
_MAPPINGS = ("skip", "variants", "splits", "source", "rows")


def check_fields(task: Task, where: str) -> None:
    """Raise InputError, naming the key, if a plain field of `task` is not valid."""
    for name in _TEXTS:
        value = getattr(task, name)
        if not isinstance(value, str):
            raise InputError(f"{where}: {name}: must be a text, not {type(value).__name__} {value!r}; put it in quotes")
    if not task.name.strip() or "/" in task.name or "\\" in task.name:  # it is the name of a folder of data too
        raise InputError(f"{where}: name: {task.name!r} is not a name; use letters, digits and underscores")
    if type(task.version) is not int:
        raise InputError(f"{where}: version: must be a whole number, not {task.version!r}")
    for name, value, known in (("kind", task.kind, KINDS), ("language", task.language, LANGUAGES)):
        if value not in known:
            raise InputError(f"{where}: {name}: unknown {name} {value!r}; {card.did_you_mean(value, known)}")
    for name in _MAPPINGS:
        card.mapping(getattr(task, name), f"{where}: {name}")
    for name in ("shuffle", "untested"):
        if not isinstance(getattr(task, name), bool):
            raise InputError(f"{where}: {name}: must be true or false, not {getattr(task, name)!r}")
    if task.row is not None:
        try:
            rows.get(task.row)
        except InputError as problem:
            raise InputError(f"{where}: row: {problem}") from None
    if task.example is not None:
        card.mapping(task.example, f"{where}: example")
    _check_kind(task, where)
    _check_source(task, where)
    for column, skipped in task.skip.items():
        _list(skipped, f"{where}: skip.{column}")
    for split, listed in task.rows.items():
        for index, row in enumerate(_list(listed, f"{where}: rows.{split}")):
            card.mapping(row, f"{where}: rows.{split}[{index}]")
    for split, there in task.splits.items():
        if not isinstance(split, str) or not isinstance(there, str | None):
            raise InputError(
                f"{where}: splits.{split}: must be the hub's split name, or null if it has no labels there"
            )


def _check_kind(task: Task, where: str) -> None:
    has, lacks = ("options", "labels") if task.kind == "multiple_choice" else ("labels", "options")
    if getattr(task, has) is None:
        raise InputError(f"{where}: {has}: missing; kind {task.kind} needs it")
    if task.shuffle and task.kind != "multiple_choice":
        raise InputError(f"{where}: shuffle: goes with multiple_choice only; labels are the same for every row")
    listed = task.labels.get("values") if isinstance(task.labels, Mapping) else None
    if task.kind == "classification" and isinstance(listed, Mapping) and len(listed) == 1:
        raise InputError(
            f"{where}: labels.values: a single label is the answer whatever the text says; give two or more, or kind "
            "multi_label to ask whether it holds"
        )
    for name in (lacks, "answer") if has == "labels" else (lacks,):
        if getattr(task, name) is not None:
            raise InputError(f"{where}: {name}: kind {task.kind} has no {name}; it has {has}")


def _check_source(task: Task, where: str) -> None:
    source = task.source
    card.known_keys(source, _SOURCE_KEYS, f"{where}: source")
    if task.rows and source:
        raise InputError(f"{where}: rows: a task that carries its rows has no source; leave one of them out")
    for name in ("hub", "config", "folder"):
        if not isinstance(source.get(name, ""), str | None):
            raise InputError(f"{where}: source.{name}: must be a text, not {source[name]!r}")
    _list(source.get("folder_splits", []), f"{where}: source.folder_splits")
    for number, original in enumerate(_list(source.get("originals", []), f"{where}: source.originals")):
        here = f"{where}: source.originals[{number}]"
        card.known_keys(card.mapping(original, here), _ORIGINALS_KEYS, here)
        if not isinstance(original.get("folder"), str) or not original.get("files"):
            raise InputError(f"{here}: needs `folder` and `files` (split: file, or list of files)")
        for split, listed in card.mapping(original["files"], f"{here}.files").items():
            for file in [listed] if isinstance(listed, str) else _list(listed, f"{here}.files.{split}"):
                if not isinstance(file, str):
                    raise InputError(f"{here}.files.{split}: must be a file's name or a list of them, not {listed!r}")
                _check_inside(file, f"{here}.files.{split}")
        _check_inside(original["folder"], f"{here}.folder")
    _check_inside(source.get("folder") or "", f"{where}: source.folder")
    if "files" in source:
        if len(source) > 1:
            raise InputError(f"{where}: source.files: goes with no other key of source")
        for split, file in card.mapping(source["files"], f"{where}: source.files").items():
            if not isinstance(file, str):
                raise InputError(f"{where}: source.files.{split}: must be the path of one file, not {file!r}")


def _check_inside(path: str, where: str) -> None:
    """A card from a stranger names places below the data folder, and no others."""
    if PurePath(path).is_absolute() or ".." in PurePath(path).parts:
        raise InputError(f"{where}: {path!r} leaves the data folder; name a place below it (or use `files`)")


def _list(value: Any, where: str) -> Sequence[Any]:
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        raise InputError(f"{where}: must be a list, not {type(value).__name__}")
    return value
