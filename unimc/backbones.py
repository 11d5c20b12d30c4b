"""The families of backbones: what each takes for mask, positions and types, and where its masked-LM head is.

One row of `FAMILIES` per family; adding a family touches this file alone. What was measured about each (which masks are
silently wrong, which positions are ignored) stands as tests in tests/test_backbones.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor

from unimc import last_layer
from unimc.attention import additive, within_window
from unimc.encoding import Layout
from unimc.example import InputError
from unimc.structured_attention import Plan


@dataclass(frozen=True, slots=True)
class Family:
    """How one family of masked language models is fed and read.

    Attributes:
        name: what people call it.
        model_types: `config.model_type` of its members.
        transform: what stands between the encoder and the decoder: (tokens, hidden) -> (tokens, embedding).
        decoder: the decoder's weight (vocabulary, embedding) and bias (vocabulary).
        head: prefixes of the head's parameters; only these may be missing from a folder.
        states: runs the encoder; see below for the arguments.
        states_at: the same at some places alone, where that can be had for less.
        states_read: the same at the O-MASKs, with attention in blocks, where that can be had.
        implementations: attention implementations that the mask is right for, the preferred one first.
        offset_by_padding: whether positions are counted from `padding_idx` + 1.
        order_invariant: whether an option's score is free of the options' order (False where distances are indices).
    """

    name: str
    model_types: frozenset[str]
    transform: Callable[[Any, Tensor], Tensor]
    decoder: Callable[[Any], tuple[Tensor, Tensor]]
    head: tuple[str, ...]
    states: Callable[[Any, Tensor, Tensor, Tensor, Tensor], Tensor]
    states_at: Callable[[Any, Tensor, Tensor, Tensor, Tensor, Tensor], Tensor] | None = None
    states_read: Callable[[Any, Plan, Tensor, Tensor, Tensor], Tensor] | None = None
    implementations: tuple[str, ...] = ("sdpa", "eager")
    offset_by_padding: bool = False
    order_invariant: bool = True

    def layout(self, config: Any) -> Layout:
        """How rows have to be laid out for a backbone of this configuration."""
        # The classes that offset their positions take `padding_idx` from here.
        offset = config.pad_token_id + 1 if self.offset_by_padding else 0
        return Layout(
            positions=config.max_position_embeddings - offset,
            position_offset=offset,
            two_types=getattr(config, "type_vocab_size", 0) >= 2,
        )


def family_of(config: Any) -> Family:
    """The family of a backbone's configuration.

    Raises:
        InputError: if the family is not in the table, or this member of it can't isolate options.
    """
    family = next((family for family in FAMILIES if config.model_type in family.model_types), None)
    if family is None:
        known = ", ".join(family.name for family in FAMILIES)
        raise InputError(f"backbone type {config.model_type!r} is not supported; supported are {known}")
    if getattr(config, "conv_kernel_size", 0) > 0:
        raise InputError(
            f"{config.model_type} with a convolution over neighbouring tokens (conv_kernel_size "
            f"{config.conv_kernel_size}) lets options see each other; take a backbone without it"
        )
    return family


def attention_implementation(family: Family, wanted: str | None) -> str:
    """The implementation to load a backbone with: the one wanted if the mask is right for it, else the preferred one.

    Raises:
        InputError: if the mask would be wrong (flash-attention takes no mask of pairs: options would see each other).
    """
    if wanted is None:
        return family.implementations[0]
    if wanted not in family.implementations:
        right = " or ".join(family.implementations)
        raise InputError(f"attention {wanted!r} cannot keep the options of {family.name} apart; use {right}")
    return wanted


def _mask(backbone: Any, mask: Tensor) -> Tensor:
    """The mask in the form the backbone's attention takes now (looked up at each call: it can be switched)."""
    implementation = backbone.config._attn_implementation
    if implementation == "sdpa":
        return mask
    if implementation == "eager":
        return additive(mask, backbone.dtype)
    raise InputError(f"attention {implementation!r} cannot keep options apart; load the backbone with sdpa or eager")


# In the functions below: input_ids, positions and types are (batch, length), the mask is boolean, (batch, 1, length,
# length), and the result (batch, length, hidden). `states_at` takes (batch, most) places within the rows besides, and
# gives (batch, most, hidden); `states_read` gives (options, hidden).


_Start = tuple[Tensor, list[tuple[Any, Any]]]
"""The states before the first layer; the layers, each with its module that holds `query`, `key` and `value`."""


@dataclass(frozen=True, slots=True)
class _Layers:
    """An encoder whose layers can be called one by one, so that the last one is computed only where it is read.

    Attributes:
        start: (backbone, input_ids, positions, types) -> what the layers start from, and they themselves.
        last: a layer at some places alone; from `last_layer`.
        rest: what follows the attention in a layer; likewise.
    """

    start: Callable[[Any, Tensor, Tensor, Tensor], _Start]
    last: Callable[[Any, Tensor, Tensor, Tensor], Tensor]
    rest: Callable[[Any, Tensor, Tensor], Tensor]

    def states_at(
        self, backbone: Any, input_ids: Tensor, mask: Tensor, positions: Tensor, types: Tensor, places: Tensor
    ) -> Tensor:
        states, layers = self.start(backbone, input_ids, positions, types)
        form = _mask(backbone, mask)
        for layer, _ in layers[:-1]:
            states = layer(states, form)
        return self.last(layers[-1][0], states, mask, places)

    def states_read(self, backbone: Any, plan: Plan, input_ids: Tensor, positions: Tensor, types: Tensor) -> Tensor:
        tokens, which = plan.distinct(input_ids, positions, types)
        states, layers = self.start(backbone, *tokens)
        return plan.run(states[0], which, layers, self.rest)


def _bert_states(backbone: Any, input_ids: Tensor, mask: Tensor, positions: Tensor, types: Tensor) -> Tensor:
    output = backbone.base_model(
        input_ids, attention_mask=_mask(backbone, mask), position_ids=positions, token_type_ids=types
    )
    states: Tensor = output.last_hidden_state
    return states


def _bert_start(backbone: Any, input_ids: Tensor, positions: Tensor, types: Tensor) -> _Start:
    base = backbone.base_model
    states = base.embeddings(input_ids=input_ids, position_ids=positions, token_type_ids=types)
    if hasattr(base, "embeddings_project"):  # ELECTRA with small embeddings
        states = base.embeddings_project(states)
    return states, [(layer, layer.attention.self) for layer in base.encoder.layer]


def _albert_start(backbone: Any, input_ids: Tensor, positions: Tensor, types: Tensor) -> _Start:
    base = backbone.base_model
    embedded = base.embeddings(input_ids=input_ids, position_ids=positions, token_type_ids=types)
    groups = base.encoder.albert_layer_groups  # each shared by as many layers as its share of the depth
    depth = backbone.config.num_hidden_layers
    layers = [layer for number in range(depth) for layer in groups[number * len(groups) // depth].albert_layers]
    return base.encoder.embedding_hidden_mapping_in(embedded), [(layer, layer.attention) for layer in layers]


def _modernbert_states(backbone: Any, input_ids: Tensor, mask: Tensor, positions: Tensor, _types: Tensor) -> Tensor:
    # One mask would serve both kinds of layer, and the sliding window would be lost without a word.
    near = mask & within_window(positions, backbone.config.sliding_window)
    # Positions far from everything else still see themselves; padding may be far from all shared tokens.
    near = near | torch.eye(near.shape[-1], dtype=torch.bool, device=near.device)
    masks = {"full_attention": _mask(backbone, mask), "sliding_attention": _mask(backbone, near)}
    states: Tensor = backbone.base_model(input_ids, attention_mask=masks, position_ids=positions).last_hidden_state
    return states


def _deberta_states(backbone: Any, input_ids: Tensor, mask: Tensor, positions: Tensor, types: Tensor) -> Tensor:
    # The model multiplies its mask onto the embeddings too, so only a (batch, length) mask passes there: embeddings and
    # encoder are called one after the other, each with the mask it can take. Padding alone doesn't see itself.
    tokens = mask.diagonal(dim1=-2, dim2=-1)[:, 0]
    embeddings = backbone.base_model.embeddings
    embedded = embeddings(input_ids=input_ids, token_type_ids=types, position_ids=positions, mask=tokens)
    states: Tensor = backbone.base_model.encoder(embedded, mask, output_hidden_states=False).last_hidden_state
    return states


def _linear(path: str) -> Callable[[Any], tuple[Tensor, Tensor]]:
    find = attrgetter(path)

    def decoder(backbone: Any) -> tuple[Tensor, Tensor]:
        layer = find(backbone)
        return layer.weight, layer.bias

    return decoder


def _module(path: str) -> Callable[[Any, Tensor], Tensor]:
    find = attrgetter(path)
    return lambda backbone, states: find(backbone)(states)


def _albert_transform(backbone: Any, states: Tensor) -> Tensor:
    head = backbone.predictions
    transformed: Tensor = head.LayerNorm(head.activation(head.dense(states)))
    return transformed


def _roberta_transform(backbone: Any, states: Tensor) -> Tensor:
    head = backbone.lm_head
    transformed: Tensor = head.layer_norm(torch.nn.functional.gelu(head.dense(states)))
    return transformed


def _deberta_transform(backbone: Any, states: Tensor) -> Tensor:
    if backbone.legacy:
        transformed: Tensor = backbone.cls.predictions.transform(states)
    else:
        head = backbone.lm_predictions.lm_head
        transformed = head.LayerNorm(head.transform_act_fn(head.dense(states)))
    return transformed


def _deberta_decoder(backbone: Any) -> tuple[Tensor, Tensor]:
    if backbone.legacy:
        decoder = backbone.cls.predictions.decoder
        return decoder.weight, decoder.bias
    return backbone.base_model.embeddings.word_embeddings.weight, backbone.lm_predictions.lm_head.bias


_bert_layers = _Layers(_bert_start, last_layer.bert_layer, last_layer.bert_rest)
_albert_layers = _Layers(_albert_start, last_layer.albert_layer, last_layer.albert_rest)

_bert_family = partial(
    Family,
    transform=_module("cls.predictions.transform"),
    decoder=_linear("cls.predictions.decoder"),
    head=("cls.",),
    states=_bert_states,
    states_at=_bert_layers.states_at,
    states_read=_bert_layers.states_read,
)
"""A family with BERT's encoder; with BERT's head too, where it names no other."""

FAMILIES: tuple[Family, ...] = (
    _bert_family("BERT", frozenset({"bert", "ernie"})),
    _bert_family(
        "MegatronBERT", frozenset({"megatron-bert"}), implementations=("eager",), states_at=None, states_read=None
    ),
    Family(
        "ALBERT",
        frozenset({"albert"}),
        transform=_albert_transform,
        decoder=_linear("predictions.decoder"),
        head=("predictions.",),
        states=_bert_states,
        states_at=_albert_layers.states_at,
        states_read=_albert_layers.states_read,
    ),
    _bert_family(
        "RoBERTa and XLM-R",
        frozenset({"roberta", "xlm-roberta"}),
        transform=_roberta_transform,
        decoder=_linear("lm_head.decoder"),
        head=("lm_head.",),
        offset_by_padding=True,
    ),
    _bert_family(
        "ELECTRA",
        frozenset({"electra"}),
        transform=_module("generator_predictions"),
        decoder=_linear("generator_lm_head"),
        head=("generator_predictions.", "generator_lm_head."),
    ),
    Family(
        "DeBERTa-v2 and v3",
        frozenset({"deberta-v2"}),
        transform=_deberta_transform,
        decoder=_deberta_decoder,
        head=("cls.", "lm_predictions."),
        states=_deberta_states,
        implementations=("eager",),
        order_invariant=False,
    ),
    Family(
        "ModernBERT",
        frozenset({"modernbert"}),
        transform=_module("head"),
        decoder=_linear("decoder"),
        head=("head.", "decoder."),
        states=_modernbert_states,
    ),
)
