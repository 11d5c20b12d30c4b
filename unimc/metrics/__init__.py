"""Metrics by name: every module of this package whose name has no leading underscore is one metric.

Adding a metric is adding a file with one subclass of `unimc.metrics._metric.Metric`; nothing else lists it.
Importing this package loads no library; a metric's own file is imported when it is asked for.
"""

from __future__ import annotations

from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

from unimc.example import InputError

if TYPE_CHECKING:
    from unimc.metrics._metric import Metric

__all__ = ["LEVEL", "RESAMPLES", "for_kind", "get", "names"]

RESAMPLES = 1000
"""Samples that a bootstrap interval is drawn from."""
LEVEL = 0.95
"""Share of the resampled values within an interval."""


@cache
def names() -> tuple[str, ...]:
    """Names of all metrics, sorted."""
    return tuple(sorted(module.name for module in iter_modules(__path__) if not module.name.startswith("_")))


def get(name: str) -> Metric:
    """A metric, ready for `compute`.

    Raises:
        InputError: if there is none of this name.
    """
    if name not in names():
        close = get_close_matches(name, names(), n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names())}"
        raise InputError(f"no metric {name!r}; {hint}")
    from unimc.metrics._metric import Metric

    module = import_module(f"{__name__}.{name}")
    (found,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Metric) and value.__module__ == module.__name__
    )
    return found()


def for_kind(kind: str) -> dict[str, Metric]:
    """The metrics that fit a kind of task ("classification", "multiple_choice", "multi_label"), by name."""
    found = {name: get(name) for name in names()}
    return {name: metric for name, metric in found.items() if kind in metric.kinds}
