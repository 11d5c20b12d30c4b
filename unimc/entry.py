"""What `unimc.json` may hold, and in which form (DESIGN, section 10)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from unimc.example import InputError

_FORMS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "format": (lambda value: type(value) is int and value > 0, "a whole number"),
    "answer_ids": (lambda value: isinstance(value, dict), "an object of language: [id, id]"),
    "max_length": (lambda value: type(value) is int and value > 0, "a number of tokens"),
    "trained_on": (
        lambda value: isinstance(value, list) and all(map(_is_trained_on, value)),
        "a list of objects {task: name, split: name, rows: a whole number, language: name}, not all of them needed",
    ),
    "licences": (
        lambda value: isinstance(value, list) and all(isinstance(note, str) for note in value),
        "a list of texts",
    ),
    "calibration": (
        lambda value: isinstance(value, dict) and all(map(_is_calibration, value.values())),
        "an object of task (or 'default'): {temperature: a number over 0, bias: {option name: number} or null, "
        "kind: 'single' or 'multi', threshold: a probability or {option name: probability}}, the last two if needed",
    ),
}


def check(path: Path, entry: dict[str, Any]) -> None:
    """Looks at every key that the file has; `answers` is looked at with the tokenizer (`Answers.read`).

    Raises:
        InputError: if a value is not of its key's form.
    """
    for key, (right, wanted) in _FORMS.items():
        if key in entry and not right(entry[key]):
            raise InputError(f"{path}: {key} must be {wanted}, not {entry[key]!r}")


def _is_trained_on(entry: object) -> bool:
    if not isinstance(entry, dict):
        return False
    names = all(isinstance(entry.get(key, ""), str) for key in ("task", "split", "language"))
    return names and (entry.get("rows") is None or (type(entry["rows"]) is int and entry["rows"] >= 0))


def _is_calibration(entry: object) -> bool:
    needed = {"temperature", "bias"}
    if not isinstance(entry, dict) or not needed <= entry.keys() <= needed | {"kind", "threshold"}:
        return False
    temperature, bias, limits = entry["temperature"], entry["bias"], entry.get("threshold", 0)
    limits = limits.values() if isinstance(limits, dict) else [limits]
    shifts = {} if bias is None else bias
    return (
        _is_number(temperature)
        and temperature > 0
        and isinstance(shifts, dict)
        and all(map(_is_number, shifts.values()))
        and entry.get("kind", "single") in ("single", "multi")
        and all(_is_number(limit) and 0 <= limit <= 1 for limit in limits)
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
