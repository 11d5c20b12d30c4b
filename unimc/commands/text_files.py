"""Texts from files of any form, to count pieces in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer

from unimc.example import InputError

Texts = Annotated[
    list[Path] | None,
    typer.Option(
        help="With --pieces: texts to keep the frequent pieces of. A file of lines (.txt) or rows (JSON lines, CSV, "
        "TSV, Parquet), or a folder: the files named train* below it. Repeatable.",
        show_default=False,
    ),
]
"""The option --texts of the commands that cut a vocabulary."""


def sampled(given: Sequence[Path], per_file: int) -> list[str]:
    """Up to so many texts of each file, shuffled; the same ones every time.

    Raises:
        InputError: if a file is not there, can't be read, or a folder has none.
    """
    found = [text for path in _files(given) for text in _texts(path, per_file)]
    Random(0).shuffle(found)
    return found


def _files(given: Sequence[Path]) -> list[Path]:
    found = []
    for path in given:
        if path.is_dir():
            below = sorted(one for one in path.rglob("train*") if one.is_file())
            if not below:
                raise InputError(f"{path}: no file named train* below this folder")
            found += below
        elif path.is_file():
            found.append(path)
        else:
            raise InputError(f"{path} is not there")
    return found


def _texts(path: Path, most: int) -> list[str]:
    """Up to so many texts of a file, each as likely as any other, the same ones every time."""
    random, kept = Random(path.name), []
    for number, text in enumerate(_all_texts(path)):
        if number < most:
            kept.append(text)
        elif (place := random.randrange(number + 1)) < most:
            kept[place] = text
    return kept


def _all_texts(path: Path) -> Iterator[str]:
    if path.suffix == ".txt":
        with path.open(encoding="utf-8") as lines:
            yield from (line.strip() for line in lines if line.strip())
        return
    from converters.streaming import stream

    for row in stream(path):
        yield " ".join(_strings(list(row.values())))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)
    elif isinstance(value, dict):
        yield from _strings(list(value.values()))
