"""The rows of a file one after the other, so that memory doesn't grow with its length."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from converters.files import form, parquet_rows, parse_json, read_file, refuse_wide, table_rows, zipped
from unimc.example import InputError

_START = 1 << 16  # bytes looked at for the encoding


def stream(path: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of a file, in its order, as `converters.files.read_file` reads them, but not all at once.

    A `.json` file (a list of objects) is still read whole.

    Raises:
        InputError: as `read_file`; what is wrong with a later line is said when it is reached.
    """
    kind = form(path)
    if kind in (None, "json") or not path.is_file():
        yield from read_file(path)  # says what is wrong with the name, too
    elif kind == "parquet":
        yield from parquet_rows(path)
    else:
        yield from _lines(path)


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with gzip.open(path) if zipped(path) else path.open("rb") as start:
            refuse_wide(path, start.read(_START))
        with _opened(path) as text:
            yield from _objects(path, text) if form(path) == "jsonl" else table_rows(path, text)
    except UnicodeDecodeError:
        read_file(path)  # names the line, the likely encoding and the command that converts it
        raise
    except (EOFError, zlib.error, gzip.BadGzipFile) as problem:
        raise InputError(f"{path}: cannot be read: {problem}") from None


def _opened(path: Path) -> IO[str]:
    if zipped(path):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _objects(path: Path, lines: IO[str]) -> Iterator[Mapping[str, Any]]:
    place = 0
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        row = parse_json(line, path, number)
        if not isinstance(row, dict):
            raise InputError(f"{path}: row {place} (from 0) is {type(row).__name__}, not an object (column: value)")
        place += 1
        yield row
