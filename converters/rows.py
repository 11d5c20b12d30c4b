"""The few changes of a row that a declaration can't express; a card names one by its key `row`.

Each is a pure function of one row, looked up here by its name. They work before the templates do, so that wordings and
variants stay in the card.
"""

from __future__ import annotations

import re
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


_LETTER = re.compile(r"^\s*(?:[(（]\s*[A-Ga-g]\s*[)）]|[A-Ga-g]\s*[.．、)）:：])\s*")


@reshape
def strip_letters(row: Row) -> Row:
    """Takes "(A)", "A.", "B)" off the options: a letter tells the model nothing, and costs tokens."""
    return {**row, "options": [_LETTER.sub("", option) for option in row["options"]]}
