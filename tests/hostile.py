"""Hostile texts, and readers that tell what a file or a terminal would make of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "</td></tr></table><h1>over</h1>",
    '\'" onmouseover="alert(1)',
    "--><!-- <a href='javascript:alert(1)'>天</a>",
    "| a | b |\n| --- | --- |",
    "ends in a backslash \\",
    "\\| and \\\\| and \\`",
    "a\n\n# heading\n\n- item\n1. one\n> quoted\n---",
    "行\r\n行\u2028行\u0085行",
    "`code` *em* **strong** __under__ ~~gone~~ _a_ 'b_c_d'",
    "```\nfence\n```",
    "[link](https://example.com) ![picture](https://example.com/x.png) [ref]: x",
    "<https://example.com> https://example.com www.example.com",
    "&lt;b&gt; &amp; &#60;b&#62;",
    "$x^2$ {{ 7 * 7 }} {% raw %} ${x} %s {0}",
    "[bold red]rich[/bold red] [link=https://example.com]x[/link] :skull:",
    "\x1b[31mred\x1b[0m \x1b]8;;https://example.com\x07here\x1b]8;;\x07 \x9b31m \x1b[2J",
    "\x00null \x08\x08 back \x7f",
    "report\u202etxt.exe \u2066mixed\u2069",
    "../../etc/passwd",
    "C:\\Windows\\system32",
    "=cmd|'/c calc'!A1",
)
TERMINAL_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def ids(text: str) -> str:
    return ascii(text)[:24]


class Tags(HTMLParser):
    """Tags with their attributes, and the texts of cells."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.cells: list[str] = []
        self.comments: list[str] = []
        self.open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag in ("td", "th"):
            self.cells.append("")
            self.open = True

    def handle_endtag(self, tag: str) -> None:
        self.open = self.open and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.open:
            self.cells[-1] += data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def parsed(file: Path) -> Tags:
    found = Tags()
    found.feed(file.read_text(encoding="utf-8"))
    return found


def json_lines(file: Path) -> list[Any]:
    """Lines end in \\n alone: texts may hold other characters that `splitlines` takes for ends."""
    return [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]


def flat(text: str) -> Iterator[Any]:
    """Tokens as CommonMark with tables and strike-through reads them, raw HTML allowed."""
    reader = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    for token in reader.parse(text):
        yield token
        yield from token.children or ()


def kinds(tokens: list[Any]) -> set[str]:
    return {re.sub("_(?:open|close)$", "", token.type) for token in tokens}


def plain(tokens: list[Any]) -> list[str]:
    """The texts of lines and cells, marks taken off."""
    return ["".join(child.content for child in token.children or ()) for token in tokens if token.type == "inline"]


def table_rows(text: str) -> Iterator[tuple[int, int]]:
    """Cells of every row that is read as one, beside those of its head."""
    head = found = 0
    for token in flat(text):
        if token.type == "thead_open":
            head = 0
        elif token.type == "th_open":
            head += 1
        elif token.type == "tr_open":
            found = 0
        found += token.type in ("th_open", "td_open")
        if token.type == "tr_close":
            yield found, head
