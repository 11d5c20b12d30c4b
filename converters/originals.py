"""Data sets whose original files hold no rows, brought into the rows that the hub has; a card names one as `reader`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from converters.card import did_you_mean
from converters.template import Row
from unimc.example import InputError

Reader = Callable[[Sequence[Any]], list[Row]]

_READERS: dict[str, Reader] = {}


def read(reader: str, contents: Sequence[Any]) -> list[Row]:
    """The rows of a split.

    Args:
        reader: the name of a function below.
        contents: what each of the split's files holds, parsed.

    Raises:
        InputError: if there is no such reader, or a file has not the form that it expects.
    """
    if reader not in _READERS:
        raise InputError(f"no reader {reader!r}; {did_you_mean(reader, _READERS)}")
    return _READERS[reader](contents)


def original(function: Reader) -> Reader:
    """Registers a reader by its name."""
    _READERS[function.__name__] = function
    return function
