"""Several short rows in one, kept apart by one more equality in the mask; the answers stay the same. Beyond the paper.

Positions start again with each, so packing needs no more of them, and nothing is cut.
"""

from __future__ import annotations

from collections.abc import Sequence

from unimc.encoding import SHARED, Encoding


def packs(lengths: Sequence[int], most: int) -> list[list[int]]:
    """Which rows go together: each goes, the longest first, where it leaves least free (best fit decreasing).

    Args:
        lengths: tokens of each row.
        most: the most tokens together; a longer row stays alone.

    Returns:
        Indices of the rows, pack by pack.
    """
    made: list[list[int]] = []
    free: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        fits = [pack for pack, left in enumerate(free) if left >= lengths[row]]
        if fits:
            pack = min(fits, key=free.__getitem__)
            made[pack].append(row)
            free[pack] -= lengths[row]
        else:
            made.append([row])
            free.append(most - lengths[row])
    return made


def joined(rows: Sequence[Encoding]) -> Encoding:
    """One row of several, one after the other; `options` counts on from row to row."""
    if len(rows) == 1:
        return rows[0]
    segments: list[int] = []
    count = sum(len(row.options) for row in rows)
    packed = Encoding([], [], [], [], [], tuple(range(count)), segment_ids=segments)
    options = 0
    for number, row in enumerate(rows):
        packed.option_positions.extend(place + len(packed) for place in row.option_positions)
        packed.option_ids.extend(one if one == SHARED else one + options for one in row.option_ids)
        packed.position_ids.extend(row.position_ids)
        packed.token_type_ids.extend(row.token_type_ids)
        packed.input_ids.extend(row.input_ids)
        segments.extend([number] * len(row))
        options += len(row.options)
    return packed
