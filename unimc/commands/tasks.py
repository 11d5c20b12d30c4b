"""`unimc tasks`: what can be trained and evaluated on, by name."""

from __future__ import annotations

from typing import Annotated

import typer

import converters


def tasks(
    language: Annotated[str | None, typer.Option(help="en or zh; both if not given.")] = None,
    family: Annotated[str | None, typer.Option(help="nli, topic, sentiment, …; all if not given.")] = None,
) -> None:
    """List the built-in tasks.

    Example: unimc tasks --language zh
    """
    from rich.table import Table

    from unimc.commands.tables import show

    table = Table("task", "language", "family", "options", "splits", "wordings", "licence")
    for name in converters.names(language, family):
        task = converters.get(name)
        options = str(len(task.label_names)) if task.label_names else "each row's own"
        table.add_row(
            name,
            task.language,
            task.family,
            options,
            ", ".join(task.split_names),
            ", ".join(["default", *task.variants]),
            task.licence,
        )
    show(table)
