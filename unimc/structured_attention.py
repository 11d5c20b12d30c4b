"""The attention of the isolating mask without the pairs that it forbids: for prediction, where options are many.

Options look at the shared tokens and at themselves, so of the pairs of tokens in a row with many options most are
computed only to be masked. Here tokens stand end to end without padding, and attention is computed in blocks: the
shared tokens of a row look at the whole row; its options, put together in bins of a few, look at the shared tokens and
at their bin. The answers are the same but for the order of sums; beyond the paper.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from unimc.attention import additive
from unimc.encoding import PADDING, SHARED

BIN = 32
"""Tokens of a bin. Smaller ones make products too small to be fast, larger ones compute more that is masked."""
ROW_COST, TOKEN_COST = 3000, 700
"""What a row's blocks cost besides, and what a token costs outside attention (padding too, without blocks), in pairs.

Measured on six layers of 384 numbers. Where a token costs more, in larger models, blocks win more than is reckoned.
"""
_KEYS = 2048
"""The most keys of a block, where a group has fewer: keys are copied for their groups, and that bounds the memory."""
_STEP = 16
"""Numbers of keys are multiples of this: PyTorch's attention computes what is left over one by one."""
_NONE = -1
"""Fills groups up to one size, in place of a token's number."""

Numbers = list[int]
"""Tokens by their numbers, which count the tokens of the batch that are not padding, row after row."""


class Block(NamedTuple):
    """Groups of queries, each with the keys that it looks at.

    Attributes:
        queries: (groups, queries) numbers.
        keys: (groups, keys) numbers.
        mask: (groups, 1, queries, keys), added to the scores; None where every query may look at every key.
    """

    queries: Tensor
    keys: Tensor
    mask: Tensor | None


class Looks(NamedTuple):
    """Who looks at whom: blocks, and (queries,) where each query stands in those of all blocks end to end."""

    blocks: tuple[Block, ...]
    order: Tensor

    def among(self, which: Tensor) -> Looks:
        """The same for queries and keys that are numbered otherwise: token i is number `which[i]`."""
        return Looks(
            tuple(Block(which[block.queries], which[block.keys], block.mask) for block in self.blocks), self.order
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """The attention of a batch in blocks, the same in every layer but the last.

    Attributes:
        tokens: (tokens,) which of the flattened (batch * length) are not padding; their numbers are counted here.
        read: (options,) numbers of the O-MASKs.
        everywhere: how all tokens look.
        at_read: how the O-MASKs look, as queries numbered from 0.
    """

    tokens: Tensor
    read: Tensor
    everywhere: Looks
    at_read: Looks

    def distinct(self, input_ids: Tensor, positions: Tensor, types: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """What is different before the first layer: rows of one task have most of their options' tokens in common.

        Returns:
            Token ids, positions and types, (1, distinct) each, and (tokens,) which of those each token is.
        """
        flat = [one.flatten()[self.tokens] for one in (input_ids, positions, types)]
        ids, place, kind = flat
        several = (ids * (place.max() + 1) + place) * (kind.max() + 1) + kind
        which = torch.unique(several, return_inverse=True)[1]
        first = torch.empty(int(which.max()) + 1, dtype=torch.long)
        first[which] = torch.arange(len(which))  # any of those that are alike
        return tuple(one[first][None] for one in flat), which

    def run(
        self,
        states: Tensor,
        which: Tensor,
        layers: Sequence[tuple[Any, Any]],
        rest: Callable[[Any, Tensor, Tensor], Tensor],
    ) -> Tensor:
        """Runs an encoder's layers, the last one at the O-MASKs alone.

        Args:
            states: (distinct, hidden) before the first layer.
            which: (tokens,) the one of them that each token has.
            layers: each with its module that holds `query`, `key` and `value`.
            rest: what follows the attention in a layer: `last_layer.bert_rest` or its like.

        Returns:
            (options, hidden) after the last layer.
        """
        *most, (last, attention) = layers
        distinct, states = states, states.index_select(0, which)
        for depth, (layer, its) in enumerate(most):
            if depth == 0:  # what tokens ask and show is different only where they are
                found = attended(its, distinct, distinct, self.everywhere.among(which))
            else:
                found = attended(its, states, states, self.everywhere)
            states = rest(layer, found, states)
        read = states.index_select(0, self.read)
        return rest(last, attended(attention, read, states, self.at_read), read)


class _Row(NamedTuple):
    """Numbers of a row's tokens: all, the shared ones and those of its options in bins, all bins filled to one size."""

    tokens: range
    shared: Numbers
    bins: list[Numbers]
    size: int

    @property
    def width(self) -> int:
        """Keys of a bin that are shared tokens, with filling."""
        return _up(len(self.shared))

    @property
    def cost(self) -> int:
        """Of the row's blocks, in pairs."""
        pairs = len(self.shared) * len(self.tokens) + len(self.bins) * self.size * (self.width + self.size)
        return pairs + ROW_COST + TOKEN_COST * len(self.tokens)


def plan(option_ids: Tensor, option_places: Tensor, dtype: torch.dtype) -> Plan | None:
    """The blocks of a batch; None where it is as fast to compute all pairs.

    Args:
        option_ids: (batch, length); 0 on shared tokens, i on the i-th option, -1 on padding.
        option_places: (options,) place of every O-MASK in the flattened (batch * length) tokens.
        dtype: of the scores.
    """
    rows = list(_rows(option_ids.tolist()))
    of_all_pairs = option_ids.numel() * (option_ids.shape[1] + TOKEN_COST)
    if sum(row.cost for row in rows) >= of_all_pairs or not all(row.bins for row in rows):
        return None
    flat = option_ids.flatten()
    tokens = (flat != PADDING).nonzero()[:, 0]
    number = torch.empty_like(flat)
    number[tokens] = torch.arange(len(tokens))
    read = number[option_places]
    lines = {token: line for line, token in enumerate(read.tolist())}
    option = torch.cat([flat[tokens], flat.new_tensor([PADDING])])  # the last one is where `_NONE` finds it
    everywhere = [
        Block(torch.tensor([row.shared]), torch.arange(row.tokens.start, row.tokens.stop)[None], None) for row in rows
    ]
    order = [number for row in rows for number in row.shared]
    at_read: list[Block] = []
    order_read: Numbers = []
    for width, size in sorted({(row.width, row.size) for row in rows}):
        alike = [row for row in rows if (row.width, row.size) == (width, size)]
        bins = [one for row in alike for one in row.bins]
        queries = _tensor(bins, size)
        shared = _tensor([row.shared for row in alike], width)
        keys = torch.cat([shared.repeat_interleave(torch.tensor([len(row.bins) for row in alike]), 0), queries], 1)
        everywhere += _blocks(queries, queries, keys, option, dtype)
        order += queries.flatten().tolist()
        reading = [[token for token in one if token in lines] for one in bins]
        queries = _tensor(reading, max(map(len, reading)))
        asked = [lines.get(token, _NONE) for token in queries.flatten().tolist()]
        at_read += _blocks(torch.tensor(asked).view_as(queries), queries, keys, option, dtype)
        order_read += asked
    return Plan(tokens, read, _looks(everywhere, order, len(tokens)), _looks(at_read, order_read, len(read)))


def attended(attention: Any, asking: Tensor, states: Tensor, looks: Looks) -> Tensor:
    """What an attention's queries take from the tokens they look at.

    Args:
        attention: the module that holds `query`, `key` and `value`.
        asking: (queries, hidden) states of the tokens that look.
        states: (tokens, hidden) states of all.
        looks: who looks at whom.

    Returns:
        (queries, hidden), before the attention's output layer.
    """
    query, key, value = attention.query(asking), attention.key(states), attention.value(states)

    def heads(of: Tensor, numbers: Tensor) -> Tensor:  # (groups, heads, tokens, head size)
        picked = of.index_select(0, numbers.flatten())
        return picked.view(*numbers.shape, -1, attention.attention_head_size).transpose(1, 2)

    found = [
        functional.scaled_dot_product_attention(
            heads(query, block.queries), heads(key, block.keys), heads(value, block.keys), block.mask
        )
        for block in looks.blocks
    ]
    return torch.cat([one.transpose(1, 2).flatten(0, 1).flatten(1) for one in found]).index_select(0, looks.order)


def _rows(option_ids: Sequence[Sequence[int]]) -> Iterator[_Row]:
    start = 0
    for line in option_ids:
        by_option: dict[int, Numbers] = {SHARED: []}
        number = start
        for option in line:
            if option != PADDING:
                by_option.setdefault(option, []).append(number)
                number += 1
        shared = by_option.pop(SHARED)
        bins = _binned(by_option.values())
        yield _Row(range(start, number), shared, bins, _up(max(map(len, bins), default=0)))
        start = number


def _binned(options: Iterable[Numbers]) -> list[Numbers]:
    """Options put together, the longest first, each into the first bin that has room for it."""
    bins: list[Numbers] = []
    for option in sorted(options, key=len, reverse=True):
        room = next((one for one in bins if len(one) + len(option) <= BIN), None)
        if room is None:
            bins.append(list(option))
        else:
            room.extend(option)
    return bins


def _blocks(asking: Tensor, queries: Tensor, keys: Tensor, option: Tensor, dtype: torch.dtype) -> Iterator[Block]:
    """Of tokens of options, which see shared tokens and their own option; none of them sees what fills groups up.

    Args:
        asking: (groups, queries) numbers of the queries.
        queries: the same tokens by their own numbers.
        keys: (groups, keys) numbers.
        option: (tokens + 1,) that each number belongs to.
        dtype: of the scores.
    """
    most = max(1, _KEYS // keys.shape[1])
    for ask, query, key in zip(*(torch.split(one, most) for one in (asking, queries, keys)), strict=True):
        of_query, of_key = option[query][:, None, :, None], option[key][:, None, None, :]
        seen = (of_key == SHARED) | (of_key == of_query)
        yield Block(ask.clamp(min=0), key.clamp(min=0), additive(seen, dtype))


def _looks(blocks: Sequence[Block], order: Numbers, queries: int) -> Looks:
    """The blocks, with the places of the queries from the queries at the places."""
    found = torch.tensor(order)
    there = (found != _NONE).nonzero()[:, 0]
    places = torch.empty(queries, dtype=torch.long)
    places[found[there]] = there
    return Looks(tuple(blocks), places)


def _tensor(groups: Sequence[Numbers], size: int) -> Tensor:
    return torch.tensor([[*one, *[_NONE] * (size - len(one))] for one in groups])


def _up(length: int) -> int:
    return -(-length // _STEP) * _STEP
