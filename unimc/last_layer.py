"""The last layer of an encoder, computed only at the tokens that are read.

Nothing looks at the other tokens of the last layer, so there they only have to be looked at: keys and values for all,
all the rest (queries, the attention's output, the feed-forward part) for those read. Of six layers that saves a seventh
of the work. The answers are the same; beyond the paper.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def grid(places: Tensor, batch: int, length: int) -> tuple[Tensor, Tensor]:
    """Places of a batch's flattened tokens, one line a row.

    Args:
        places: (tokens,) in the flattened (batch * length) tokens, row after row.
        batch: rows.
        length: of the rows.

    Returns:
        (batch, most) the places within each row, filled up with 0, and (tokens,) where in that flattened grid each of
        the given places stands.
    """
    rows, columns = places // length, places % length
    counts = torch.bincount(rows, minlength=batch)
    most = int(counts.max())
    number = torch.arange(len(places), device=places.device) - (counts.cumsum(0) - counts)[rows]
    made = torch.zeros(batch, most, dtype=places.dtype, device=places.device)
    made[rows, number] = columns
    return made, rows * most + number


def at(states: Tensor, places: Tensor) -> Tensor:
    """(batch, length, hidden) and (batch, most) places within each row -> (batch, most, hidden)."""
    return states.gather(1, places[:, :, None].expand(-1, -1, states.shape[-1]))


def attended(attention: Any, states: Tensor, mask: Tensor, places: Tensor, dropout: float) -> Tensor:
    """What an attention's queries at some places take from all tokens.

    Args:
        attention: the module that holds `query`, `key` and `value`.
        states: (batch, length, hidden).
        mask: (batch, 1, length, length) boolean, as `attention.isolating_mask` gives it.
        places: (batch, most) within each row.
        dropout: probability, in training.

    Returns:
        (batch, most, hidden), before the attention's output layer.
    """
    rows = mask.gather(2, places[:, None, :, None].expand(-1, -1, -1, mask.shape[-1]))  # (batch, 1, most, length)

    def heads(layer: Any, of: Tensor) -> Tensor:  # (batch, heads, tokens, head size)
        return layer(of).unflatten(-1, (-1, attention.attention_head_size)).transpose(1, 2)  # type: ignore[no-any-return]

    found = functional.scaled_dot_product_attention(
        heads(attention.query, at(states, places)),
        heads(attention.key, states),
        heads(attention.value, states),
        rows,
        dropout if attention.training else 0.0,
    )
    return found.transpose(1, 2).flatten(2)


def bert_layer(layer: Any, states: Tensor, mask: Tensor, places: Tensor) -> Tensor:
    """A layer of BERT and its like at some places: (batch, length, hidden) -> (batch, most, hidden)."""
    attention = layer.attention.self
    return bert_rest(layer, attended(attention, states, mask, places, attention.dropout.p), at(states, places))


def bert_rest(layer: Any, found: Tensor, states: Tensor) -> Tensor:
    """What follows the attention in a layer of BERT: what tokens took from others and their states -> new states."""
    made: Tensor = layer.feed_forward_chunk(layer.attention.output(found, states))
    return made


def albert_layer(layer: Any, states: Tensor, mask: Tensor, places: Tensor) -> Tensor:
    """A layer of ALBERT at some places: (batch, length, hidden) -> (batch, most, hidden)."""
    attention = layer.attention
    return albert_rest(
        layer, attended(attention, states, mask, places, attention.attention_dropout.p), at(states, places)
    )


def albert_rest(layer: Any, found: Tensor, states: Tensor) -> Tensor:
    """What follows the attention in a layer of ALBERT, as `bert_rest`."""
    attention = layer.attention
    kept = attention.LayerNorm(states + attention.output_dropout(attention.dense(found)))
    made: Tensor = layer.full_layer_layer_norm(layer.ff_chunk(kept) + kept)
    return made
