"""What others wrote stays text in the tables of commands, in the page of results and in a model's card."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import terminal
from markdown_it import MarkdownIt
from rich.console import Console
from rich.table import Table

from unimc import MultipleChoiceExample
from unimc.commands import overlaps, robustness, tables
from unimc.results_tables import code, table
from unimc.sections import percent

STEERING = "[bold]天气[/bold] \x1b[31m \x1b]8;;https://example.com\x07here \u202etxt :cat:"
SHOWN = r"[bold]天气[/bold] \x1b[31m \x1b]8;;https://example.com\x07here \u202etxt :cat:"
WORDINGS = {"each": {"default": {"value": 0.5}, STEERING: {"value": 0.4}}, "spread": 0.1, "mean_change": -0.1}


def printed(made: Table) -> str:
    out = io.StringIO()
    Console(file=out, force_terminal=True, width=1000, color_system=None).print(made)
    return out.getvalue()


def mixture() -> Table:
    row = dict.fromkeys(("task", "split", "language", "family"), STEERING)
    counts = dict.fromkeys(("rows", "dropped", "skipped", "merged", "taken"), 1)
    entry = SimpleNamespace(**row, **counts, licence="", options=(2, 3))
    return tables.mixture_table(SimpleNamespace(report=[entry]))  # type: ignore[arg-type]


def held_out() -> Table:
    row = SimpleNamespace(task=STEERING, held_out=STEERING, split="test", exact=1, near=0, contained=0)
    return tables.overlap_table([row])  # type: ignore[list-item]


def found() -> Table:
    made = overlaps._table()
    match: Any = SimpleNamespace(task=STEERING, split="test", kind="exact")
    overlaps._add_rows(made, STEERING, 3, [(match,), ()])
    return made


def robust() -> Table:
    return robustness.table([{"task": STEERING, "examples": 3, "order": None, "wordings": WORDINGS}])


@pytest.mark.parametrize("made", [mixture, held_out, found, robust])
def test_a_table_on_the_terminal_shows_what_would_steer_it(made: Callable[[], Table]) -> None:
    said = printed(made())
    assert SHOWN in said
    assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", said)


def test_a_text_that_stands_twice_is_printed_line_by_line() -> None:
    example = MultipleChoiceExample(["a", "b"], "what", "rain \x1b[31m", "[bold]snow[/bold]", id="n\r1")
    said = overlaps._said(example).plain
    assert said.splitlines()[0] == "n 1"
    assert "[bold]snow[/bold]" in said
    assert "\x1b" not in said


def test_a_text_that_is_asked_about_steers_no_terminal(bert_folder: Path) -> None:
    text = "[b]雪[/b] \x1b[31m:cat:"
    said = terminal.unimc("classify", text, "--model", bert_folder, "--options", f"snow,{text}")
    assert said.code == 0, said.err
    assert said.out.count(r"[b]雪[/b] \x1b[31m:cat:") == 2
    assert "\x1b" not in said.out


HOSTILE = "[a](https://example.com) <img src=x> `c` **b** a|b"


@pytest.mark.parametrize("columns", [["model", "run"], ["model", HOSTILE]])
def test_a_cell_of_the_page_of_results_is_read_as_itself(columns: list[str]) -> None:
    page = MarkdownIt("commonmark").enable("table").render("\n".join(table(columns, [[HOSTILE, percent(0.5)]])))
    assert "<td>[a](https://example.com) &lt;img src=x&gt; `c` **b** a|b</td>" in page.replace(
        ' style="text-align:right"', ""
    )
    assert not re.search(r"<(a|img|code|strong)\b", page)


def test_a_fingerprint_ends_neither_its_code_nor_its_cell() -> None:
    assert code("a`b|c\x1b") == r"`a'b/c\x1b`"
