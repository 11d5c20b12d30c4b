"""`compare.md`, `compare.html`, `compare.json` and the tables for the terminal: two evaluations of the same rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from typing import Any

from unimc import document_html, document_markdown, gains
from unimc.document import Block, Document, Items, Marked, Paragraph, Section
from unimc.gains import Change
from unimc.paired_figures import Comparison, Difference
from unimc.pairing import Key, Side
from unimc.sections import IN_NATS, in_nats, interval, percent, signed

KIND, FORMAT = "comparison", 1
"""What tells `compare.json` from other files, and the version of its form."""
FEW = 6
"""Rows that tell A and B apart, for a verdict: were fewer all won by one, chance would do that in over 5 % (2 / 2⁵).

A bootstrap of so few rows says nothing: where one has won them all, no sample holds anything else.
"""
_SETTINGS = {
    "threshold": "threshold",
    "windows": "windows",
    "stride": "stride of the windows",
    "calibration": "calibration",
    "device": "device",
    "dtype": "dtype",
    "backend": "backend",
}


@dataclass(frozen=True)
class Report:
    """What there is to say about two evaluations.

    Attributes:
        a, b: the evaluations.
        comparison: their figures.
        changes: for each task the rows that only one got right.
        listed: how many of these, of each kind and task, are shown.
    """

    a: Side
    b: Side
    comparison: Comparison
    changes: Sequence[Sequence[Change]] = field(repr=False)
    listed: int

    def files(self) -> dict[str, bytes]:
        """The files of the output folder."""
        made = Document("A and B on the same rows", [*self._blocks()])
        text = json.dumps(self.to_dict(), ensure_ascii=False, indent=2) + "\n"
        return {
            "compare.md": document_markdown.written(made).encode("utf-8", "backslashreplace"),
            "compare.html": document_html.written(made, {}).encode("utf-8", "backslashreplace"),
            "compare.json": text.encode("utf-8", "backslashreplace"),  # half a character as JSON writes it: \ud800
        }

    def to_dict(self) -> dict[str, Any]:
        """The content of `compare.json`."""
        return {
            "format": FORMAT,
            "kind": KIND,
            **{name: _about(side) for name, side in (("a", self.a), ("b", self.b))},
            "differing": self.differing(),
            **{f"only_in_{name}": [list(key) for key in keys] for name, keys in self._alone().items()},
            **self.comparison.to_dict(),
        }

    def about(self) -> list[str]:
        """What A and B are, what differs between them, and what only one of them has; a line each."""
        lines = [f"{name}: {_said(side)}" for name, side in (("A", self.a), ("B", self.b))]
        lines.append(f"Differing: {'; '.join(self.differing()) or 'nothing on record'}")
        for name, keys in self._alone().items():
            if keys:
                named = ", ".join(f"{task} ({split})" for task, split in keys)
                lines.append(f"Only in {name.upper()}, not compared: {named}")
        rows = (line for one in self.comparison.tasks for both in one.pair.lines for line in both)
        if not any(line["question"] or line["passage"] for line in rows):
            lines.append("No texts: an earlier version wrote these predictions.jsonl; evaluate again to see them")
        return lines

    def differing(self) -> list[str]:
        """What was not the same in both evaluations."""
        a, b = self.a.results, self.b.results
        found = ["weights"] if a["model"]["fingerprint"] != b["model"]["fingerprint"] else []
        found += _unlike("tokens in a row", a["model"].get("max_length"), b["model"].get("max_length"))
        for name, said in _SETTINGS.items():
            found += _unlike(said, a.get(name), b.get(name))
        for one in self.comparison.tasks:
            reworded = _unlike(f"wording of {one.pair.key[0]}", _wording(one.pair.a), _wording(one.pair.b))
            # Other wordings are other texts; of one wording another text is an edited question, or other data.
            found += reworded or ([] if one.pair.same_texts else [f"texts of {one.pair.key[0]}"])
        return found

    def tables(self) -> list[Section]:
        """Of the terminal: figures, and rows that only one got right."""
        return [self._figures(), *self._changes()]

    def verdict(self) -> str:
        """The outcome in a sentence."""
        mean, figure = self.comparison.mean, self.comparison.mean.difference
        if isnan(figure.value):
            return "A figure is not defined on these rows, so there is no mean."
        tasks = len(self.comparison.tasks)
        over = "" if tasks == 1 else f"in the mean of {tasks} tasks "
        points = f"{percent(abs(figure.value))} points {'above' if figure.value >= 0 else 'below'} A"
        said = f"B is {points} {over}({percent(mean.b)} and {percent(mean.a)})"
        if not self.comparison.resamples:
            return f"{said}."
        ends = figure.to_dict()
        if ends["low"] is None or ends["low"] <= 0 <= (ends["high"] or 0):
            return f"{said}; the 95 % interval, {interval(ends, signed)}, holds 0: these rows don't tell them apart."
        said = f"{said}; the 95 % interval, {interval(ends, signed)}, doesn't hold 0"
        if (apart := sum(one.apart for one in self.comparison.tasks)) < FEW:
            return f"{said}, but rows that tell them apart are too few to trust it: {apart}."
        return f"{said}: {'B' if figure.value > 0 else 'A'} is better on these tasks."

    def _alone(self) -> dict[str, list[Key]]:
        a, b = self.a.tasks, self.b.tasks
        return {"a": [key for key in a if key not in b], "b": [key for key in b if key not in a]}

    def _blocks(self) -> Iterator[Block]:
        yield Items(self.about())
        yield self._figures()
        yield Paragraph(self.verdict())
        yield self._others()
        yield from self._changes()

    def _figures(self) -> Section:
        found, rows = self.comparison, []
        for number, one in enumerate(found.tasks, 1):
            task, split = one.pair.key
            head = [str(number), task, split, str(len(one.pair.lines)), one.primary]
            wins = [str(one.wins.only_a), str(one.wins.only_b), _p(one.wins.p)]
            rows.append([*head, *_cells(one.figures[one.primary]), *wins])
        if len(found.tasks) > 1:
            count = sum(len(one.pair.lines) for one in found.tasks)
            wins = [str(found.wins.only_a), str(found.wins.only_b), _p(found.wins.p)]
            rows.append(["", "mean", "", str(count), "", *_cells(found.mean), *wins])
        text = "In per cent and points. "
        if found.resamples:
            text += (
                f"*95 % interval*: of the difference, percentile bootstrap over pairs of answers to the same row "
                f"({found.resamples} resamples, seed {found.seed}). "
            )
        text += (
            "*Only A*, *only B*: rows that one alone got right; *p*: McNemar's test of these, exact, for each line "
            "alone (of many lines some are small by chance)."
        )
        if len(found.tasks) > 1:
            text += " In the mean every task counts the same, in its *p* every row."
        if any(one.pair.a["kind"] == "multi_label" for one in found.tasks):
            text += " Where several labels may hold, a row is right if exactly the right ones do."
        columns = ("#", "task", "split", "rows", "metric", "A", "B", "B − A", "95 % interval", "only A", "only B", "p")
        return Section("", columns, rows, Marked(text))

    def _others(self) -> Section:
        rows = []
        for number, one in enumerate(self.comparison.tasks, 1):
            head = [str(number), one.pair.key[0]]
            for name, figure in one.figures.items():
                if name != one.primary:
                    rows.append([*head, name, *_cells(figure, nats=name in IN_NATS)])
                    head = ["", ""]
        text = "In per cent and points, log_loss in nats. Of *ece* and *log_loss* less is better: a minus speaks for B."
        columns = ("#", "task", "metric", "A", "B", "B − A", "95 % interval")
        return Section("Other figures", columns, rows, Marked(text))

    def _changes(self) -> list[Section]:
        return [
            section
            for number, (one, found) in enumerate(zip(self.comparison.tasks, self.changes, strict=True), 1)
            for section in gains.sections(number, one.pair, found, self.listed)
        ]


def _cells(one: Difference, *, nats: bool = False) -> list[str]:
    shown, by = (in_nats, _signed_nats) if nats else (percent, signed)
    figures = one.to_dict()
    ends = figures["difference"]
    between = "–" if ends["low"] is None else f"{by(ends['low'])} to {by(ends['high'])}"
    return [shown(figures["a"]), shown(figures["b"]), by(ends["value"]), between]


def _signed_nats(value: float | None) -> str:
    return "–" if value is None else f"{value:+.3f}"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def _said(side: Side) -> str:
    model = side.results["model"]
    return f"{side.folder}, model {model.get('name') or 'unnamed'}, weights {str(model['fingerprint'])[:12]}"


def _about(side: Side) -> dict[str, Any]:
    model: Mapping[str, Any] = side.results["model"]
    return {"folder": str(side.folder), "model": model.get("name"), "fingerprint": model["fingerprint"]}


def _wording(task: Mapping[str, Any]) -> str:
    if task.get("wordings"):
        return f"average of {', '.join(task['wordings']['each'])}"
    return task.get("variant") or "default"


def _unlike(name: str, a: Any, b: Any) -> list[str]:
    return [] if a == b else [f"{name} ({_or_none(a)} in A, {_or_none(b)} in B)"]


def _or_none(value: Any) -> str:
    return "none" if value is None else str(value)
