"""Tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from converters import licences

if TYPE_CHECKING:
    from rich.table import Table

    from converters.decontamination import OverlapRow
    from converters.mixture import Mixture


def show(table: Table) -> None:
    """Prints a table to standard output; wide enough to be read where that is no terminal."""
    from rich.console import Console

    console = Console()
    Console(width=None if console.is_terminal else 160).print(table)


def mixture_table(mixture: Mixture) -> Table:
    """What a mixture took from each task, once its examples were drawn."""
    from rich.table import Table

    from unimc import inert

    taken = sum(row.taken for row in mixture.report)
    table = Table("task", "split", "language", "family", "licence", title="training mixture")
    for heading in ("rows", "dropped", "skipped", "merged options", "options", "taken", "share"):
        table.add_column(heading, justify="right")
    for row in mixture.report:
        counts = [f"{count:,}" for count in (row.rows, row.dropped, row.skipped, row.merged)]
        low, high = row.options
        options = str(high) if low == high else f"{low}-{high}"
        share = f"{row.taken / taken:.1%}" if taken else ""
        licence = licences.licence_id(row.licence)
        texts = map(inert.terminal, (row.task, row.split, row.language, row.family, licence))
        table.add_row(*texts, *counts, options, f"{row.taken:,}", share)
    table.caption = f"{taken:,} examples; dropped: rows that stand in held-out tasks too"
    return table


def overlap_table(overlaps: Sequence[OverlapRow]) -> Table:
    """Which training tasks share rows with which held-out splits."""
    from rich.table import Table

    from unimc import inert

    table = Table("task", "held-out task", "split", title="rows of held-out tasks, kept out of training")
    for heading in ("exact", "near", "contained"):
        table.add_column(heading, justify="right")
    for row in overlaps:
        counts = (f"{count:,}" for count in (row.exact, row.near, row.contained))
        table.add_row(*map(inert.terminal, (row.task, row.held_out, row.split)), *counts)
    return table


def show_mixture(mixture: Mixture) -> None:
    """Prints what a mixture holds, what it was kept clean of, and what its licences left out."""
    show(mixture_table(mixture))
    if mixture.overlaps:
        show(overlap_table(mixture.overlaps))
    for task, licence in mixture.left_out.items():
        print(f"left out for its licence: {task} ({licence or 'not stated'})")
