"""Files of evaluations, every field checked that the page about several models reads and then takes as given."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from unimc.example import InputError, shown

Check = Callable[[Any], bool]
_AGAIN = "evaluate again"
_LARGEST = 1e300  # beyond it sums of squares are not finite


def loaded(file: Path) -> Any:
    """What a JSON file holds.

    Raises:
        InputError: if it is no JSON.
    """
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as problem:
        raise InputError(f"{file}: not valid JSON: {problem}") from None


def is_adaptation(results: Any) -> bool:
    """Whether `unimc adapt` wrote it, under the name of an evaluation's file and in a form of its own."""
    return isinstance(results, dict) and {"strategy", "draws"} <= results.keys() and "model" not in results


def checked(results: Any, file: Path) -> dict[str, Any]:
    """The content of `results.json` or `robustness.json`.

    Raises:
        InputError: if it is something else, or a field is missing or broken.
    """
    whole = isinstance(results, dict) and isinstance(results.get("model"), dict) and results.get("format") == 1
    if not whole or "fingerprint" not in results["model"] or not isinstance(results.get("tasks"), list):
        raise InputError(f"{file}: not the results.json of an evaluation by this version; {_AGAIN}")
    _check(results, _WHOLE, str(file))
    _check(results["model"], _MODEL, f"{file}: model")
    own = ("order", "wordings") if results.get("kind") == "robustness" else ("figures", "primary")
    for number, task in enumerate(results["tasks"]):
        for name in ("task", "split", "examples", *own):
            if not isinstance(task, dict) or name not in task:
                raise InputError(f"{file}: tasks[{number}] has no {name}; {_AGAIN}")
        _check(task, _TASK, f"{file}: tasks[{number}]")
    return dict(results)


def _check(values: Mapping[str, Any], fields: Mapping[str, Check], where: str) -> None:
    for name, check in fields.items():
        if name in values and not check(values[name]):
            raise InputError(f"{where}: {name} is {shown(values[name])}, which no evaluation writes; {_AGAIN}")


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < _LARGEST  # no NaN either


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value < _LARGEST


def _or_none(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _list_of(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _table_of(check: Check) -> Check:
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


def _record(needed: Mapping[str, Check], others: Mapping[str, Check] | None = None) -> Check:
    def check(value: Any) -> bool:
        if not isinstance(value, dict) or not needed.keys() <= value.keys():
            return False
        return all(one(value[name]) for name, one in {**needed, **(others or {})}.items() if name in value)

    return check


_figures = _table_of(_record({"value": _or_none(_number)}, {"low": _or_none(_number), "high": _or_none(_number)}))
_order = {"shuffles": _count, "asked": _count, "changed": _count, "largest_change": _number}
_trained = _record({"task": _text}, {"rows": _or_none(_count)})

_WHOLE: dict[str, Check] = {
    "versions": _table_of(_text),
    "resamples": _or_none(_count),
    "threshold": lambda value: value is None or _number(value) or _table_of(_number)(value),
    "processes": _count,
    **dict.fromkeys(("windows", "backend", "device", "dtype"), _or_none(_text)),
}
_MODEL: dict[str, Check] = {
    "fingerprint": _text,
    "name": _or_none(_text),
    "parameters": _or_none(_count),
    "max_length": _or_none(_count),
    "trained_on": _or_none(_list_of(_trained)),
}
_TASK: dict[str, Check] = {
    **dict.fromkeys(("task", "split", "primary"), _text),
    **dict.fromkeys(("variant", "language", "data_fingerprint"), _or_none(_text)),
    **dict.fromkeys(("chance", "majority", "seconds"), _or_none(_number)),
    "examples": _count,
    "figures": _figures,
    "wordings": _or_none(_record({"each": _figures})),
    "calibration": _or_none(_record({}, {"before": _figures})),
    "order": _or_none(_record(_order)),
    "seen": _or_none(_record({}, {"status": _text, "rows": _or_none(_count)})),
}
