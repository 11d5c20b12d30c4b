"""Checks of what a mixture is told; which tasks go together is checked where they are known."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from converters import card
from converters.shares import SAMPLING
from unimc.example import InputError

if TYPE_CHECKING:
    from converters.mixture import Mixture, Part

WORDINGS = ("default", "all")
"""In which wordings a mixture has a task's examples."""


def check_part(part: Part) -> None:
    """Raise InputError, naming the task and the key, if a number of an entry is not valid."""
    where = f"mixture: task {getattr(part.task, 'name', part.task)}"
    weight: Any = part.weight
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < math.inf:
        raise InputError(f"{where}: weight must be a number above 0, not {weight!r}; leave the task out for 0")
    for name, value in (("split", part.split), ("variant", part.variant or "")):
        if not isinstance(value, str):
            raise InputError(f"{where}: {name} must be a name, not {value!r}")
    whole(part.cap, f"{where}: cap", 1)
    whole(part.max_options, f"{where}: max_options", 2)
    whole(part.min_options, f"{where}: min_options", 2)
    if part.min_options and part.max_options and part.min_options > part.max_options:
        raise InputError(f"{where}: min_options {part.min_options} is above max_options {part.max_options}")
    if part.wordings is not None and part.variant is not None:
        raise InputError(f"{where}: variant names one wording, `wordings` says how they are drawn; leave one out")
    check_wordings(part.wordings, where)


def check_mixture(mixture: Mixture) -> None:
    """Raise InputError, naming the key, if a plain argument of a mixture is not valid."""
    for name in ("tasks", "held_out", "licences"):
        given = getattr(mixture, name)
        if given is None and name == "licences":  # all of them
            continue
        if isinstance(given, str | Mapping) or not isinstance(given, Sequence):
            raise InputError(f"mixture: {name}: must be a list")
    for licence in mixture.licences or ():
        if not isinstance(licence, str):
            raise InputError(f"mixture: licences: an entry must be a text, not {licence!r}")
    if not isinstance(mixture.data_dir, str | Path | None):
        raise InputError(f"mixture: data_dir must be a folder's path, not {mixture.data_dir!r}")
    if not isinstance(mixture.note, str):
        raise InputError(f"mixture: note must be a text, not {mixture.note!r}; put it in quotes")
    if not mixture.tasks:
        raise InputError("mixture: tasks: empty; name at least one task")
    for name in ("cap", "copies"):
        if getattr(mixture, name) is None:
            raise InputError(f"mixture: {name} must be a whole number, 1 or more, not None")
    if type(mixture.seed) is not int:  # None would be another seed in every process
        raise InputError(f"mixture: seed must be a whole number, not {mixture.seed!r}")
    for name in ("shuffle_options", "decontaminate"):
        if not isinstance(getattr(mixture, name), bool):
            raise InputError(f"mixture: {name} must be true or false, not {getattr(mixture, name)!r}")
    near: Any = mixture.near
    if near is not None and (isinstance(near, bool) or not isinstance(near, int | float)):
        raise InputError(f"mixture: near must be a number from 0.5 to 0.95, or null, not {near!r}")
    for name, least in (("cap", 1), ("size", 1), ("copies", 1), ("max_options", 2), ("min_options", 2)):
        whole(getattr(mixture, name), f"mixture: {name}", least)
    if mixture.min_options and mixture.max_options and mixture.min_options > mixture.max_options:
        raise InputError(f"mixture: min_options {mixture.min_options} is above max_options {mixture.max_options}")
    check_wordings(mixture.wordings, "mixture")
    if mixture.sampling not in SAMPLING:
        raise InputError(
            f"mixture: sampling: unknown {mixture.sampling!r}; {card.did_you_mean(mixture.sampling, SAMPLING)}"
        )
    temperature: Any = mixture.temperature
    if isinstance(temperature, bool) or not isinstance(temperature, int | float) or not temperature >= 1:
        raise InputError(f"mixture: temperature must be a number, 1 or more, not {temperature!r}")


def check_options(mixture: Mixture, part: Part) -> None:
    """Raise InputError if an entry's number of options and the mixture's, each where the other is silent, collide."""
    fewest, most = part.min_options or mixture.min_options, part.max_options or mixture.max_options
    if fewest and most and fewest > most:
        raise InputError(
            f"mixture: task {getattr(part.task, 'name', part.task)}: min_options "
            f"{fewest}{'' if part.min_options else ' (of the mixture)'} is above max_options "
            f"{most}{'' if part.max_options else ' (of the mixture)'}; give the entry both"
        )


def check_wordings(given: Any, where: str) -> None:
    """Raise InputError unless `given` is None or one of `WORDINGS`."""
    if given is not None and given not in WORDINGS:
        raise InputError(f"{where}: wordings: unknown {given!r}; {card.did_you_mean(str(given), WORDINGS)}")


def whole(value: Any, where: str, least: int) -> None:
    """Raise InputError unless `value` is None or a whole number that is not below `least`."""
    if value is not None and (type(value) is not int or value < least):
        raise InputError(f"{where} must be a whole number, {least} or more, not {value!r}")
