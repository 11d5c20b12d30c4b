"""Suites: tasks that are reported together, and the figures that others published for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from converters import card
from unimc.example import InputError

_FOLDER = Path(__file__).parent / "suites"

T = TypeVar("T")


@dataclass(frozen=True)
class Suite:
    """Tasks that are reported together.

    Args:
        name: what it is called wherever tasks are named.
        tasks: column of the table -> task, or `task:split`.
        published: rows that others published: `{model, parameters, setting, figures: {column: per cent}}`.
        source: where those figures are from, and what they were measured on.
        note: for people.
        title: what it is called on a page.
        language: of its tasks.
    """

    name: str
    tasks: Mapping[str, str]
    published: Sequence[Mapping[str, Any]] = ()
    source: str = ""
    note: str = ""
    title: str = ""
    language: str = ""


@cache
def _files() -> dict[str, Path]:
    return {path.stem: path for path in sorted(_FOLDER.glob("*.yaml"))}


def names() -> list[str]:
    """Names of the suites."""
    return list(_files())


@cache
def get(name: str) -> Suite:
    """A suite by its name.

    A file that says `published_in: NAME` has the published figures of that suite, which name the same columns.

    Raises:
        InputError: if there is none, or its file is not valid.
    """
    if name not in _files():
        raise InputError(f"no suite {name!r}; {card.did_you_mean(name, _files())}")
    path = _files()[name]
    content = dict(card.read(path))
    card.known_keys(content, [*(entry.name for entry in fields(Suite)), "published_in"], str(path))
    if (other := content.pop("published_in", None)) is not None:
        content |= {"published": get(other).published, "source": get(other).source}
    return Suite(**content)


def expanded(named: Sequence[T]) -> list[T | str]:
    """The names with every suite among them replaced by its tasks; what is given twice stands once."""
    found: list[T | str] = []
    for name in named:
        tasks = get(name).tasks.values() if isinstance(name, str) and name in _files() else [name]
        found += [task for task in tasks if task not in found]
    return found
