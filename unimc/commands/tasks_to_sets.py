"""From the room of the data sets to that of the model: tasks as what an evaluation measures."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import converters
from converters import unimc_json
from converters.card import did_you_mean
from unimc.example import InputError

if TYPE_CHECKING:
    from unimc.evaluation_set import EvaluationSet

PREFERRED_SPLITS = ("test", "validation")
ALL, DEFAULT = "all", "default"
"""Instead of names of wordings: all that a task has; what the wording without a name is called."""


def evaluation_set(
    task: str | converters.Task,
    split: str | None = None,
    *,
    data_dir: str | Path | None = None,
    limit: int | None = None,
    seed: int = 0,
    variant: str | None = None,
    wordings: Sequence[str] = (),
) -> EvaluationSet:
    """The labelled examples of a task's split.

    Args:
        task: name of a built-in task, or a YAML file, or the task itself.
        split: which split; the test split, else the validation split, if None.
        data_dir: folder of local data sets.
        limit: the most examples, drawn at random by the seed.
        seed: of the draw.
        variant: name of another wording than the default.
        wordings: instead: names of wordings, "default" among them if it is meant; every example is asked in each.

    Raises:
        InputError: if there is no such task, split, wording or data.
    """
    from unimc.evaluation_set import EvaluationSet

    card = converters.get(task)
    split = split or default_split(card)
    first, *others = [None if name == DEFAULT else name for name in wordings] or [variant]
    loaded = card.read(split, data_dir, limit, seed, first)
    return EvaluationSet(
        name=card.name,
        split=split,
        examples=loaded.examples,
        label_names=card.label_names,
        multi_label=card.kind == "multi_label",
        language=card.language,
        family=card.family,
        source=loaded.source,
        variant=first,
        wordings={name or DEFAULT: card.read(split, data_dir, limit, seed, name).examples for name in others},
    )


def wordings_of(cards: Sequence[converters.Task], named: Sequence[str]) -> list[list[str]]:
    """For each task the wordings to ask it in: of those named the ones that it has, the default if it has none of them.

    Args:
        cards: the tasks.
        named: names of wordings, "default" for that without a name; or "all" alone.

    Raises:
        InputError: if no task has a wording of such a name.
    """
    if list(named) == [ALL]:
        return [[DEFAULT, *card.variants] for card in cards]
    known = dict.fromkeys([DEFAULT, *(name for card in cards for name in card.variants)])
    for name in named:
        if name not in known:
            hint = did_you_mean(name, known, f"there are: {', '.join(known)}; or {ALL}, alone")
            raise InputError(f"--wordings: none of the tasks has a wording {name!r}; {hint}")
    found = [[name for name in dict.fromkeys(named) if name == DEFAULT or name in card.variants] for card in cards]
    return [names or [DEFAULT] for names in found]


def json_set(path: Path, *, limit: int | None = None, seed: int = 0) -> EvaluationSet:
    """The examples of a file in the released UniMC's form (`converters.unimc_json`).

    Where every row has the same choices, they are a label set, and macro F1 is measured too.

    Args:
        path: the file.
        limit: the most examples, drawn at random by the seed.
        seed: of the draw.

    Raises:
        InputError: if it can't be read, or holds unlabelled rows, or rows of one label and of several.
    """
    from unimc.evaluation_set import EvaluationSet

    if limit is not None and limit < 1:
        raise InputError(f"limit is {limit}; it must be 1 or more")
    examples = unimc_json.read(path)
    if limit is not None and limit < len(examples):
        drawn = random.Random(f"{seed} {path.name}").sample(range(len(examples)), limit)
        examples = [examples[place] for place in sorted(drawn)]
    several = any(example.labels is not None for example in examples)
    single = next((example.id for example in examples if example.label is not None), None)
    if several and single is not None:
        raise InputError(f"{path}: the example {single!r} has `label`, others have `labels`; give all of them `labels`")
    sets = {frozenset(example.names) for example in examples}
    fixed = len(sets) == 1 or several
    names = dict.fromkeys(name for example in examples for name in example.names)
    return EvaluationSet(
        name=examples[0].task,
        split="json",
        examples=examples,
        label_names=tuple(names) if fixed else None,
        multi_label=several,
        language=examples[0].language,
        source=str(path),
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
