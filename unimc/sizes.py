"""Counts of parameters as people write them: 22.7M, 1.3B."""

from __future__ import annotations

_UNITS = {"B": 1e9, "M": 1e6, "K": 1e3}


def short(count: float | None) -> str:
    """A count in three digits and a unit; empty if it isn't known."""
    if count is None:
        return ""
    rounded = float(f"{count:.3g}")  # before the unit is chosen: 999,600 is a million, not a thousand thousands
    letter, unit = next(((letter, unit) for letter, unit in _UNITS.items() if rounded >= unit), ("", 1.0))
    number = rounded / unit
    return (f"{number:.3g}" if number < 1000 else f"{number:.0f}") + letter


def parsed(text: str | float | None) -> float | None:
    """The count that a text says; None for none."""
    if text is None or text == "":
        return None
    number = str(text)
    unit = _UNITS.get(number[-1])
    return float(number) if unit is None else float(number[:-1]) * unit
