"""Rows to tensors: padding to the longest of the batch, and batches that waste little on padding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import torch
from torch import Tensor

from unimc.encoding import PADDING, Encoding


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows padded to one length; the first four are (batch, length), what `UniMCModel.forward` takes.

    Attributes:
        input_ids: token ids.
        option_ids: 0 on shared tokens, i on the i-th option, -1 on padding; the attention mask follows from it.
        position_ids: positions.
        token_type_ids: types.
        option_places: (options,) place of every O-MASK in the flattened (batch * length) tokens.
        option_rows: (options,) which row each stands in.
        segment_ids: (batch, length) which example of a packed row a token belongs to; None if no row is packed.
    """

    input_ids: Tensor
    option_ids: Tensor
    position_ids: Tensor
    token_type_ids: Tensor
    option_places: Tensor
    option_rows: Tensor
    segment_ids: Tensor | None = None

    def to(self, device: torch.device | str) -> Self:
        """The batch on another device."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        moved = {name: value.to(device, non_blocking=True) for name, value in own.items() if value is not None}
        return replace(self, **moved)

    def inputs(self) -> dict[str, Tensor]:
        """Keyword arguments for the model."""
        given = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "option_rows"}
        return {name: value for name, value in given.items() if value is not None}


def collate(rows: Sequence[Encoding], pad: int, input_ids: Sequence[Sequence[int]] | None = None) -> Batch:
    """Pads rows to the longest of them.

    Args:
        rows: the rows.
        pad: token id to pad with.
        input_ids: token ids to take instead of the rows' own (corrupted ones).
    """
    longest = max(map(len, rows))
    places = [line * longest + place for line, row in enumerate(rows) for place in row.option_positions]
    owners = [line for line, row in enumerate(rows) for _ in row.option_positions]
    return Batch(
        input_ids=_padded(input_ids or [row.input_ids for row in rows], longest, pad),
        option_ids=_padded([row.option_ids for row in rows], longest, PADDING),
        position_ids=_padded([row.position_ids for row in rows], longest, 0),
        token_type_ids=_padded([row.token_type_ids for row in rows], longest, 0),
        option_places=torch.tensor(places),
        option_rows=torch.tensor(owners),
        segment_ids=_padded([row.segment_ids or [0] * len(row) for row in rows], longest, PADDING)
        if any(row.segment_ids for row in rows)
        else None,
    )


def batches(
    lengths: Sequence[int], order: Iterable[int], *, max_rows: int | None = None, max_tokens: int | None = None
) -> list[list[int]]:
    """Splits rows, taken in this order, into batches within a number of rows and a number of tokens (padding counted).

    Rows sorted by length pad little. A row longer than the whole token budget gets a batch of its own.

    Args:
        lengths: length of every row.
        order: indices into `lengths`.
        max_rows: the most rows in a batch; no bound if None.
        max_tokens: the most tokens in a batch, its rows times its longest; no bound if None.
    """
    made: list[list[int]] = []
    longest = 0
    for row in order:
        longest = max(longest, lengths[row]) if made else lengths[row]
        size = len(made[-1]) + 1 if made else 0
        full = (max_rows is not None and size > max_rows) or (max_tokens is not None and size * longest > max_tokens)
        if not made or full:
            made.append([row])
            longest = lengths[row]
        else:
            made[-1].append(row)
    return made


def _padded(rows: Sequence[Sequence[int]], length: int, filler: int) -> Tensor:
    return torch.tensor([[*row, *([filler] * (length - len(row)))] for row in rows])
