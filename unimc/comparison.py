"""An evaluation beside the figures that others published for the same tasks: one table a suite."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from typing import TYPE_CHECKING, Any

from unimc import inert, sizes

if TYPE_CHECKING:
    from rich.table import Table

_HEAD = ("model", "parameters", "setting")


def columns(suite: Mapping[str, Any]) -> list[str]:
    """The table's columns: model, parameters, setting, a column for each task, average."""
    return [*_HEAD, *suite["tasks"], "average"]


def rows(results: Mapping[str, Any], suite: Mapping[str, Any]) -> Iterator[list[str]]:
    """The table's rows in per cent: the published ones, then that of the results.

    Args:
        results: the content of `results.json`.
        suite: `tasks` (column -> `task:split`) and `published` (`{model, parameters, setting, figures}`).
    """
    for entry in suite["published"]:
        figures = [entry["figures"].get(column) for column in suite["tasks"]]
        yield [str(entry["model"]), str(entry["parameters"] or ""), str(entry["setting"]), *_cells(figures)]
    found = {f"{task['task']}:{task['split']}": task for task in results["tasks"]}
    own = [found[name] for name in suite["tasks"].values()]
    values = [100 * task["figures"][task["primary"]]["value"] for task in own]
    statuses = sorted({task["seen"]["status"] for task in own})
    setting = "zero-shot" if statuses == ["unseen"] else ", ".join(statuses)
    # A calibration may have seen labels, and several wordings are not what the others asked in.
    setting += ", calibrated" if any(task["calibration"] for task in own) else ""
    setting += ", wordings averaged" if any(task["wordings"] for task in own) else ""
    setting += ", windows" if results.get("windows") else ""
    model = results["model"]
    yield [str(model["name"] or "this model"), sizes.short(model["parameters"]), setting, *_cells(values)]


def text_table(results: Mapping[str, Any], suite: Mapping[str, Any]) -> Table:
    """The table for the terminal; the last row is ours."""
    from rich.table import Table

    shown = inert.terminal
    made = Table(title=shown(f"{suite['name']}: beside published figures"), caption=shown(caption(results, suite)))
    for column in columns(suite):
        made.add_column(shown(column), justify="left" if column in _HEAD else "right")
    *published, own = rows(results, suite)
    for row in published:
        made.add_row(*map(shown, row))
    made.add_section()
    made.add_row(*map(shown, own), style="bold")
    return made


def csv_text(results: Mapping[str, Any], suite: Mapping[str, Any]) -> str:
    """The table as CSV."""
    out = StringIO()
    csv.writer(out, lineterminator="\n").writerows([columns(suite), *rows(results, suite)])
    return out.getvalue()


def caption(results: Mapping[str, Any], suite: Mapping[str, Any]) -> str:
    """How many examples stand behind our row, and where the others are from."""
    found = {f"{task['task']}:{task['split']}": task["examples"] for task in results["tasks"]}
    counts = ", ".join(f"{column} {found[name]:,}" for column, name in suite["tasks"].items())
    return f"Accuracy in per cent; examples of the last row: {counts}. Published: {suite['source']}"


def _cells(figures: Sequence[float | None]) -> list[str]:
    known = [float(figure) for figure in figures if figure is not None]
    average = f"{sum(known) / len(known):.1f}" if len(known) == len(figures) else ""
    return [*("" if figure is None else f"{float(figure):.1f}" for figure in figures), average]
