"""Examples that have a question and options, and nothing to say about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from unimc.example import MultipleChoiceExample

CONTENT_FREE = {"en": ("", "N/A", "nothing"), "zh": ("", "无", "暂无")}
"""Texts per language that speak for no option."""


def content_free_examples(
    example: MultipleChoiceExample, texts: Sequence[str] | None = None
) -> list[MultipleChoiceExample]:
    """The example with its passage and second text replaced by texts that say nothing; question and options stay.

    Args:
        example: the example; its label is left out.
        texts: what to put there; those of `CONTENT_FREE` for the example's language if None.

    Returns:
        One example a text. The empty text is left out where there is no question: nothing would be left to read.

    Raises:
        InputError: if the language has no such texts, or nothing is left.
    """
    if texts is None:
        if example.language not in CONTENT_FREE:
            raise example.error(f"no content-free texts for the language {example.language!r}; give texts")
        texts = CONTENT_FREE[example.language]
    found = [
        replace(
            example,
            passage=text if example.passage else "",
            textb=text if example.textb else "",
            label=None,
            labels=None,
            id=f"{example.id}/content-free/{number}",
            identity=(),
        )
        for number, text in enumerate(texts)
        if example.question.strip() or (text.strip() and (example.passage or example.textb))
    ]
    if not found:
        raise example.error("no content-free example can be made of it; give texts that aren't empty")
    return found
