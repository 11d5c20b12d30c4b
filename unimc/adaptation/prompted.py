"""A model that reads a learned prompt before every example.

The prompt's tokens are shared tokens (option id 0): they look at everything and everything looks at them, so that the
options stay apart and their order stays without effect. They count their positions from 1, as every option does, and no
other token's position moves: the model reads its texts exactly where it learned to, and the budget of positions stays.
Where they stand in the row means nothing then; they stand first. A row of several examples gets a prompt for each.
DeBERTa counts distances by the place in the row, where all prompts would stand before all examples: there a row of
several examples (`UniMC.pack`) is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn

from unimc import last_layer
from unimc.adaptation.prompts import DeepPrompt, Prompt, SoftPrompt, length_of
from unimc.collation import Batch
from unimc.encoding import PADDING, SHARED
from unimc.example import InputError
from unimc.modeling import UniMCModel

NAME = "learned_prompt"
"""Of the prompt's module. It lies in the backbone, so that the weights' fingerprint and count include it."""


class PromptedModel(UniMCModel):
    """A backbone with a prompt; everything else is as without one.

    Args:
        backbone: the backbone, as `UniMCModel` takes it, with the prompt that `attach` gave it.
    """

    _in_blocks = False  # `states_read` would leave the prompt out

    def __reduce__(self) -> tuple[type[UniMCModel], tuple[nn.Module]]:
        return PromptedModel, (self.backbone,)

    @property
    def prompt(self) -> Prompt:
        """The prompt."""
        found: Prompt = getattr(self.backbone, NAME)
        return found

    def states(
        self,
        input_ids: Tensor,
        option_ids: Tensor,
        position_ids: Tensor,
        token_type_ids: Tensor,
        segment_ids: Tensor | None = None,
    ) -> Tensor:
        """See `UniMCModel`; the prompt's own states are left out."""
        tokens, added = self._longer(input_ids, option_ids, position_ids, token_type_ids, segment_ids)
        with self._in_place(added):
            return super().states(*tokens)[:, added:]

    def states_at(
        self,
        places: Tensor,
        input_ids: Tensor,
        option_ids: Tensor,
        position_ids: Tensor,
        token_type_ids: Tensor,
        segment_ids: Tensor | None = None,
    ) -> Tensor:
        """See `UniMCModel`."""
        if isinstance(self.prompt, DeepPrompt):  # keys and values are put in where the layers themselves are called
            states = self.states(input_ids, option_ids, position_ids, token_type_ids, segment_ids)
            return last_layer.at(states, places)
        tokens, added = self._longer(input_ids, option_ids, position_ids, token_type_ids, segment_ids)
        with self._in_place(added):
            return super().states_at(places + added, *tokens)

    def _longer(
        self,
        input_ids: Tensor,
        option_ids: Tensor,
        position_ids: Tensor,
        token_type_ids: Tensor,
        segment_ids: Tensor | None,
    ) -> tuple[tuple[Tensor, Tensor, Tensor, Tensor, Tensor | None], int]:
        """(batch, length) tensors with the prompt's tokens in front, and how many those are.

        Raises:
            InputError: if a row holds several examples and the family counts distances by the place in the row.
        """
        size = length_of(self.prompt)
        segments = 1 if segment_ids is None else int(segment_ids.max()) + 1
        if segments > 1 and not self.family.order_invariant:
            raise InputError(f"with a learned prompt {self.family.name} reads one example in a row; set `pack` to None")
        added = size * segments
        rows = (len(input_ids), added)

        def full(value: int, like: Tensor) -> Tensor:
            return like.new_full(rows, value)

        positions = torch.arange(1, size + 1, device=position_ids.device).repeat(segments) + self.layout.position_offset
        owners = shared = full(SHARED, option_ids)
        if segment_ids is not None:
            owners = torch.arange(segments, device=segment_ids.device).repeat_interleave(size).expand(rows)
            there = (segment_ids[:, :, None] == owners[:, None, ::size]).any(1)  # (batch, segments)
            shared = torch.where(there.repeat_interleave(size, dim=1), SHARED, PADDING)
        longer = (
            torch.cat([input_ids[:, :1].expand(rows), input_ids], 1),  # of no meaning: their embeddings are replaced
            torch.cat([shared.to(option_ids), option_ids], 1),
            torch.cat([positions.to(position_ids).expand(rows), position_ids], 1),
            torch.cat([full(0, token_type_ids), token_type_ids], 1),
            None if segment_ids is None else torch.cat([owners.to(segment_ids), segment_ids], 1),
        )
        return longer, added

    @contextmanager
    def _in_place(self, added: int) -> Iterator[None]:
        """Within it the first tokens of every row are the prompt's."""
        prompt = self.prompt
        with ExitStack() as hooks:
            if isinstance(prompt, DeepPrompt):
                for projection, learned in (("key", prompt.keys), ("value", prompt.values)):
                    numbers = count()  # layers run one after the other, in ALBERT by the same module
                    for attention in attentions(self.backbone):
                        hook = partial(_layer_replaced, learned, numbers, added)
                        hooks.callback(getattr(attention, projection).register_forward_hook(hook).remove)
            else:
                vectors = prompt()  # once, for all rows
                words = self.backbone.get_input_embeddings()
                hooks.callback(words.register_forward_hook(partial(_replaced, vectors, added)).remove)
            yield


def _replaced(learned: Tensor, added: int, _module: Any, _inputs: Any, output: Tensor) -> Tensor:
    """(batch, length, size) of which the first tokens are (tokens, size) learned ones, as often as they fit."""
    first = learned.to(output.dtype).repeat(added // len(learned), 1)
    return torch.cat([first.expand(len(output), -1, -1), output[:, added:]], 1)


def _layer_replaced(
    learned: Tensor, numbers: Iterator[int], added: int, module: Any, inputs: Any, output: Tensor
) -> Tensor:
    return _replaced(learned[next(numbers)], added, module, inputs, output)


def attentions(backbone: Any) -> list[Any]:
    """The modules that make queries, keys and values, in the order of the layers; one that layers share comes once.

    Raises:
        InputError: if the family's layers have no keys and values of their own to put a prompt before.
    """
    found = [one for one in backbone.base_model.modules() if all(hasattr(one, name) for name in ("query", "key"))]
    if not found:
        raise InputError(
            f"deep prompts need layers with keys and values of their own, which {backbone.config.model_type} has not; "
            "take prompt-tuning, lora or fine-tuning"
        )
    return found


def deep_start(model: UniMCModel, start: Tensor, rows: Batch) -> DeepPrompt:
    """A deep prompt that starts as what a soft prompt becomes in every layer, averaged over some rows.

    Args:
        model: without a prompt.
        start: (tokens, embedding) of the soft prompt.
        rows: some of those that it will be tuned on.
    """
    backbone = model.backbone
    found: dict[str, list[Tensor]] = {"key": [], "value": []}
    prompted = attach(backbone, SoftPrompt(start))

    def kept(projection: str, _module: Any, _inputs: Any, output: Tensor) -> None:
        found[projection].append(output[:, : len(start)].mean(0))

    try:
        with torch.no_grad(), ExitStack() as hooks:
            for projection in found:
                for attention in attentions(backbone):
                    hook = getattr(attention, projection).register_forward_hook(partial(kept, projection))
                    hooks.callback(hook.remove)
            prompted.states(rows.input_ids, rows.option_ids, rows.position_ids, rows.token_type_ids)
    finally:
        delattr(backbone, NAME)
    return DeepPrompt(torch.stack(found["key"]), torch.stack(found["value"]))


def attach(backbone: Any, prompt: Prompt) -> PromptedModel:
    """A backbone with a prompt, in place of the one that it had.

    Raises:
        InputError: if the prompt doesn't belong to such a backbone, or has more tokens than there are positions.
    """
    config = backbone.config
    if isinstance(prompt, DeepPrompt):
        attentions(backbone)
        depth = config.num_hidden_layers * getattr(config, "inner_group_num", 1)
        wanted, given = [depth, config.hidden_size], [len(prompt.keys), prompt.keys.shape[2]]
    else:
        wanted, given = [backbone.get_input_embeddings().weight.shape[1]], [prompt().shape[1]]
    if wanted != given:
        raise InputError(f"a prompt of sizes {given} doesn't fit this backbone, which takes {wanted}")
    backbone.add_module(NAME, prompt.to(device=backbone.device))
    made = PromptedModel(backbone)
    if length_of(prompt) >= made.layout.positions:
        raise InputError(f"a prompt of {length_of(prompt)} tokens; the backbone has {made.layout.positions} positions")
    return made
