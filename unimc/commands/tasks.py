"""`unimc tasks`: what can be trained and evaluated on, by name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import converters
from converters import suites
from converters.families import FAMILIES
from converters.licences import licence_id


def tasks(
    language: Annotated[str | None, typer.Option(help="en or zh; both if not given.")] = None,
    family: Annotated[str | None, typer.Option(help="nli, topic, sentiment, …; all if not given.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Counts the rows there; UNIMC_DATA_DIR if not given, else no counts.")
    ] = None,
    details: Annotated[bool, typer.Option("--details", help="Wordings and whole licences too.")] = False,
) -> None:
    """List the built-in tasks: family, options, rows, licence.

    Example: unimc tasks --language zh --family topic
    """
    from rich.table import Table
    from tqdm import tqdm

    from converters.folders import row_counts
    from unimc.commands.tables import show

    names = converters.names(language, family)
    table = Table()
    for heading in ("task", "language", "family", "kind"):
        table.add_column(heading, no_wrap=True)
    table.add_column("options", justify="right")
    for heading in ("splits (rows on hand)", "licence", *(["wordings", "citation"] if details else [])):
        table.add_column(heading)
    for name in tqdm(names, desc="counting rows", unit="task", leave=False, disable=None):
        task = converters.get(name)
        counts = row_counts(task, data_dir)
        splits = [f"{split} {counts[split]:,}" if split in counts else split for split in task.split_names]
        cells = [
            name,
            task.language,
            task.family,
            task.kind.replace("_", " "),
            str(len(task.label_names)) if task.label_names else "own",
            ", ".join(splits) + (" (untested)" if task.untested else ""),
            task.licence if details else licence_id(task.licence),
        ]
        if details:
            cells += [", ".join(["default", *task.variants]), task.citation]
        table.add_row(*cells)
    shown = {converters.get(name).family for name in names}
    hints = "own: every row has its own options; untested: never met real rows"
    table.caption = f"{len(names)} tasks in {len(shown)} {'family' if len(shown) == 1 else 'families'}; {hints}"
    show(table)
    if language is None and family is None:
        typer.echo(f"suites (names for several tasks): {', '.join(suites.names())}")
        typer.echo(f"families: {'; '.join(f'{name}: {asks}' for name, asks in FAMILIES.items() if name in shown)}")
