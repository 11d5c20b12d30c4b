"""What the columns of a file hold, counted once, so that the guesses of a first card can look at them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from converters import values
from converters.template import ColumnPath, Row
from unimc.example import InputError

_NUMBER = re.compile(r"[-+]?\d+([.,]\d+)?")
HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_CODE = re.compile(  # an address, a token with a digit in it (an id, a file), a date or a time
    r"\S+://\S+|[^\s\u3400-\u9fff]*\d[^\s\u3400-\u9fff]*|[\d\s:.,/年月日号时点分秒TZ+-]+"
)
_LATIN_WORD = re.compile(r"[A-Za-z\u00c0-\u024f]+")


@dataclass
class Column:
    """One column.

    Args:
        name: as in the file's header.
        counts: value (as `values.key` writes it) -> rows that have it; of a list, its entries. Blank cells don't count.
        filled: rows with something in the cell.
        blanks: what stands in blank cells (None, "", "  "), each once; a column that a row lacks counts as None.
        empty: rows with a blank cell.
        characters: of all filled cells together.
        longest_list: the most entries of a list; None if the column holds no lists.
        mapping: whether a cell holds a mapping, or a list of other things than texts and numbers.
    """

    name: str
    counts: Counter[str] = field(default_factory=Counter)
    filled: int = 0
    blanks: list[Any] = field(default_factory=list)
    empty: int = 0
    characters: int = 0
    longest_list: int | None = None
    mapping: bool = False

    def add(self, cell: Any) -> None:
        """Counts one more cell."""
        if cell is None or (isinstance(cell, str) and not cell.strip()):
            self.empty += 1
            if cell not in self.blanks:
                self.blanks.append(cell)
            return
        self.filled += 1
        listed = isinstance(cell, Sequence) and not isinstance(cell, str)
        entries = list(cell) if listed else [cell]
        if listed:
            self.longest_list = max(self.longest_list or 0, len(entries))
        if any(isinstance(entry, Mapping | list | tuple) for entry in entries):
            self.mapping = True
            return
        texts = [values.key(entry) for entry in entries]
        self.counts.update(texts)
        self.characters += sum(map(len, texts))

    @property
    def lists(self) -> bool:
        """Whether it holds lists."""
        return self.longest_list is not None

    @property
    def plain(self) -> bool:
        """Whether it holds texts or numbers, one a cell."""
        return not self.lists and not self.mapping and bool(self.filled)

    @property
    def mean_length(self) -> float:
        """Characters of a filled cell, on average."""
        return self.characters / self.filled if self.filled else 0.0

    @property
    def numeric(self) -> bool:
        """Whether every value is a number."""
        return bool(self.counts) and all(_NUMBER.fullmatch(value) for value in self.counts)

    @property
    def coded(self) -> bool:
        """Whether every value is a number, an address, an identifier or a date: nothing that is read."""
        return bool(self.counts) and all(_CODE.fullmatch(value.strip()) for value in self.counts)

    @property
    def distinct(self) -> int:
        """How many values it has."""
        return len(self.counts)

    @property
    def addressable(self) -> bool:
        """Whether a card can name it: braces, brackets, colons and exclamation marks have a meaning in templates."""
        try:
            ColumnPath.parse(self.name)
        except InputError:
            return False
        return True


def columns(rows: Sequence[Row]) -> dict[str, Column]:
    """The columns of a file, in its order."""
    found = {name: Column(name) for row in rows for name in row}
    for row in rows:
        for name, column in found.items():
            column.add(row.get(name))
    return found


def han_share(texts: Sequence[str]) -> float | None:
    """Han characters against Han characters and words in Latin letters; None if there are neither.

    A word is counted as one: a Chinese text with some English names stays Chinese.
    """
    han = sum(len(HAN.findall(text)) for text in texts)
    words = sum(len(_LATIN_WORD.findall(text)) for text in texts)
    return han / (han + words) if han + words else None
