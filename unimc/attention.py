"""The option-isolating mask: which token may look at which (UniMC, section 3.2, figure 3).

It is a function of `option_ids` alone, so only that (batch, length) tensor travels to the device; the
(batch, 1, length, length) mask is built there.
"""

from __future__ import annotations

import torch
from torch import Tensor

from unimc.encoding import PADDING, SHARED


def isolating_mask(option_ids: Tensor, segment_ids: Tensor | None = None) -> Tensor:
    """Options see themselves and the shared tokens, shared tokens see everything, nothing sees padding.

    Padding looks at shared tokens, so that no query is without a key (a softmax over nothing is NaN).

    Args:
        option_ids: (batch, length); 0 on shared tokens, i on the i-th option, -1 on padding.
        segment_ids: (batch, length); which example of a packed row a token belongs to: nothing sees another's tokens.
            None where each row holds one.

    Returns:
        (batch, 1, length, length) boolean, True where the query (third axis) may look at the key (last axis).
    """
    query = option_ids[:, None, :, None]  # (batch, 1, length, 1)
    key = option_ids[:, None, None, :]  # (batch, 1, 1, length)
    mask = (key != PADDING) & ((query == SHARED) | (key == SHARED) | (query == key))
    if segment_ids is not None:
        same = segment_ids[:, None, :, None] == segment_ids[:, None, None, :]
        mask &= same | (query == PADDING)  # padding has no segment, and would see nothing
    return mask


def within_window(position_ids: Tensor, window: int) -> Tensor:
    """Pairs of tokens whose positions are at most `window` apart: the sliding attention of ModernBERT.

    By positions, not by places in the row: every option is then equally far from the passage, whatever their order.

    Returns:
        (batch, 1, length, length) boolean, to be combined with `isolating_mask` by `&`.
    """
    distance = position_ids[:, None, :, None] - position_ids[:, None, None, :]
    return distance.abs() <= window


def additive(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """A boolean mask as what is added to the attention scores: 0 where it holds, the dtype's minimum elsewhere.

    The eager attention of transformers adds whatever it is given, so a boolean mask there is wrong without an error.
    """
    blocked = torch.finfo(dtype).min
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, blocked)
