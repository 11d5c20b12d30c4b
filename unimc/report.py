"""`report.md`, its plot and the table for the terminal, from the content of a `results.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

from unimc import comparison

if TYPE_CHECKING:
    from rich.table import Table

_COLUMNS = (
    "#",
    "task",
    "split",
    "examples",
    "metric",
    "value",
    "95 % interval",
    "chance",
    "majority",
    "cut",
    "ex/s",
    "training",
)
_NUMBERS = frozenset({"#", "examples", "value", "95 % interval", "chance", "majority", "cut", "ex/s"})
# Font families that hold Chinese, one for each usual system, for the letters that the default font lacks.
_CHINESE_FONTS = (
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "PingFang SC",
    "Microsoft YaHei",
    "SimHei",
)


def markdown(results: Mapping[str, Any], plot: str | None = None) -> str:
    """The report.

    Args:
        results: the content of `results.json`.
        plot: file name of the plot; None if it was left out.
    """
    model, versions = results["model"], results["versions"]
    intervals = "without intervals"
    if results["resamples"]:
        drawn = f"{results['resamples']} resamples, seed {results['seed']}"
        intervals = f"intervals are percentile bootstrap over examples ({drawn})"
    lines = [
        f"# Evaluation of {_cell(model['name'] or 'a model')}",
        "",
        _line(_COLUMNS),
        _line("---:" if column in _NUMBERS else "---" for column in _COLUMNS),
        *(_line(map(_cell, row)) for row in rows(results)),
        "",
        f"Mean of the tasks' first metrics: {_percent(results['mean'])}. Values in per cent; {intervals}. "
        "*Chance* and *majority* belong to a task's first metric: guessing, and always giving the most frequent label. "
        "*ece*, expected calibration error, is how far scores lie from the share of right answers: lower is better, "
        "and its interval leans upwards. *Cut*: examples that lost tokens because they were too long. *Training*: "
        "whether the task, or rows with the same texts, were trained on.",
        "",
    ]
    if plot is not None:
        lines += [f"![First metric of each task with its interval and chance level]({plot})", ""]
    else:
        lines += ["The plot was left out because matplotlib is not installed: `pip install 'unimc[plot]'`.", ""]
    for suite in results.get("suites", []):
        lines += [
            f"## {suite['name']}: beside published figures",
            "",
            _line(comparison.columns(suite)),
            _line("---" if number < 3 else "---:" for number in range(len(comparison.columns(suite)))),
            *(_line(map(_cell, row)) for row in comparison.rows(results, suite)),
            "",
            _cell(comparison.caption(results, suite)),
            "",
        ]
    lines += [
        "## How it was measured",
        "",
        f"- Model: {_cell(model['name'] or 'unnamed')}, weights SHA-256 `{model['fingerprint']}`, "
        f"at most {model['max_length']} tokens in a row",
        f"- Run: {results['device']}, {results['dtype']}, batches of {results['batch_size']}, "
        f"{results['processes']} process(es)",
        f"- Versions: {', '.join(f'{name} {number}' for name, number in versions.items())}",
    ]
    for number, task in enumerate(results["tasks"], 1):
        about = [task["language"], task["family"], f"wording {task['variant'] or 'default'}", task["source"]]
        lines.append(
            f"- #{number} {_cell(task['task'])}: {_cell(', '.join(filter(None, about)))}; {task['rows']} rows in "
            f"{task['seconds']:.1f} s; data SHA-256 `{task['data_fingerprint']}`"
        )
    return "\n".join(lines) + "\n"


def table(results: Mapping[str, Any]) -> Table:
    """A table for the terminal."""
    from rich.markup import escape
    from rich.table import Table

    made = Table(caption=f"mean {_percent(results['mean'])}; values in per cent; ece: lower is better")
    for column in _COLUMNS:
        made.add_column(column, justify="right" if column in _NUMBERS else "left")
    for row in rows(results):
        made.add_row(*map(escape, row))
    return made


def rows(results: Mapping[str, Any]) -> list[list[str]]:
    """The cells of the table: a row for every figure, what belongs to the whole task only in its first."""
    found = []
    for number, task in enumerate(results["tasks"], 1):
        speed = task["examples_per_second"]
        for metric, figure in task["figures"].items():
            first = metric == task["primary"]
            head = [str(number), task["task"], task["split"], str(task["examples"])] if first else [""] * 4
            interval = "–" if figure["low"] is None else f"{_percent(figure['low'])}–{_percent(figure['high'])}"
            tail = [_percent(task["chance"]), _percent(task["majority"]), str(task["truncated"])] if first else [""] * 3
            rate = ("–" if speed is None else f"{speed:.1f}") if first else ""
            seen = _seen(task["seen"]) if first else ""
            found.append([*head, metric, _percent(figure["value"]), interval, *tail, rate, seen])
    return found


def _seen(entry: Mapping[str, Any]) -> str:
    if not entry["rows"]:
        return str(entry["status"])
    return f"{entry['status']} ({entry['rows']} rows)"


def plot(results: Mapping[str, Any]) -> bytes | None:
    """A PNG of each task's first metric with its interval and chance level; None without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as missing:
        if missing.name != "matplotlib":
            raise
        return None
    from matplotlib import rc_context

    shown = [(task, task["figures"][task["primary"]]) for task in results["tasks"]]
    values = [_drawn(figure["value"]) for _, figure in shown]
    # A percentile interval may lie beside its value; a bar has no negative length.
    below = [max(0.0, value - _drawn(figure["low"])) for value, (_, figure) in zip(values, shown, strict=True)]
    above = [max(0.0, _drawn(figure["high"]) - value) for value, (_, figure) in zip(values, shown, strict=True)]
    places = range(len(shown))
    with rc_context({"font.family": _fonts()}):
        figure = Figure(figsize=(8, 1.4 + 0.4 * len(shown)), layout="constrained")
        axes = figure.subplots()
        axes.barh(places, values, xerr=[below, above], color="#7da7d9", ecolor="#1f3b63", capsize=3, label="value")
        chances = [_drawn(task["chance"]) for task, _ in shown]
        axes.plot(chances, places, "k|", markersize=14, markeredgewidth=2, label="chance")
        drawable, names = _drawable(), []
        for number, (task, _) in enumerate(shown, 1):
            # Where no font has the letters, the number stands for the name: the table above has both.
            name = task["task"] if drawable.issuperset(map(ord, task["task"])) else ""
            names.append(f"#{number} {name}\n{task['primary']}")
        axes.set_yticks(places, names)
        axes.invert_yaxis()
        axes.set_xlim(0, 100)
        axes.set_xlabel("per cent, with 95 % interval")
        figure.legend(loc="outside upper right", ncols=2, frameon=False)
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


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _line(cells: Sequence[str] | Any) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
