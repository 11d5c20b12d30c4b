"""`unimc overlaps`: which examples of some data sets stand in others too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

import converters
from converters.held_out import tasks as named_tasks
from unimc.commands.arguments import DataDir, comma_separated
from unimc.example import InputError, MultipleChoiceExample

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from converters.decontamination import Match


def overlaps(
    tasks: Annotated[
        list[str],
        typer.Argument(help="Names, YAML files or suites; NAME:SPLIT for a split, else train.", show_default=False),
    ],
    against: Annotated[
        list[str],
        typer.Option(
            help="Names, YAML files or suites of what they are searched in, separated by commas or given again; "
            "NAME:SPLIT for a split, else test, else validation.",
            show_default=False,
        ),
    ],
    near: Annotated[float, typer.Option(help="Similarity from which on two items are near copies.")] = 0.8,
    exact: Annotated[bool, typer.Option("--exact", help="Look for exact copies only.")] = False,
    examples: Annotated[int, typer.Option(help="So many pairs of each kind and pair of tasks are printed.")] = 0,
    limit: Annotated[int | None, typer.Option(help="The most examples of each set, drawn by the seed.")] = None,
    data_dir: DataDir = None,
    seed: Annotated[int, typer.Option(help="Of --limit.")] = 0,
) -> None:
    """Count the examples of tasks that stand in other tasks too.

    Exact copies, near copies, and contained texts.

    Example: unimc overlaps sample_en_topic --against sample_en_topic:test,sample_en_sentiment
    """
    from converters.decontamination import HeldOut
    from unimc.commands.tables import show
    from unimc.commands.tasks_to_sets import default_split

    left = [(card, split or "train") for card, split in _named(tasks)]
    right = [(card, split or default_split(card)) for card, split in _named(against)]
    if not right:
        raise InputError("--against is empty; name at least one task (`unimc tasks` lists them)")
    both = sorted({f"{card.name}:{split}" for card, split in left} & {f"{card.name}:{split}" for card, split in right})
    if both:
        raise InputError(f"{', '.join(both)}: on both sides; every row would be found in itself")
    held_out = HeldOut(near=None if exact else near)
    texts: dict[tuple[str, str, str], MultipleChoiceExample] = {}
    for card, split in right:
        loaded = card.load(split, data_dir, limit, seed)
        held_out.add(card.name, split, loaded)
        texts |= {(card.name, split, example.id): example for example in loaded}
    table = _table()
    pairs: list[tuple[str, MultipleChoiceExample, Match]] = []
    for card, split in left:
        loaded = card.load(split, data_dir, limit, seed)
        matches = held_out.search(loaded)
        where = f"{card.name}:{split}"
        _add_rows(table, where, len(loaded), matches)
        pairs += [(where, one, match) for one, found in zip(loaded, matches, strict=True) for match in found]
    show(table)
    _show_pairs(pairs, texts, examples)


def _named(words: Sequence[str]) -> list[tuple[converters.Task, str | None]]:
    """The tasks named, each with the split named with it."""
    return named_tasks([name for word in words for name in comma_separated(word)])


def _table() -> Table:
    from rich.table import Table

    table = Table("examples of", "found in", title="overlaps")
    for heading in ("examples", "exact", "near", "contained", "share"):
        table.add_column(heading, justify="right")
    return table


def _add_rows(table: Table, where: str, total: int, matches: Sequence[tuple[Match, ...]]) -> None:
    """One row for each set in which something was found, and how many examples were found in any."""
    from converters.decontamination import KINDS
    from unimc import inert

    def row(found_in: str, counts: Sequence[int]) -> None:
        share = f"{sum(counts) / total:.2%}" if total else ""
        cells = (where, found_in, f"{total:,}", *(f"{count:,}" for count in counts), share)
        table.add_row(*map(inert.terminal, cells))

    sets = sorted({(match.task, match.split) for found in matches for match in found})
    for task, split in sets:
        kinds = [match.kind for found in matches for match in found if (match.task, match.split) == (task, split)]
        row(f"{task}:{split}", [kinds.count(kind) for kind in KINDS])
    if len(sets) != 1:
        best = [min((match.kind for match in found), key=KINDS.index) for found in matches if found]
        row("any of them" if sets else "none of them", [best.count(kind) for kind in KINDS])


def _show_pairs(
    pairs: Sequence[tuple[str, MultipleChoiceExample, Match]],
    texts: dict[tuple[str, str, str], MultipleChoiceExample],
    shown: int,
) -> None:
    """The texts of some pairs side by side, the least similar first: they are the doubtful ones."""
    from rich.table import Table

    from unimc import inert
    from unimc.commands.tables import show

    groups: dict[tuple[str, str, str, str], list[tuple[MultipleChoiceExample, Match]]] = {}
    for where, example, match in pairs:
        groups.setdefault((where, match.task, match.split, match.kind), []).append((example, match))
    for (where, task, split, kind), group in sorted(groups.items()) if shown > 0 else ():
        theirs = f"{task}:{split}"
        table = Table(title=inert.terminal(f"{kind}: {where} in {theirs}"), show_lines=True)
        table.add_column("similarity", justify="right")
        table.add_column(inert.terminal(where), ratio=1)
        table.add_column(inert.terminal(theirs), ratio=1)
        for example, match in sorted(group, key=lambda pair: (pair[1].similarity, pair[0].id))[:shown]:
            other = texts[match.task, match.split, match.id]
            table.add_row(f"{match.similarity:.2f}", _said(example), _said(other))
        show(table)


def _said(example: MultipleChoiceExample) -> Text:
    """An example's id and the texts by which it is recognised, a line each."""
    from rich.text import Text

    from unimc import inert

    return Text("\n").join(map(inert.terminal, [example.id, *example.recognised_by]))
