"""Answers on their way into a file: written line by line, taken up again after a break, joined from several processes.

Each process appends to a part of its own, `.<name>.part-<process>-of-<count>`, whose first line says how the run was
asked for. The output file itself appears whole or not at all.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, time
from itertools import chain, count, islice
from pathlib import Path
from typing import IO, Any

from unimc.example import InputError

_BREAKS = re.compile(r"\r\n|[\t\r\n]")
_BATCH = 4096  # lines that a Parquet file takes at once
_MOST_FIELDS = 1000  # keys of a Parquet column of mappings; each row has a place for every one
SUFFIXES = (".jsonl", ".csv", ".tsv", ".parquet")


class Part:
    """The part of one process.

    Attributes:
        done: lines that an earlier run left.
        as_text: columns that the output, a Parquet file, holds as text since no type holds all their values; `join`
            finds them.
        flattened: rows of the output, a TSV file, in which tabs or line breaks became blanks; `join` counts them.

    Args:
        output: the file in the making; its suffix is its format.
        settings: how the run was asked for; a part of another run is refused.
        process, processes: which part of how many.
        goes_on_from: other settings, a part of which may be gone on from; it is one of the new settings then.

    Raises:
        InputError: if the part there is of another run, or the output's suffix is no format.
    """

    def __init__(
        self,
        output: Path,
        settings: Mapping[str, Any],
        process: int = 0,
        processes: int = 1,
        *,
        goes_on_from: Mapping[str, Any] | None = None,
    ) -> None:
        if output.suffix not in SUFFIXES:
            raise InputError(f"--output {output}: the name must end in one of {', '.join(SUFFIXES)}")
        output.parent.mkdir(parents=True, exist_ok=True)
        self.output, self.processes = output, processes
        self.as_text: list[str] = []
        self.flattened = 0
        self.path = _path(output, process, processes)
        self._head = _head(settings)
        self._earlier = self._head if goes_on_from is None else _head(goes_on_from)
        self.done = self._taken_up() if self.path.exists() else self._begun()
        self._size = self.path.stat().st_size

    def append(self, lines: Iterator[Mapping[str, Any]]) -> int:
        """Writes lines behind those that are there, each whole before the next; returns how many there are then."""
        written = self.done
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            for line in lines:
                self._check_alone(file)
                file.write(json_line(line))
                file.flush()
                self._size = file.tell()
                written += 1
        return written

    def _check_alone(self, file: IO[str]) -> None:
        """Two runs of one command would both go on here, and write every row twice."""
        if os.fstat(file.fileno()).st_size != self._size:
            raise InputError(f"{self.path}: another run is writing it; wait for that one, or give another --output")

    def join(self, counted: Sequence[str] = ()) -> tuple[int, list[int]]:
        """Makes the output of all parts, when every process has finished.

        Returns:
            How many rows it has, and in how many each of the `counted` columns holds something (0 is nothing).
        """
        paths = [_path(self.output, process, self.processes) for process in range(self.processes)]
        temporary = self.output.with_name(f".{self.output.name}.whole")
        try:
            rows, self.as_text = _write(temporary, self.output.suffix, paths)
            filled = [0] * len(counted)
            tabs = self.output.suffix == ".tsv"
            for line in _lines(paths) if counted or tabs else ():
                self.flattened += tabs and any(isinstance(one, str) and _BREAKS.search(one) for one in line.values())
                filled = [before + bool(line.get(column)) for before, column in zip(filled, counted, strict=True)]
            temporary.replace(self.output)
        finally:
            temporary.unlink(missing_ok=True)
        for path in paths:
            path.unlink()
        return rows, filled

    def _begun(self) -> int:
        self.path.write_text(self._head + "\n", encoding="utf-8", newline="\n")
        return 0

    def _taken_up(self) -> int:
        """Counts whole lines; what a break left of the last one is cut off."""
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        lines = whole.splitlines()
        if not lines:
            return self._begun()
        if lines[0] == self._earlier.encode() != self._head.encode():
            whole = self._head.encode() + whole[len(lines[0]) :]
            self.path.write_bytes(whole)
        elif lines[0] != self._head.encode():
            here, there = (json.loads(head)["settings"] for head in (self._head, lines[0]))
            changed = sorted(key for key in {**here, **there} if here.get(key) != there.get(key))
            raise InputError(
                f"{self.path} is what a run with other settings left ({', '.join(changed)}); remove it, or give the "
                "same settings to go on"
            )
        elif len(whole) < len(content):
            self.path.write_bytes(whole)
        return len(lines) - 1


def _head(settings: Mapping[str, Any]) -> str:
    return json.dumps({"settings": dict(settings)}, ensure_ascii=False, sort_keys=True)


def json_line(line: Mapping[str, Any]) -> str:
    """A line as JSON, characters as they are; half of one, which no encoding can write, as its escape."""
    text = json.dumps(line, ensure_ascii=False, default=_said)
    try:
        text.encode()
    except UnicodeEncodeError:
        text = json.dumps(line, default=_said)
    return text + "\n"


def _said(value: Any) -> str:
    """A value of a Parquet file that JSON has no form for: a decimal, a duration and the like as Python writes it."""
    if isinstance(value, date | time):  # a timestamp is a date
        return value.isoformat()
    # Whoever has pictures beside the texts still gets answers, and base64 is how JSON carries bytes.
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def _sayable(value: Any) -> Any:
    """A value for the formats that have no escapes: half of a character becomes the letters of its escape."""
    match value:
        case str():
            return value.encode(errors="backslashreplace").decode()
        case list():
            return list(map(_sayable, value))
        case dict():
            return {_sayable(key): _sayable(one) for key, one in value.items()}
    return value


def _path(output: Path, process: int, processes: int) -> Path:
    return output.with_name(f".{output.name}.part-{process}-of-{processes}")


def _lines(paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    """The lines of all parts in the order of the input: process p holds every count-th line, from p on."""
    files: list[IO[str]] = [path.open(encoding="utf-8") for path in paths]
    try:
        for file in files:
            file.readline()
        for number in count():
            line = files[number % len(files)].readline()
            if not line:
                return
            yield json.loads(line)
    finally:
        for file in files:
            file.close()


def _write(path: Path, suffix: str, parts: Sequence[Path]) -> tuple[int, list[str]]:
    """Writes the output; how many rows it has, and which columns of a Parquet file became text."""
    rows = 0
    if suffix == ".parquet":
        return _write_parquet(path, parts)
    with path.open("w", encoding="utf-8", newline="") as file:
        if suffix == ".jsonl":
            for line in _lines(parts):
                file.write(json_line(line))
                rows += 1
            return rows, []
        # As this project reads them: TSV has no quoting, a quotation mark is a character like any other.
        form: dict[str, Any] = {"lineterminator": "\n"}
        if suffix == ".tsv":
            form |= {"delimiter": "\t", "quoting": csv.QUOTE_NONE, "quotechar": None}
        # A later row of JSON lines may have columns that the first lacks.
        columns = dict.fromkeys(column for line in _lines(parts) for column in line)
        names = list(map(_sayable, columns))
        writer = csv.DictWriter(file, names, **form)
        # Python leaves a lone carriage return unquoted, where it ends the row for every reader.
        quoting = (
            writer if suffix == ".tsv" else csv.DictWriter(file, names, lineterminator="\n", quoting=csv.QUOTE_ALL)
        )
        for line in chain([dict(zip(names, names, strict=True))], map(_sayable, _lines(parts))):
            cells = _cells(line, suffix)
            (quoting if any("\r" in cell for cell in cells.values()) else writer).writerow(cells)
            rows += 1
        rows -= 1  # the header
    return rows, []


def _cells(line: Mapping[str, Any], suffix: str) -> dict[str, str]:
    """Lists and mappings as JSON; a TSV cell can hold neither a tab nor a line break, so each becomes a blank."""
    cells = {column: "" if value is None else _cell(value) for column, value in line.items()}
    if suffix == ".tsv":
        return {column: _BREAKS.sub(" ", cell) for column, cell in cells.items()}
    return cells


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _write_parquet(path: Path, parts: Sequence[Path]) -> tuple[int, list[str]]:
    import pyarrow as pa  # type: ignore[import-untyped]  # it has none
    from pyarrow import parquet

    types = _types(parts)
    texts = [column for column, kind in types.items() if kind is None]
    schema = pa.schema([(column, pa.string() if kind is None else kind) for column, kind in types.items()])
    rows = 0
    with parquet.ParquetWriter(path, schema) as writer:
        for lines in _batches(parts):
            for line in lines:
                line |= {column: _cell(line[column]) for column in texts if line.get(column) is not None}
            writer.write_table(pa.Table.from_pylist(lines, schema))
            rows += len(lines)
    return rows, texts


def _types(parts: Sequence[Path]) -> dict[str, Any]:
    """The type of every column in Parquet; None for one whose values no type holds.

    Known only at the end, a column may be empty for long. Then all lines are tried again: what a later one widened may
    not hold an earlier (as a fraction, 2**53 + 1 is another number).
    """
    import pyarrow as pa
    from pyarrow import parquet

    types: dict[str, Any] = {}
    for lines in (lines for _ in range(2) for lines in _batches(parts)):
        for column in dict.fromkeys(column for line in lines for column in line):
            kind = types.get(column, pa.null())
            types[column] = None if kind is None else _widened(kind, [line.get(column) for line in lines])
    for column, kind in types.items():
        try:
            if kind is not None:
                parquet.write_table(pa.schema([(column, kind)]).empty_table(), io.BytesIO())
        except pa.ArrowException:  # mappings without a key
            types[column] = None
    return types


def _widened(kind: Any, values: list[Any]) -> Any:
    """The type that holds these values beside those of a type; None if there is none."""
    import pyarrow as pa

    keys = {key for value in values if isinstance(value, dict) for key in value}
    try:
        if len(keys) > _MOST_FIELDS:
            return None
        known = [pa.schema([("", one)]) for one in (kind, pa.array(values).type)]
        found = pa.unify_schemas(known, promote_options="permissive").field(0).type
        pa.array(values, found)
    except (pa.ArrowException, OverflowError):  # the latter for a number of more than 64 bits
        return None
    return None if pa.types.is_struct(found) and found.num_fields > _MOST_FIELDS else found


def _batches(parts: Sequence[Path]) -> Iterator[list[dict[str, Any]]]:
    lines = map(_sayable, _lines(parts))
    return iter(lambda: list(islice(lines, _BATCH)), [])
