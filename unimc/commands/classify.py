"""`unimc classify`: one text, some options, their scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from unimc.commands.arguments import Backend, Device, Model, check_choice, check_device, named_options
from unimc.commands.options_file import read_options
from unimc.example import InputError

if TYPE_CHECKING:
    from unimc.windows import Pooling


def classify(
    text: Annotated[str, typer.Argument(help="The text to judge.", show_default=False)],
    model: Model = None,
    options: Annotated[
        str | None,
        typer.Option(
            help="The candidate answers as the model reads them, separated by commas (, or ，).", show_default=False
        ),
    ] = None,
    options_file: Annotated[
        Path | None,
        typer.Option(
            help="Instead, for options with a comma, or another name than wording: a YAML or JSON file of name: "
            "wording, or a text file with one option a line.",
            show_default=False,
        ),
    ] = None,
    question: Annotated[str, typer.Option(help="The instruction.")] = "",
    language: Annotated[str | None, typer.Option(help="en or zh; told from the script if not given.")] = None,
    multi_label: Annotated[bool, typer.Option("--multi-label", help="Several options, or none, may hold.")] = False,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="With --multi-label: from which probability an option holds; 0.5 if not given. Without: from which "
            "the best option, judged for itself, is the answer, else none is; it always is one if not given."
        ),
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(help="Show so many options; with --multi-label no more hold either.", show_default=False, min=1),
    ] = None,
    calibration: Annotated[
        str | None,
        typer.Option(help="Name of a calibration in the model, as `unimc calibrate` stored it.", show_default=False),
    ] = None,
    windows: Annotated[
        str | None, typer.Option(help="A long text in overlapping windows, joined by max or mean; cut if not given.")
    ] = None,
    device: Device = None,
    backend: Backend = "torch",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Classify one text by options you name.

    Example: unimc classify "The striker scored twice." --options "sports,politics"
    """
    if (options is None) == (options_file is None):
        raise InputError('give either --options, as --options "sports,politics", or --options-file')
    check_device(device)
    from unimc import bundled
    from unimc.answer_rule import AnswerRule
    from unimc.inference import UniMC

    AnswerRule.of(multi_label, threshold, top_k if multi_label else None)  # an error now, not after loading
    choices = named_options(options) if options_file is None else read_options(options_file)
    check_choice(choices, alone=multi_label or threshold is not None)
    found = UniMC.from_pretrained(bundled.named(model), device=device, backend=backend).classify(
        text,
        choices,
        question=question,
        language=language,
        multi_label=multi_label,
        threshold=threshold,
        top_k=top_k if multi_label else None,
        calibration=calibration,
        windows=cast("Pooling | None", windows),  # checked where it is used
    )
    if as_json:
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False))
        return
    from rich.table import Table

    from unimc import inert
    from unimc.commands.tables import show

    title = inert.terminal(f"{text[:70]}{'…' if len(text) > 70 else ''}")
    title.stylize("table.title")
    table = Table("option", "", title=title)
    table.add_column("probability", justify="right")
    chosen = {found.names[label] for label in found.labels}
    for name, score in found.top(top_k or len(found.names)):
        mark = "bold green" if name in chosen else ""
        table.add_row(inert.terminal(name), "█" * round(30 * score), f"{score:.3f}", style=mark)
    show(table)
    if not chosen:
        typer.echo("none of these: no option is sure enough")
    if found.truncated:
        cut = f"{found.truncated:,} tokens of the text didn't fit and were cut"
        typer.echo(f"note: {cut}; --windows max reads all of it", err=True)
