"""`unimc compare`: two models, or two wordings, on the same rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from unimc.example import InputError


def compare(
    a: Annotated[Path, typer.Argument(metavar="A", help="Folder that `unimc evaluate --output` wrote.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another, of the same rows.")],
    output: Annotated[Path | None, typer.Option(help="Folder for compare.md, compare.html and compare.json.")] = None,
    listed: Annotated[
        int, typer.Option("--list", help="How many rows of each task to list that only A, or only B, got right.", min=0)
    ] = 3,
    all_rows: Annotated[
        Path | None, typer.Option("--all", help="A .jsonl file for all rows that only one of the two got right.")
    ] = None,
    common: Annotated[
        bool, typer.Option("--common", help="Leave out rows that only one of the two answered; an error if not given.")
    ] = False,
    resamples: Annotated[int, typer.Option(help="Bootstrap samples for the intervals; 0 for none.", min=0)] = 1000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.", min=0)] = 0,
) -> None:
    """Compare two evaluations row by row.

    What B gains over A, whether that could be chance, and on which texts.

    Example: unimc compare runs/before/evaluation runs/after/evaluation --output runs/compared
    """
    if all_rows is not None and all_rows.suffix != ".jsonl":
        raise InputError(f"--all {all_rows}: JSON lines are written; give a name that ends in .jsonl")
    from unimc import gains, inert, pairing
    from unimc.commands.tables import show
    from unimc.paired_figures import compared
    from unimc.paired_report import Report

    sides = pairing.read(a), pairing.read(b)
    pairs = pairing.paired(*sides, common=common)
    for folder in filter(None, (output, all_rows and all_rows.parent)):
        folder.mkdir(parents=True, exist_ok=True)  # an error now, not after the bootstrap
    changes = [gains.changes(pair) for pair in pairs]
    report = Report(*sides, compared(pairs, seed=seed, resamples=resamples), changes, listed)
    for line in report.about():
        typer.echo(inert.visible(line))
    for section in report.tables():
        show(section.table())
    typer.echo(inert.visible(report.verdict()))
    if all_rows is not None:
        rows = [json.dumps(change.to_dict(), ensure_ascii=False) + "\n" for found in changes for change in found]
        all_rows.write_bytes("".join(rows).encode("utf-8", "backslashreplace"))
        typer.echo(f"{len(rows):,} rows written to {all_rows}")
    if output is not None:
        for name, content in report.files().items():
            (output / name).write_bytes(content)
        typer.echo(f"written to {output}")
