"""`unimc show`: one example as the model sees it, token by token."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import converters
from unimc.example import InputError

_COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "red")


def show(
    task: Annotated[str, typer.Argument(help="A built-in name or a YAML file.", show_default=False)],
    model: Annotated[str, typer.Option(help="Folder or hub id whose tokenizer is used.", show_default=False)],
    split: Annotated[str | None, typer.Option(help="The split; the first one of the card if not given.")] = None,
    index: Annotated[int, typer.Option(help="Which example of the split, from 0.")] = 0,
    variant: Annotated[str | None, typer.Option(help="Another wording than the default.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder of local data sets; UNIMC_DATA_DIR if not given, else the hub.")
    ] = None,
) -> None:
    """Show one example of a task as the model sees it: tokens, option ids, positions.

    Example: unimc show sample_en_topic --model backbones/minilm-l6
    """
    from rich.console import Console

    from unimc.inference import UniMC

    card = converters.get(task)
    split = split or card.split_names[0]
    examples = card.load(split, data_dir, variant=variant)
    if not 0 <= index < len(examples):
        raise InputError(f"{card.name} ({split}) has {len(examples)} examples; --index {index} is not among them")
    example = examples[index]
    encoder = UniMC.from_pretrained(model).encoder
    console = Console(highlight=False)
    right = example.right or ()
    console.print(f"[bold]{example.task}[/] {example.id}, {example.language}", soft_wrap=True)
    for label, text in (("question", example.question), ("passage", example.passage), ("textb", example.textb)):
        if text:
            console.print(f"[dim]{label:>9}[/] {_plain(text)}", soft_wrap=True)
    for option, (name, wording) in enumerate(zip(example.names, example.options, strict=True)):
        mark = "[bold green]✓[/]" if option in right else " "
        named = "" if name == wording else f" [dim](name: {_plain(name)})[/]"
        console.print(f"[dim]{'option ' + str(option + 1):>9}[/] {mark} {_plain(wording)}{named}", soft_wrap=True)
    for number, row in enumerate(encoder.rows(example), start=1):
        console.print(f"\n[bold]row {number}[/]: {len(row)} tokens, {row.truncated} cut")
        console.print(_row_table(encoder.tokenizer.pieces(row.input_ids), row))


def _row_table(pieces: list[str], row: object) -> object:
    from rich.table import Table

    from unimc.encoding import Encoding

    assert isinstance(row, Encoding)
    table = Table(box=None, padding=(0, 1))
    table.add_column("token")
    for heading in ("option", "position", "type", "id"):
        table.add_column(heading, justify="right")
    masks = set(row.option_positions)
    columns = (row.option_ids, row.position_ids, row.token_type_ids, row.input_ids)
    for place, (piece, *numbers) in enumerate(zip(pieces, *columns, strict=True)):
        option = row.option_ids[place]
        colour = _COLOURS[(option - 1) % len(_COLOURS)] if option else "white"
        style = f"bold {colour} reverse" if place in masks else colour
        table.add_row(f"[{style}]{_plain(piece)}[/]", *map(str, numbers))
    return table


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
