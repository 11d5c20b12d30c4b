"""A document as Markdown."""

from __future__ import annotations

from collections.abc import Iterable

from unimc import inert
from unimc.document import Block, Document, Heading, Items, Marked, Paragraph, Section, Words, parts


def written(document: Document) -> str:
    """The whole text; pictures are linked by the names of their files."""
    lines = [f"# {inert.markdown(document.title)}", ""]
    for block in document.blocks:
        lines += [*_lines(block), ""]
    return "\n".join(lines[:-1]) + "\n"


def inline(words: Words) -> str:
    """A text within a line: our own marks count, a user's don't."""
    return "".join(part if isinstance(part, Marked) else inert.markdown(part) for part in parts(words))


def _lines(block: Block) -> list[str]:
    if isinstance(block, Section):
        return _section(block)
    if isinstance(block, Heading):
        return [f"## {inert.markdown(block.title)}"]
    if isinstance(block, Paragraph):
        return [inline(block.text)]
    if isinstance(block, Items):
        return [f"- {inline(entry)}" for entry in block.entries]
    return [f"![{inert.markdown(block.about)}]({block.name})"]


def _section(section: Section) -> list[str]:
    return [
        *([f"## {inert.markdown(section.title)}", ""] if section.title else []),
        _row(map(inert.markdown, section.columns)),
        _row("---" if column in section.left else "---:" for column in section.columns),
        *(_row(map(inert.markdown, row)) for row in section.rows),
        *(["", inline(section.text)] if section.text else []),
    ]


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
