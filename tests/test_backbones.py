"""What every family of backbones has to be given, measured on a tiny random model of each."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest
import tiny
import torch
from torch import Tensor
from transformers import DebertaV2Config, GPT2Config

from unimc import InputError, MultipleChoiceExample
from unimc.backbones import FAMILIES, attention_implementation, family_of
from unimc.collation import collate
from unimc.encoding import Encoding
from unimc.modeling import UniMCModel

EVERY_FAMILY = pytest.mark.parametrize("family", tiny.FAMILIES)
BY_POSITION = [family for family in tiny.FAMILIES if family not in tiny.ISOLATED_ONLY]
# Three options of unequal length, and texts longer than ModernBERT's window.
OPTIONS = ("sport", "the price of soup", "old music")
EXAMPLE = MultipleChoiceExample(
    OPTIONS, "what is it about", "the train was late and the soup was not very good", "no rain"
)


def row_of(family: str, options: tuple[str, ...] = OPTIONS) -> Encoding:
    return tiny.encoder(family)(MultipleChoiceExample(options, EXAMPLE.question, EXAMPLE.passage, EXAMPLE.textb))


def first_layer(backbone: Any) -> Any:
    base = backbone.base_model
    if backbone.config.model_type == "albert":
        return base.encoder.albert_layer_groups[0].albert_layers[0]
    return base.layers[0] if hasattr(base, "layers") else base.encoder.layer[0]


def first_states(family: str, row: Encoding) -> Tensor:
    """(length, hidden) what the first layer gives; ALBERT runs its one layer several times."""
    seen: list[Tensor] = []
    checkpoint = tiny.checkpoint(family)
    layer = first_layer(checkpoint.model.backbone)
    handle = layer.register_forward_hook(lambda _m, _i, out: seen.append(out[0] if isinstance(out, tuple) else out))
    tiny.option_logits(checkpoint, [row])
    handle.remove()
    return seen[0].reshape(len(row), -1)


def shift_by_order(family: str) -> float:
    """The largest change of an option's logits over all orders of the options."""
    checkpoint = tiny.checkpoint(family)
    (as_given,) = tiny.option_logits(checkpoint, [row_of(family)])
    changes = []
    for order in permutations(range(len(OPTIONS))):
        (logits,) = tiny.option_logits(checkpoint, [row_of(family, tuple(OPTIONS[option] for option in order))])
        changes.append(tiny.largest(logits - as_given[list(order)]))
    return max(changes)


def leak(family: str) -> float:
    """The largest change of the last option's first-layer states when a token of the first option changes."""
    one, other = row_of(family), row_of(family)
    other.input_ids[other.option_positions[0] + 1] = one.input_ids[one.option_positions[1] + 1]
    last = torch.tensor(one.option_ids) == len(OPTIONS)
    before, after = first_states(family, one), first_states(family, other)
    assert not torch.equal(before, after), "the changed token changes something"
    return tiny.largest((before - after)[last])


@pytest.fixture
def _no_isolation(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mask that BERT would have: everything but padding."""

    def everything(option_ids: Tensor, _segment_ids: Tensor | None) -> Tensor:
        return (option_ids != -1)[:, None, None, :].expand(-1, -1, option_ids.shape[1], -1)

    monkeypatch.setattr("unimc.modeling.isolating_mask", everything)


@pytest.mark.parametrize("family", BY_POSITION)
def test_shuffling_the_options_only_shuffles_the_scores(family: str) -> None:
    assert tiny.checkpoint(family).model.family.order_invariant
    assert shift_by_order(family) < 1e-5


@pytest.mark.parametrize("family", tiny.ISOLATED_ONLY)
def test_families_whose_order_matters_say_so(family: str) -> None:
    assert not tiny.checkpoint(family).model.family.order_invariant
    assert shift_by_order(family) > 1e-2


@pytest.mark.parametrize("family", BY_POSITION)
def test_with_positions_counted_on_the_order_would_matter(family: str) -> None:
    """So that the test above can fail: it is the restart of the positions that makes the options a set."""
    layout = tiny.checkpoint(family).model.layout

    def counted_on(options: tuple[str, ...]) -> Encoding:
        row = row_of(family, options)
        return replace(row, position_ids=[place + layout.position_offset for place in range(len(row))])

    (one,) = tiny.option_logits(tiny.checkpoint(family), [counted_on(OPTIONS)])
    (other,) = tiny.option_logits(tiny.checkpoint(family), [counted_on(OPTIONS[::-1])])
    assert tiny.largest(other - one.flip(0)) > 1e-2


@EVERY_FAMILY
def test_an_option_does_not_see_another_in_the_first_layer(family: str) -> None:
    assert leak(family) == 0.0


@pytest.mark.usefixtures("_no_isolation")
@EVERY_FAMILY
def test_without_isolation_it_does(family: str) -> None:
    assert leak(family) > 1e-3


@pytest.mark.parametrize("family", [family for family in tiny.FAMILIES if family not in tiny.EAGER_ONLY])
def test_both_implementations_of_attention_agree(family: str) -> None:
    row = row_of(family)
    (sdpa,) = tiny.option_logits(tiny.checkpoint(family, "sdpa"), [row])
    (eager,) = tiny.option_logits(tiny.checkpoint(family, "eager"), [row])
    torch.testing.assert_close(sdpa, eager, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(sdpa.softmax(-1), eager.softmax(-1), rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", ["bert", "modernbert"])
def test_the_implementation_may_be_switched_after_loading(family: str) -> None:
    """A boolean mask under eager attention would be wrong without an error."""
    row = row_of(family)
    checkpoint = tiny.checkpoint(family)
    (sdpa,) = tiny.option_logits(checkpoint, [row])
    checkpoint.model.backbone.set_attn_implementation("eager")
    try:
        (eager,) = tiny.option_logits(checkpoint, [row])
    finally:
        checkpoint.model.backbone.set_attn_implementation("sdpa")
    torch.testing.assert_close(sdpa.softmax(-1), eager.softmax(-1), rtol=0, atol=1e-5)


@pytest.mark.parametrize("attention", ["flash_attention_2", "flex_attention"])
def test_attention_that_cannot_keep_options_apart_is_refused(attention: str) -> None:
    for family in FAMILIES:
        with pytest.raises(InputError, match=f"attention '{attention}' cannot keep the options of"):
            attention_implementation(family, attention)
    checkpoint = tiny.checkpoint("bert")
    checkpoint.model.backbone.config._attn_implementation = attention
    try:
        with pytest.raises(InputError, match="cannot keep options apart"):
            tiny.option_logits(checkpoint, [row_of("bert")])
    finally:
        checkpoint.model.backbone.config._attn_implementation = "sdpa"


@EVERY_FAMILY
def test_the_narrow_head_is_the_whole_head(family: str) -> None:
    """At every token and for chosen pieces alone: what `AutoModelForMaskedLM` computes."""
    model = tiny.checkpoint(family).model
    ids = torch.tensor([row_of(family).input_ids])
    pieces = torch.tensor([5, 9, 7])
    with torch.no_grad():
        expected = model.backbone(input_ids=ids).logits[0]
        states = model.backbone.base_model(input_ids=ids).last_hidden_state[0]
        torch.testing.assert_close(model.logits(states), expected, rtol=1e-5, atol=1e-4)
        torch.testing.assert_close(model.logits(states, pieces), expected[:, pieces], rtol=1e-5, atol=1e-4)


@EVERY_FAMILY
def test_without_options_the_encoder_is_the_one_it_was(family: str) -> None:
    """One shared text, read our way, gives the states of the plain model: positions, types, windows and masks alike."""
    model = tiny.checkpoint(family).model
    ids = torch.tensor([row_of(family).input_ids])
    positions = torch.arange(ids.shape[1])[None] + model.layout.position_offset
    with torch.no_grad():
        states = model.states(ids, torch.zeros_like(ids), positions, torch.zeros_like(ids))
        plain = model.backbone.base_model(input_ids=ids).last_hidden_state
    torch.testing.assert_close(states, plain, rtol=1e-5, atol=1e-5)


@EVERY_FAMILY
def test_padding_and_batch_mates_change_nothing(family: str) -> None:
    short = row_of(family, ("food", "rain and snow"))
    long, other = row_of(family), row_of(family, ("no", "old old old old old"))
    checkpoint = tiny.checkpoint(family)
    together = tiny.option_logits(checkpoint, [short, long, other])
    for row, logits in zip((short, long, other), together, strict=True):
        (alone,) = tiny.option_logits(checkpoint, [row])
        torch.testing.assert_close(logits.softmax(-1), alone.softmax(-1), rtol=0, atol=1e-5)
        torch.testing.assert_close(logits, alone, rtol=1e-5, atol=1e-4)


@EVERY_FAMILY
def test_a_row_may_use_all_positions_and_no_type_is_out_of_range(family: str) -> None:
    made = tiny.encoder(family, max_length=10_000)
    row = made(MultipleChoiceExample(OPTIONS, "what", "rain " * 400))
    config = tiny.backbone(family).config
    assert len(set(row.position_ids)) == tiny.POSITIONS
    assert max(row.position_ids) < config.max_position_embeddings
    assert max(row.token_type_ids) < max(getattr(config, "type_vocab_size", 0), 1)
    assert tiny.option_logits(tiny.checkpoint(family), [row])[0].isfinite().all()


@pytest.mark.parametrize("family", ["roberta", "xlm-roberta"])
def test_positions_of_roberta_count_from_two(family: str) -> None:
    assert tiny.checkpoint(family).model.layout.position_offset == 2
    assert row_of(family).position_ids[0] == 2
    backbone = tiny.backbone(family)
    ids = torch.tensor([row_of(family).input_ids])
    with torch.no_grad():
        default = backbone(input_ids=ids).logits
        torch.testing.assert_close(
            backbone(input_ids=ids, position_ids=torch.arange(ids.shape[1])[None] + 2).logits, default
        )
        assert not torch.allclose(
            backbone(input_ids=ids, position_ids=torch.arange(ids.shape[1])[None]).logits, default
        )


@pytest.mark.parametrize("pad", [0, 1, 5])
@pytest.mark.parametrize("family", ["roberta", "xlm-roberta"])
def test_the_offset_is_the_one_the_class_counts_with(family: str, pad: int) -> None:
    """It is told from the configuration alone; the class has its own copy."""
    backbone = tiny.new_backbone(family, pad_token_id=pad)
    layout = UniMCModel(backbone).layout
    assert layout.position_offset == backbone.base_model.embeddings.padding_idx + 1
    assert layout.positions == backbone.config.max_position_embeddings - layout.position_offset


def test_the_offset_is_the_models_not_the_tokenizers() -> None:
    """The Chinese RoBERTa models are BERT by class; a BERT with pad id 1 still counts from 0."""
    backbone = tiny.new_backbone("bert", pad_token_id=1)
    assert UniMCModel(backbone).layout.position_offset == 0


def test_types_are_used_only_where_there_are_two() -> None:
    assert UniMCModel(tiny.new_backbone("bert", type_vocab_size=1)).layout.two_types is False
    assert UniMCModel(tiny.new_backbone("bert")).layout.two_types is True


def test_the_window_of_modernbert_is_narrower_than_its_rows() -> None:
    """So that the tests above would see it lost: with a wide one the scores differ."""
    row = row_of("modernbert")
    assert tiny.backbone("modernbert").config.sliding_window < len(set(row.position_ids)) // 2
    batch = collate([row], 1).inputs()
    wide = UniMCModel(tiny.new_backbone("modernbert", local_attention=400))
    with torch.no_grad():
        assert not torch.allclose(wide(**batch)[0], tiny.checkpoint("modernbert").model(**batch)[0], atol=1e-2)


@pytest.mark.parametrize("family", ["bert", "megatron-bert", "deberta-v2", "modernbert"])
def test_half_precision_runs_in_every_form_of_mask(family: str) -> None:
    model = UniMCModel(tiny.new_backbone(family).to(torch.bfloat16))
    with torch.no_grad():
        logits, _ = model(**collate([row_of(family), row_of(family, ("no", "food"))], 0).inputs())
    assert logits.dtype == torch.bfloat16
    assert logits.isfinite().all()


@EVERY_FAMILY
def test_gradients_reach_every_weight(family: str) -> None:
    """Through padding and masks without a NaN; the encoder's and the head's."""
    model = UniMCModel(tiny.new_backbone(family))
    batch = collate([row_of(family), row_of(family, ("no", "food"))], 0)
    option_logits, corrupted_logits = model(**batch.inputs(), corrupted_places=torch.tensor([20]))
    (option_logits.logsumexp(-1).sum() + corrupted_logits.logsumexp(-1).sum()).backward()
    idle = {name for name, weight in model.named_parameters() if weight.grad is None}
    assert {name for name in idle if "token_type" not in name} == set()
    assert all(weight.grad.isfinite().all() for weight in model.parameters() if weight.grad is not None)


def test_an_unknown_type_is_refused_and_the_known_are_named() -> None:
    with pytest.raises(InputError, match=r"backbone type 'gpt2' is not supported; supported are BERT, .*ModernBERT"):
        family_of(GPT2Config())


def test_a_convolution_over_neighbouring_tokens_is_refused() -> None:
    with pytest.raises(InputError, match=r"conv_kernel_size 3\) lets options see each other"):
        family_of(DebertaV2Config(conv_kernel_size=3))


def test_every_type_is_in_one_family_only() -> None:
    types = [model_type for family in FAMILIES for model_type in family.model_types]
    assert len(types) == len(set(types))
    assert {tiny.FAMILIES[name][0] for name in tiny.FAMILIES} == set(types)


def test_every_parameter_outside_the_encoder_is_known_as_head() -> None:
    """A weight that is missing there is drawn anew; anywhere else it is refused."""
    for name in tiny.FAMILIES:
        backbone = tiny.backbone(name)
        encoder, head = f"{backbone.base_model_prefix}.", family_of(backbone.config).head
        for parameter in backbone.state_dict():
            assert parameter.startswith(encoder) != parameter.startswith(head), parameter
