"""Cloze: the blank in question, one example for each."""

from __future__ import annotations

import re
from collections.abc import Mapping

from converters.rows.registry import expand, reshape
from converters.template import Row
from unimc.example import InputError

_BLANK = "____"


_IDIOM = re.compile(r"#idiom\d*#")


@reshape
def idiom_blank(row: Row) -> Row:
    """Makes a line of the mark "#idiom#", so that nothing but the options looks like a word."""
    return {**row, "content": _IDIOM.sub(_BLANK, row["content"])}


@expand
def idiom_blanks(row: Row) -> list[Row]:
    """One row for every blank of several passages that share their candidates; the passage's other blanks are dots."""
    marks = [(text, mark) for text in row["content"] for mark in _IDIOM.finditer(text)]
    answers = row.get("answers")
    if isinstance(answers, Mapping):  # a list of records, which the hub turns into a record of lists
        right = list(answers["candidate_id"])
    else:
        right = [answer["candidate_id"] for answer in answers or ()]
    if right and len(right) != len(marks):
        raise InputError(f"column 'answers' has {len(right)} answers for {len(marks)} blanks")
    found: list[Row] = []
    for number, (text, mark) in enumerate(marks):
        before, after = _IDIOM.sub("……", text[: mark.start()]), _IDIOM.sub("……", text[mark.end() :])
        answer = right[number] if right else None
        found.append({"content": before + _BLANK + after, "candidates": row["candidates"], "answer": answer})
    return found


_SENTENCE_BLANK = re.compile(r"\[BLANK\d+\]")


_ABOUT_BLANK = 120  # characters on either side: with fifteen sentences to choose from it still fits in 512 tokens


@expand
def sentence_blanks(row: Row) -> list[Row]:
    """One row for every blank of a text, all with the same sentences to choose from; other blanks become dots.

    `around` is the text near the blank, `context` the whole of it.
    """
    text, answers = row["context"], row.get("answers") or []
    marks = list(_SENTENCE_BLANK.finditer(text))
    if answers and len(answers) != len(marks):
        raise InputError(f"column 'answers' has {len(answers)} answers for {len(marks)} blanks")
    found: list[Row] = []
    for number, mark in enumerate(marks):
        before, after = (_SENTENCE_BLANK.sub("……", part) for part in (text[: mark.start()], text[mark.end() :]))
        around = before[-_ABOUT_BLANK:] + _BLANK + after[:_ABOUT_BLANK]
        answer = answers[number] if answers else None
        found.append({**row, "context": before + _BLANK + after, "around": around, "answer": answer})
    return found
