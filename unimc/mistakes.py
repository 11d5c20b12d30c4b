"""The mistakes that a model is surest of, with their texts: wrong labels, misleading wordings, or what it can't do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unimc import inert
from unimc.confusion import Line, names_of
from unimc.document import LEFT, Marked, Section
from unimc.sections import percent

COUNT = 10
"""Of mistakes that are listed for a task."""
_NAME = 60  # characters of an option or an id that are shown
NONE = "(none)"


@dataclass(frozen=True, slots=True)
class Mistake:
    """A wrong answer.

    Attributes:
        line: of `predictions.jsonl`.
        sureness: the score of the wrong answer. Where several labels may hold, that of the surest wrong decision: the
            score of a label that doesn't hold but was given, or one minus that of a label that does and wasn't.
        missed: the score of the right answer, or the lowest among the right ones; None if there is none.
    """

    line: Line
    sureness: float
    missed: float | None


def surest(lines: Sequence[Line], count: int = COUNT) -> list[Mistake]:
    """The mistakes with the highest sureness, the surest first; equal ones in the file's order."""
    found = [_mistake(line) for line in lines if not line["correct"]]
    return sorted(found, key=lambda one: -one.sureness)[:count]


def section(number: int, task: Mapping[str, Any], lines: Sequence[Line]) -> Section | None:
    """The table of a task; None if all is right.

    Args:
        number: of the task in the report.
        task: its entry in `results.json`.
        lines: its lines of `predictions.jsonl`.
    """
    wrong = sum(not line["correct"] for line in lines)
    if not wrong:
        return None
    question = questions_differ(lines)
    rows = [
        [
            percent(one.sureness),
            named(one.line["answer"]),
            named(one.line["gold"]),
            percent(one.missed),
            text_of(one.line, question=question),
            inert.cut(one.line["id"], _NAME),
        ]
        for one in surest(lines)
    ]
    text = f"The {len(rows)} surest of {wrong} wrong answers in {len(lines)} examples. *Score*, in per cent: "
    text += (
        "of the surest wrong decision, which is one minus the label's score where it was left out; *its score*: the "
        "lowest of a right label."
        if task["kind"] == "multi_label"
        else "of the answer; *its score*: of the right one."
    )
    columns = ("score", "answered", "right", "its score", "text", "id")
    title = f"#{number} {task['task']}: surest mistakes"
    return Section(title, columns, rows, Marked(text), LEFT | {"right", "answered"})


def named(value: str | list[str]) -> str:
    """A right label or an answer, cut; several with commas."""
    return ", ".join(inert.cut(name, _NAME) for name in names_of(value)) or NONE


def questions_differ(lines: Iterable[Line]) -> bool:
    """Whether the question says something about the example, as where it holds a hypothesis."""
    return len({line["question"] for line in lines}) > 1


def text_of(line: Line, *, question: bool) -> str:
    """What was asked about, each part cut; with the question if asked for, or if there is nothing else."""
    asked = [line["question"]] if question or not line["passage"] else []
    return " ‖ ".join(inert.cut(part) for part in [*asked, line["passage"], line["textb"]] if part)


def _mistake(line: Line) -> Mistake:
    gold, given, scores = set(names_of(line["gold"])), set(names_of(line["answer"])), line["scores"]
    wrong = [scores[name] for name in given - gold]
    if isinstance(line["gold"], list):
        wrong += [1 - scores[name] for name in gold - given]
    return Mistake(line, max(wrong), min((scores[name] for name in gold), default=None))
