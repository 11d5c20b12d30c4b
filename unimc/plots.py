"""The plots of a report, from the content of a `results.json`."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import Any

FILES = {
    "plot.png": "First metric of each task with its interval and chance level",
    "reliability.png": "Share of right answers by score",
}
"""Names of the plots' files, and what they show."""
_ACROSS = 4
# Font families that hold Chinese, one for each usual system, for the letters that the default font lacks.
_CHINESE_FONTS = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "PingFang SC",
    "Microsoft YaHei",
    "SimHei",
)


def drawn(results: Mapping[str, Any]) -> dict[str, bytes]:
    """PNGs by the names of their files; none without matplotlib."""
    try:
        import matplotlib
    except ModuleNotFoundError as missing:
        if missing.name != "matplotlib":
            raise
        return {}
    with matplotlib.rc_context({"font.family": _fonts()}):
        return {"plot.png": _figures(results), "reliability.png": _reliability(results)}


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


def _names(results: Mapping[str, Any]) -> list[str]:
    """The tasks' names with their numbers; where no font has the letters, the number alone: the table has both."""
    drawable = _drawable()
    names = [task["task"] if drawable.issuperset(map(ord, task["task"])) else "" for task in results["tasks"]]
    return [f"#{number} {name}".rstrip() for number, name in enumerate(names, 1)]


def _png(figure: Any) -> bytes:
    content = BytesIO()
    figure.savefig(content, format="png", dpi=120, metadata={"Software": None})
    return content.getvalue()


def _fonts() -> list[str]:
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return ["DejaVu Sans", *[name for name in _CHINESE_FONTS if name in installed][:1]]


def _drawable() -> set[int]:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return {glyph for family in _fonts() for glyph in get_font(findfont(FontProperties(family))).get_charmap()}


def _drawn(value: float | None) -> float:
    return float("nan") if value is None else 100 * value
