"""From a row to examples, as a task's card declares it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from converters import rows, values
from converters.template import Row
from converters.wording import Wording
from unimc.example import InputError, MultipleChoiceExample

if TYPE_CHECKING:
    from converters.task import Task


@dataclass(frozen=True, slots=True)
class Converted:
    """An example, and whether the row gave an option twice."""

    example: MultipleChoiceExample
    merged: bool


def reshaped(function: str | None, row: Row) -> list[Row]:
    """What the row function makes of a row; the row itself without one.

    Raises:
        InputError: if the row doesn't have the form that the function expects.
    """
    if function is None:
        return [row]
    try:
        return rows.get(function)(row)
    except InputError:
        raise
    except KeyError as missing:
        what = f"no column {missing.args[0]!r}; the columns are: {', '.join(map(str, row))}"
    except (TypeError, ValueError, IndexError, AttributeError) as problem:
        what = str(problem)
    raise InputError(f"row function {function}: {what}")


def convert(task: Task, row: Row, wording: Wording, split: str, place: str) -> Converted:
    """One row as an example.

    Args:
        task: the card.
        row: column -> value, after the task's row function.
        wording: the default or a variant.
        split: where the row comes from; it begins the example's id.
        place: the row's number there, the rest of the id if the card doesn't make its own.

    Raises:
        InputError: if a column is missing or empty, or the label is none of the options.
    """
    options = wording.render_options(row)
    names = list(task.label_names or options)
    right = _right(task, row, options)
    kept, merged = distinct(options, right)
    if task.shuffle:
        order = _drawn_order([options[index] for index in kept], wording.question.render(row))
        kept = [kept[index] for index in order]
        merged = sorted(order.index(index) for index in merged) if merged is not None else None
    several = task.kind == "multi_label"
    where = task.id_template.render(row) if task.id_template is not None else place
    if task.id_template is not None and "." in place:
        where += place[place.rindex(".") :]
    example = MultipleChoiceExample(
        options=[options[index] for index in kept],
        question=wording.question.render(row),
        passage=wording.passage.render(row),
        textb=wording.textb.render(row, none_is_empty=True),
        label=merged[0] if merged and not several else None,
        labels=merged if several else None,
        names=[names[index] for index in kept],
        task=task.name,
        id=f"{split}/{where}" if split else where,
        language=task.language,
        # By the default wording, so that a variant which reads other columns is still the same item.
        identity=task.wording().identity(row, fixed_labels=task.label_set is not None),
    )
    return Converted(example, len(kept) < len(options))


def distinct(options: Sequence[str], right: Sequence[int] | None) -> tuple[list[int], list[int] | None]:
    """Merges options that are given twice: no model can tell the same words apart. Right if any copy is.

    Returns:
        The places of the options kept, and where among those the right ones are (None for an unlabelled row).
    """
    first: dict[str, int] = {}
    spot = [first.setdefault(option.strip(), len(first)) for option in options]
    kept = [spot.index(number) for number in range(len(first))]
    return kept, sorted({spot[index] for index in right}) if right is not None else None


def _drawn_order(options: Sequence[str], question: str) -> list[int]:
    """An order that depends on the texts alone, not on that in which the source gives them."""
    by_text = sorted(range(len(options)), key=options.__getitem__)
    random.Random("|".join([question, *sorted(options)])).shuffle(by_text)
    return by_text


def _right(task: Task, row: Row, options: Sequence[str]) -> list[int] | None:
    """Indices of the right options before merging; None for an unlabelled row."""
    labels = task.label_set
    if labels is None:
        place = task.answer_rule.place(row, options) if task.answer_rule is not None else None
        return None if place is None else [place]
    value = labels.column.get(row) if labels.column.present(row) else None
    if value is None:
        return None
    if task.kind == "classification":
        return [labels.place(value)]
    if isinstance(value, str | Mapping) or not isinstance(value, Sequence):
        raise InputError(f"column {labels.column.text!r} must hold a list of labels, not {value!r}")
    return [labels.place(one) for one in _listed(value)]


def _listed(value: Sequence[Any]) -> list[Any]:
    return list({values.key(one): one for one in value}.values())
