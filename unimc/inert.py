"""Texts of users made inert: they stay text, and format no report, run in no browser, steer no terminal."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text

MOST = 240
"""Characters of a text that a list of examples shows."""
_WORD = 20  # characters that are given up at most so as not to cut within a word
# Marks that turn the direction of writing: text behind them would be read in another order than it stands.
_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Within words (snake_case) "_" is a plain character; a link needs no brackets where a reader finds addresses by itself.
_MARKDOWN = re.compile(r"[\\`*\[\]<>|~$&]|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=www)\.", re.IGNORECASE)


def visible(text: str) -> str:
    r"""A text in one line; characters that have no form, but an effect, are shown as their codes (ESC: `\x1b`)."""
    return "".join(_shown(character) for character in re.sub(r"\s+", " ", text))


def cut(text: str, most: int = MOST) -> str:
    """A text of so many characters at most: of a long one the beginning and the end, between words where it can be."""
    if len(text) <= most:
        return text
    end = most // 3
    start = most - end - 3
    before, after = text.rfind(" ", max(0, start - _WORD), start + 1), text.find(" ", len(text) - end - 1)
    head = text[: before if before > 0 else start]
    tail = text[after + 1 :] if 0 <= after < len(text) - end + _WORD else text[-end:]
    return f"{head} … {tail}"


def markdown(text: str) -> str:
    """A text that is itself wherever it stands within a line of Markdown, a cell of a table too."""
    return _MARKDOWN.sub(r"\\\g<0>", visible(text))


def terminal(text: str) -> Text:
    """A text for a table on the terminal, without colours or links of its own."""
    from rich.text import Text

    return Text(visible(text))


def _shown(character: str) -> str:
    if character in _TURNS or unicodedata.category(character) in ("Cc", "Cs"):
        code = ord(character)
        return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
    return character
