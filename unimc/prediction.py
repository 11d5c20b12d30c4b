"""What the model says about one example, put together from the rows that it took (DESIGN, sections 4 and 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from unimc.encoding import Encoding
from unimc.example import MultipleChoiceExample


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says about one example.

    Attributes:
        options: the options as read.
        names: their names, what the user gets back.
        scores: probability of each option: they sum to 1, or with `multi_label` each stands for itself.
        margins: logit of yes minus logit of no, for each option.
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
    parts: Sequence[tuple[Encoding, list[float], list[float]]],
    multi_label: bool,
    threshold: float,
) -> Prediction:
    """One prediction from the rows of an example; the options' order is the example's again."""
    count = len(example.options)
    yes, margins = torch.empty(count, dtype=torch.float64), torch.empty(count, dtype=torch.float64)
    for row, row_yes, row_no in parts:
        at = list(row.options)
        yes[at] = torch.tensor(row_yes, dtype=torch.float64)
        margins[at] = yes[at] - torch.tensor(row_no, dtype=torch.float64)
    # Over one row the yes logits compare directly, as in the paper; over several only the margins do.
    compared = yes if len(parts) == 1 else margins
    scores = margins.sigmoid() if multi_label else compared.softmax(0)
    label = int(scores.argmax())
    labels = tuple(torch.nonzero(scores >= threshold).flatten().tolist()) if multi_label else (label,)
    return Prediction(
        options=example.options,
        names=example.names,
        scores=tuple(scores.tolist()),
        margins=tuple(margins.tolist()),
        label=label,
        labels=labels,
        rows=len(parts),
        truncated=max(row.truncated for row, _, _ in parts),
    )
