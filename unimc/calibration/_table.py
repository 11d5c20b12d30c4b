"""The logits of many examples in one table, whatever the order of their options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unimc.calibration._arithmetic import Floats
from unimc.example import InputError

Names = Sequence[Sequence[str]]
"""The options' names of each example, in the order of its logits."""

LARGEST = 1e6
"""A logit beyond it is an overflow, no evidence."""


@dataclass(frozen=True)
class Table:
    """Logits with a column for each name (without names, for each position); 0 where an example lacks it."""

    columns: tuple[str, ...]
    values: Floats
    given: NDArray[np.bool_]
    right: Floats

    @classmethod
    def of(
        cls,
        logits: Sequence[ArrayLike],
        names: Names | None,
        right: Sequence[Sequence[int]] | None,
        multi_label: bool,
    ) -> Table:
        rows = [np.atleast_1d(np.asarray(row, dtype=np.float64)) for row in logits]
        for what, values in (("lists of names", names), ("lists of right options", right)):
            if values is not None and len(values) != len(rows):
                raise InputError(f"{len(values)} {what} for the logits of {len(rows)} examples; give one for each")
        if names is None:
            widest = tuple(map(str, range(max((len(row) for row in rows), default=0))))
            names = [widest[: len(row)] for row in rows]
        place = {name: at for at, name in enumerate(dict.fromkeys(name for row in names for name in row))}
        shape = (len(rows), len(place))
        made = cls(tuple(place), np.zeros(shape), np.zeros(shape, dtype=bool), np.zeros(shape))
        for number, (row, own) in enumerate(zip(rows, names, strict=True)):
            if row.ndim != 1 or len(row) != len(own) or len(set(own)) < len(own) or np.isnan(row).any():
                raise InputError(f"example {number}: expected one logit, a number, for each of its {len(own)} options")
            at = [place[name] for name in own]
            made.values[number, at], made.given[number, at] = row, True
            if right is not None:
                held = list(right[number])
                if not all(0 <= index < len(own) for index in held) or (len(held) != 1 and not multi_label):
                    wanted = "indices of options" if multi_label else "one index of an option"
                    raise InputError(f"example {number}: right is {held}; expected {wanted}")
                made.right[number, [at[index] for index in held]] = 1
        return made

    def usable(self) -> Table:
        """Without examples that have an infinite logit: they tell neither a scale nor a shift."""
        keep: NDArray[np.bool_] = np.logical_and((np.abs(self.values) < LARGEST).all(1), self.given.any(1))
        if not keep.any():
            raise InputError(f"nothing to fit: none of {len(keep)} examples has finite logits; give at least one")
        return Table(self.columns, self.values[keep], self.given[keep], self.right[keep])


def pairs(names: Sequence[str], values: Floats) -> tuple[tuple[str, float], ...]:
    return tuple(zip(names, map(float, values), strict=True))
