"""`report.md`, `report.html` and the table for the terminal, from what an evaluation writes about itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from unimc import comparison, confusion, cost, document_html, document_markdown, mistakes, plots, sections
from unimc.document import Block, Document, Heading, Items, Marked, Paragraph, Picture, Section
from unimc.sections import IN_NATS, interval, percent

if TYPE_CHECKING:
    from rich.table import Table

    from unimc.confusion import Line

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


def files(results: Mapping[str, Any], lines: Sequence[Sequence[Line]]) -> dict[str, bytes]:
    """The report in both forms and its pictures (with matplotlib), by the names of their files.

    Args:
        results: the content of `results.json`.
        lines: for each task its lines of `predictions.jsonl`.
    """
    pictures = plots.drawn(results, lines)
    made = document(results, lines, pictures)
    markdown, html = document_markdown.written(made), document_html.written(made, pictures)
    return {**pictures, "report.md": markdown.encode(), "report.html": html.encode()}


def document(results: Mapping[str, Any], lines: Sequence[Sequence[Line]], drawn: Collection[str] = ()) -> Document:
    """The report.

    Args:
        results: the content of `results.json`.
        lines: for each task its lines of `predictions.jsonl`.
        drawn: names of the pictures that there are.
    """
    return Document(f"Evaluation of {results['model']['name'] or 'a model'}", [*_blocks(results, lines, drawn)])


def _blocks(results: Mapping[str, Any], lines: Sequence[Sequence[Line]], drawn: Collection[str]) -> Iterator[Block]:
    yield _overview(results)
    yield from _picture("plot.png", plots.FILES["plot.png"], drawn)
    if (wordings := sections.wordings(results)) is not None:
        yield wordings
    for suite in results.get("suites", []):
        columns = comparison.columns(suite)
        title, caption = f"{suite['name']}: beside published figures", comparison.caption(results, suite)
        yield Section(title, columns, [*comparison.rows(results, suite)], caption, frozenset(columns[:3]))
    yield sections.trust(results)
    yield sections.reliability(results)
    yield from _picture("reliability.png", plots.FILES["reliability.png"], drawn)
    for number, (task, its_lines) in enumerate(zip(results["tasks"], lines, strict=True), 1):
        yield from confusion.sections(number, task, its_lines)
        about = f"Confusion matrix of {task['task']}: right labels from above, answers from the left"
        yield from _picture(plots.of_task(number), about, drawn)
        if (wrong := mistakes.section(number, task, its_lines)) is not None:
            yield wrong
    yield cost.section(results)
    if not drawn:
        left_out = "Plots were left out because matplotlib is not installed: `pip install 'unimc[plot]'`."
        yield Paragraph(Marked(left_out))
    yield from _circumstances(results)


def _overview(results: Mapping[str, Any]) -> Section:
    intervals = "without intervals"
    if results["resamples"]:
        samples = f"{results['resamples']} resamples, seed {results['seed']}"
        intervals = f"intervals are percentile bootstrap over examples ({samples})"
    text = Marked(
        f"Mean of the tasks' first metrics: {percent(results['mean'])}. Values in per cent; {intervals}. "
        "*Chance* and *majority* belong to a task's first metric: guessing, and always giving the most frequent label. "
        "*ece*, expected calibration error, is how far scores lie from the share of right answers: lower is better, "
        "and its interval leans upwards. *Cut*: examples that lost tokens because they were too long. *Training*: "
        "whether the task, or rows with the same texts, were trained on."
    )
    return Section("", _COLUMNS, rows(results), text)


def _picture(name: str, about: str, drawn: Collection[str]) -> Iterator[Picture]:
    if name in drawn:
        yield Picture(name, about)


def _circumstances(results: Mapping[str, Any]) -> Iterator[Block]:
    model, versions = results["model"], results["versions"]
    where = ", ".join(filter(None, [results.get("backend"), results["device"]]))
    entries: list[list[str]] = [
        [
            f"Model: {model['name'] or 'unnamed'}, weights SHA-256 ",
            Marked(f"`{model['fingerprint']}`"),
            f", at most {model['max_length']} tokens in a row",
        ],
        [f"Run: {where}, {results['dtype']}, batches of {results['batch_size']}, {results['processes']} process(es)"],
        [f"Passages too long for a row: {_long(results)}"],
        [f"Versions: {', '.join(f'{name} {number}' for name, number in versions.items())}"],
    ]
    for number, task in enumerate(results["tasks"], 1):
        wording = f"wording {task['variant'] or 'default'}"
        if task["wordings"] is not None:
            wording = f"wordings {', '.join(task['wordings']['each'])}, averaged"
        about = ", ".join(filter(None, [task["language"], task["family"], wording, task["source"]]))
        several = f", {task['several_rows']} of {task['examples']} examples in several (groups of options, or windows)"
        several = several if task["several_rows"] else ""
        said = (
            f"#{number} {task['task']}: {about}; {task['rows']} rows{several}, {task['seconds']:.1f} s; data SHA-256 "
        )
        entries.append([said, Marked(f"`{task['data_fingerprint']}`")])
    yield Heading("How it was measured")
    yield Items(entries)


def _long(results: Mapping[str, Any]) -> str:
    if results["windows"] is None:
        return "cut"
    return f"windows ({results['windows']} of the margins) that share at least {results['stride']} tokens"


def table(results: Mapping[str, Any]) -> Table:
    """A table for the terminal."""
    caption = f"mean {percent(results['mean'])}; values in per cent; ece: lower is better"
    return Section("", _COLUMNS, rows(results), caption).table()


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
