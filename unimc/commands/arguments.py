"""How the values of options are read."""

from __future__ import annotations


def comma_separated(text: str) -> list[str]:
    """The entries of a list written with commas; blanks around them don't count."""
    return [entry.strip() for entry in text.split(",") if entry.strip()]
