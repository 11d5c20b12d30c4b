"""What the model says about one example, put together from the rows that it took (DESIGN, sections 4 and 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

import torch

from unimc.answer_rule import AnswerRule, Threshold
from unimc.calibration import Calibration
from unimc.encoding import Encoding
from unimc.example import InputError, MultipleChoiceExample, shown, whole_number
from unimc.windows import Pooling

Scored = tuple[Encoding, list[float], list[float]]
"""A row with the yes and the no logits of its options."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says about one example.

    Attributes:
        options: the options as read.
        names: their names, what the user gets back.
        scores: probability of each option: they sum to 1, or with `multi_label` each stands for itself.
        margins: logit of yes minus logit of no, for each option; over several windows of the passage, pooled. As the
            model gives them, also where the scores are calibrated.
        label: index of the best option.
        labels: with `multi_label` the indices of the options that hold, else the best one alone; () if none holds.
        rows: how many rows the example took.
        tokens: of all these rows, padding not counted; 0 where nobody counted.
        truncated: tokens cut from the row that lost most.
        calibrated: whether a calibration made the scores.
    """

    options: tuple[str, ...]
    names: tuple[str, ...]
    scores: tuple[float, ...]
    margins: tuple[float, ...]
    label: int
    labels: tuple[int, ...]
    rows: int = 1
    tokens: int = 0
    truncated: int = 0
    calibrated: bool = False

    @property
    def answer(self) -> str | None:
        """Name of the best option that holds; None if none does.

        With a threshold for each option that need not be the option with the highest score.
        """
        return self.names[max(self.labels, key=self.scores.__getitem__)] if self.labels else None

    def top(self, k: int) -> list[tuple[str, float]]:
        """Names and scores of the k best options, the best first, whether they hold or not.

        Equal scores keep the options' order; where there are fewer than k options, all come.

        Raises:
            InputError: if k is no whole number over 0.
        """
        if whole_number("k", k) < 1:
            raise InputError(f"k is {shown(k)}; it must be at least 1")
        ranked = sorted(zip(self.names, self.scores, strict=True), key=lambda pair: -pair[1])
        return ranked[:k]

    def to_dict(self) -> dict[str, Any]:
        """Everything as sequences and numbers, for JSON."""
        # `asdict` copies every number of every option: with many options that takes longer than writing the JSON.
        return {**{name: getattr(self, name) for name in self.__slots__}, "answer": self.answer}


def pooled(options: int, rows: Sequence[Scored], pooling: Pooling) -> list[float]:
    """The margin of each of so many options, over all rows that it stands in: a window of the passage in each."""
    found: list[list[float]] = [[] for _ in range(options)]
    for row, row_yes, row_no in rows:
        for option, option_yes, option_no in zip(row.options, row_yes, row_no, strict=True):
            found[option].append(option_yes - option_no)
    return [max(one) if pooling == "max" else fmean(one) for one in found]


def from_rows(
    example: MultipleChoiceExample, rows: Sequence[Scored], rule: AnswerRule, margins: Sequence[float]
) -> Prediction:
    """One prediction from the rows of an example; the options' order is the example's again.

    Args:
        example: the example.
        rows: all its rows, scored.
        rule: how scores and labels are made of the logits.
        margins: of all options, from those rows.

    Raises:
        InputError: if the rule's calibration or threshold lacks one of the options.
    """
    try:
        if rule.calibration is not None:
            scores: list[float] = rule.calibration.apply(margins, example.names).tolist()
        else:
            # Over one row the yes logits compare directly, as in the paper; over several only the margins do.
            (_, yes, _), *more = rows
            compared = torch.tensor(margins if more or rule.multi_label else yes, dtype=torch.float64)
            scores = (compared.sigmoid() if rule.multi_label else compared.softmax(0)).tolist()
        label, labels = rule.answer(example.names, scores, margins)
    except InputError as problem:
        raise example.error(str(problem)) from None
    return Prediction(
        options=example.options,
        names=example.names,
        scores=tuple(scores),
        margins=tuple(margins),
        label=label,
        labels=labels,
        rows=len(rows),
        tokens=sum(len(row) for row, _, _ in rows),
        truncated=max(row.truncated for row, _, _ in rows),
        calibrated=rule.calibration is not None,
    )


def recalibrated(
    prediction: Prediction, calibration: Calibration, *, threshold: Threshold | None = None, top_k: int | None = None
) -> Prediction:
    """What `UniMC.predict` would have given with a calibration, without asking the model again.

    Args:
        prediction: calibrated or not; its margins are what counts.
        calibration: of the kind, one label or several, that the answer is to be of.
        threshold: as for `UniMC.predict`.
        top_k: as for `UniMC.predict`.

    Raises:
        InputError: if a setting is out of range, or the calibration or threshold lacks one of the options.
    """
    rule = AnswerRule.of(calibration.kind == "multi", threshold, top_k, calibration)
    scores: list[float] = calibration.apply(prediction.margins, prediction.names).tolist()
    label, labels = rule.answer(prediction.names, scores, prediction.margins)
    return replace(prediction, scores=tuple(scores), label=label, labels=labels, calibrated=True)
