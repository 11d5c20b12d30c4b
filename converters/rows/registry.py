"""Row functions by name, and the two decorators that register them."""

from __future__ import annotations

from collections.abc import Callable

from converters.card import did_you_mean
from converters.template import Row
from unimc.example import InputError

Expand = Callable[[Row], list[Row]]


_FUNCTIONS: dict[str, Expand] = {}


def get(name: str) -> Expand:
    """The function of that name: a row to the rows that it becomes.

    Raises:
        InputError: if there is none.
    """
    if name not in _FUNCTIONS:
        raise InputError(f"no row function {name!r}; {did_you_mean(name, _FUNCTIONS)}")
    return _FUNCTIONS[name]


def reshape(function: Callable[[Row], Row]) -> Callable[[Row], Row]:
    """Registers a function that gives one row for one row."""
    _FUNCTIONS[function.__name__] = lambda row: [function(row)]
    return function


def expand(function: Expand) -> Expand:
    """Registers a function that gives several rows for one."""
    _FUNCTIONS[function.__name__] = function
    return function
