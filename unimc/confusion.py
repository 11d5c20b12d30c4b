"""Which labels are taken for which: counts of each label, the confusion matrix, the most confused pairs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unimc.document import LEFT, Marked, Section
from unimc.sections import percent

Line = Mapping[str, Any]
"""A line of `predictions.jsonl`."""
FEW = 10
"""So many labels have their confusion matrix as a table; of more the most confused pairs are listed."""
PAIRS = 15
"""Of the most confused pairs."""
_POSITIONS = 10  # so many options have a table by their position


@dataclass(frozen=True, slots=True)
class Label:
    """Counts of a label.

    Attributes:
        name: of the label.
        right: examples whose label it is.
        answered: examples that got it as (an) answer.
        hits: those of both.
    """

    name: str
    right: int
    answered: int
    hits: int

    @property
    def precision(self) -> float | None:
        """Of the examples that got it, how many rightly; None if none got it."""
        return self.hits / self.answered if self.answered else None

    @property
    def recall(self) -> float | None:
        """Of the examples whose label it is, how many got it; None if there are none."""
        return self.hits / self.right if self.right else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of both; None where the label is neither right nor answered anywhere."""
        return 2 * self.hits / (self.right + self.answered) if self.right + self.answered else None


def names_of(value: Any) -> Sequence[str]:
    """Right labels or answers of a line, which are lists where several may hold."""
    return value if isinstance(value, list) else [value]


def counts(labels: Sequence[str], lines: Sequence[Line]) -> list[Label]:
    """Counts of every label of the set, in its order."""
    right, answered, hits = (Counter[str]() for _ in range(3))
    for line in lines:
        gold, given = set(names_of(line["gold"])), set(names_of(line["answer"]))
        right.update(gold)
        answered.update(given)
        hits.update(gold & given)
    return [Label(name, right[name], answered[name], hits[name]) for name in labels]


def matrix(labels: Sequence[str], lines: Sequence[Line]) -> list[list[int]]:
    """How often each label (row) was answered with each (column)."""
    found = Counter((line["gold"], line["answer"]) for line in lines)
    return [[found[right, answered] for answered in labels] for right in labels]


def sections(number: int, task: Mapping[str, Any], lines: Sequence[Line]) -> list[Section]:
    """A task's tables.

    Args:
        number: of the task in the report.
        task: its entry in `results.json`.
        lines: its lines of `predictions.jsonl`.
    """
    head = f"#{number} {task['task']}"
    if task["labels"] is None:
        return _by_position(head, lines)
    found = [_labels(f"{head}: labels", counts(task["labels"], lines))]
    if task["kind"] == "classification":
        few = len(task["labels"]) <= FEW
        found.append((_matrix if few else _pairs)(head, task["labels"], lines))
    return found


def _labels(title: str, labels: Sequence[Label], text: str = "") -> Section:
    rows = [
        [
            *(str(place), one.name, str(one.right), str(one.answered)),
            *(percent(value) for value in (one.precision, one.recall, one.f1)),
        ]
        for place, one in enumerate(labels, 1)
        if one.right or one.answered
    ]
    columns = ("#", "label", "examples", "answers", "precision", "recall", "F1")
    text = text or (
        "In per cent, but for the counts. *Examples*: whose label it is; *answers*: that got it. *Precision*: of the "
        "answers, how many are right; *recall*: of the examples, how many were found."
    )
    if absent := len(labels) - len(rows):
        text += f" Left out: {absent} that no example has and none got."
    return Section(title, columns, rows, Marked(text))


def _matrix(head: str, labels: Sequence[str], lines: Sequence[Line]) -> Section:
    columns = ("#", "label", *(f"#{place}" for place in range(1, len(labels) + 1)))
    rows = [
        [str(place), name, *map(str, row)]
        for place, (name, row) in enumerate(zip(labels, matrix(labels, lines), strict=True), 1)
    ]
    text = Marked("A row a right label, a column an answer, by the labels' numbers; right answers on the diagonal.")
    return Section(f"{head}: confusion matrix", columns, rows, text)


def _pairs(head: str, labels: Sequence[str], lines: Sequence[Line]) -> Section:
    right = Counter(line["gold"] for line in lines)
    place = {name: number for number, name in enumerate(labels)}
    wrong = Counter((line["gold"], line["answer"]) for line in lines if line["gold"] != line["answer"])
    most = sorted(wrong.items(), key=lambda entry: (-entry[1], place[entry[0][0]], place[entry[0][1]]))
    rows = [
        [gold, given, str(times), percent(times / right[gold]), str(wrong[given, gold])]
        for (gold, given), times in most[:PAIRS]
    ]
    text = (
        f"The {len(rows)} most frequent of {len(most)} confused pairs. *Share*: of the examples with this right label, "
        "in per cent; *reverse*: examples of the answered label that got the right one of here."
    )
    columns = ("right", "answered", "examples", "share", "reverse")
    return Section(f"{head}: most confused pairs", columns, rows, Marked(text), LEFT | {"right", "answered"})


def _by_position(head: str, lines: Sequence[Line]) -> list[Section]:
    """Where every example has its own options, whether the model leans towards some places among them."""
    most = max(len(line["scores"]) for line in lines)
    if most > _POSITIONS:
        return []
    placed = [
        {
            "gold": f"option {1 + list(line['scores']).index(line['gold'])}",
            "answer": f"option {1 + line['label']}",
        }
        for line in lines
    ]
    names = [f"option {place}" for place in range(1, most + 1)]
    text = (
        "Every example has options of its own, so they are counted by their place among them. A model that doesn't "
        "lean towards a place *answers* it about as often as it is right (*examples*)."
    )
    return [_labels(f"{head}: places of the options", counts(names, placed), text)]
