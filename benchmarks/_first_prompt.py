"""PPT's first half: a soft prompt trained on rows of the tasks that its base was trained on, once for each base."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import converters
from unimc.example import MultipleChoiceExample

_MOST = 20
"""Options of a row."""
_TIMES = 10
"""As many steps as a task's own training has."""


def first_prompt(base: Path, config: Any, folder: Path, data: Path, rows: int) -> None:
    """Trains the prompt and writes it, unless it is there already.

    Args:
        base: the model.
        config: how the prompt is tuned on a task afterwards, with the seconds that it has here.
        folder: where it goes.
        data: the folder of the data sets.
        rows: how many of each task.
    """
    from unimc.adaptation import adapt, draw
    from unimc.adaptation.rows import some_options_each
    from unimc.checkpoint import load

    if (folder / "unimc.json").exists():
        return
    known = _mixture(load(base, weights=False).trained_on)
    examples = [one for task, split in known for one in _some(task, split, data, rows)]
    few = draw(examples, None, seed=0, held_out=0.1, label_names=None)
    config = replace(config, steps=_TIMES * config.steps, balance=False)
    made = adapt(base, few, config, fixed=False, vary=some_options_each(_MOST, 0), progress=False)
    made.checkpoint.save(folder)


def _mixture(trained_on: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    known = set(converters.names())
    return [(one["task"], one.get("split", "train")) for one in trained_on if one["task"] in known]


def _some(task: str, split: str, data: Path, rows: int) -> list[MultipleChoiceExample]:
    card = converters.get(task)
    if card.kind == "multi_label" or split not in card.split_names:
        return []
    return card.load(split, data, rows, 0)
