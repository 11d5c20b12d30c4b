"""The rows of a file one after the other, so that memory doesn't grow with its length."""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from converters.files import read_file, table_rows
from unimc.example import InputError


def stream(path: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of a file, in its order, as `converters.files.read_file` reads them, but not all at once.

    A `.json` file (a list of objects) is still read whole.

    Raises:
        InputError: as `read_file`; what is wrong with a later line is said when it is reached.
    """
    if path.name.endswith((".json", ".json.gz")) or not path.is_file():
        yield from read_file(path)
    elif path.suffix == ".parquet":
        yield from _parquet(path)
    elif any(kind in path.suffixes for kind in (".jsonl", ".csv", ".tsv")):
        yield from _lines(path)
    else:
        read_file(path)  # says what is wrong with the name


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with _opened(path) as text:
            yield from _objects(path, text) if ".jsonl" in path.suffixes else table_rows(path, text)
    except UnicodeDecodeError:
        read_file(path)  # names the line, the likely encoding and the command that converts it
        raise
    except (EOFError, zlib.error, gzip.BadGzipFile) as problem:
        raise InputError(f"{path}: cannot be read: {problem}") from None


def _opened(path: Path) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _objects(path: Path, lines: IO[str]) -> Iterator[Mapping[str, Any]]:
    place = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as problem:
            raise InputError(f"{path}, line {number}: not valid JSON: {problem.msg}") from None
        if not isinstance(row, dict):
            raise InputError(f"{path}: row {place} (from 0) is {type(row).__name__}, not an object (column: value)")
        place += 1
        yield row


def _parquet(path: Path) -> Iterator[Mapping[str, Any]]:
    from datasets import load_dataset

    # Under a plain name, because `datasets` takes brackets in a path for a pattern.
    with tempfile.TemporaryDirectory() as folder:
        copy = shutil.copy(path, Path(folder) / "rows.parquet")
        try:
            rows = iter(load_dataset("parquet", data_files=str(copy), split="train", streaming=True))
            yield from (dict(row) for row in rows)
        except Exception as problem:  # Arrow's errors and those of `datasets` have no common type
            raise InputError(f"{path}: not a valid Parquet file: {problem}") from None
