"""The rows that a calibration is fitted on: of a task's split, or of a user's file."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from unimc.commands.asked_rows import Asked, LeftOutError
from unimc.example import InputError, MultipleChoiceExample

if TYPE_CHECKING:
    from unimc.answers import Answers


@dataclass(frozen=True, slots=True)
class Source:
    """Where the examples come from.

    Attributes:
        name: what the calibration is called if nothing else is said.
        where: the rows are from, for people.
        multi_label: whether several labels, or none, may hold.
        examples: the examples, once it is known which languages the model has answers for.
    """

    name: str
    where: str
    multi_label: bool
    examples: Callable[[Answers], list[MultipleChoiceExample]]


def of_task(
    task: str, split: str | None, variant: str | None, data_dir: Path | None, limit: int, labelled: bool
) -> Source:
    """The rows of a task; of its validation split if none is named.

    Raises:
        InputError: if there is no such task or split, or its rows can't be had.
    """
    import converters

    card = converters.get(task)
    if split is None and "validation" not in card.split_names:
        there = ", ".join(card.split_names) or "none with labels"
        raise InputError(
            f"task {card.name} has no validation split to fit on; name another with --split ({there}), not the one "
            "that you measure on"
        )
    split = split or "validation"
    if split.startswith("test"):
        typer.echo(f"note: fitted on the split {split!r}; figures on it will look better than they are", err=True)
    examples = card.load(split, data_dir, limit, 0, variant, unlabelled=not labelled)
    return Source(card.name, f"{card.name}:{split}", card.kind == "multi_label", lambda _: examples)


def of_file(file: Path, asked: Asked, label: str | None, limit: int, labelled: bool) -> Source:
    """The rows of a file, with the right options in a column of names.

    Raises:
        InputError: if the file can't be read, or lacks a column.
    """
    from converters.files import read_file

    _, make = asked.maker()
    rows = read_file(file)
    if not rows:
        raise InputError(f"{file}: the file has no rows")
    if label is None and labelled:
        raise InputError("--label is missing: the column that holds the right option's name; or another --method")
    if label is not None and label not in rows[0]:
        raise InputError(f"{file}: no column {label!r}; the columns are: {', '.join(rows[0])}")
    places: Sequence[int] = range(len(rows))
    if limit < len(rows):
        places = sorted(random.Random(f"0 {file.name}").sample(places, limit))

    def example(place: int, answers: Answers) -> MultipleChoiceExample | None:
        try:
            several = make(rows[place], place, answers)
            if len(several) != 1:
                raise InputError(f"it makes {len(several)} examples; here a row is one example, with one question")
            made = several[0]
            return made if label is None else _labelled(made, rows[place], label, asked.multi_label)
        except LeftOutError:
            return None
        except InputError as problem:
            raise InputError(f"{file}: row {place} (from 0): {problem}") from None

    def examples(answers: Answers) -> list[MultipleChoiceExample]:
        made = [found for place in places if (found := example(place, answers)) is not None]
        if left := len(places) - len(made):
            typer.echo(f"note: {left:,} rows are left out, as the card says (skip)", err=True)
        if not made:
            raise InputError(f"{file}: every row is one that the card leaves out (skip)")
        return made

    return Source("default", str(file), asked.multi_label, examples)


def _labelled(
    example: MultipleChoiceExample, row: Mapping[str, Any], column: str, multi_label: bool
) -> MultipleChoiceExample:
    from converters.values import find

    value = row.get(column)
    given = value if isinstance(value, list) and multi_label else [value]
    there = ", ".join(example.names[:10])
    places = {name: place for place, name in enumerate(example.names)}
    right = []
    for one in given:
        place = find(one, places)  # as a card's labels are found: true and 1.0 in JSON are the options true and 1
        if place is None:
            said = "empty" if one is None else f"{one!r}, which is none of the options"
            raise InputError(f"column {column!r} is {said} ({there})")
        right.append(place)
    return replace(example, labels=tuple(right)) if multi_label else replace(example, label=right[0])
