"""Attention in blocks gives what the mask gives, where the mask may be spared; everywhere else the mask stands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from unimc import MultipleChoiceExample, structured_attention
from unimc.attention import isolating_mask
from unimc.backends.torch import TorchBackend
from unimc.collation import Batch, collate
from unimc.encoding import PADDING, Encoding
from unimc.modeling import UniMCModel
from unimc.packing import joined
from unimc.structured_attention import Looks, Plan

FAMILIES = ("albert", "bert", "ernie", "roberta", "xlm-roberta", "electra")
DENSE = ("megatron-bert", "deberta-v2", "deberta-v2-legacy", "modernbert")
WORDS = ("sport", "food", "snow", "train", "雨", "雪", "音乐")


@contextmanager
def in_blocks(always: bool = True) -> Iterator[mock.Mock]:
    """Blocks always (or never), whether they pay or not."""
    never = mock.Mock(return_value=None)
    made = mock.Mock(wraps=structured_attention.plan) if always else never
    with (
        mock.patch.object(structured_attention, "ROW_COST", -(10**9)),
        mock.patch.object(structured_attention, "plan", made),
    ):
        yield made


@torch.no_grad()
def logits(model: UniMCModel, batch: Batch, *, blocks: bool) -> Tensor:
    with in_blocks(blocks) as made:
        found, _ = model(**batch.inputs())
    assert made.called
    return found


def option(number: int, length: int) -> str:
    """A wording of about this many pieces, unlike any other number's."""
    digits = [WORDS[int(digit, 7)] for digit in base7(number)]
    return " ".join((digits + ["of"] * length)[: max(length, len(digits))])


def base7(number: int) -> str:
    return (base7(number // 7) if number >= 7 else "") + str(number % 7)


def example(lengths: list[int], passage: int, question: int = 2) -> MultipleChoiceExample:
    options = [option(number, length) for number, length in enumerate(lengths)]
    return MultipleChoiceExample(options, " ".join(["what"] * question), " ".join(["rain"] * passage))


def batch_of(family: str, examples: list[MultipleChoiceExample]) -> Batch:
    encoder = tiny.encoder(family, 4096)
    return collate([encoder(one) for one in examples], encoder.tokenizer.pad)


LENGTHS = st.lists(st.integers(1, 6) | st.integers(1, 45), min_size=2, max_size=24)
EXAMPLES = st.lists(st.builds(example, LENGTHS, st.integers(0, 20), st.integers(1, 4)), min_size=1, max_size=4)


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=10)
@given(examples=EXAMPLES)
def test_blocks_answer_as_the_mask_does(family: str, examples: list[MultipleChoiceExample]) -> None:
    batch, model = batch_of(family, examples), tiny.checkpoint(family).model
    expected = logits(model, batch, blocks=False)
    torch.testing.assert_close(logits(model, batch, blocks=True), expected, rtol=1e-5, atol=2e-5)


def pairs(looks: Looks, asking: Tensor, tokens: Tensor, size: int) -> Tensor:
    """How often each query looks at each key: (size, size), by places in the flattened batch."""
    seen = torch.zeros(size, size, dtype=torch.long)
    flat = [
        (int(query), keys, None if block.mask is None else block.mask[group, 0, line])
        for block in looks.blocks
        for group, keys in enumerate(block.keys)
        for line, query in enumerate(block.queries[group])
    ]
    for line, place in enumerate(looks.order.tolist()):
        query, keys, mask = flat[place]
        assert query == line
        looked = keys if mask is None else keys[mask == 0]
        seen[tokens[asking[line]]] += torch.bincount(tokens[looked], minlength=size)
    return seen


@settings(max_examples=20)
@given(examples=EXAMPLES)
def test_every_pair_that_the_mask_allows_is_computed_once_and_no_other_counts(
    examples: list[MultipleChoiceExample],
) -> None:
    batch = batch_of("bert", examples)
    with in_blocks():
        plan = structured_attention.plan(batch.option_ids, batch.option_places, torch.float32)
    assert isinstance(plan, Plan)
    rows, length = batch.option_ids.shape
    allowed = torch.block_diag(*isolating_mask(batch.option_ids)[:, 0].long())
    allowed[batch.option_ids.flatten() == PADDING] = 0  # what padding looks at is of no effect
    everything = torch.arange(len(plan.tokens))
    assert torch.equal(pairs(plan.everywhere, everything, plan.tokens, rows * length), allowed)
    assert torch.equal(plan.tokens[plan.read], batch.option_places)
    at_read = pairs(plan.at_read, plan.read, plan.tokens, rows * length)
    assert torch.equal(at_read[batch.option_places], allowed[batch.option_places])


@pytest.mark.parametrize("family", FAMILIES)
def test_shuffled_options_shuffle_the_answers(family: str) -> None:
    lengths = [1, 5, 3, 3, 9, 2, 40, 1, 4, 6, 2, 7]
    one = example(lengths, 12)
    order = [7, 3, 11, 0, 5, 1, 10, 8, 2, 6, 9, 4]
    other = MultipleChoiceExample([one.options[number] for number in order], one.question, one.passage)
    model = tiny.checkpoint(family).model
    straight, shuffled = (logits(model, batch_of(family, [given]), blocks=True) for given in (one, other))
    torch.testing.assert_close(shuffled, straight[order], rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_in_one_layer_an_option_is_blind_to_the_others(family: str) -> None:
    """From the second layer on, options see each other through the shared tokens."""
    model = UniMCModel(tiny.new_backbone(family, num_hidden_layers=2))
    states = []
    for wording in ("sport", "train"):
        one = MultipleChoiceExample([*example([3] * 11, 6).options, f"{wording} late"], "", "rain")
        batch = batch_of(family, [one])
        with in_blocks(), torch.no_grad(), first_layer(model) as kept:
            model(**batch.inputs())
        states.append(kept[0])
        own = (batch.option_ids == 12).flatten()
        shared = (batch.option_ids == 0).flatten()
    changed = (states[0] != states[1]).any(1)
    assert changed[own].any()
    assert changed[shared].all()
    assert not changed[~own & ~shared].any()


@contextmanager
def first_layer(model: UniMCModel) -> Iterator[list[Tensor]]:
    """What the first layer gives: (tokens, hidden), as the second layer's keys take it."""
    kept: list[Tensor] = []
    encoder = model.backbone.base_model.encoder
    albert = hasattr(encoder, "albert_layer_groups")
    attention = encoder.albert_layer_groups[0].albert_layers[0].attention if albert else encoder.layer[1].attention.self
    handle = attention.key.register_forward_hook(lambda _module, given, _made: kept.append(given[0].clone()))
    yield kept
    handle.remove()
    if albert:  # one layer, used twice
        del kept[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_answers_alone_as_beside_others(family: str) -> None:
    examples = [example([3] * 20, 5), example([1, 2], 30), example([30, 2, 33], 0, 1)]
    model = tiny.checkpoint(family).model
    together = logits(model, batch_of(family, examples), blocks=True)
    alone = [logits(model, batch_of(family, [one]), blocks=True) for one in examples]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-5, atol=2e-5)


def test_padding_goes_through_no_layer() -> None:
    batch, model = batch_of("bert", [example([3] * 20, 5), example([1, 2], 3)]), tiny.checkpoint("bert").model
    shapes: list[int] = []
    layer = model.backbone.base_model.encoder.layer[0].intermediate.dense
    handle = layer.register_forward_hook(lambda _module, _given, made: shapes.append(made[..., 0].numel()))
    logits(model, batch, blocks=True)
    handle.remove()
    assert shapes == [int((batch.option_ids != PADDING).sum())]


def test_what_is_alike_before_the_first_layer_is_computed_there_once() -> None:
    """Two rows with the same options: these, CLS, the question and the SEPs are the same."""
    examples = [example([3] * 20, 5), example([3] * 20, 6)]
    batch, model = batch_of("bert", examples), tiny.checkpoint("bert").model
    inputs = (batch.input_ids, batch.position_ids, batch.token_type_ids)
    there = (batch.option_ids != PADDING).flatten()
    different = torch.stack([one.flatten()[there] for one in inputs]).unique(dim=1).shape[1]
    shapes: list[int] = []
    layers = model.backbone.base_model.encoder.layer
    handles = [
        layer.attention.self.query.register_forward_hook(lambda _module, given, _made: shapes.append(len(given[0])))
        for layer in layers
    ]
    logits(model, batch, blocks=True)
    for handle in handles:
        handle.remove()
    assert shapes == [different, int(there.sum()), 40]
    assert different < there.sum() / 2


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_of_one_layer_answers_as_with_the_mask(family: str) -> None:
    model = UniMCModel(tiny.new_backbone(family, num_hidden_layers=1))
    batch = batch_of(family, [example([3] * 20, 5), example([1, 2], 30)])
    expected = logits(model, batch, blocks=False)
    torch.testing.assert_close(logits(model, batch, blocks=True), expected, rtol=1e-5, atol=2e-5)


def test_blocks_copy_few_keys_at_once_however_many_options_and_shared_tokens_there_are() -> None:
    batch = batch_of("bert", [example([4] * 200, 100), example([4] * 100, 110)])
    plan = structured_attention.plan(batch.option_ids, batch.option_places, torch.float32)
    assert plan is not None
    assert max(block.keys.numel() for looks in (plan.everywhere, plan.at_read) for block in looks.blocks) <= 2048


def test_a_row_without_options_keeps_the_mask() -> None:
    batch = batch_of("bert", [MANY])
    nothing = torch.zeros_like(batch.option_ids)
    assert structured_attention.plan(torch.cat([batch.option_ids, nothing]), batch.option_places, torch.float32) is None


MANY, FEW = example([4] * 77, 20), example([4] * 2, 200)


@pytest.mark.parametrize(("examples", "pays"), [([MANY], True), ([FEW], False)])
def test_blocks_are_taken_where_they_pay(examples: list[MultipleChoiceExample], pays: bool) -> None:
    batch = batch_of("bert", examples)
    assert (structured_attention.plan(batch.option_ids, batch.option_places, torch.float32) is not None) == pays


def test_prediction_takes_them() -> None:
    checkpoint = tiny.checkpoint("bert")
    with mock.patch.object(UniMCModel, "states_read", autospec=True, side_effect=UniMCModel.states_read) as taken:
        TorchBackend(checkpoint.model, checkpoint.answers.ids).logits(batch_of("bert", [MANY]))
    assert taken.call_count == 1


def masked(model: UniMCModel, batch: Batch) -> None:
    with in_blocks() as made:
        model(**batch.inputs())
    assert not made.called


@torch.no_grad()
@pytest.mark.parametrize("family", DENSE)
def test_families_with_another_mask_keep_it(family: str) -> None:
    masked(tiny.checkpoint(family).model, batch_of(family, [MANY]))


@torch.no_grad()
@pytest.mark.parametrize("family", FAMILIES)
def test_eager_attention_keeps_the_mask(family: str) -> None:
    masked(tiny.checkpoint(family, "eager").model, batch_of(family, [MANY]))


@torch.no_grad()
def test_other_arithmetic_keeps_the_mask() -> None:
    masked(UniMCModel(tiny.new_backbone("bert").bfloat16()), batch_of("bert", [MANY]))


@torch.no_grad()
def test_mixed_precision_keeps_the_mask() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        masked(tiny.checkpoint("bert").model, batch_of("bert", [MANY]))


@torch.no_grad()
def test_training_keeps_the_mask() -> None:
    model = UniMCModel(tiny.new_backbone("bert"))
    masked(model.train(), batch_of("bert", [MANY]))


def test_gradients_keep_the_mask() -> None:
    masked(tiny.checkpoint("bert").model, batch_of("bert", [MANY]))


@torch.no_grad()
def test_packed_rows_keep_the_mask() -> None:
    encoder = tiny.encoder("bert", 4096)
    rows: list[Encoding] = [encoder(one) for one in (MANY, FEW)]
    masked(tiny.checkpoint("bert").model, collate([joined(rows)], encoder.tokenizer.pad))
