"""`report.md` and the table for the terminal, from the content of a `results.json`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from unimc import comparison, plots, sections
from unimc.sections import IN_NATS, cell, interval, line, percent

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


def markdown(results: Mapping[str, Any], drawn: Collection[str] = ()) -> str:
    """The report.

    Args:
        results: the content of `results.json`.
        drawn: names of the plots' files that there are.
    """
    model, versions = results["model"], results["versions"]
    where = ", ".join(filter(None, [results.get("backend"), results["device"]]))
    intervals = "without intervals"
    if results["resamples"]:
        samples = f"{results['resamples']} resamples, seed {results['seed']}"
        intervals = f"intervals are percentile bootstrap over examples ({samples})"
    lines = [
        f"# Evaluation of {cell(model['name'] or 'a model')}",
        "",
        line(_COLUMNS),
        line("---:" if column in _NUMBERS else "---" for column in _COLUMNS),
        *(line(map(cell, row)) for row in rows(results)),
        "",
        f"Mean of the tasks' first metrics: {percent(results['mean'])}. Values in per cent; {intervals}. "
        "*Chance* and *majority* belong to a task's first metric: guessing, and always giving the most frequent label. "
        "*ece*, expected calibration error, is how far scores lie from the share of right answers: lower is better, "
        "and its interval leans upwards. *Cut*: examples that lost tokens because they were too long. *Training*: "
        "whether the task, or rows with the same texts, were trained on.",
        "",
    ]
    lines += _image("plot.png", drawn)
    if (wordings := sections.wordings(results)) is not None:
        lines += wordings.markdown()
    for suite in results.get("suites", []):
        lines += [
            f"## {suite['name']}: beside published figures",
            "",
            line(comparison.columns(suite)),
            line("---" if number < 3 else "---:" for number in range(len(comparison.columns(suite)))),
            *(line(map(cell, row)) for row in comparison.rows(results, suite)),
            "",
            cell(comparison.caption(results, suite)),
            "",
        ]
    lines += sections.trust(results).markdown()
    lines += sections.reliability(results).markdown()
    lines += _image("reliability.png", drawn)
    if not drawn:
        lines += ["Plots were left out because matplotlib is not installed: `pip install 'unimc[plot]'`.", ""]
    lines += [
        "## How it was measured",
        "",
        f"- Model: {cell(model['name'] or 'unnamed')}, weights SHA-256 `{model['fingerprint']}`, "
        f"at most {model['max_length']} tokens in a row",
        f"- Run: {where}, {results['dtype']}, batches of {results['batch_size']}, {results['processes']} process(es)",
        f"- Passages too long for a row: {_long(results)}",
        f"- Versions: {', '.join(f'{name} {number}' for name, number in versions.items())}",
    ]
    for number, task in enumerate(results["tasks"], 1):
        wording = f"wording {task['variant'] or 'default'}"
        if task["wordings"] is not None:
            wording = f"wordings {', '.join(task['wordings']['each'])}, averaged"
        about = [task["language"], task["family"], wording, task["source"]]
        several = f", {task['several_rows']} of {task['examples']} examples in several (groups of options, or windows)"
        several = several if task["several_rows"] else ""
        lines.append(
            f"- #{number} {cell(task['task'])}: {cell(', '.join(filter(None, about)))}; {task['rows']} rows{several}, "
            f"{task['seconds']:.1f} s; data SHA-256 `{task['data_fingerprint']}`"
        )
    return "\n".join(lines) + "\n"


def _image(name: str, drawn: Collection[str]) -> list[str]:
    return [f"![{plots.FILES[name]}]({name})", ""] if name in drawn else []


def _long(results: Mapping[str, Any]) -> str:
    if results["windows"] is None:
        return "cut"
    return f"windows ({results['windows']} of the margins) that share at least {results['stride']} tokens"


def table(results: Mapping[str, Any]) -> Table:
    """A table for the terminal."""
    from rich.markup import escape
    from rich.table import Table

    made = Table(caption=f"mean {percent(results['mean'])}; values in per cent; ece: lower is better")
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
            if metric in IN_NATS:
                continue  # these stand in a table of their own
            first = metric == task["primary"]
            head = [str(number), task["task"], task["split"], str(task["examples"])] if first else [""] * 4
            tail = [percent(task["chance"]), percent(task["majority"]), str(task["truncated"])] if first else [""] * 3
            rate = ("–" if speed is None else f"{speed:.1f}") if first else ""
            seen = _seen(task["seen"]) if first else ""
            found.append([*head, metric, percent(figure["value"]), interval(figure), *tail, rate, seen])
    return found


def _seen(entry: Mapping[str, Any]) -> str:
    if not entry["rows"]:
        return str(entry["status"])
    return f"{entry['status']} ({entry['rows']} rows)"
