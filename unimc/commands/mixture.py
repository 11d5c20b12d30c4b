"""`unimc mixture`: what a mixture holds, before anything is trained on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from converters import card
from unimc.commands.arguments import DataDir, comma_separated
from unimc.example import InputError


def mixture(
    file: Annotated[
        Path, typer.Argument(help="A mixture, or a training configuration that has one.", show_default=False)
    ],
    licenses: Annotated[
        str | None,
        typer.Option(
            help='Only data with these licences: open, non-commercial, not-stated, or ids, as "MIT,CC BY-SA*".'
        ),
    ] = None,
    held_out: Annotated[
        str | None,
        typer.Option(
            help="Tasks, or NAME:SPLIT, to keep the mixture clean of (without SPLIT: of the rows of "
            "validation and test); those in the file if not given."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="Writes the examples there, one JSON object a line, as `--json` reads them.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """List what a mixture holds, and what is dropped from it.

    Rows, options and licences of each task; what is dropped stands in an evaluation split of a held-out task too.

    Example: unimc mixture configs/mixtures/english.yaml --licenses open
    """
    from converters.mixture import Mixture, resolved
    from converters.unimc_json import write
    from unimc.commands.tables import show_mixture

    section = card.read(file)
    if "tasks" not in section and "mixture" not in section:
        raise InputError(f"{file}: neither a mixture (`tasks`) nor a configuration with one (`mixture`)")
    # The draws of a training follow its own seed.
    training = card.mapping(section.get("training") or {}, f"{file}: training")
    given = {"seed": training.get("seed", 0), **resolved(section.get("mixture", section))}
    if licenses is not None:
        given["licences"] = comma_separated(licenses)
    if held_out is not None:
        given["held_out"] = comma_separated(held_out)
    if data_dir is not None:
        given["data_dir"] = str(data_dir)
    found = Mixture.from_mapping(given)
    examples = found.examples()
    show_mixture(found)
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)
        write(examples, output)
        typer.echo(f"{len(examples):,} examples written to {output}")
