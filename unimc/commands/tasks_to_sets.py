"""From the room of the data sets to that of the model: tasks as what an evaluation measures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import converters
from unimc.example import InputError

if TYPE_CHECKING:
    from unimc.results import EvaluationSet

PREFERRED_SPLITS = ("test", "validation")


def evaluation_set(
    task: str,
    split: str | None = None,
    *,
    data_dir: str | Path | None = None,
    limit: int | None = None,
    seed: int = 0,
    variant: str | None = None,
) -> EvaluationSet:
    """The labelled examples of a task's split.

    Args:
        task: name of a built-in task, or a YAML file.
        split: which split; the test split, else the validation split, if None.
        data_dir: folder of local data sets.
        limit: the most examples, drawn at random by the seed.
        seed: of the draw.
        variant: name of another wording than the default.

    Raises:
        InputError: if there is no such task, split or data.
    """
    from unimc.results import EvaluationSet

    card = converters.get(task)
    split = split or default_split(card)
    loaded = card.read(split, data_dir, limit, seed, variant)
    return EvaluationSet(
        name=card.name,
        split=split,
        examples=loaded.examples,
        label_names=card.label_names,
        multi_label=card.kind == "multi_label",
        language=card.language,
        family=card.family,
        source=loaded.source,
        variant=variant,
    )


def default_split(card: converters.Task) -> str:
    """The split that is evaluated if none is named: test, else validation."""
    for split in PREFERRED_SPLITS:
        if split in card.split_names:
            return split
    raise InputError(
        f"task {card.name} has no labelled test or validation split; name one of {', '.join(card.split_names)}, "
        f"as {card.name}:{card.split_names[0]}"
    )
