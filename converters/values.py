"""Matching a value in a column with a value written in a card.

A file says `"0"` where the card says `0`; YAML reads `no` as a boolean where the file has the word. Both sides are
compared as text; where one of them is a boolean, the words for it count as the same. A value that is missing (null) is
none of these: the word "None" is a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

T = TypeVar("T")

_TRUE = ("true", "yes", "on")
_FALSE = ("false", "no", "off")


def key(value: Any) -> str:
    """The text that a value is compared by."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def find(value: Any, among: Mapping[Any, T]) -> T | None:
    """What `among` holds for `value`, or None; the keys are the values as the card gives them."""
    if value is None:
        return among.get(None)
    wanted = key(value)
    by_text = {key(candidate): candidate for candidate in among if candidate is not None}
    if wanted in by_text:
        return among[by_text[wanted]]
    for words in (_TRUE, _FALSE):
        if wanted.casefold() in words:
            for word in words:
                candidate = by_text.get(word)
                if candidate is not None and (isinstance(candidate, bool) or isinstance(value, bool)):
                    return among[candidate]
    return None
