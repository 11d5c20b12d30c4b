"""What a checkpoint saw in training, as hashes of its texts, and what of an evaluation was among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unimc.example import InputError, MultipleChoiceExample

FILE = "training_texts.safetensors"
"""Beside the weights: for every task trained on, the 64-bit hashes of its rows' texts, as sorted int64."""

Hashes = dict[str, NDArray[np.int64]]
"""Task -> the sorted hashes of its texts."""


def hashes(examples: Sequence[MultipleChoiceExample]) -> Hashes:
    """The hashes of the examples' texts (`MultipleChoiceExample.fingerprint`), by task."""
    found: dict[str, set[int]] = {}
    for example in examples:
        found.setdefault(example.task, set()).add(example.fingerprint)
    return {task: _array(texts) for task, texts in found.items()}


def merged(one: Hashes, other: Hashes) -> Hashes:
    """Both: what was seen before a training and what in it."""
    nothing = np.empty(0, np.int64)
    return {task: np.union1d(one.get(task, nothing), other.get(task, nothing)) for task in {**one, **other}}


def within(one: Hashes, other: Hashes) -> bool:
    """Whether all texts of the one are among the other's: it is a stage that the other went on from."""
    nothing = np.empty(0, np.int64)
    return all(bool(np.isin(texts, other.get(task, nothing)).all()) for task, texts in one.items())


def together(trained_on: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The tasks trained on, each split once: what several stages of a training drew from it is added up."""
    found: dict[tuple[Any, Any], dict[str, Any]] = {}
    for entry in trained_on:
        key = entry.get("task"), entry.get("split")
        before = found.get(key)
        if before is None:
            found[key] = dict(entry)
        elif "rows" in before and "rows" in entry:
            before["rows"] += entry["rows"]
        else:
            before.pop("rows", None)  # how many there were altogether is not on record
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Seen:
    """What of a task a checkpoint saw in training.

    Attributes:
        status: "unseen", "overlapping" (some rows), "seen" (every row, or other rows of the same task), or "unknown"
            (the checkpoint says nothing of its training).
        rows: how many examples have texts that were trained on; None if unknown.
        of: trained task -> how many of the examples are among its texts.
    """

    status: str
    rows: int | None = None
    of: dict[str, int] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The entry in `results.json`."""
        return {"status": self.status, "rows": self.rows, "of": self.of}


def seen(
    task: str, examples: Sequence[MultipleChoiceExample], trained_on: Sequence[Mapping[str, Any]], texts: Hashes
) -> Seen:
    """What of a task's examples a checkpoint saw.

    Args:
        task: its name.
        examples: those evaluated.
        trained_on: the tasks that the checkpoint lists.
        texts: the hashes of its training texts; empty if it has none on record.
    """
    same = any(entry.get("task") == task and entry.get("rows") != 0 for entry in trained_on)
    if not texts:
        return Seen("seen" if same else "unknown")
    # A checkpoint that was trained before hashes were kept, and on: what it saw then is not on record. Its count may
    # not be either: no count is not none.
    partial = any(entry.get("rows") != 0 and entry.get("task") not in texts for entry in trained_on)
    wanted = np.array([example.fingerprint for example in examples], np.uint64).view(np.int64)
    found = {name: np.isin(wanted, known) for name, known in texts.items()}
    of = {name: int(hits.sum()) for name, hits in found.items() if hits.any()}
    rows = int(np.any(list(found.values()), axis=0).sum())
    unseen = "unknown" if partial else "unseen"
    status = "seen" if same or rows == len(examples) else "overlapping" if rows else unseen
    return Seen(status, rows, of)


def save(texts: Hashes, folder: Path) -> None:
    """Writes the hashes beside the weights; if there are none, takes away those of a model that was there before."""
    from safetensors.numpy import save_file

    if texts:
        save_file(texts, folder / FILE)
    else:
        (folder / FILE).unlink(missing_ok=True)


def load(folder: Path) -> Hashes:
    """The hashes of a checkpoint's folder; empty if it has none.

    Raises:
        InputError: if the file is damaged.
    """
    from safetensors.numpy import load_file

    path = folder / FILE
    if not path.is_file():
        return {}
    try:
        return dict(load_file(path))
    except Exception as problem:  # safetensors' errors share no type with those of the system
        raise InputError(f"{path}: damaged ({problem}); copy it again from where the model came from") from problem


def _array(texts: set[int]) -> NDArray[np.int64]:
    return np.sort(np.fromiter(texts, np.uint64, len(texts)).view(np.int64))
