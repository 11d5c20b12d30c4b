"""What is wrong with a request's body, in one line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from unimc.example import InputError, shown
from unimc.serving.schema import LIST, NULL, OBJECT, ONE, Asked

_WANTED = {
    "texts": "a text, or a list of texts",
    "options": "a list of options, or an object of name: wording",
    "question": "a text",
    "language": "the code of a language, as 'en' or 'zh'",
    "multi_label": "true or false",
    "threshold": "a probability from 0 to 1, or an object of option name: probability",
    "top_k": "a whole number, 1 or more",
    "calibration": "the name of a calibration",
}
_ENTRIES = {"texts": "a text", "options": "a text", "threshold": "a probability from 0 to 1"}
_NAME = 100  # characters of a field's name that are compared with those there are
_MARKS = (ONE, LIST, OBJECT, NULL, "[key]")
_KINDS = {bool: "true or false", str: "a text", int: "a number", float: "a number", list: "a list", dict: "an object"}


def read(form: type[Asked], body: bytes) -> Asked:
    """The request in a body.

    Args:
        form: of the request, as `request_model` made it.
        body: JSON.

    Raises:
        InputError: if it is no JSON or of another form, or gives something twice; about the first thing that is wrong.
    """
    try:
        asked = form.model_validate_json(body)
    except ValidationError as error:
        raise InputError(_line(error.errors(include_url=False)[0], body)) from None
    if twice := _twice(body):
        raise InputError(f"{_where(twice)} is given twice; give it once")
    return asked


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON with all that stands in it: of a name given twice a dict keeps the last."""


def _twice(body: bytes) -> list[str]:
    """Where in a valid request a name stands for the second time; empty if nowhere."""
    fields = json.loads(body.decode(), object_pairs_hook=_Pairs)
    inner = [([field], value) for field, value in fields if isinstance(value, _Pairs)]
    for place, pairs in [([], fields), *inner]:
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                return [*place, name]
            seen.add(name)
    return []


def _line(error: Mapping[str, Any], body: bytes) -> str:
    kind, given, more = error["type"], error["input"], error.get("ctx", {})
    if kind == "json_invalid":
        if not body.strip():
            return "the body is empty; send a JSON object with texts and options"
        return f"the body is no valid JSON ({more['error']}); send an object with texts and options"
    place = [part for part in error["loc"] if part not in _MARKS]
    if not place:
        return f"the body is {_kind(given)}; send a JSON object with texts and options"
    field, where = str(place[0]), _where(place)
    if kind == "extra_forbidden":
        close = get_close_matches(field[:_NAME], _WANTED, n=1)
        return f"unknown field {shown(field)}; " + (f"did you mean {close[0]!r}?" if close else f"use {_fields()}")
    wanted = _WANTED[field] if len(place) == 1 else _ENTRIES[field]
    if kind == "missing":
        return f"{where} is missing; give {wanted}"
    if kind == "too_long":
        return f"{where} has more than {more['max_length']:,} entries; that is the most that a request may have"
    if kind == "string_too_long":
        return f"{where} has {len(given):,} characters; at most {more['max_length']:,} are read"
    if kind in ("too_short", "string_too_short", "string_pattern_mismatch"):
        return f"{where} is empty; give {wanted}"
    if kind == "string_unicode":
        return f"{where} is no valid Unicode; send UTF-8"
    if isinstance(given, str | int | float) and not isinstance(given, bool):
        return f"{where} is {shown(given)}; it must be {wanted}"
    return f"{where} must be {wanted}, not {_kind(given)}"


def _where(place: Sequence[int | str]) -> str:
    first, *inner = place
    return str(first) + "".join(f"[{part if isinstance(part, int) else shown(part)}]" for part in inner)


def _kind(value: object) -> str:
    return "null" if value is None else _KINDS.get(type(value), type(value).__name__)


def _fields() -> str:
    return ", ".join(_WANTED)
