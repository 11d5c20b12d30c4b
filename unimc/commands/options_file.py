"""Options from a file: for many labels, and for labels with a description."""

from __future__ import annotations

from pathlib import Path

import yaml

from unimc.example import InputError, shown
from unimc.texts import Options


def read_options(path: Path) -> Options:
    """The options in a file: YAML or JSON with `name: wording` for each or a list, or a text file with one a line.

    A name without a wording is its own. Names are texts as they stand there: `yes` and `1` stay "yes" and "1".

    Raises:
        InputError: if there is no such file, it has another form, or holds no option.
    """
    from converters import card

    text = card.file_text(path)
    if path.suffix not in (".yaml", ".yml", ".json"):
        options: Options = [line.strip() for line in text.splitlines() if line.strip()]
    else:
        card.parse(text, str(path))  # says where it is not valid, or a name stands twice
        options = _read(yaml.load(text, Loader=yaml.BaseLoader) or [], path)
    if not options:
        raise InputError(f"{path}: the file has no options; write one a line, or `name: wording`")
    return options


def _read(content: object, path: Path) -> Options:
    if isinstance(content, dict):
        entries = list(content.items())
    elif isinstance(content, list):
        entries = [(name, "") for name in content]
    else:
        raise InputError(f"{path}: expected a list of options, or `name: wording` for each, not {shown(content)}")
    options: dict[str, str] = {}
    for name, wording in entries:
        if not isinstance(name, str) or not isinstance(wording, str):
            odd = shown(wording if isinstance(name, str) else name)
            raise InputError(f"{path}: every option is one text, or `name: wording`, not {odd}")
        if name in options:
            raise InputError(f"{path}: the option {shown(name)} is there twice; keep one")
        options[name] = wording if wording not in ("", "~", "null") else name
    return options
