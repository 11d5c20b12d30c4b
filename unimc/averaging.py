"""The mean of several models' weights, often better than each of them (model soups: Wortsman et al., ICML 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from unimc import seen
from unimc.checkpoint import Checkpoint, load
from unimc.example import InputError


def average(models: Sequence[str | Path]) -> Checkpoint:
    """A checkpoint with the mean of the weights, in float32.

    It says of its training what all of them say together. Where several drew rows from the same task, their counts are
    added up, but a stage that another one went on from is counted with that: its texts are among the other's, and the
    other lists what came before, so that it counts more rows where the texts are the very same. Two seeds of one recipe
    on the same rows are two trainings, and only the same weights given twice are one. What several of them began from
    counts once for each, unless it was a backbone without training. A count that one of them has not on record stays
    unknown, and so does one of a model without hashes of its texts. A calibration belongs to weights, and none is kept.

    Args:
        models: folders, hub ids or names of bundled models, trained from one backbone.

    Raises:
        InputError: if there are fewer than two, one can't be opened, or they don't match.
    """
    if len(models) < 2:
        raise InputError(f"a mean of weights takes two models or more, not {len(models)}")
    mean, *others = [_opened(model) for model in models]
    for name, other in zip(models[1:], others, strict=True):
        _check_alike(mean, other, f"{models[0]} and {name}")
    trained_on = _trained_on([mean, *others])  # while the first one's weights are its own
    with torch.no_grad():
        for name, weight in mean.model.backbone.named_parameters():  # tied weights come once
            same = [other.model.backbone.get_parameter(name) for other in others]
            weight.copy_(torch.stack([weight, *same]).double().mean(0))
    mean.trained_on = trained_on
    for other in others:
        mean.training_texts = seen.merged(mean.training_texts, other.training_texts)
        mean.licences = list(dict.fromkeys([*mean.licences, *other.licences]))
        mean.max_length = max(mean.max_length, other.max_length)
    mean.calibration = {}
    return mean


def _opened(model: str | Path) -> Checkpoint:
    try:
        checkpoint = load(model).plain()
    except InputError as problem:
        raise problem if str(model) in str(problem) else InputError(f"{model}: {problem}") from None
    if checkpoint.fresh_head:
        raise InputError(f"{model} has no masked-LM head of its own; train it before its weights are averaged")
    return checkpoint


def _check_alike(one: Checkpoint, other: Checkpoint, which: str) -> None:
    shapes, theirs = (
        {name: tuple(weight.shape) for name, weight in checkpoint.model.backbone.named_parameters()}
        for checkpoint in (one, other)
    )
    if shapes != theirs:
        name = next(name for name in {**shapes, **theirs} if shapes.get(name) != theirs.get(name))
        raise InputError(f"{which} have not the same weights (see {name}); average models of one backbone")
    if one.tokenizer.get_vocab() != other.tokenizer.get_vocab():
        raise InputError(f"{which} have not the same vocabulary; average models of one backbone")
    if one.answers.to_dict() != other.answers.to_dict():
        raise InputError(f"{which} answer by other pieces; average models that were trained with the same ones")


def _trained_on(models: Sequence[Checkpoint]) -> list[dict[str, Any]]:
    """Every task and split once, with the rows that were drawn from it in all of these trainings."""
    found: dict[tuple[Any, Any], dict[str, Any]] = {}
    apart: list[Checkpoint] = []  # trainings that none of the others went on from
    for model in sorted(models, key=lambda one: (-sum(map(len, one.training_texts.values())), -_rows(one))):
        stage = any(_is_stage(model, of) for of in apart)
        apart += [] if stage else [model]
        for entry in seen.together(model.trained_on):
            key = entry.get("task"), entry.get("split")
            if key not in found:
                found[key] = entry
            elif not model.training_texts or found[key].get("rows") is None or entry.get("rows") is None:
                found[key].pop("rows", None)  # the one that is not on record may be the larger
            else:
                rows = found[key]["rows"], entry["rows"]
                found[key]["rows"] = max(rows) if stage else sum(rows)
    return list(found.values())


def _is_stage(one: Checkpoint, other: Checkpoint) -> bool:
    """Whether the other training went on from this one, or they are one and the same."""
    if not seen.within(one.training_texts, other.training_texts):
        return False
    if not seen.within(other.training_texts, one.training_texts) or _rows(other) > _rows(one):
        return True
    theirs = dict(other.model.backbone.named_parameters())
    return all(torch.equal(weight, theirs[name]) for name, weight in one.model.backbone.named_parameters())


def _rows(model: Checkpoint) -> int:
    """All rows that are on record, those of the stages before among them."""
    return sum(entry.get("rows") or 0 for entry in model.trained_on)
