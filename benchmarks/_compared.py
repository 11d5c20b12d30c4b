"""Ways to answer the same labelled examples, held against the first of them: figures, table, page and plot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from _program import measured_on

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("way", "accuracy, %", "95 % interval", "points", "95 % interval", "other answers")
SECTIONS = {
    "arithmetic": "Other arithmetic",
    "groups": "Groups of options against one row",
    "windows": "Windows and cuts against one row",
}


def compared(ways: Mapping[str, Sequence[int]], right: Sequence[int], seed: int) -> list[dict[str, Any]]:
    """The figures of each way.

    Args:
        ways: the answers, indices of options, by way; the first is the one that the others are held against.
        right: the right ones.
        seed: of the bootstrap for the accuracies' intervals.

    Returns:
        For each way `accuracy` with its `interval`, `points` of accuracy over the first way with their
        `points_interval` (from the paired differences, normal approximation), and how many answers are others
        (`changed`).
    """
    from unimc import metrics

    metric = metrics.get("accuracy")
    first = next(iter(ways.values()))
    base = _hits(first, right)
    found = []
    for way, answers in ways.items():
        hits = _hits(answers, right)
        low, high = metric.interval(hits, [1] * len(hits), num_labels=2, seed=seed)
        differences = [one - other for one, other in zip(hits, base, strict=True)]
        margin = 1.96 * stdev(differences) / sqrt(len(differences))
        points = fmean(differences)
        found.append(
            {
                "way": way,
                "accuracy": fmean(hits),
                "interval": [low, high],
                "points": 100 * points,
                "points_interval": [100 * (points - margin), 100 * (points + margin)],
                "changed": sum(one != other for one, other in zip(answers, first, strict=True)),
            }
        )
    return found


def _hits(answers: Sequence[int], right: Sequence[int]) -> list[int]:
    return [int(one == other) for one, other in zip(answers, right, strict=True)]


def _rows(found: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for number, one in enumerate(found["ways"]):
        low, high = one["interval"]
        lower, upper = one["points_interval"]
        yield (
            one["way"],
            f"{100 * one['accuracy']:.1f}",
            f"{100 * low:.1f} – {100 * high:.1f}",
            f"{one['points']:+.1f}" if number else "",
            f"{lower:+.1f} – {upper:+.1f}" if number else "",
            f"{one['changed']:,}" if number else "",
        )


def table(found: Mapping[str, Any]) -> Table:
    """One task for the terminal."""
    from rich.table import Table

    made = Table(title=_title(found), caption="\n".join(found["notes"]))
    for column in COLUMNS:
        made.add_column(column, justify="left" if column == "way" else "right", no_wrap=True)
    for row in _rows(found):
        made.add_row(*row)
    return made


def page(results: Mapping[str, Any]) -> str:
    """What was measured, as the page that stands beside the JSON."""
    lines = [f"{measured_on(results)}."]
    for section, title in SECTIONS.items():
        for found in results[section]:
            lines += ["", f"**{title}: {_title(found)}**", "", f"| {' | '.join(COLUMNS)} |"]
            lines += ["|---|---:|---:|---:|---:|---:|", *(f"| {' | '.join(row)} |" for row in _rows(found))]
            for note in found["notes"]:
                lines += ["", note]
    return "\n".join(lines) + "\n"


def _title(found: Mapping[str, Any]) -> str:
    return f"{found['task']}, {found['split']}: {found['examples']:,} examples, {found['options']} options at most"


def plot(results: Mapping[str, Any], path: Path) -> None:
    """A panel for each task of each section: accuracy with its interval."""
    from matplotlib.figure import Figure

    panels = [found for section in SECTIONS for found in results[section]]
    figure = Figure(figsize=(7, 0.8 + sum(0.9 + 0.3 * len(found["ways"]) for found in panels)), layout="constrained")
    heights = [3 + len(found["ways"]) for found in panels]
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, found in zip(axes, panels, strict=True):
        ways = found["ways"]
        values = [100 * one["accuracy"] for one in ways]
        # A percentile interval may lie beside its value; a bar has no negative length.
        errors = [
            [max(0.0, value - 100 * one["interval"][0]) for value, one in zip(values, ways, strict=True)],
            [max(0.0, 100 * one["interval"][1] - value) for value, one in zip(values, ways, strict=True)],
        ]
        axis.errorbar(values, range(len(ways)), xerr=errors, fmt="o", capsize=3)
        axis.axvline(values[0], color="lightgrey", zorder=0)
        axis.set_yticks(range(len(ways)), [one["way"] for one in ways])
        axis.invert_yaxis()
        axis.margins(y=0.2)
        axis.set_title(_title(found), fontsize="small")
    axes[-1].set_xlabel("accuracy, per cent, with 95 % interval")
    figure.savefig(path, dpi=120)
