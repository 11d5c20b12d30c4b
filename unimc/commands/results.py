"""`unimc results`: one page about several models, from the files of their evaluations."""

from __future__ import annotations

from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from converters import suites

SUITES = ("english_five", "english_reasoning", "fewclue")
"""Those that have a section; any other is part of one of them."""


def results(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Files results.json and robustness.json, or folders with some in them; as NAME=PATH to name the "
            "model. Different weights of one name are its trainings with several seeds.",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option(help="The page; pictures are written beside it.")] = Path("docs/results.md"),
    title: Annotated[str, typer.Option(help="Over the page.")] = "Results",
) -> None:
    """Put several models beside published figures, on one page.

    Example: unimc results runs/spine_english/evaluation runs/spine_chinese/evaluation --output docs/results.md
    """
    from unimc import results_files, results_page, results_picture

    models = results_files.read(files)
    found = [asdict(suites.get(name)) for name in SUITES]
    drawn = {}
    if find_spec("matplotlib") is None:
        typer.echo("no pictures, because matplotlib is not installed: pip install 'unimc[plot]'", err=True)
    else:
        drawn = {suite["name"]: results_picture.drawn(models, suite) for suite in found}
    pictures = {name: f"{output.stem}_{name}.png" for name, content in drawn.items() if content is not None}
    text = results_page.page(models, found, title, pictures)
    output.parent.mkdir(parents=True, exist_ok=True)
    for name in SUITES:
        file = output.with_name(f"{output.stem}_{name}.png")
        content = drawn.get(name)
        if content is None:
            file.unlink(missing_ok=True)  # an earlier page's would contradict this one
        else:
            file.write_bytes(content)
    output.write_text(text, encoding="utf-8")
    typer.echo(f"written to {output}")
