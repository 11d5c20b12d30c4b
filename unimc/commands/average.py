"""`unimc average`: the mean of several models' weights."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from unimc.example import InputError


def average(
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="Two models or more, trained from one backbone.")
    ],
    output: Annotated[Path, typer.Option(help="Folder to write; the model goes into final.", show_default=False)],
) -> None:
    """Write the mean of several models' weights.

    They may be the stages of one training, or runs of several seeds.

    Example: unimc average runs/first/final runs/second/final --output runs/mean
    """
    from unimc import averaging

    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError(f"{output} is there already; remove it, or name another folder")
    checkpoint = averaging.average(models)
    final = output / "final"
    output = output.resolve()  # "." has no name of its own to write beside, and a link none to be renamed to
    output.parent.mkdir(parents=True, exist_ok=True)
    # Written beside its place and then renamed: killed at any instant, it leaves nothing that the same command refuses.
    with TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as scratch:
        draft = Path(scratch) / "mean"
        checkpoint.save(draft / "final")
        # Beside the model, as a training leaves its configuration: where it came from.
        made = json.dumps({"average": models}, ensure_ascii=False, indent=2)
        (draft / "config.json").write_text(made + "\n", encoding="utf-8")
        draft.replace(output)  # an empty folder may be there
    typer.echo(f"written to {final}: the mean of {len(models)} models")
