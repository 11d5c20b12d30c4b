"""Data sets whose original files hold no rows, brought into the rows that the hub has; a card names one as `reader`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from converters.card import did_you_mean
from converters.template import Row
from unimc.example import InputError

Reader = Callable[[Sequence[Any]], list[Row]]

_READERS: dict[str, Reader] = {}


def read(reader: str, contents: Sequence[Any]) -> list[Row]:
    """The rows of a split.

    Args:
        reader: the name of a function below.
        contents: what each of the split's files holds, parsed.

    Raises:
        InputError: if there is no such reader, or a file has not the form that it expects.
    """
    if reader not in _READERS:
        raise InputError(f"no reader {reader!r}; {did_you_mean(reader, _READERS)}")
    return _READERS[reader](contents)


def original(function: Reader) -> Reader:
    """Registers a reader by its name."""
    _READERS[function.__name__] = function
    return function


@original
def c3(contents: Sequence[Any]) -> list[Row]:
    """C3: lists of [paragraphs or turns, questions, id]; a row for every question."""
    rows: list[Row] = []
    for entry in _entries(contents):
        if not isinstance(entry, list) or len(entry) != 3:
            raise InputError("C3: every entry must be a list of context, questions and id")
        context, questions, place = entry
        for question in questions:
            answer = question.get("answer") or None  # the files for the leaderboard have none
            asked = {"question": question["question"], "choice": question["choice"], "answer": answer}
            rows.append({"id": str(place), "context": context, **asked})
    return rows


@original
def chid(contents: Sequence[Any]) -> list[Row]:
    """ChID: passages with their candidates, and in a file of its own which candidate every blank takes.

    A row has the columns of the hub's: `content` (passages), `candidates`, and `answers`, one for every blank in the
    order in which they stand; without a file of answers there are none.
    """
    answers: dict[str, int] = {}
    passages: list[Any] = []
    for entry in _entries(contents):
        if not isinstance(entry, dict):
            raise InputError("ChID: every line must be an object, of passages or of answers")
        if "content" in entry:
            passages.append(entry)
        else:
            answers.update(entry)
    return [_chid_row(entry["content"], entry["candidates"], answers) for entry in passages]


def _chid_row(content: Sequence[str], candidates: Sequence[str], answers: Mapping[str, int]) -> Row:
    blanks = [blank for text in content for blank in re.findall(r"#idiom\d+#", text)]
    missing = [blank for blank in blanks if answers and blank not in answers]
    if missing:
        raise InputError(f"ChID: the answers lack {missing[0]}; are the two files of the same split?")
    found = [{"text": candidates[answers[blank]], "candidate_id": answers[blank]} for blank in blanks if answers]
    return {"content": content, "candidates": candidates, "answers": found}


def _entries(contents: Sequence[Any]) -> list[Any]:
    """What all files hold, in order; a file that is one object counts as one entry."""
    return [entry for content in contents for entry in (content if isinstance(content, list) else [content])]
