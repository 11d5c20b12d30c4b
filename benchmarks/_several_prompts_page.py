"""The page of benchmarks/several_prompts.py: for each task the ways to ask, and what each changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from _program import measured_on

if TYPE_CHECKING:
    from rich.table import Table

NAMES = {"accuracy": "accuracy", "micro_f1": "micro F1", "mean_average_precision": "average precision"}


def page(results: Mapping[str, Any]) -> str:
    """The whole page."""
    settings = results["settings"]
    lines = [
        "# Several prompts",
        "",
        f"{measured_on(results)}.",
        "",
        f"At most {settings['limit']:,} rows of a task, drawn by seed {settings['seed']}, none of them for testing. "
        f"Demonstrations come from at most {settings['shots']} labelled rows of each label, drawn by the same seed: "
        "the intervals (95 %, bootstrap over the rows measured on) say nothing about other draws of these. *Points*: "
        "over the first line, on the same rows; ▲ and ▼ where the interval leaves out 0. *Changed*: other answers than "
        "in the first line. *Shown*: demonstrations in a prompt. *Tokens*: read for an example, in all its rows.",
    ]
    for found in results["tasks"]:
        columns = _columns(found)
        lines += ["", f"**{title(found)}**", "", f"| {' | '.join(columns)} |", f"|---|{'--:|' * (len(columns) - 1)}"]
        lines += [f"| {' | '.join(row)} |" for row in rows(found)]
        lines += [part for note in notes(found) for part in ("", note)]
    return "\n".join(lines) + "\n"


def table(found: Mapping[str, Any]) -> Table:
    """One task for the terminal."""
    from rich.table import Table

    made = Table(title=title(found), caption="\n".join(notes(found)) or None)
    for column in _columns(found):
        made.add_column(column, justify="left" if column == "way" else "right", no_wrap=True)
    for row in rows(found):
        made.add_row(*row)
    return made


def title(found: Mapping[str, Any]) -> str:
    """What was measured on."""
    return f"{found['task']}, {found['split']}: {found['examples']:,} examples, {found['labels']} labels"


def notes(found: Mapping[str, Any]) -> list[str]:
    """What is to be known of the rows, a sentence each."""
    made = []
    if found["trained_on"] == "seen":
        made.append(f"The model was trained on {found['task']}, so the first line is not zero-shot.")
    if found["left_out"]:
        made.append(f"{found['left_out']:,} more rows are left out: the model was trained on their texts.")
    if found["labelled"]:
        made.append(f"Demonstrations from {found['labelled']:,} rows of {found['labelled_from']}, of other texts.")
    for way in found["ways"]:
        if way["fewer"]:
            made.append(
                f"{way['way']}: for want of room {way['fewer']:,} of {found['examples']:,} were shown fewer, "
                f"{way['none']:,} none."
            )
        if way["cut"]:
            made.append(f"{way['way']}: {way['cut']:,} of {found['examples']:,} were cut, none for a demonstration.")
    return made


def rows(found: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """A line for each figure of each way; what is counted stands in the first of them."""
    names = _metrics(found)
    for number, way in enumerate(found["ways"]):
        shown = "" if way["shown"] is None else f"{way['shown']:.1f}"
        counts = [f"{way['changed']:,}" if number else "", shown, f"{way['tokens']:,.0f}"]
        for name in names:
            own, gain = way[name]["figure"], way[name]["gain"]
            figure = f"{100 * own['value']:.1f} ({100 * own['low']:.1f} – {100 * own['high']:.1f})"
            line = f"{way['way']}: {NAMES[name]}" if len(names) > 1 else way["way"]
            yield line, figure, _points(gain) if number else "", *counts
            counts = ["", "", ""]


def _points(gain: Mapping[str, float]) -> str:
    mark = " ▲" if gain["low"] > 0 else " ▼" if gain["high"] < 0 else ""
    return f"{100 * gain['value']:+.1f} ({100 * gain['low']:+.1f} – {100 * gain['high']:+.1f}){mark}"


def _metrics(found: Mapping[str, Any]) -> list[str]:
    return [name for name in NAMES if name in found["ways"][0]]


def _columns(found: Mapping[str, Any]) -> list[str]:
    names = _metrics(found)
    figure = "%" if len(names) > 1 else f"{NAMES[names[0]]}, %"
    return ["way", figure, "points", "changed", "shown", "tokens"]
