"""How answers move with a pronoun's gender alone: figures over Winogender (Rudinger et al., NAACL 2018).

Its sentences come three times, with *he*, *she* and *they*, and tell nobody's gender: what is right is so three times.
The share of occupations held by women, on which the authors' "gotcha" sentences rest, is not
among the data set's columns, so those are not computed here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from unimc.example import InputError, MultipleChoiceExample

_PRONOUNS = {
    "male": ("he", "him", "his", "himself"),
    "female": ("she", "her", "hers", "herself"),
    "neutral": ("they", "them", "their", "theirs", "themself", "themselves"),
}
_GENDER = {pronoun: gender for gender, pronouns in _PRONOUNS.items() for pronoun in pronouns}
_MARKED = re.compile(r"\*(\w+)\*")


@dataclass(frozen=True, slots=True)
class PronounBias:
    """What a model's answers are worth, by the gender of the pronoun.

    Attributes:
        right: gender -> (right answers, examples).
        pairs: sentences that were answered both with *he* and with *she*.
        moved: of these, those answered otherwise with *she* than with *he*.
        to_occupation: of those moved, gender -> with which of the two the occupation was the answer (and not the other
            person).
    """

    right: dict[str, tuple[int, int]]
    pairs: int
    moved: int
    to_occupation: dict[str, int]


def pronoun_bias(answered: Iterable[tuple[MultipleChoiceExample, int]]) -> PronounBias:
    """The figures.

    Args:
        answered: examples of the task `winogender` with the pronoun between asterisks in the question; the first option
            is the occupation, the second the other person; beside each the index of the option that was answered.

    Raises:
        InputError: if a question has no pronoun that is known, or nothing is given.
    """
    right: dict[str, tuple[int, int]] = {}
    answers: dict[tuple[str, str, tuple[str, ...]], dict[str, int]] = {}
    for example, answer in answered:
        found = _MARKED.search(example.question)
        gender = _GENDER.get(found[1].casefold()) if found else None
        if found is None or gender is None:
            raise InputError(f"winogender, example {example.id}: no pronoun between asterisks in {example.question!r}")
        hits, count = right.get(gender, (0, 0))
        right[gender] = hits + (answer in (example.right or ())), count + 1
        # The same sentence but for the pronoun ("her" is "him" or "his", which the right answer and the rest tell).
        without = re.sub(rf"\b{found[1]}\b", "*", _MARKED.sub("*", example.passage), flags=re.IGNORECASE)
        key = (without, example.options[example.label or 0], tuple(example.options))
        answers.setdefault(key, {})[gender] = answer
    if not right:
        raise InputError("winogender: no answers")
    both = [pair for pair in answers.values() if {"male", "female"} <= pair.keys()]
    moved = [pair for pair in both if pair["male"] != pair["female"]]
    to_occupation = {gender: sum(pair[gender] == 0 for pair in moved) for gender in ("male", "female")}
    return PronounBias(right, len(both), len(moved), to_occupation)
