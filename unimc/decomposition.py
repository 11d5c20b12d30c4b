"""Decomposition: a task of several labels asked label by label, each as a question of its own with a yes and a no.

The labels then say nothing about each other, and each costs a row: against asking for all of them at once, beyond the
paper, and to be measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from unimc import prompt_template
from unimc.answer_rule import AnswerRule, Threshold
from unimc.example import MultipleChoiceExample, shown
from unimc.prediction import Prediction

if TYPE_CHECKING:
    from unimc.inference import UniMC

YES, NO = "yes", "no"
"""Names of the two options of a sub-question."""


@dataclass(frozen=True, slots=True)
class SubQuestion:
    """How a label is asked for; in each template `{label}` is its wording, and `{question}` the example's question.

    Attributes:
        yes: the option that the label holds.
        no: the option that it doesn't.
        question: the instruction.

    Raises:
        InputError: if a template has other places, or an option has no label in it.
    """

    yes: str
    no: str
    question: str = "{question}"

    def __post_init__(self) -> None:
        places = ("label", "question")
        for name in (YES, NO):
            prompt_template.check(getattr(self, name), places, needed="label", what=f"the wording of {name}")
        prompt_template.check(self.question, places, needed=None, what="the question of a label")

    def asked(self, example: MultipleChoiceExample, label: int) -> MultipleChoiceExample:
        """The sub-question about one of an example's options."""
        filled = {"label": example.options[label], "question": example.question}
        right = example.right
        return MultipleChoiceExample(
            (self.yes.format(**filled), self.no.format(**filled)),
            self.question.format(**filled).strip(),
            example.passage,
            example.textb,
            label=None if right is None else int(label not in right),
            names=(YES, NO),
            task=example.task,
            id=f"{example.id}/{example.names[label]}",
            language=example.language,
            identity=example.recognised_by,
        )


SUB_QUESTIONS = {
    "en": SubQuestion("yes: {label}", "no: not {label}"),
    "zh": SubQuestion("是：{label}", "否：不是{label}"),
}
"""By language, and such that words and whole sentences read well in them; for others the caller gives one."""


def decomposed(example: MultipleChoiceExample, sub_question: SubQuestion | None = None) -> list[MultipleChoiceExample]:
    """A two-option example for each of an example's options, in their order; labelled where it is.

    Args:
        example: with one right option, several or none, or unlabelled.
        sub_question: how a label is asked for; by the example's language if None.

    Raises:
        InputError: if there is no sub-question for its language.
    """
    asked = sub_question or SUB_QUESTIONS.get(example.language)
    if asked is None:
        raise example.error(f"no sub-question for the language {shown(example.language)}; give sub_question=")
    return [asked.asked(example, label) for label in range(len(example.options))]


def label_by_label(
    model: UniMC,
    examples: Iterable[MultipleChoiceExample],
    *,
    sub_question: SubQuestion | None = None,
    multi_label: bool = True,
    threshold: Threshold | None = None,
    top_k: int | None = None,
    batch_size: int = 32,
) -> list[Prediction]:
    """One prediction of each whole example, from its labels asked one by one.

    A label's margin is the log-odds of its yes against its no. Where several may hold, a score is what the sub-question
    gave to its yes (the margin's sigmoid); with one label the scores are the softmax of the margins.

    Args:
        model: the model.
        examples: the examples; labels are ignored.
        sub_question: how a label is asked for; by the example's language if None.
        multi_label: whether several options, or none, may hold.
        threshold: as for `UniMC.predict`.
        top_k: as for `UniMC.predict`.
        batch_size: the most rows in a batch.

    Returns:
        A prediction for each example, with its options and names. `rows` and `tokens` are those of all its
        sub-questions, `truncated` is what the row that was cut most lost.

    Raises:
        InputError: as `UniMC.predict`, or if there is no sub-question for a language.
    """
    rule = AnswerRule.of(multi_label, threshold, top_k)
    whole = list(examples)
    answers = model.predict(
        (asked for example in whole for asked in decomposed(example, sub_question)), batch_size=batch_size
    )
    return [_joined(example, list(islice(answers, len(example.options))), rule) for example in whole]


def _joined(example: MultipleChoiceExample, answers: list[Prediction], rule: AnswerRule) -> Prediction:
    # What a softmax rounded to 0 is taken for 1e-300: the odds stay finite.
    margins = [math.log(max(one.scores[0], 1e-300)) - math.log(max(one.scores[1], 1e-300)) for one in answers]
    if rule.multi_label:
        scores = [one.scores[0] for one in answers]
    else:
        top = max(margins)
        weights = [math.exp(margin - top) for margin in margins]
        scores = [weight / sum(weights) for weight in weights]
    label, labels = rule.answer(example.names, scores, margins)
    return Prediction(
        options=example.options,
        names=example.names,
        scores=tuple(scores),
        margins=tuple(margins),
        label=label,
        labels=labels,
        rows=sum(one.rows for one in answers),
        tokens=sum(one.tokens for one in answers),
        truncated=max(one.truncated for one in answers),
    )
