"""The model: a masked language model whose head is computed only where an answer is read."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from unimc import last_layer, structured_attention
from unimc.attention import isolating_mask
from unimc.backbones import family_of


class UniMCModel(nn.Module):
    """A backbone read at the O-MASKs (and, in training, at corrupted tokens), never at every token.

    Args:
        backbone: what `AutoModelForMaskedLM` loads; one of the families of `backbones.py`.
    """

    _in_blocks = True
    """Whether `states_read` may stand in for `states_at`: not in a model that changes what these two give."""

    def __init__(self, backbone: Any) -> None:
        super().__init__()
        self.backbone = backbone
        self.family = family_of(backbone.config)
        self.layout = self.family.layout(backbone.config)

    def __reduce__(self) -> tuple[type[UniMCModel], tuple[nn.Module]]:
        """A family's functions can't be pickled or sent to another process; they follow from the backbone."""
        return UniMCModel, (self.backbone,)

    def states(
        self,
        input_ids: Tensor,
        option_ids: Tensor,
        position_ids: Tensor,
        token_type_ids: Tensor,
        segment_ids: Tensor | None = None,
    ) -> Tensor:
        """Runs the encoder with the options kept apart: (batch, length) tensors -> (batch, length, hidden)."""
        mask = isolating_mask(option_ids, segment_ids)
        return self.family.states(self.backbone, input_ids, mask, position_ids, token_type_ids)

    def states_at(
        self,
        places: Tensor,
        input_ids: Tensor,
        option_ids: Tensor,
        position_ids: Tensor,
        token_type_ids: Tensor,
        segment_ids: Tensor | None = None,
    ) -> Tensor:
        """The same at (batch, most) places within the rows -> (batch, most, hidden), with less work where possible."""
        mask = isolating_mask(option_ids, segment_ids)
        if self.family.states_at is None:
            return last_layer.at(
                self.family.states(self.backbone, input_ids, mask, position_ids, token_type_ids), places
            )
        return self.family.states_at(self.backbone, input_ids, mask, position_ids, token_type_ids, places)

    def states_read(
        self, plan: structured_attention.Plan, input_ids: Tensor, position_ids: Tensor, token_type_ids: Tensor
    ) -> Tensor:
        """The same at the O-MASKs, with attention in blocks: (batch, length) tensors -> (options, hidden)."""
        if self.family.states_read is None:
            raise ValueError(f"{self.family.name} has no attention in blocks")
        return self.family.states_read(self.backbone, plan, input_ids, position_ids, token_type_ids)

    def logits(self, states: Tensor, pieces: Tensor | None = None) -> Tensor:
        """The masked-LM head on chosen states.

        Args:
            states: (tokens, hidden).
            pieces: ids of the vocabulary rows wanted; all rows if None.

        Returns:
            (tokens, pieces) or (tokens, vocabulary).
        """
        weight, bias = self.family.decoder(self.backbone)
        if pieces is not None:
            weight, bias = weight[pieces], bias[pieces]
        return functional.linear(self.family.transform(self.backbone, states), weight, bias)

    def forward(
        self,
        input_ids: Tensor,
        option_ids: Tensor,
        position_ids: Tensor,
        token_type_ids: Tensor,
        option_places: Tensor,
        segment_ids: Tensor | None = None,
        pieces: Tensor | None = None,
        corrupted_places: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """Logits at the O-MASKs and, if asked, at corrupted tokens.

        Args:
            input_ids: (batch, length), like the next three.
            option_ids: 0 on shared tokens, i on the i-th option, -1 on padding.
            position_ids: as the encoder counts them.
            token_type_ids: as the encoder sets them; not used by backbones without types.
            option_places: (options,) place of every O-MASK of the batch in the flattened (batch * length) tokens.
            segment_ids: (batch, length) which example of a packed row a token belongs to; None if a row holds one.
            pieces: vocabulary rows wanted at the O-MASKs; all if None.
            corrupted_places: (corrupted,) places of the corrupted tokens, likewise.

        Returns:
            (options, pieces or vocabulary) and (corrupted, vocabulary) or None.
        """
        tokens = (input_ids, option_ids, position_ids, token_type_ids, segment_ids)
        if corrupted_places is None:
            plan = self._plan(option_ids, option_places, segment_ids)
            if plan is not None:
                return self.logits(self.states_read(plan, input_ids, position_ids, token_type_ids), pieces), None
            places, cells = last_layer.grid(option_places, *input_ids.shape)
            return self.logits(self.states_at(places, *tokens).flatten(0, 1)[cells], pieces), None
        states = self.states(*tokens).flatten(0, 1)
        return self.logits(states[option_places], pieces), self.logits(states[corrupted_places])

    def _plan(
        self, option_ids: Tensor, option_places: Tensor, segment_ids: Tensor | None
    ) -> structured_attention.Plan | None:
        """Attention in blocks, where it may stand in for the mask and pays; measured for float32 on the CPU alone."""
        backbone = self.backbone
        possible = (
            self._in_blocks
            and self.family.states_read is not None
            and segment_ids is None
            and not (torch.is_grad_enabled() or torch.compiler.is_compiling() or backbone.training)
            and backbone.config._attn_implementation == "sdpa"
            and backbone.dtype == torch.float32
            and option_ids.device.type == "cpu"
            and not torch.is_autocast_enabled("cpu")
        )
        return structured_attention.plan(option_ids, option_places, backbone.dtype) if possible else None
