"""What the model says about one example, put together from the rows that it took (DESIGN, sections 4 and 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import Any

import torch

from unimc.encoding import Encoding
from unimc.example import MultipleChoiceExample
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
        margins: logit of yes minus logit of no, for each option; over several windows of the passage, pooled.
        label: index of the best option.
        labels: with `multi_label` the indices of the options that hold, else the best one alone.
        rows: how many rows the example took.
        truncated: tokens cut from the row that lost most.
    """

    options: tuple[str, ...]
    names: tuple[str, ...]
    scores: tuple[float, ...]
    margins: tuple[float, ...]
    label: int
    labels: tuple[int, ...]
    rows: int = 1
    truncated: int = 0

    @property
    def answer(self) -> str | None:
        """Name of the best option; None if, with `multi_label`, none holds."""
        return self.names[self.label] if self.labels else None

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain lists and numbers, for JSON."""
        return {**asdict(self), "answer": self.answer}


def from_rows(
    example: MultipleChoiceExample,
    rows: Sequence[Scored],
    multi_label: bool,
    threshold: float,
    pooling: Pooling = "max",
) -> Prediction:
    """One prediction from the rows of an example; the options' order is the example's again.

    Args:
        example: the example.
        rows: its rows, scored.
        multi_label: whether several options, or none, may hold.
        threshold: with `multi_label`, the probability from which an option holds.
        pooling: how the margins of an option that stands in several rows, a window of the passage in each, become one.
    """
    yes: list[float] = [0.0] * len(example.options)
    found: list[list[float]] = [[] for _ in example.options]
    for row, row_yes, row_no in rows:
        for option, option_yes, option_no in zip(row.options, row_yes, row_no, strict=True):
            yes[option] = option_yes
            found[option].append(option_yes - option_no)
    margins = [max(one) if pooling == "max" else fmean(one) for one in found]
    # Over one row the yes logits compare directly, as in the paper; over several only the margins do.
    compared = torch.tensor(yes if len(rows) == 1 and not multi_label else margins, dtype=torch.float64)
    scores = compared.sigmoid() if multi_label else compared.softmax(0)
    label = int(scores.argmax())
    labels = tuple(torch.nonzero(scores >= threshold).flatten().tolist()) if multi_label else (label,)
    return Prediction(
        options=example.options,
        names=example.names,
        scores=tuple(scores.tolist()),
        margins=tuple(margins),
        label=label,
        labels=labels,
        rows=len(rows),
        truncated=max(row.truncated for row, _, _ in rows),
    )
