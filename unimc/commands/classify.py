"""`unimc classify`: one text, some options, their scores."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, cast

import typer

from unimc.example import InputError

if TYPE_CHECKING:
    from unimc.windows import Pooling


def classify(
    text: Annotated[str, typer.Argument(help="The text to judge.", show_default=False)],
    options: Annotated[
        str,
        typer.Option(
            help="The candidate answers as the model reads them, separated by commas (, or ，). Options that hold a "
            "comma, or have other names than wordings, need Python: UniMC.classify.",
            show_default=False,
        ),
    ],
    model: Annotated[str, typer.Option(help="Folder or hub id of the model.", show_default=False)],
    question: Annotated[str, typer.Option(help="The instruction.")] = "",
    language: Annotated[str | None, typer.Option(help="en or zh; told from the script if not given.")] = None,
    multi_label: Annotated[bool, typer.Option("--multi-label", help="Several options, or none, may hold.")] = False,
    threshold: Annotated[
        float | None, typer.Option(help="With --multi-label: from which probability an option holds; 0.5 if not given.")
    ] = None,
    windows: Annotated[
        str | None, typer.Option(help="A long text in overlapping windows, joined by max or mean; cut if not given.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu, cuda, cuda:1, …; a GPU if there is one, if not given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Classify one text by options you name.

    Example: unimc classify "The striker scored twice." --options "sports,politics" --model runs/quickstart_en/final
    """
    wordings = [option.strip() for option in options.replace("，", ",").split(",")]
    if not any(wordings):
        raise InputError('--options is empty; name the candidate answers, as --options "sports,politics"')
    if threshold is not None and not multi_label:
        raise InputError("--threshold has a meaning only with --multi-label")
    _check_device(device)
    from unimc.inference import UniMC

    found = UniMC.from_pretrained(model, device=device).classify(
        text,
        wordings,
        question=question,
        language=language,
        multi_label=multi_label,
        threshold=threshold,
        windows=cast("Pooling | None", windows),  # checked where it is used
    )
    if as_json:
        typer.echo(json.dumps(found.to_dict(), ensure_ascii=False))
        return
    from rich.table import Table
    from rich.text import Text

    from unimc.commands.tables import show

    # `Text` prints what users typed as it is; a string would be read as markup, "[red]" and ":cat:" too.
    table = Table("option", "", title=Text(f"{text[:70]}{'…' if len(text) > 70 else ''}", style="table.title"))
    table.add_column("probability", justify="right")
    ranked = sorted(zip(found.names, found.scores, strict=True), key=lambda pair: -pair[1])
    chosen = {found.names[label] for label in found.labels}
    for name, score in ranked:
        mark = "bold green" if name in chosen else ""
        table.add_row(Text(name), "█" * round(30 * score), f"{score:.3f}", style=mark)
    show(table)


def _check_device(device: str | None) -> None:
    """Raises `InputError` for a device that torch doesn't know or that this machine lacks."""
    if device is None:
        return
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # the latter where torch was built without CUDA
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"--device {device!r} can't be used here ({reason}); try cpu") from error
