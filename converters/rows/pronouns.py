"""Coreference: the pronoun in question marked in its sentence."""

from __future__ import annotations

import re

from converters.rows.labels import clue_class
from converters.rows.registry import reshape
from converters.template import Row
from unimc.example import InputError


@reshape
def cluewsc(row: Row) -> Row:
    """Puts 【】 around the noun and the pronoun, which the source gives by their places, and names the classes."""
    target, text = row["target"], row["text"]
    spans = [(target[f"span{number}_index"], target[f"span{number}_text"]) for number in (1, 2)]
    for start, words in sorted(spans, reverse=True):  # from the end, so that the other place stays right
        end = start + len(words)
        if text[start:end] != words:
            raise InputError(f"column 'target': {words!r} does not stand at character {start} of the text")
        text = f"{text[:start]}【{words}】{text[end:]}"
    return {**row, "text": text, "label": clue_class(row.get("label"), ("true", "false"))}


@reshape
def wsc(row: Row) -> Row:
    """Puts *asterisks* around the pronoun of SuperGLUE's WSC, whose place the source gives in words.

    One row counts a word wrongly, so the words beside that place are tried too.
    """
    text, pronoun, place = row["text"], row["span2_text"], row["span2_index"]
    words = list(re.finditer(r"\S+", text))
    for index in (place, place + 1, place - 1):
        if 0 <= index < len(words) and (found := _whole_word(pronoun).search(words[index].group())):
            start = words[index].start() + found.start()
            return {**row, "text": _starred(text, start, start + len(pronoun))}
    raise InputError(f"column 'span2_index': {pronoun!r} is not word {place} (from 0) of the text")


@reshape
def mark_pronoun(row: Row) -> Row:
    """Puts *asterisks* around the pronoun where the sentence has it once; which of several is meant, no column says."""
    return {**row, "sentence": _with_pronoun_marked(row)}


@reshape
def winogender(row: Row) -> Row:
    """Marks the pronoun, and makes a list of the two persons that it may mean."""
    persons = [row["occupation"], row["participant"]]
    candidates = [person if person == "someone" else f"the {person}" for person in persons]
    return {**row, "sentence": _with_pronoun_marked(row), "candidates": candidates}


@reshape
def blank_pronoun(row: Row) -> Row:
    """Makes "_" of the pronoun that stands at `pronoun_loc`; -1 says that this was done before."""
    text, pronoun, start = row["text"], row["pronoun"], row["pronoun_loc"]
    if start < 0:
        return row
    end = start + len(pronoun)
    if text[start:end].casefold() != pronoun.casefold():
        raise InputError(f"column 'pronoun_loc': {pronoun!r} does not stand at character {start} of the text")
    return {**row, "text": f"{text[:start]}_{text[end:]}"}


def _with_pronoun_marked(row: Row) -> str:
    sentence: str = row["sentence"]
    found = list(_whole_word(row["pronoun"]).finditer(sentence))
    if not found:
        raise InputError(f"column 'pronoun': {row['pronoun']!r} is not in the sentence")
    return _starred(sentence, *found[0].span()) if len(found) == 1 else sentence


def _whole_word(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")


def _starred(text: str, start: int, end: int) -> str:
    return f"{text[:start]}*{text[start:end]}*{text[end:]}"
