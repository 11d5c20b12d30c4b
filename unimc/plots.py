"""The plots of a report, from what an evaluation writes about itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from itertools import product
from typing import Any

from unimc import fonts
from unimc.confusion import Line, matrix

FILES = {
    "plot.png": "First metric of each task with its interval and chance level",
    "reliability.png": "Share of right answers by score",
}
"""Names of the plots' files, and what they show; of the confusion matrices see `of_task`."""
OF_TASKS = "confusion-*.png"
_ACROSS = 4
_NAMED = 40  # so many labels have their names in a confusion matrix, more have numbers alone
_COUNTED = 12  # so many have the counts in its cells
_LONG = 24  # characters of a label's name that are drawn


def of_task(number: int) -> str:
    """Name of the file of a task's confusion matrix; of its number, because names may be anything."""
    return f"confusion-{number}.png"


def drawn(results: Mapping[str, Any], lines: Sequence[Sequence[Line]]) -> dict[str, bytes]:
    """PNGs by the names of their files; none without matplotlib.

    Args:
        results: the content of `results.json`.
        lines: for each task its lines of `predictions.jsonl`.
    """
    try:
        import matplotlib
    except ModuleNotFoundError as missing:
        if missing.name != "matplotlib":
            raise
        return {}
    # Names are no formulas, whatever dollar signs they hold.
    with matplotlib.rc_context({"font.family": fonts.families(), "text.parse_math": False}):
        found = {"plot.png": _figures(results), "reliability.png": _reliability(results)}
        for number, (task, its_lines) in enumerate(zip(results["tasks"], lines, strict=True), 1):
            if task["kind"] == "classification":
                found[of_task(number)] = _confusion(task["labels"], matrix(task["labels"], its_lines))
        return found


def _figures(results: Mapping[str, Any]) -> bytes:
    """Each task's first metric with its interval and chance level."""
    from matplotlib.figure import Figure

    shown = [(task, task["figures"][task["primary"]]) for task in results["tasks"]]
    values = [_drawn(figure["value"]) for _, figure in shown]
    # A percentile interval may lie beside its value; a bar has no negative length.
    below = [max(0.0, value - _drawn(figure["low"])) for value, (_, figure) in zip(values, shown, strict=True)]
    above = [max(0.0, _drawn(figure["high"]) - value) for value, (_, figure) in zip(values, shown, strict=True)]
    places = range(len(shown))
    figure = Figure(figsize=(8, 1.4 + 0.4 * len(shown)), layout="constrained")
    axes = figure.subplots()
    axes.barh(places, values, xerr=[below, above], color="#7da7d9", ecolor="#1f3b63", capsize=3, label="value")
    chances = [_drawn(task["chance"]) for task, _ in shown]
    axes.plot(chances, places, "k|", markersize=14, markeredgewidth=2, label="chance")
    names = [f"{name}\n{task['primary']}" for name, (task, _) in zip(_names(results), shown, strict=True)]
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("per cent, with 95 % interval")
    figure.legend(loc="outside upper right", ncols=2, frameon=False)
    return _png(figure)


def _reliability(results: Mapping[str, Any]) -> bytes:
    """A panel a task: the share that is right over the mean score of each range, larger where there are more."""
    from matplotlib.figure import Figure

    tasks = results["tasks"]
    across = min(_ACROSS, len(tasks))
    down = -(-len(tasks) // across)
    figure = Figure(figsize=(0.4 + 2.6 * across, 0.6 + 2.8 * down), layout="constrained")
    panels = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, task, name in zip(panels, tasks, _names(results), strict=False):
        filled = [one for one in task["reliability"] if one["count"]]
        total = sum(one["count"] for one in filled)
        axes.plot([0, 100], [0, 100], color="#999999", linewidth=1, linestyle="--")
        scores, shares = ([_drawn(one[key]) for one in filled] for key in ("confidence", "accuracy"))
        axes.plot(scores, shares, color="#7da7d9")
        sizes = [10 + 150 * one["count"] / total for one in filled]
        axes.scatter(scores, shares, sizes, color="#1f3b63", clip_on=False, zorder=3)
        axes.set_title(name, fontsize="medium")
        axes.set_xlim(0, 100)
        axes.set_ylim(0, 100)
    for axes in panels[len(tasks) :]:
        axes.set_axis_off()
    figure.supxlabel("mean score, per cent")
    figure.supylabel("right, per cent")
    return _png(figure)


def _confusion(labels: Sequence[str], counts: Sequence[Sequence[int]]) -> bytes:
    """Right labels from above, answers from the left; the darker, the larger the share of the right label."""
    from matplotlib.figure import Figure

    size, totals = len(labels), [sum(row) for row in counts]
    shares = [[count / total if total else 0.0 for count in row] for row, total in zip(counts, totals, strict=True)]
    side = min(9.0, max(2.4, (0.45 if size <= _COUNTED else 0.24) * size))
    figure = Figure(figsize=(side + 2.6, side + 1.0), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if size <= _NAMED:
        numbers = [str(number) for number in range(1, size + 1)]
        axes.set_xticks(range(size), numbers, fontsize="small")
        axes.set_yticks(range(size), [_numbered(number, name) for number, name in enumerate(labels, 1)])
    else:
        places = range(9, size, 10)
        axes.set_xticks(places, [str(place + 1) for place in places])
        axes.set_yticks(places, [str(place + 1) for place in places])
    for row, column in product(range(size), repeat=2) if size <= _COUNTED else ():
        if counts[row][column]:
            color = "white" if shares[row][column] > 0.5 else "black"
            axes.text(column, row, str(counts[row][column]), ha="center", va="center", color=color, fontsize="small")
    axes.set_xlabel("answer, by its number in the table of labels")
    axes.set_ylabel("right label")
    figure.colorbar(image, shrink=0.7, label="share of the right label")
    return _png(figure)


def _names(results: Mapping[str, Any]) -> list[str]:
    """The tasks' names with their numbers; where no font has the letters, the number alone: the table has both."""
    return [f"#{_numbered(number, task['task'])}" for number, task in enumerate(results["tasks"], 1)]


def _numbered(number: int, name: str) -> str:
    name = name if len(name) <= _LONG else f"{name[: _LONG - 1]}…"
    return f"{number} {name}" if fonts.can_draw(name) else str(number)


def _png(figure: Any) -> bytes:
    content = BytesIO()
    figure.savefig(content, format="png", dpi=120, metadata={"Software": None})
    return content.getvalue()


def _drawn(value: float | None) -> float:
    return float("nan") if value is None else 100 * value
