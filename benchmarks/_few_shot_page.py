"""The page of benchmarks/few_shot.py: strategies down, tasks across, mean ± deviation over draws."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

Cell = Mapping[str, Any]


def page(results: Mapping[str, Any], published: Path | None) -> str:
    """The whole page.

    Args:
        results: settings, machine, cells.
        published: a table of published figures (`model,parameters,setting,eprstmt,…`, in per cent); None for none.
    """
    cells, tasks = results["cells"], results["settings"]["tasks"]
    lines = ["# A few labels", "", f"{results['settings']['about']}", ""]
    options = results["settings"].get("options", {})
    lines += ["## Accuracy", "", *_accuracy(cells, tasks, options, published), "", _legend(), ""]
    lines += ["## What it took", "", *_costs(cells), ""]
    return "\n".join(lines)


def groups(cells: Sequence[Cell]) -> dict[tuple[str, int], list[Cell]]:
    """Cells by strategy and rows a label, in the order in which they come first."""
    found: dict[tuple[str, int], list[Cell]] = {}
    for cell in cells:
        found.setdefault((cell["strategy"], cell["k"]), []).append(cell)
    return found


def figure(cells: Sequence[Cell], task: str, base: float | None) -> str:
    """Mean ± deviation of a task in per cent; marked where it is away from the base by more than the deviation."""
    values = [100 * cell["value"] for cell in cells if cell["task"] == task]
    if not values:
        return ""
    if len(values) < 2:
        return f"{values[0]:.1f}"
    spread = stdev(values)
    away = 0.0 if base is None else mean(values) - 100 * base
    mark = " ▲" if away > spread else " ▼" if away < -spread else ""
    return f"{mean(values):.1f} ± {spread:.1f}{mark}"


def _accuracy(
    cells: Sequence[Cell], tasks: Sequence[str], options: Mapping[str, int], published: Path | None
) -> list[str]:
    base = {cell["task"]: cell["value"] for cell in cells if cell["strategy"] == "zero-shot"}
    heads = [f"{task} ({options[task]} options)" if task in options else task for task in tasks]
    lines = [f"| strategy | rows a label | {' | '.join(heads)} |", f"|---|--:|{'--:|' * len(tasks)}"]
    for (strategy, k), own in groups(cells).items():
        known = None if strategy == "zero-shot" else base
        figures = [figure(own, task, None if known is None else known.get(task)) for task in tasks]
        lines.append(f"| {strategy} | {k} | {' | '.join(figures)} |")
    if published is not None:
        lines += _published(tasks, published)
    return lines


def _published(tasks: Sequence[str], path: Path) -> list[str]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    lines = []
    for row in rows:
        figures = [row.get(task.removeprefix("fewclue_"), "") if task.startswith("fewclue_") else "" for task in tasks]
        if row["setting"] != "zero-shot" and any(figures):
            size = f" {row['parameters']}" if row["parameters"] else ""
            lines.append(f"| {row['model']}{size}, published ({row['setting']}) | | {' | '.join(figures)} |")
    return lines


def _legend() -> str:
    return (
        "Per cent, mean ± standard deviation over the draws. ▲ and ▼: away from zero-shot by more than the deviation. "
        "Published figures are of other models and of FewCLUE's own rows."
    )


def _costs(cells: Sequence[Cell]) -> list[str]:
    lines = [
        "| strategy | rows a label | trained parameters | share of the model | folder | steps | seconds "
        "| ended by time | peak memory |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for (strategy, k), own in groups(cells).items():
        if strategy == "zero-shot":
            continue
        trained = [cell["trained"] for cell in own]
        shares = [cell["trained"] / cell["parameters"] for cell in own]
        memory = [cell["memory"] for cell in own if cell["memory"] is not None]
        late = sum(cell["stopped"] == "seconds" for cell in own)
        lines.append(
            f"| {strategy} | {k} | {_range(trained, ',')} | {_range(shares, '.2%')} "
            f"| {max(cell['bytes'] for cell in own) / 1e6:.2f} MB | {mean(cell['steps'] for cell in own):.0f} "
            f"| {mean(cell['seconds'] for cell in own):.0f} | {late} of {len(own)} "
            f"| {f'{max(memory) / 2**20:,.0f} MiB' if memory else ''} |"
        )
    return lines


def _range(values: Sequence[float], form: str) -> str:
    low, high = min(values), max(values)
    return f"{low:{form}}" if low == high else f"{low:{form}} – {high:{form}}"
