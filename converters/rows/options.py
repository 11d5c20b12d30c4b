"""Options: the letters in front of them."""

from __future__ import annotations

import re

from converters.rows.registry import reshape
from converters.template import Row
from unimc.example import InputError

_LETTER = re.compile(r"^\s*(?:[(（]\s*[A-Ga-g]\s*[)）]|[A-Ga-g]\s*[.．、)）:：])\s*")


@reshape
def strip_letters(row: Row) -> Row:
    """Takes "(A)", "A.", "B)" off the options: a letter tells the model nothing, and costs tokens."""
    return {**row, "options": [_LETTER.sub("", option) for option in row["options"]]}


_CHOICE = re.compile(r"\s*([A-Ga-g])\s*[.．。、,，)）:：]?\s*")


@reshape
def order_letters(row: Row) -> Row:
    """Puts the options in the order of their letters, and takes the letters off.

    LogiQA counts its answers by the letters, and prints some options as A, C, B, D; some have no point behind them.
    """
    found = [_CHOICE.match(option) for option in row["options"]]
    lettered = {
        mark[1].upper(): option[mark.end() :] for mark, option in zip(found, row["options"], strict=True) if mark
    }
    letters = "ABCDEFG"[: len(found)]
    if sorted(lettered) != list(letters):
        raise InputError(f"column 'options': each must begin with one of the letters {letters}, in any order")
    return {**row, "options": [lettered[letter] for letter in letters]}
