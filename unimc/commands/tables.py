"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.table import Table

    from converters.mixture import ReportRow


def show(table: Table) -> None:
    """Prints a table to standard output; wide enough to be read where that is no terminal."""
    from rich.console import Console

    console = Console()
    Console(width=None if console.is_terminal else 160).print(table)


def mixture_table(report: Sequence[ReportRow]) -> Table:
    """What a mixture took from each task."""
    from rich.table import Table

    table = Table("task", "split", "language", title="training mixture")
    for heading in ("rows", "taken", "merged options", "skipped"):
        table.add_column(heading, justify="right")
    for row in report:
        counts = (f"{count:,}" for count in (row.rows, row.taken, row.merged, row.skipped))
        table.add_row(row.task, row.split, row.language, *counts)
    return table
