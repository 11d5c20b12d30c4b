"""`unimc classify`: one text, some options, their scores."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from unimc.example import InputError


def classify(
    text: Annotated[str, typer.Argument(help="The text to judge.", show_default=False)],
    options: Annotated[
        str, typer.Option(help="The candidate answers, separated by commas (, or ，).", show_default=False)
    ],
    model: Annotated[str, typer.Option(help="Folder or hub id of the model.", show_default=False)],
    question: Annotated[str, typer.Option(help="The instruction.")] = "",
    language: Annotated[str | None, typer.Option(help="en or zh; told from the script if not given.")] = None,
    multi_label: Annotated[bool, typer.Option("--multi-label", help="Several options, or none, may hold.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Classify one text by options you name.

    Example: unimc classify "The striker scored twice." --options "sports,politics" --model runs/quickstart_en/final
    """
    from unimc.inference import UniMC

    wordings = [option.strip() for option in options.replace("，", ",").split(",")]
    if not any(wordings):
        raise InputError('--options is empty; name the candidate answers, as --options "sports,politics"')
    found = UniMC.from_pretrained(model).classify(
        text, wordings, question=question, language=language, multi_label=multi_label
    )
    if as_json:
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False))
        return
    from rich.table import Table

    from unimc.commands.tables import show

    table = Table("option", "", title=f"{text[:70]}{'…' if len(text) > 70 else ''}")
    table.add_column("probability", justify="right")
    ranked = sorted(zip(found.names, found.scores, strict=True), key=lambda pair: -pair[1])
    chosen = {found.names[label] for label in found.labels}
    for name, score in ranked:
        mark = "bold green" if name in chosen else ""
        table.add_row(name, "█" * round(30 * score), f"{score:.3f}", style=mark)
    show(table)
