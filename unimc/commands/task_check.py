"""`unimc task check`: a card, and all of its rows, tried out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from unimc.commands.arguments import DataDir
from unimc.example import InputError

if TYPE_CHECKING:
    from converters import Task
    from converters.inspection import Inspection
    from unimc.example import MultipleChoiceExample

_SHOWN_PROBLEMS = 5


def check(
    card: Annotated[
        str,
        typer.Argument(
            help="A YAML file (here, or hf://OWNER/REPO/card.yaml), or a built-in name.", show_default=False
        ),
    ],
    data_dir: DataDir = None,
    split: Annotated[str | None, typer.Option(help="The split; all labelled ones if not given.")] = None,
    rows: Annotated[int, typer.Option(min=0, help="How many converted rows to show.")] = 3,
    unlabelled: Annotated[
        bool, typer.Option("--unlabelled", help="The rows have no labels (yet); without this that is an error.")
    ] = False,
) -> None:
    """Check a card and convert all its rows, in every wording.

    Example: unimc task check reviews.yaml --rows 5
    """
    import converters
    from converters import inspection

    declared = converters.get(card)
    splits = [split] if split is not None else list(declared.split_names)
    if not splits:
        raise InputError(f"{declared.where}: names no split; give source, splits or rows, or --split with --data-dir")
    labels = f", {len(declared.label_names)} labels" if declared.label_names else ""
    wordings = ", ".join(["default", *declared.variants])
    typer.echo(f"{declared.where}: {declared.name}, {declared.kind}, {declared.language}{labels}; wordings: {wordings}")
    failed = 0
    for number, one in enumerate(splits):
        found = inspection.inspect(declared, one, data_dir, rows if number == 0 else 0, unlabelled=unlabelled)
        for line in _report(declared, one, found):
            typer.echo(line)
        for example in found.examples:
            typer.echo(f"\n{_example(example)}")
        _say_problems(found)
        failed += found.failing
    if failed:
        raise InputError(f"{declared.where}: {failed:,} rows can't be converted as they are; see above")
    typer.echo("\nthe card is valid, and every row converts")


def _say_problems(found: Inspection) -> None:
    """Says what is wrong with a split."""
    unknown = sorted(found.unknown.items(), key=lambda entry: -entry[1].rows)
    if unknown:
        column = unknown[0][1].message
        typer.echo(f"\n{found.source}: column {column!r} holds values that labels.values of the card lacks:")
        for value, problem in unknown:
            typer.echo(f"  {value!r}: {problem.rows:,} rows, the first is row {problem.row} (from 0)")
    for problem in found.problems[:_SHOWN_PROBLEMS]:
        more = f" (and {problem.rows - 1:,} more rows)" if problem.rows > 1 else ""
        variant = f" (variant {problem.variant})" if problem.variant is not None else ""
        typer.echo(f"\n{found.source}, row {problem.row} (from 0){variant}: {problem.message}{more}")
    if len(found.problems) > _SHOWN_PROBLEMS:
        typer.echo(f"\n… and {len(found.problems) - _SHOWN_PROBLEMS:,} other problems")


def _report(declared: Task, split: str, found: Inspection) -> Iterator[str]:
    """The counts of a split, a line each."""
    from rich.cells import cell_len

    yield f"\n{split} ({found.source})"
    yield f"  rows: {found.rows:,}; skipped on purpose: {found.skipped:,}; can't be converted: {found.failing:,}"
    yield f"  examples: {found.converted:,}; with an option given twice (merged): {found.merged:,}"
    if found.unlabelled:
        yield f"  unlabelled: {found.unlabelled:,}"
    labelled = found.converted - found.unlabelled
    if labelled and found.labels:
        yield "  labels:"
        width = max(map(cell_len, found.labels))  # of a terminal: a Chinese character takes two cells
        for name, count in found.labels.most_common():
            yield f"    {name}{' ' * (width - cell_len(name))}  {count:>7,}  {count / labelled:6.1%}"
    if found.positions:
        places = ", ".join(f"{place}: {found.positions[place]:,}" for place in sorted(found.positions))
        yield f"  place of the right option: {places}"
        if labelled > 20 and max(found.positions.values()) > 0.9 * labelled and not declared.shuffle:
            yield "  note: the right option nearly always stands at the same place; `shuffle: true` hides that"
    if found.option_counts:
        fewest, most = min(found.option_counts), max(found.option_counts)
        yield f"  options a row: {fewest}" + (f" to {most}" if most > fewest else "")
    if not found.converted:
        return
    yield f"  longest text, with the question: {found.longest[0]:,} characters ({found.longest[1]})"
    for part in ("passage", "textb"):
        if getattr(declared, part):
            yield f"  empty {part}: {found.empty[part]:,}"


def _example(example: MultipleChoiceExample) -> str:
    """An example in full, the right options marked."""
    right = example.right or ()
    lines = [f"{example.id}"]
    for part in ("question", "passage", "textb"):
        if value := getattr(example, part):
            lines.append(f"  {part:>8}  {value}")
    for place, (name, wording) in enumerate(zip(example.names, example.options, strict=True)):
        named = "" if name == wording else f"  (name: {name})"
        lines.append(f"  {'option':>8} {'✓' if place in right else ' '} {wording}{named}")
    if example.right is None:
        lines.append(f"  {'':>8}  (unlabelled)")
    return "\n".join(lines)
