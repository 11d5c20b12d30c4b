"""A last row for the best options of all groups, side by side at last (beyond the paper).

Options in different rows never meet: each is judged beside the others of its group. Asked again together, the best ones
are told apart as in one row; docs/prediction.md has what groups cost without it, and with it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

from unimc.encoding import Encoding
from unimc.example import MultipleChoiceExample

FINALISTS = 8
"""Options in the last row at most; sixteen were no better (docs/prediction.md)."""


def finalists(margins: Sequence[float], wordings: Sequence[str], rows: Iterable[Encoding]) -> tuple[int, ...]:
    """The best options that take no more tokens together than the longest group, as indices in the order given.

    Args:
        margins: of all options, from their groups.
        wordings: what settles between equal margins, so that the order given never does.
        rows: the rows of all groups.

    Returns:
        At least two, or () if not even two fit.
    """
    sizes: dict[int, int] = {}
    left = 0
    for row in rows:
        tokens = Counter(row.option_ids)  # the first option's are 1, and so on
        own = {option: tokens[number] for number, option in enumerate(row.options, start=1)}
        sizes.update(own)
        left = max(left, sum(own.values()))
    chosen: list[int] = []
    for option in sorted(sizes, key=lambda option: (-margins[option], wordings[option]))[:FINALISTS]:
        left -= sizes[option]
        if left < 0:
            break
        chosen.append(option)
    return tuple(sorted(chosen)) if len(chosen) > 1 else ()


def narrowed(example: MultipleChoiceExample, chosen: Sequence[int]) -> MultipleChoiceExample:
    """The example with these options alone, unlabelled."""
    return replace(
        example,
        options=tuple(example.options[option] for option in chosen),
        names=tuple(example.names[option] for option in chosen),
        label=None,
        labels=None,
    )


def decided(margins: Sequence[float], chosen: Sequence[int], again: Sequence[float]) -> list[float]:
    """The margins once the last row has been read.

    The finalists get theirs from it. Those of the others move together, so that they keep, to the last digit, the share
    of probability that they had against the finalists as a whole; none of them can then come first.

    Args:
        margins: of all options, from their groups.
        chosen: the finalists.
        again: their margins in the last row.
    """
    shift = _log_sum_exp(again) - _log_sum_exp([margins[option] for option in chosen])
    made = [margin + shift for margin in margins]
    for option, margin in zip(chosen, again, strict=True):
        made[option] = margin
    return made


def _log_sum_exp(values: Sequence[float]) -> float:
    top = max(values)
    return top + math.log(sum(math.exp(value - top) for value in values))
