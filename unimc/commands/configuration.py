"""Configuration files: YAML and `--set key=value` into frozen dataclasses, with "did you mean" for unknown keys."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from converters import card
from unimc.example import InputError

T = TypeVar("T")


def read(path: Path | None, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Reads a YAML file and applies overrides such as `training.learning_rate=1e-4`.

    Raises:
        InputError: if the file is missing, not a YAML mapping or has a key twice (with the line), or an override is not
            key=value.
    """
    settings: dict[str, Any] = {}
    if path is not None:
        if not path.is_file():
            raise InputError(f"no configuration file {path}")
        settings = card.parse(card.file_text(path), str(path)) or {}
        if not isinstance(settings, dict):
            raise InputError(f"{path}: a configuration is a mapping of keys, not a {type(settings).__name__}")
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key:
            raise InputError(f"--set {override!r}: write key=value, for example training.epochs=2")
        *sections, last = key.split(".")
        section = settings
        for name in sections:
            section = section.setdefault(name, {})
            if not isinstance(section, dict):
                raise InputError(f"--set {override!r}: {name!r} is a value, not a section")
        section[last] = card.parse(text, f"--set {override!r}")
    return settings


def build(kind: type[T], settings: Any, where: str = "configuration") -> T:
    """A dataclass from a mapping, nested ones included.

    Raises:
        InputError: for an unknown key, a missing one, or a value of the wrong type, with the key's full name.
    """
    if not isinstance(settings, Mapping):
        raise InputError(f"{where} must be a section of keys, not {settings!r}")
    hints = typing.get_type_hints(kind)
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]
    names = [field.name for field in fields]
    for key in settings:
        if key not in names:
            hint = card.did_you_mean(key, names, f"known keys: {', '.join(names)}")
            raise InputError(f"{where}: unknown key {key!r}; {hint}")
    needed = [field.name for field in fields if dataclasses.MISSING is field.default is field.default_factory]
    if missing := [name for name in needed if name not in settings]:
        raise InputError(f"{where}: missing: {', '.join(missing)}")
    return kind(**{key: _value(hints[key], value, f"{where}.{key}") for key, value in settings.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _value(next(one for one in arguments if one is not type(None)), value, where)
    if dataclasses.is_dataclass(hint):
        return build(typing.cast(type, hint), value, where)
    if origin is typing.Literal:
        if isinstance(value, bool):
            value = "no" if value is False else value  # YAML reads a bare `no` as false
        if value not in arguments:
            raise InputError(f"{where} is {value!r}; it must be one of {', '.join(map(repr, arguments))}")
        return value
    if origin in (tuple, list):
        if isinstance(value, str) or not isinstance(value, Sequence):
            raise InputError(f"{where} must be a list, not {value!r}")
        items = [_value(arguments[0], item, f"{where}[{number}]") for number, item in enumerate(value)]
        return origin(items)
    if origin is dict:
        if not isinstance(value, Mapping):
            raise InputError(f"{where} must be a section of keys, not {value!r}")
        return dict(value)
    if hint is float and isinstance(value, str):  # YAML reads 1e-4 as a string
        try:
            return float(value)
        except ValueError:
            raise InputError(f"{where} must be a number, not {value!r}") from None
    wanted = (int, float) if hint is float else hint
    if not isinstance(value, wanted) or (isinstance(value, bool) and hint is not bool):
        raise InputError(f"{where} must be {_PLAIN.get(hint, hint)}, not {value!r}")
    return hint(value) if hint is float else value


_PLAIN = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
