"""What a report is made of, whatever it is written as: sections with a table, paragraphs, lists, pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unimc import inert

if TYPE_CHECKING:
    from rich.table import Table

LEFT = frozenset({"task", "split", "wording", "metric", "label", "text", "id", "training"})
"""Columns of texts; all others are of numbers."""


class Marked(str):
    """A text of the program's own, in which `*…*` is emphasis and backticks are code.

    Every other string is inert: it is shown as it is. What is put together with others (`+`, f-strings) is a plain
    string again, so that nothing of a user's comes in unseen.
    """

    __slots__ = ()


Words = str | Sequence[str]
"""A text, or parts of one, some of them `Marked`."""


def parts(words: Words) -> Sequence[str]:
    """The parts of a text."""
    return [words] if isinstance(words, str) else words


@dataclass(frozen=True)
class Section:
    """A table with its title and what is said about it.

    Attributes:
        title: over it; none if empty.
        columns: their headings.
        rows: their cells.
        text: what the figures mean.
        left: columns of texts.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    text: Words = ""
    left: frozenset[str] = LEFT

    def table(self) -> Table:
        """The table for the terminal."""
        from rich.table import Table

        caption = "".join(part.replace("*", "") if isinstance(part, Marked) else part for part in parts(self.text))
        made = Table(title=inert.terminal(self.title) if self.title else None, caption=inert.terminal(caption))
        for column in self.columns:
            made.add_column(
                inert.terminal(column),
                justify="left" if column in self.left else "right",
                overflow="fold",
            )
        for row in self.rows:
            made.add_row(*map(inert.terminal, row))
        return made


@dataclass(frozen=True)
class Heading:
    """A title without a table of its own."""

    title: str


@dataclass(frozen=True)
class Paragraph:
    """A text."""

    text: Words


@dataclass(frozen=True)
class Items:
    """A list."""

    entries: Sequence[Words]


@dataclass(frozen=True)
class Picture:
    """A picture in a file beside the report.

    Attributes:
        name: of the file; never made of what a user gave.
        about: what it shows, for who can't see it.
    """

    name: str
    about: str


Block = Section | Heading | Paragraph | Items | Picture


@dataclass(frozen=True)
class Document:
    """A title and what stands below it."""

    title: str
    blocks: Sequence[Block]
