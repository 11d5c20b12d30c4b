"""Texts: parts put together, and marks of the source taken out."""

from __future__ import annotations

import re

from converters.rows.registry import reshape
from converters.template import Row
from unimc.example import InputError


@reshape
def join_keywords(row: Row) -> Row:
    """Makes one text of a list of keywords."""
    return {**row, "keyword": "、".join(row["keyword"])}


_HOW_TO_MARK = re.compile(r"\s*\[(?:header|title|step|substeps)\]\s*")


@reshape
def how_to_marks(row: Row) -> Row:
    """Makes sentences of what WikiHow's marks "[header]", "[title]", "[step]", "[substeps]" divide."""
    return {**row, "ctx": _sentences(row["ctx"]), "endings": [_sentences(ending) for ending in row["endings"]]}


def _sentences(text: str) -> str:
    *parts, last = _HOW_TO_MARK.split(text)
    ended = [part if part[-1] in ".!?:;," else f"{part}." for part in parts if part]
    return " ".join([*ended, last]) if last else " ".join(ended)


_COPA_ASKS = {"cause": "原因", "effect": "结果"}


@reshape
def copa_in_chinese(row: Row) -> Row:
    """Says in Chinese what is asked for: XCOPA's rows name it in English."""
    if row["question"] not in _COPA_ASKS:
        raise InputError(f"column 'question' is {row['question']!r}; it must be one of: {', '.join(_COPA_ASKS)}")
    return {**row, "question": _COPA_ASKS[row["question"]]}


def _lines(*parts: str | None) -> str:
    """The parts that say something, each on its own line."""
    return "\n".join(part.strip() for part in parts if part and part.strip())


@reshape
def title_and_content(row: Row) -> Row:
    """Puts the title, where there is one, above the content."""
    return {**row, "content": _lines(row["title"], row["content"])}


@reshape
def question_and_answer(row: Row) -> Row:
    """Makes one text of a question's title, its details and its best answer, of which the last two may be empty."""
    return {**row, "text": _lines(row["question_title"], row["question_content"], row["best_answer"])}


_NO_STORY = re.compile(r"\s*\*+\s*(?:blah[\s.]*)*", re.IGNORECASE)


@reshape
def reuters(row: Row) -> Row:
    """Puts a story's title above its text; a title that stands alone has a filler for text, "******Blah blah blah"."""
    story = row["text"] or ""
    return {**row, "text": _lines(row["title"], None if _NO_STORY.fullmatch(story) else story)}
