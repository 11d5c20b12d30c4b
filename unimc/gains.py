"""Rows that only one of two evaluations got right: gained and lost, with their texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unimc import inert
from unimc.confusion import Line, names_of
from unimc.document import LEFT, Marked, Section
from unimc.mistakes import named, questions_differ, text_of
from unimc.pairing import Pair
from unimc.sections import percent

_ID = 60  # characters of an id that are shown


@dataclass(frozen=True, slots=True)
class Change:
    """A row that only one got right.

    Attributes:
        a, b: the lines of `predictions.jsonl`.
        scores: what the right answer got from A and from B; where several labels may hold, what the worst decision
            about a label got.
    """

    a: Line
    b: Line
    scores: tuple[float, float]

    @property
    def gained(self) -> bool:
        """Whether B is the one."""
        return bool(self.b["correct"])

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        texts = {name: self.a[name] for name in ("task", "split", "id", "question", "passage", "textb")}
        answers = {"gold": self.a["gold"], "a": self.a["answer"], "b": self.b["answer"]}
        return {**texts, "right": "B" if self.gained else "A", **answers, "scores": list(self.scores)}


def changes(pair: Pair) -> list[Change]:
    """All such rows of a task: what changed most first, equal ones by id."""
    found = [
        Change(one, other, (_right(one), _right(other)))
        for one, other in pair.lines
        if one["correct"] != other["correct"]
    ]
    return sorted(found, key=lambda change: -abs(change.scores[1] - change.scores[0]))


def sections(number: int, pair: Pair, found: Sequence[Change], count: int) -> list[Section]:
    """Tables of a task: what B gained, and what it lost; none where there is nothing.

    Args:
        number: of the task in the report.
        pair: the task.
        found: all its changes.
        count: how many of each to list.
    """
    made, question = [], questions_differ(one for one, _ in pair.lines)
    for gained, said in ((True, "only B right"), (False, "only A right")):
        chosen = [change for change in found if change.gained is gained]
        if not chosen or not count:
            continue
        rows = [
            [
                named(one.a["gold"]),
                named(one.a["answer"]),
                named(one.b["answer"]),
                f"{percent(one.scores[0])} → {percent(one.scores[1])}",
                text_of(one.a, question=question) or text_of(one.b, question=question),
                inert.cut(one.a["id"], _ID),
            ]
            for one in chosen[:count]
        ]
        columns = ("right", "A", "B", "A → B", "text", "id")
        what = "the worst decision about a label" if pair.a["kind"] == "multi_label" else "the right answer"
        text = f"{len(rows)} of {len(chosen)}, what changed most first. *A → B*: the score of {what}, in per cent."
        title = f"#{number} {pair.key[0]}: {said}"
        made.append(Section(title, columns, rows, Marked(text), LEFT | {"right", "A", "B"}))
    return made


def _right(line: Line) -> float:
    gold, scores = names_of(line["gold"]), line["scores"]
    if isinstance(line["gold"], list):
        return float(min(score if name in gold else 1 - score for name, score in scores.items()))
    return float(scores[gold[0]])
