"""Reading a card (a YAML file) and the checks that every part of it shares."""

from __future__ import annotations

import re
from collections.abc import Collection, Hashable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from unimc.example import InputError

_MOST_ENTRIES = 1_000_000


class _GivenTwice(yaml.MarkedYAMLError):
    """A key stands twice in one mapping."""


class _Loader(yaml.SafeLoader):
    """The safe loader, which also refuses a key given twice: YAML would silently keep the last."""

    def get_single_node(self) -> yaml.Node | None:
        """The document, unless its aliases stand for far more than is written (a few lines can say 10^9 entries)."""
        node: yaml.Node | None = super().get_single_node()
        written: dict[int, int | None] = {}
        if node is not None and _size(node, written) > max(_MOST_ENTRIES, 2 * len(written)):
            raise yaml.YAMLError("its aliases stand for too many entries; write them out")
        return node


def _size(node: yaml.Node, known: dict[int, int | None]) -> int:
    """How many entries a node holds, those behind aliases counted each time; `known` gets the size of each node."""
    if id(node) not in known:
        known[id(node)] = None
        entries = [] if isinstance(node, yaml.ScalarNode) else node.value
        if isinstance(node, yaml.MappingNode):
            entries = [entry for pair in entries for entry in pair]
        known[id(node)] = 1 + sum(_size(entry, known) for entry in entries)
    size = known[id(node)]
    if size is None:
        raise yaml.YAMLError("an alias stands for what it is part of; write it out")
    return size


def _mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    seen: set[Hashable] = set()
    for key_node, _ in node.value:
        key = loader.construct_object(key_node, deep=True)
        if isinstance(key, Hashable) and key in seen:
            raise _GivenTwice(problem=f"key {key!r} is given twice", problem_mark=key_node.start_mark)
        seen.add(key)
    return yaml.SafeLoader.construct_mapping(loader, node, deep=True)


# Scalars as YAML 1.2 has them: a label `yes` or `010`, a time and a date are texts, not True, 8, seconds and a day.
_SCALARS = {
    "bool": ("true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": ("[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    "float": (
        r"[-+]?(([0-9]*\.[0-9]+|[0-9]+\.)([eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+|\.(inf|Inf|INF))|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in found if tag.rpartition(":")[2] in ("merge", "null")]
    for first, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _kind, (_pattern, _first) in _SCALARS.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(rf"(?:{_pattern})\Z"), list(_first))
_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read(path: Path, where: str | None = None) -> dict[str, Any]:
    """The mapping in a card's file.

    Args:
        path: the file.
        where: what errors call it; its path if None.

    Raises:
        InputError: if the file is missing, is not UTF-8, is not YAML (names the line), or holds no mapping.
    """
    where = where or str(path)
    content = parse(file_text(path, where), where)
    if not isinstance(content, dict):
        raise InputError(f"{where}: a card is a mapping (name: ..., kind: ...), not {type(content).__name__}")
    return content


def file_text(path: Path, where: str | None = None) -> str:
    """What a file says; InputError, which calls it `where`, if it is missing or not UTF-8."""
    where = where or str(path)
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{where}: there is no such file") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise InputError(f"{where}: cannot be read as UTF-8 text: {problem}") from None


def parse(text: str, where: str) -> Any:
    """What a YAML text holds.

    Args:
        text: the YAML.
        where: the file or option that it comes from.

    Raises:
        InputError: if it is not YAML, or a key is given twice; names the line.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except _GivenTwice as error:
        raise InputError(f"{where}{_line(error)}: {error.problem}; keep one") from None
    except yaml.MarkedYAMLError as error:
        hint = "put a text that begins with a brace, or holds a colon and a space, in quotes"
        raise InputError(f"{where}{_line(error)}: not valid YAML: {error.problem} ({hint})") from None
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"{where}: not valid YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise InputError(f"{where}: lists or mappings stand in one another too deep to be read") from None


def _line(error: yaml.MarkedYAMLError) -> str:
    return f", line {error.problem_mark.line + 1}" if error.problem_mark else ""


def did_you_mean(word: Any, known: Collection[str], otherwise: str | None = None) -> str:
    """`did you mean ...?` for the nearest known word, else `otherwise`, by default a list of what is known."""
    near = get_close_matches(str(word), list(known), n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    if otherwise is not None:
        return otherwise
    return f"there are: {', '.join(sorted(known))}" if known else "there are none"


def known_keys(given: Mapping[Any, Any], known: Collection[str], where: str) -> None:
    """Raise InputError if `given` has a key that is not known."""
    for key in given:
        if key not in known:
            raise InputError(f"{where}: unknown key {key!r}; {did_you_mean(key, known)}")


def mapping(value: Any, where: str) -> Mapping[Any, Any]:
    """`value`, if it is a mapping; otherwise InputError."""
    if not isinstance(value, Mapping):
        raise InputError(f"{where}: must be a mapping (key: value), not {type(value).__name__}")
    return value
