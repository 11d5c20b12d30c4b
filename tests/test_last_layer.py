"""The last layer at the places that are read gives what the whole layer gives there."""

from __future__ import annotations

import pytest
import tiny
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from unimc import MultipleChoiceExample, last_layer
from unimc.collation import Batch, collate
from unimc.modeling import UniMCModel

EXAMPLES = [
    MultipleChoiceExample(["sport", "food and snow", "old music"], "what is it", "the soup was late", "no rain"),
    MultipleChoiceExample(["early", "late"], "", "the train does not walk on the wall"),
]


def batch_of(family: str) -> Batch:
    encoder = tiny.encoder(family)
    return collate([encoder(example) for example in EXAMPLES], encoder.tokenizer.pad)


def tokens(batch: Batch) -> tuple[Tensor, ...]:
    return batch.input_ids, batch.option_ids, batch.position_ids, batch.token_type_ids


@torch.no_grad()
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_every_family_gives_the_states_of_the_whole_layer(family: str) -> None:
    batch = batch_of(family)
    model = tiny.checkpoint(family).model
    places, cells = last_layer.grid(batch.option_places, *batch.input_ids.shape)
    whole = model.states(*tokens(batch)).flatten(0, 1)[batch.option_places]
    torch.testing.assert_close(model.states_at(places, *tokens(batch)).flatten(0, 1)[cells], whole)


@torch.no_grad()
@pytest.mark.parametrize("family", ["albert", "bert", "roberta", "electra"])
def test_only_what_is_read_goes_through_the_last_layer(family: str) -> None:
    """Five O-MASKs in two rows: three places a row, where the rows have some twenty tokens."""
    batch = batch_of(family)
    model = tiny.checkpoint(family).model
    shapes = []
    layer = (
        model.backbone.base_model.encoder.albert_layer_groups[0].albert_layers[0].ffn_output
        if family == "albert"
        else model.backbone.base_model.encoder.layer[-1].output.dense
    )
    handle = layer.register_forward_hook(lambda _m, _i, out: shapes.append(tuple(out.shape[:2])))
    model(**batch.inputs())
    handle.remove()
    assert shapes[-1] == (2, 3)


@pytest.mark.parametrize("family", ["albert", "bert"])
def test_the_gradients_are_those_of_the_whole_layer(family: str) -> None:
    batch = batch_of(family)
    gradients = []
    for whole in (True, False):
        model = UniMCModel(tiny.new_backbone(family))
        # Corrupted tokens are read everywhere, so the whole layer is computed for them.
        logits, _ = model(**batch.inputs(), corrupted_places=batch.option_places[:1] if whole else None)
        logits.logsumexp(1).sum().backward()
        gradients.append({name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, rtol=1e-4, atol=1e-4, msg=name)


def test_attention_dropout_acts_there_too() -> None:
    batch = batch_of("bert")
    model = UniMCModel(tiny.new_backbone("bert", attention_probs_dropout_prob=0.5)).train()
    for layer in model.backbone.base_model.encoder.layer[:-1]:
        layer.eval()  # leaves the last layer's alone
    with torch.no_grad():
        one, other = (model(**batch.inputs())[0] for _ in range(2))
    assert tiny.largest(one - other) > 1e-3


@given(st.lists(st.lists(st.integers(0, 8), min_size=1, max_size=4, unique=True), min_size=1, max_size=5))
def test_the_grid_holds_every_place_in_its_row(columns: list[list[int]]) -> None:
    places = torch.tensor([row * 9 + column for row, own in enumerate(columns) for column in own])
    made, cells = last_layer.grid(places, len(columns), 9)
    assert made.shape == (len(columns), max(map(len, columns)))
    flat = (made + 9 * torch.arange(len(columns))[:, None]).flatten()
    assert torch.equal(flat[cells], places)
