"""The JSON form of the released UniMC: `texta`, `textb`, `question`, `choice`, `label` (or `labels`), an object a line.

Whoever has data in that form needs no card.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from converters.conversion import distinct
from converters.files import read_file
from unimc.example import InputError, MultipleChoiceExample

_HAN = re.compile(r"[㐀-鿿]")


def read(path: str | Path, language: str | None = None) -> list[MultipleChoiceExample]:
    """The examples of a file; a row without `label` and `labels` is unlabelled.

    Args:
        path: JSON lines, or a list of objects; plain or gzipped. Beside the form's own keys, `id`, `names` (what comes
            back for each choice), `language` and `identity` (`MultipleChoiceExample`) are read; others are let be.
        language: of rows that don't say theirs; by default Chinese where a row has a Chinese character, else English.

    Raises:
        InputError: if the file can't be read, or a row has not that form (the message names it).
    """
    path = Path(path)
    task = path.name.split(".")[0]
    found, places = [], dict[str, int]()
    for number, row in enumerate(read_file(path)):
        try:
            example = _example(row, number, task, language)
        except InputError as problem:
            raise InputError(f"{path}: row {number} (from 0): {problem}") from None
        if places.setdefault(example.id, number) != number:
            raise InputError(f"{path}: rows {places[example.id]} and {number} (from 0) both have the id {example.id!r}")
        found.append(example)
    return found


def write(examples: Iterable[MultipleChoiceExample], path: Path) -> None:
    """Writes examples so that `read` gives them back; their task goes into their ids, for `read` names the file."""
    with path.open("w", encoding="utf-8") as file:
        for example in examples:
            row: dict[str, Any] = {
                "texta": example.passage,
                "textb": example.textb,
                "question": example.question,
                "choice": list(example.options),
                "id": f"{example.task}/{example.id}" if example.task else example.id,
                "language": example.language,
            }
            if example.label is not None:
                row |= {"answer": example.options[example.label], "label": example.label}
            if example.labels is not None:
                row["labels"] = list(example.labels)
            if example.names != example.options:
                row["names"] = list(example.names)
            if example.identity:
                row["identity"] = list(example.identity)
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def language_of(words: str) -> str:
    """ "zh" where there is a Chinese character, else "en"."""
    return "zh" if _HAN.search(words) else "en"


def _example(row: Mapping[str, Any], number: int, task: str, language: str | None) -> MultipleChoiceExample:
    choice = row.get("choice")
    if not isinstance(choice, list) or not all(isinstance(option, str) for option in choice):
        raise InputError(f"`choice` must be a list of texts, not {choice!r}; keys of the row: {', '.join(row)}")
    texts = {key: "" if row.get(key) is None else row[key] for key in ("texta", "textb", "question")}
    for key, text in texts.items():
        if not isinstance(text, str):
            raise InputError(f"`{key}` must be a text, not {text!r}")
    label, labels = row.get("label"), row.get("labels")
    if labels is not None and not isinstance(labels, list):
        raise InputError(f"`labels` must be a list of places in `choice`, not {labels!r}")
    right = labels if labels is not None else None if label is None else [label]
    for place in right or ():
        if type(place) is not int or not 0 <= place < len(choice):
            raise InputError(f"label {place!r} is no place in `choice` ({len(choice)} of them, from 0)")
    answer = row.get("answer")
    if label is not None and isinstance(answer, str) and answer in choice and choice[label].strip() != answer.strip():
        raise InputError(
            f"`answer` is {answer!r} and label {label} is {choice[label]!r}; make them one (labels count from 0)"
        )
    kept, merged = distinct(choice, right)
    names = row.get("names")
    if names is not None and (not isinstance(names, list) or len(names) != len(choice)):
        raise InputError(f"`names` must be a list with one name for each of the {len(choice)} choices, not {names!r}")
    said = " ".join([*texts.values(), *choice])
    return MultipleChoiceExample(
        options=[choice[place] for place in kept],
        question=texts["question"],
        passage=texts["texta"],
        textb=texts["textb"],
        label=merged[0] if merged and labels is None else None,
        labels=merged if labels is not None else None,
        names=None if names is None else [names[place] for place in kept],
        task=task,
        id=str(number if row.get("id") is None else row["id"]),
        language=row.get("language") or language or language_of(said),
        identity=row.get("identity") or (),
    )
