"""Plain texts and options to examples: what `UniMC.classify` is given (DESIGN, section 8)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from unimc.answers import Answers
from unimc.example import InputError, MultipleChoiceExample, in_order, shown

Options = Sequence[str] | Mapping[str, str]
"""Options alone, or names with the wordings that the model reads."""

_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f]+")
_LEAST_HAN = 0.2
"""Share of Han characters among these and the words in Latin letters: an English text may hold some Chinese names."""


def examples_of(
    texts: Sequence[str],
    options: Options | Sequence[Options],
    question: str,
    language: str | None,
    answers: Answers,
) -> list[MultipleChoiceExample]:
    """An example of each text, whose id is its number.

    Args:
        texts: the texts.
        options: one list of options (or a mapping of name to wording) for all texts, or one for each text.
        question: the instruction.
        language: of the texts; told from their script, among those that have answer pieces, if None.
        answers: the checkpoint's answer pieces.

    Raises:
        InputError: if an option list doesn't fit its text, a text is empty, or a language can't be told.
    """
    of_each = options_of_each(options, len(texts))
    made = []
    for number, (text, one) in enumerate(zip(texts, of_each, strict=True)):
        if not isinstance(text, str) or not text.strip():
            problem = "empty" if isinstance(text, str) else type(text).__name__
            raise InputError(f"text {number} is {problem}; give a text")
        names = list(one)
        wordings = list(one.values()) if isinstance(one, Mapping) else names
        spoken = _told_from([text, question, *wordings], answers) if language is None else language
        made.append(MultipleChoiceExample(wordings, question, text, names=names, language=spoken, id=f"text {number}"))
    return made


def options_of_each(options: Options | Sequence[Options], count: int) -> Sequence[Options]:
    """The options of each of `count` texts, whether one list was given for all or one for each.

    Raises:
        InputError: if they are neither.
    """
    if isinstance(options, str):
        raise InputError(f"options must be a list, not one string; write [{shown(options)}]")
    if isinstance(options, Mapping):
        return [options] * count
    if not in_order(options):
        raise InputError(f"options must be a list or a mapping, not {type(options).__name__}")
    listed: list[Any] = list(options)  # what can be read only once is read here
    if not any(_is_list(one) for one in listed):
        return [listed] * count
    if len(listed) != count:
        raise InputError(f"{len(listed)} lists of options for {count} texts; give one for each, or one for all")
    for number, one in enumerate(listed):
        if not _is_list(one):
            raise InputError(f"options of text {number} must be a list or a mapping, not {type(one).__name__}")
    return listed


def _is_list(options: object) -> bool:
    return isinstance(options, Mapping) or in_order(options)


def _told_from(texts: Sequence[str], answers: Answers) -> str:
    """The language by its script, among those the checkpoint has answer pieces for."""
    words = " ".join(text for text in texts if isinstance(text, str))  # what is no text is refused later, by its name
    languages = answers.languages
    han, latin = len(_HAN.findall(words)), len(_LATIN.findall(words))
    if han and (not latin or (len(languages) > 1 and han > _LEAST_HAN * (han + latin))):
        answers["zh"]  # a vocabulary without Chinese would read it as unknown pieces, and answer all the same
        return "zh"
    if len(languages) == 1:
        return languages[0]
    if latin:
        return "en"
    raise InputError(f"can't tell the language of {shown(words[:40])}; give language= one of {', '.join(languages)}")
