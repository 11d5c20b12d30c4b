"""By what an item is recognised when it turns up in another data set: its normalised texts, and a hash of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from hashlib import blake2b

_NO_WORD = re.compile(r"[\W_]+")


def normalised(texts: Iterable[str]) -> str:
    """The texts without what copies of a data set differ in: case, width, spaces, punctuation, the texts' order.

    NFKC makes full-width letters plain. A text that is nothing but punctuation is kept as it is: it would otherwise
    equal every other one.

    Returns:
        The normalised texts, sorted and joined by "|".
    """
    return "|".join(sorted(_NO_WORD.sub("", _folded(text)) or text.strip() for text in texts))


def text_hash(text: str) -> int:
    """64-bit hash of a text, the same on every machine and in every version of Python."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def _folded(text: str) -> str:
    return text.casefold() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
