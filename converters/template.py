"""Templates of a card: literal text with `{column}`, `{a.b}` and `{list[0]}` looked up in a row, and nothing else.

Cards come from strangers, so `str.format` is not used: it reaches attributes, and its format specifications can be
made to cost any amount of memory. Only the parsing of `string.Formatter` is used here, never its lookup.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Formatter
from typing import Any

from unimc.example import InputError

Row = Mapping[str, Any]

_PATH = re.compile(r"[^\s.\[\]{}!:][^.\[\]{}!:]*(\.[^.\[\]{}!:]+|\[\d+\])*")
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


@dataclass(frozen=True, slots=True)
class ColumnPath:
    """Where in a row a value stands: a column, then keys of mappings and places in lists."""

    text: str
    steps: tuple[str | int, ...]

    @classmethod
    def parse(cls, text: str) -> ColumnPath:
        """Read `column`, `a.b` or `list[0]`.

        Raises:
            InputError: if it is anything else.
        """
        if not isinstance(text, str) or not _PATH.fullmatch(text):
            raise InputError(f"{text!r} is not a column; write column, column.key or column[0]")
        steps = tuple(int(place) if place else key for place, key in _STEP.findall(text))
        return cls(text, steps)

    @property
    def column(self) -> str:
        """The column itself, without keys and places."""
        return str(self.steps[0])

    def present(self, row: Row) -> bool:
        """Whether the row has the column (its value may be None)."""
        return self.text in row or self.column in row

    def get(self, row: Row) -> Any:
        """The value in `row`.

        Raises:
            InputError: if the row has no such column, key or place; the message lists what there is.
        """
        if self.text in row:  # a column whose own name has a dot, as CSV headers do
            return row[self.text]
        value: Any = row
        for step in self.steps:
            if isinstance(step, int):
                if not isinstance(value, Sequence) or isinstance(value, str):
                    raise InputError(f"{self.text}: there is no list to take [{step}] of")
                if step >= len(value):
                    raise InputError(f"{self.text}: the list has {len(value)} entries, [{step}] is beyond its end")
                value = value[step]
            else:
                if not isinstance(value, Mapping):
                    raise InputError(f"{self.text}: there is no mapping to take {step!r} of")
                if step not in value:
                    what = "columns" if value is row else f"keys of {self.column}"
                    raise InputError(f"no column {self.text!r}; the {what} are: {', '.join(map(str, value))}")
                value = value[step]
        return value


@dataclass(frozen=True, slots=True)
class Template:
    """A text with places for values of a row."""

    text: str
    parts: tuple[str | ColumnPath, ...]

    @classmethod
    def parse(cls, text: str) -> Template:
        """Read a template; `{{` and `}}` stand for braces.

        Raises:
            InputError: if braces don't match, or a place holds more than a column path (a conversion, a format).
        """
        if not isinstance(text, str):
            raise InputError(f"a template is a text, not {type(text).__name__} {text!r}; put it in quotes")
        parts: list[str | ColumnPath] = []
        try:
            for literal, field, spec, conversion in Formatter().parse(text):
                if literal:
                    parts.append(literal)
                if field is None:
                    continue
                if spec or conversion:
                    raise InputError(f"template {text!r}: {{{field}}} may not have a format or a conversion")
                parts.append(ColumnPath.parse(field))
        except InputError:
            raise
        except ValueError as problem:
            raise InputError(f"template {text!r}: {problem}; write {{{{ and }}}} for braces in the text") from None
        return cls(text, tuple(parts))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads."""
        return tuple(dict.fromkeys(part.column for part in self.parts if isinstance(part, ColumnPath)))

    def render(self, row: Row, none_is_empty: bool = False) -> str:
        """The text for one row.

        Args:
            row: column -> value. Strings are taken verbatim, numbers by `str`, a list is joined by line breaks.
            none_is_empty: a None becomes no text; otherwise it is an error.

        Raises:
            InputError: if a column is missing, is None, or holds something that is not a text.
        """
        return "".join(
            part if isinstance(part, str) else as_text(part.get(row), part.text, none_is_empty) for part in self.parts
        )

    def said(self, row: Row) -> str:
        """What the row's columns say in it, without its own words; "" if it reads no column, or only empty ones."""
        texts = [
            as_text(part.get(row), part.text, none_is_empty=True) for part in self.parts if not isinstance(part, str)
        ]
        return " ".join(text for text in texts if text.strip())


def as_text(value: Any, where: str, none_is_empty: bool = False) -> str:
    """A value of a row as text; see `Template.render`."""
    if isinstance(value, str):
        return value
    if value is None:
        if none_is_empty:
            return ""
        raise InputError(f"column {where!r} is empty (null); fill it, or leave such rows out with `skip`")
    if isinstance(value, Mapping):
        raise InputError(f"column {where!r} holds a mapping ({', '.join(map(str, value))}); name one of its keys")
    if isinstance(value, Sequence):
        return "\n".join(as_text(part, where, none_is_empty) for part in value)
    return str(value)
