"""Answers on their way into a file: written line by line, taken up again after a break, joined from several processes.

Each process appends to a part of its own, `.<name>.part-<process>-of-<count>`, whose first line says how the run was
asked for. The output file itself appears whole or not at all.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import IO, Any

from unimc.example import InputError

_BREAKS = frozenset("\t\r\n")
SUFFIXES = (".jsonl", ".csv", ".tsv", ".parquet")


class Part:
    """The part of one process.

    Attributes:
        done: lines that an earlier run left.

    Args:
        output: the file in the making; its suffix is its format.
        settings: how the run was asked for; a part of another run is refused.
        process, processes: which part of how many.

    Raises:
        InputError: if the part there is of another run, or the output's suffix is no format.
    """

    def __init__(self, output: Path, settings: Mapping[str, Any], process: int = 0, processes: int = 1) -> None:
        if output.suffix not in SUFFIXES:
            raise InputError(f"--output {output}: the name must end in one of {', '.join(SUFFIXES)}")
        output.parent.mkdir(parents=True, exist_ok=True)
        self.output, self.processes = output, processes
        self.path = _path(output, process, processes)
        self._head = json.dumps({"settings": dict(settings)}, ensure_ascii=False, sort_keys=True)
        self.done = self._taken_up() if self.path.exists() else self._begun()

    def append(self, lines: Iterator[Mapping[str, Any]]) -> int:
        """Writes lines behind those that are there, each whole before the next; returns how many there are then."""
        written = self.done
        with self.path.open("a", encoding="utf-8", newline="\n") as file:
            for line in lines:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                file.flush()
                written += 1
        return written

    def join(self) -> int:
        """Makes the output of all parts, when every process has finished; returns how many rows it has."""
        paths = [_path(self.output, process, self.processes) for process in range(self.processes)]
        temporary = self.output.with_name(f".{self.output.name}.whole")
        try:
            rows = _write(temporary, self.output.suffix, paths)
            temporary.replace(self.output)
        finally:
            temporary.unlink(missing_ok=True)
        for path in paths:
            path.unlink()
        return rows

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
        if lines[0].decode("utf-8") != self._head:
            raise InputError(
                f"{self.path} is what a run with other settings left; remove it, or give the same settings to go on"
            )
        if len(whole) < len(content):
            self.path.write_bytes(whole)
        return len(lines) - 1


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


def _write(path: Path, suffix: str, parts: Sequence[Path]) -> int:
    rows = 0
    if suffix == ".parquet":
        return _write_parquet(path, parts)
    with path.open("w", encoding="utf-8", newline="") as file:
        if suffix == ".jsonl":
            for line in _lines(parts):
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                rows += 1
            return rows
        writer: Any = None
        for line in _lines(parts):
            if writer is None:
                # As this project reads them: TSV has no quoting, a quotation mark is a character like any other.
                form: dict[str, Any] = {"lineterminator": "\n"}
                if suffix == ".tsv":
                    form |= {"delimiter": "\t", "quoting": csv.QUOTE_NONE, "quotechar": None}
                writer = csv.DictWriter(file, list(line), **form)
                writer.writeheader()
            writer.writerow(_cells(line, suffix))
            rows += 1
    return rows


def _cells(line: Mapping[str, Any], suffix: str) -> dict[str, str]:
    """Lists and mappings as JSON; a TSV cell can hold neither a tab nor a line break, so they become blanks."""
    cells = {
        column: value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
        for column, value in line.items()
    }
    if suffix == ".tsv":
        return {
            column: " ".join(cell.split()) if _BREAKS.intersection(cell) else cell for column, cell in cells.items()
        }
    return cells


def _write_parquet(path: Path, parts: Sequence[Path]) -> int:
    import tempfile

    from datasets import Dataset

    with tempfile.TemporaryDirectory() as folder:
        made = Dataset.from_generator(_lines, gen_kwargs={"paths": list(parts)}, cache_dir=folder)
        made.to_parquet(str(path))
        return len(made)
