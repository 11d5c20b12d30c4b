"""Pairs of evaluations on disk, for `unimc compare`: written, read, joined, and spoilt line by line."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from shutil import copytree
from typing import Any
from unittest import mock

from evaluated import evaluation, sure, tags, topics

from unimc import pairing
from unimc.evaluation import Evaluation
from unimc.paired_figures import Comparison, compared

RIGHT = ["weather", "sport", "food", "sport"] * 10
GOOD = ["weather", "sport", "food", "food"] * 10
BAD = ["weather", "food", "sport", "sport"] * 10
_FOLDER = tempfile.TemporaryDirectory(prefix="unimc-compared-")


def given(names: Sequence[str]) -> list[dict[str, float]]:
    return [sure(name) for name in names]


def written(folder: Path, found: Evaluation) -> Path:
    """Writes an evaluation without its pictures: they take most of the time, and nothing here looks at them."""
    with mock.patch("unimc.plots.drawn", return_value={}):
        return found.write(folder)


def both(folder: Path, a: Evaluation, b: Evaluation) -> tuple[Path, Path]:
    return written(folder / "a", a), written(folder / "b", b)


def figures(a: Path, b: Path, **settings: Any) -> Comparison:
    return compared(pairing.paired(pairing.read(a), pairing.read(b)), **{"resamples": 200, **settings})


@cache
def _once() -> tuple[Path, Path]:
    tag_rows = [["体育"], [], ["体育", "财经"], ["音乐"]] * 3
    a = evaluation((topics(RIGHT), given(BAD)), (tags(tag_rows), [sure("体育")] * 12), name="模型甲")
    b = evaluation((topics(RIGHT), given(GOOD)), (tags(tag_rows), [sure(*held) for held in tag_rows]), name="model b")
    return both(Path(_FOLDER.name), a, b)


def pair(folder: Path) -> tuple[Path, Path]:
    """A task with fixed labels and one with several, of two models: copies, which may be changed."""
    a, b = _once()
    return Path(copytree(a, folder / "a")), Path(copytree(b, folder / "b"))


def rewritten(folder: Path, change: Callable[[list[dict[str, Any]]], Any]) -> None:
    """Changes the lines of predictions.jsonl."""
    file = folder / "predictions.jsonl"
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    lines = change(lines) or lines
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def recounted(folder: Path, **changes: Any) -> None:
    """Changes the first task of results.json."""
    file = folder / "results.json"
    results = json.loads(file.read_text(encoding="utf-8"))
    results["tasks"][0] |= changes
    file.write_text(json.dumps(results), encoding="utf-8")
