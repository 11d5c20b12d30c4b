"""Reading the rows of one local file: JSON lines, JSON, CSV, TSV or Parquet; texts plain or gzipped.

Text files are read by the standard library, not by `datasets`: its readers guess types (a column of dates becomes
timestamps, "NA" becomes nothing, "007" becomes 7), cut rows that have a cell too many, and name no line in an error.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from converters.encodings import advice
from unimc.example import InputError

SUFFIXES = (*(f".{kind}{gz}" for kind in ("jsonl", "json", "csv", "tsv") for gz in ("", ".gz")), ".parquet")


def read_file(path: Path) -> list[Mapping[str, Any]]:
    """The rows of a file, in its order.

    JSON values keep their types; every cell of a CSV or TSV file is a text, exactly as it stands there. A TSV file has
    no quoting: a quotation mark is an ordinary character, and a line is a row.

    Raises:
        InputError: if the file cannot be read, is empty, or a line of it is broken (the message names it).
    """
    kind = form(path)
    if kind is None:
        raise InputError(f"{path}: cannot tell its format; the name must end in one of {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise InputError(f"{path}: there is no such file")
    reader = _parquet if kind == "parquet" else _json if "json" in kind else _table
    try:
        rows = reader(path)
    except (OSError, EOFError) as problem:
        raise InputError(f"{path}: cannot be read: {problem}") from None
    if not rows:
        raise InputError(f"{path}: the file has no rows")
    return rows


def form(path: Path) -> str | None:
    """What a file is by the end of its name: jsonl, json, csv, tsv or parquet; None if that tells nothing."""
    ending = next((suffix for suffix in SUFFIXES if path.name.casefold().endswith(suffix)), None)
    return ending and ending.removeprefix(".").removesuffix(".gz")


def zipped(path: Path) -> bool:
    """Whether a file is gzipped, by the end of its name."""
    return path.suffix.casefold() == ".gz"


def _text(path: Path) -> str:
    content = path.read_bytes()
    try:
        content = gzip.decompress(content) if zipped(path) else content
    except zlib.error as problem:  # the one error of a damaged archive that is no OSError
        raise InputError(f"{path}: cannot be read: {problem}") from None
    refuse_wide(path, content)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        raise InputError(f"{path}, line {line}: cannot be read as UTF-8 text: {advice(path, content)}") from None


def refuse_wide(path: Path, content: bytes) -> None:
    """Refuses UTF-16 of Latin text without a mark: it is valid UTF-8 as well, with a NUL in every other place.

    Raises:
        InputError: if a third of the bytes are NUL.
    """
    if content.count(0) > len(content) / 3:
        raise InputError(f"{path}, line 1: cannot be read as UTF-8 text: {advice(path, content)}")


def parse_json(text: str, path: Path, line: int | None = None) -> Any:
    """A JSON value; NaN, which pandas writes for a cell that is missing, is null, and no key may be given twice.

    Args:
        text: the JSON.
        path: where it is from.
        line: of the file; told by the parser if None.

    Raises:
        InputError: if it is not valid, or a number or its nesting is beyond what Python reads.
    """
    try:
        return json.loads(
            text, parse_constant=lambda word: None if word == "NaN" else float(word), object_pairs_hook=_once
        )
    except _GivenTwiceError as problem:
        raise InputError(f"{path}, line {line or 1}: the key {problem} is given twice; keep one") from None
    except json.JSONDecodeError as problem:
        raise InputError(f"{path}, line {line or problem.lineno}: not valid JSON: {problem.msg}") from None
    except (ValueError, RecursionError):
        what = "a number of too many digits, or lists in lists too deep"
        raise InputError(f"{path}, line {line or 1}: not valid JSON: {what}") from None


class _GivenTwiceError(Exception):
    """A key stands twice in one object."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, whose last value Python would keep of a key given twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _GivenTwiceError(repr(next(key for key in keys if keys.count(key) > 1)))
    return found


def count_rows(path: Path) -> int:
    """How many rows a file has; of JSON lines without parsing them.

    Raises:
        InputError: if the file cannot be read.
    """
    if form(path) != "jsonl":
        return len(read_file(path))
    try:
        with gzip.open(path) if zipped(path) else path.open("rb") as file:
            return sum(1 for line in file if line.strip())
    except (OSError, EOFError, zlib.error) as problem:
        raise InputError(f"{path}: cannot be read: {problem}") from None


def read_json(path: Path) -> Any:
    """What a JSON file holds, whatever its form; of a file with one value a line, the list of them.

    Raises:
        InputError: if it cannot be read or is not JSON (the message names the line).
    """
    try:
        text = _text(path)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file") from None
    except (OSError, EOFError) as problem:
        raise InputError(f"{path}: cannot be read: {problem}") from None
    lines = [(number, line) for number, line in enumerate(io.StringIO(text), start=1) if line.strip()]
    if text.lstrip().startswith("[") or (lines and lines[0][1].strip() == "{"):  # one value over many lines
        return parse_json(text, path)
    # One object a line, which many data sets also name .json.
    return [parse_json(line, path, number) for number, line in lines]


def _json(path: Path) -> list[Mapping[str, Any]]:
    rows = read_json(path)
    # `{"text": [...], "label": [...]}` and `{"data": [...]}`: what a line of JSON lines may be, a whole file is not.
    by_columns = form(path) == "json" and isinstance(rows, list) and len(rows) == 1 and _holds_rows(rows[0])
    if not isinstance(rows, list) or by_columns:
        raise InputError(f"{path}: holds one object, not rows; write one object a line, or a list of objects")
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            raise InputError(f"{path}: row {number} (from 0) is {type(row).__name__}, not an object (column: value)")
    return rows


def _holds_rows(found: Any) -> bool:
    """Whether an object is a table by columns, or rows under a name."""
    return isinstance(found, dict) and bool(found) and all(isinstance(one, list | dict) for one in found.values())


def _table(path: Path) -> list[Mapping[str, Any]]:
    return list(table_rows(path, io.StringIO(_text(path), newline="")))


def table_rows(path: Path, lines: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    """The rows of a CSV or TSV text, one after the other.

    Args:
        path: where the text is from; its name says which of the two it is.
        lines: the text, with its line ends.

    Raises:
        InputError: if a line is broken (the message names it).
    """
    tabs = form(path) == "tsv"
    dialect: dict[str, Any] = {"delimiter": "\t", "quoting": csv.QUOTE_NONE} if tabs else {"strict": True}
    csv.field_size_limit(sys.maxsize)  # the default of 131,072 characters is less than a long passage
    reader = csv.reader(lines, **dialect)
    try:
        header = next(reader, [])
        twice = [column for column in header if header.count(column) > 1]
        if twice:
            raise InputError(f"{path}, line 1: the column {twice[0]!r} is there twice; every column needs its own name")
        empty = 0
        for cells in reader:
            if len(cells) not in (0, len(header)):
                raise InputError(
                    f"{path}, line {reader.line_num}: {len(cells)} cells for {len(header)} columns "
                    f"({', '.join(header)}){_hint(header, cells, tabs)}"
                )
            if cells:
                yield from (dict.fromkeys(header, "") for _ in range(empty))
                yield dict(zip(header, cells, strict=True))
                empty = 0
            elif len(header) == 1:  # an empty cell, written as a spreadsheet writes it; none at the end of the file
                empty += 1
    except csv.Error as problem:
        raise InputError(f"{path}, line {reader.line_num}: not a valid table: {problem}") from None


def _hint(header: Sequence[str], cells: Sequence[str], tabs: bool) -> str:
    """What to do about a row that has another number of cells than the header."""
    if tabs:
        return "; a cell of a TSV file can hold neither a tab nor a line break"
    divider = next((mark for mark in ";\t|，；" if len(header) == 1 and mark in header[0]), None)
    if divider is not None:
        return f"; the columns seem to be divided by {divider!r}: save the file with commas"
    if any(cell != cell.lstrip() and cell.lstrip().startswith('"') for cell in cells):
        return "; a cell in double quotes begins with the quote: remove the blank before it"
    return "; put a text that holds a comma in double quotes"


def parquet_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of a Parquet file, one after the other.

    Raises:
        InputError: if it is none.
    """
    import pyarrow as pa  # type: ignore[import-untyped]  # it has none
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches():
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as problem:
        raise InputError(f"{path}: not a valid Parquet file: {problem}") from None


def _parquet(path: Path) -> list[Mapping[str, Any]]:
    return list(parquet_rows(path))
