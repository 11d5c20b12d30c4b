"""The model: a masked language model whose head is computed only where an answer is read."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from unimc.backbones import family_of


class UniMCModel(nn.Module):
    """A backbone read at the O-MASKs (and, in training, at corrupted tokens), never at every token.

    Args:
        backbone: what `AutoModelForMaskedLM` loads; one of the families of `backbones.py`.
    """

    def __init__(self, backbone: Any) -> None:
        super().__init__()
        self.backbone = backbone
        self.family = family_of(backbone.config)
        self.layout = self.family.layout(backbone.config)

    def __reduce__(self) -> tuple[type[UniMCModel], tuple[nn.Module]]:
        """A family's functions can't be pickled or sent to another process; they follow from the backbone."""
        return UniMCModel, (self.backbone,)

    def states(self, input_ids: Tensor, option_ids: Tensor, position_ids: Tensor, token_type_ids: Tensor) -> Tensor:
        """Runs the encoder with the options kept apart: four (batch, length) tensors -> (batch, length, hidden)."""
        return self.family.states(self.backbone, input_ids, option_ids, position_ids, token_type_ids)

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
            pieces: vocabulary rows wanted at the O-MASKs; all if None.
            corrupted_places: (corrupted,) places of the corrupted tokens, likewise.

        Returns:
            (options, pieces or vocabulary) and (corrupted, vocabulary) or None.
        """
        states = self.states(input_ids, option_ids, position_ids, token_type_ids).flatten(0, 1)
        option_logits = self.logits(states[option_places], pieces)
        if corrupted_places is None:
            return option_logits, None
        return option_logits, self.logits(states[corrupted_places])
