"""A request and its answer in terms of the model: examples in, predictions out."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from unimc.answer_rule import AnswerRule
from unimc.example import InputError, MultipleChoiceExample
from unimc.prediction import Prediction, recalibrated
from unimc.serving.limits import Limits
from unimc.serving.schema import Asked
from unimc.stored_calibration import find
from unimc.texts import examples_of

if TYPE_CHECKING:
    from unimc.inference import UniMC


@dataclass(frozen=True, slots=True)
class Examples:
    """What a request asks of the model, and how the answer is made of what it says.

    Requests share calls of the model whatever they ask for: threshold, most labels and calibration come afterwards.

    Attributes:
        examples: one for each text.
        rule: from margins to answers.
    """

    examples: list[MultipleChoiceExample]
    rule: AnswerRule

    @classmethod
    def of(cls, asked: Asked, model: UniMC, limits: Limits) -> Examples:
        """The examples of a request whose form is right.

        Raises:
            InputError: if it is too much in all, a language or calibration is not there, options don't differ, or a
                threshold or calibration lacks one of them.
        """
        if asked.characters > limits.characters:
            raise InputError(
                f"texts times options come to {asked.characters:,} characters; at most {limits.characters:,} are read "
                "for a request; send fewer texts at a time"
            )
        found = None if asked.calibration is None else find(model.checkpoint.calibration, asked.calibration)
        rule = AnswerRule.of(asked.multi_label, asked.threshold, asked.top_k, found)
        language = model.language if asked.language is None else asked.language
        if language is not None:
            model.answers[language]
        examples = _examples(asked, language, model)
        names = examples[0].names  # all texts have the same
        zeros = [0.0] * len(names)
        if found is not None:
            found.apply(zeros, names)
        rule.answer(names, zeros, zeros)
        return cls(examples, rule)

    def answers(self, found: Sequence[Prediction]) -> list[Prediction]:
        """What `UniMC.predict` gives with the request's settings, made of what it gives without."""
        rule = self.rule
        if rule.calibration is not None:
            return [recalibrated(one, rule.calibration, threshold=rule.threshold, top_k=rule.top_k) for one in found]
        answered = []
        for one in found:
            label, labels = rule.answer(one.names, one.scores, one.margins)
            answered.append(replace(one, label=label, labels=labels))
        return answered


def _examples(asked: Asked, language: str | None, model: UniMC) -> list[MultipleChoiceExample]:
    """What `examples_of` makes of a request, or says of it; the options, which all texts share, are checked once.

    Checked for each of a thousand texts, a few hundred options would take a second.
    """
    texts, question, answers = asked.texts_listed, asked.question, model.answers
    (first,) = examples_of(texts[:1], asked.options, question, language, answers)
    # The other texts are checked, and their languages told, by the same words: with all options in one.
    words = [" ".join(first.options)]
    return [first, *(_sharing(first, one) for one in examples_of(texts, words, question, language, answers)[1:])]


def _sharing(first: MultipleChoiceExample, other: MultipleChoiceExample) -> MultipleChoiceExample:
    """Another example, with the options of the first; both have been checked, and nothing is checked again."""
    made = copy(first)
    for name in ("passage", "language", "id"):
        object.__setattr__(made, name, getattr(other, name))  # which is how a frozen one is filled
    return made
