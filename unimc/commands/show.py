"""`unimc show`: one example as the model sees it, token by token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

import converters
from unimc.commands.arguments import DataDir, Model
from unimc.example import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from unimc.encoding import Encoding

_COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "red")


def show(
    task: Annotated[
        str,
        typer.Argument(help="A built-in name or a YAML file (here, or hf://OWNER/REPO/card.yaml).", show_default=False),
    ],
    model: Model = None,
    split: Annotated[str | None, typer.Option(help="The split; the first one of the card if not given.")] = None,
    index: Annotated[int, typer.Option(help="Which example of the split, from 0.")] = 0,
    variant: Annotated[str | None, typer.Option(help="Another wording than the default.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Show one example of a task as the model sees it.

    Its tokens, and the option and position of each.

    Example: unimc show sample_en_topic --index 3
    """
    from unimc import bundled

    card = converters.get(task)
    model = bundled.named(model)
    split = split or card.split_names[0]
    examples = card.load(split, data_dir, variant=variant)
    if not 0 <= index < len(examples):
        raise InputError(f"{card.name} ({split}) has {len(examples)} examples; --index {index} is not among them")
    from rich.console import Console
    from rich.text import Text

    from unimc.checkpoint import load_encoder
    from unimc.inert import visible

    example = examples[index]
    encoder = load_encoder(model)
    console = Console(highlight=False)

    def say(*parts: str | tuple[str, str]) -> None:
        # Assembled, not marked up: what stands in brackets in a text is printed as it is.
        console.print(Text.assemble(*parts), soft_wrap=True)

    right = example.right or ()
    say((example.task, "bold"), f" {visible(example.id)}, {example.language}")
    for label, text in (("question", example.question), ("passage", example.passage), ("textb", example.textb)):
        if text:
            say((f"{label:>9}", "dim"), f" {visible(text)}")
    for option, (name, wording) in enumerate(zip(example.names, example.options, strict=True)):
        mark = ("✓", "bold green") if option in right else " "
        named = "" if name == wording else f" (name: {visible(name)})"
        say((f"{f'option {option + 1}':>9}", "dim"), " ", mark, f" {visible(wording)}", (named, "dim"))
    for number, row in enumerate(encoder.rows(example), start=1):
        say("\n", (f"row {number}", "bold"), f": {len(row)} tokens, {row.truncated} cut")
        console.print(_row_table(encoder.tokenizer.pieces(row.input_ids), row))


def _row_table(pieces: list[str], row: Encoding) -> Table:
    from rich.table import Table
    from rich.text import Text

    from unimc.inert import visible

    table = Table(box=None, padding=(0, 1))
    table.add_column("token")
    for heading in ("option", "position", "type", "id"):
        table.add_column(heading, justify="right")
    masks = set(row.option_positions)
    columns = (row.option_ids, row.position_ids, row.token_type_ids, row.input_ids)
    for place, (piece, *numbers) in enumerate(zip(pieces, *columns, strict=True)):
        option = row.option_ids[place]
        colour = _COLOURS[(option - 1) % len(_COLOURS)] if option else ""  # shared tokens: the terminal's own
        style = f"bold {colour} reverse" if place in masks else colour
        table.add_row(Text(visible(piece), style), *map(str, numbers))
    return table
