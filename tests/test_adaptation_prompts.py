"""Learned prompts: shared tokens that keep options apart and their order without effect, and that are really read."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import pytest
import tiny
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from unimc import InputError, MultipleChoiceExample, UniMC
from unimc.adaptation.prompted import NAME, PromptedModel, attach, attentions, deep_start
from unimc.adaptation.prompts import DeepPrompt, EncodedPrompt, Prompt, SoftPrompt, of_tensors, start_vectors
from unimc.checkpoint import Checkpoint
from unimc.collation import collate
from unimc.packing import joined

FAMILIES = ("bert", "roberta", "albert", "electra", "xlm-roberta", "ernie", "megatron-bert")
SOFT_ONLY = ("modernbert",)
TOKENS = 5
MODELS = [
    *((family, kind) for family in FAMILIES for kind in ("soft", "deep")),
    *((family, "soft") for family in SOFT_ONLY),
    ("bert", "lstm"),
    ("bert", "mlp"),
]
"""Family and kind of prompt."""


def prompt_of(kind: str, backbone: Any, seed: int = 3) -> Prompt:
    """A random prompt, wide enough for its effect to show."""
    generator = torch.Generator().manual_seed(seed)
    size = backbone.get_input_embeddings().weight.shape[1]
    start = torch.randn(TOKENS, size, generator=generator)
    if kind == "soft":
        return SoftPrompt(start)
    if kind == "deep":
        shape = (2, backbone.config.num_hidden_layers, TOKENS, backbone.config.hidden_size)
        return DeepPrompt(*torch.randn(shape, generator=generator))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        made = EncodedPrompt(start, kind)
        torch.nn.init.normal_(made.mlp[2].weight)
    return made


def prompted(family: str, kind: str, seed: int = 3) -> Checkpoint:
    """A tiny model with a random prompt."""
    plain = tiny.checkpoint(family)
    backbone = tiny.new_backbone(family)
    model = attach(backbone, prompt_of(kind, backbone, seed)).eval()
    return replace(plain, model=model)


@pytest.fixture(
    scope="module",
    params=MODELS,
    ids="-".join,
)
def checkpoint(request: pytest.FixtureRequest) -> Checkpoint:
    return prompted(*request.param)


EXAMPLE = MultipleChoiceExample(["sport", "good food", "rain"], question="what is it about", passage="the old clock")
WORDS = st.lists(st.sampled_from(tiny.WORDS), min_size=1, max_size=3).map(" ".join)


@settings(max_examples=10)
@given(options=st.lists(WORDS, min_size=2, max_size=5, unique=True), data=st.data())
def test_shuffling_the_options_only_shuffles_the_scores(
    checkpoint: Checkpoint, options: list[str], data: st.DataObject
) -> None:
    model = UniMC(checkpoint)
    order = data.draw(st.permutations(range(len(options))))
    one = model.predict([replace(EXAMPLE, options=tuple(options), names=tuple(options))])[0]
    shuffled = tuple(options[place] for place in order)
    other = model.predict([replace(EXAMPLE, options=shuffled, names=shuffled)])[0]
    assert other.margins == pytest.approx([one.margins[place] for place in order], abs=1e-4)


def test_options_see_each_other_only_through_shared_tokens(checkpoint: Checkpoint) -> None:
    """In a backbone of one layer the O-MASK of an option is blind to the words of the others, prompt or not."""
    family = next(name for name in tiny.FAMILIES if tiny.config(name) and _is(checkpoint, name))
    backbone = tiny.new_backbone(family, num_hidden_layers=1)
    kind = "deep" if isinstance(checkpoint.model.prompt, DeepPrompt) else "soft"  # type: ignore[union-attr]
    model = attach(backbone, prompt_of(kind, backbone)).eval()
    encoder = UniMC(checkpoint).encoder
    rows = [
        encoder(replace(EXAMPLE, options=("sport", other, "rain"), names=("a", "b", "c"))) for other in ("food", "wall")
    ]
    found = tiny.option_logits(replace(checkpoint, model=model), rows)
    assert tiny.largest(found[0][[0, 2]] - found[1][[0, 2]]) < 1e-4
    assert tiny.largest(found[0][1] - found[1][1]) > 1e-3


def _is(checkpoint: Checkpoint, family: str) -> bool:
    return bool(tiny.config(family).model_type == checkpoint.model.backbone.config.model_type)


def test_the_prompt_is_read(checkpoint: Checkpoint) -> None:
    before = UniMC(checkpoint).predict([EXAMPLE])[0].margins
    saved = {name: value.clone() for name, value in checkpoint.model.prompt.state_dict().items()}  # type: ignore[union-attr]
    with torch.no_grad():
        for one in checkpoint.model.prompt.parameters():  # type: ignore[union-attr]
            one += torch.randn(one.shape, generator=torch.Generator().manual_seed(1))
    after = UniMC(checkpoint).predict([EXAMPLE])[0].margins
    checkpoint.model.prompt.load_state_dict(saved)  # type: ignore[union-attr]
    assert max(abs(one - other) for one, other in zip(before, after, strict=True)) > 1e-3


def test_places_read_alone_are_those_of_the_whole_encoder(checkpoint: Checkpoint) -> None:
    rows = [UniMC(checkpoint).encoder(EXAMPLE), UniMC(checkpoint).encoder(replace(EXAMPLE, passage="rain"))]
    batch = collate(rows, checkpoint.tokenizer.pad_token_id)
    tokens = (batch.input_ids, batch.option_ids, batch.position_ids, batch.token_type_ids)
    places = torch.tensor([[1, 3], [0, 3]])
    with torch.no_grad():
        whole = checkpoint.model.states(*tokens)
        some = checkpoint.model.states_at(places, *tokens)
    assert whole.shape[:2] == batch.input_ids.shape
    expected = torch.stack([whole[row, own] for row, own in enumerate(places)])
    assert tiny.largest(some - expected) < 1e-4


def test_padding_changes_nothing(checkpoint: Checkpoint) -> None:
    encoder = UniMC(checkpoint).encoder
    short, long = encoder(EXAMPLE), encoder(replace(EXAMPLE, passage="the old clock on the long wall in the rain"))
    alone, beside = tiny.option_logits(checkpoint, [short])[0], tiny.option_logits(checkpoint, [short, long])[0]
    assert tiny.largest(alone - beside) < 1e-4


def test_packed_rows_get_a_prompt_each(checkpoint: Checkpoint) -> None:
    if checkpoint.model.family.name == "ModernBERT":
        pytest.skip("its rows are packed as any other's, its window is not of interest here")
    encoder = UniMC(checkpoint).encoder
    rows = [encoder(replace(EXAMPLE, passage=text)) for text in ("rain", "the old clock", "good music")]
    apart = torch.cat(tiny.option_logits(checkpoint, rows))
    together = torch.cat(tiny.option_logits(checkpoint, [joined(rows[:2]), rows[2]]))
    assert tiny.largest(apart - together) < 1e-4


def test_a_model_with_a_prompt_can_be_sent_to_another_process(checkpoint: Checkpoint) -> None:
    copy = pickle.loads(pickle.dumps(checkpoint.model))
    assert isinstance(copy, PromptedModel)
    again = UniMC(replace(checkpoint, model=copy)).predict([EXAMPLE])[0]
    assert again.margins == UniMC(checkpoint).predict([EXAMPLE])[0].margins


@pytest.mark.parametrize("kind", ["soft", "deep"])
def test_the_weights_fingerprint_and_count_include_the_prompt(kind: str) -> None:
    plain, one, other = UniMC(tiny.checkpoint("bert")), prompted("bert", kind), prompted("bert", kind, seed=4)
    prints = {model.backend.fingerprint() for model in (plain, UniMC(one), UniMC(other))}
    assert len(prints) == 3
    size = sum(parameter.numel() for parameter in one.model.prompt.parameters())  # type: ignore[union-attr]
    assert UniMC(one).backend.parameters == plain.backend.parameters + size


def test_no_position_of_the_text_moves() -> None:
    """The model reads its texts where it learned to: the prompt counts from 1, as every option does."""
    made = prompted("roberta", "soft").model
    row = collate([UniMC(tiny.checkpoint("roberta")).encoder(EXAMPLE)], 1)
    (ids, owners, positions, types, _), added = made._longer(  # type: ignore[operator]
        row.input_ids, row.option_ids, row.position_ids, row.token_type_ids, None
    )
    assert added == TOKENS
    assert ids.shape == owners.shape == positions.shape == types.shape
    assert torch.equal(positions[:, added:], row.position_ids)
    offset = made.layout.position_offset
    assert positions[0, :added].tolist() == [offset + place for place in range(1, TOKENS + 1)]
    assert owners[0, :added].tolist() == [0] * TOKENS


@pytest.mark.parametrize("family", FAMILIES)
def test_a_deep_prompt_equals_keys_and_values_put_before_those_of_every_layer(family: str) -> None:
    """Whatever stands at the prompt's places in a layer, its keys and values are the learned ones, layer by layer."""
    made = prompted(family, "deep").model
    row = collate([UniMC(tiny.checkpoint(family)).encoder(EXAMPLE)], 0)
    learned = made.prompt
    assert isinstance(learned, DeepPrompt)
    found = []
    whole = torch.nn.functional.scaled_dot_product_attention

    def spy(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        found.append((key, value))
        return whole(query, key, value, *args, **kwargs)

    if made.backbone.config._attn_implementation == "eager":
        pytest.skip("eager attention makes no such call")
    with torch.no_grad(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.functional, "scaled_dot_product_attention", spy)
        made.states(row.input_ids, row.option_ids, row.position_ids, row.token_type_ids)
    assert len(found) == len(learned.keys)
    for layer, (key, value) in enumerate(found):
        flat = [tensor[0, :, :TOKENS].transpose(0, 1).flatten(1) for tensor in (key, value)]
        assert torch.equal(flat[0], learned.keys[layer])
        assert torch.equal(flat[1], learned.values[layer])


@pytest.mark.parametrize("family", ["deberta-v2", "modernbert"])
def test_deep_prompts_are_refused_where_layers_have_no_keys_of_their_own(family: str) -> None:
    with pytest.raises(InputError, match="prompt-tuning, lora or fine-tuning"):
        attentions(tiny.backbone(family))


@pytest.mark.parametrize("family", ["bert", "albert"])
def test_a_deep_prompt_starts_as_what_a_soft_one_becomes(family: str) -> None:
    """Without any training it changes little then: the model still answers as with the soft prompt."""
    backbone = tiny.new_backbone(family)
    soft = prompt_of("soft", backbone)
    assert isinstance(soft, SoftPrompt)
    plain = tiny.checkpoint(family)
    row = UniMC(plain).encoder(EXAMPLE)
    batch = collate([row], plain.tokenizer.pad_token_id)
    model = type(plain.model)(backbone)
    deep = deep_start(model, soft.vectors.detach(), batch)
    assert not hasattr(backbone, NAME)
    with_soft = tiny.option_logits(replace(plain, model=attach(backbone, soft)), [row])[0]
    with_deep = tiny.option_logits(replace(plain, model=attach(backbone, deep)), [row])[0]
    assert tiny.largest(with_soft - with_deep) < 1e-4


def test_a_prompt_encoder_starts_where_the_plain_prompt_does_and_leaves_one_behind() -> None:
    words = tiny.backbone("bert").get_input_embeddings().weight
    start = start_vectors(words, TOKENS, 2, torch.Generator().manual_seed(0))
    for kind in ("lstm", "mlp"):
        made = EncodedPrompt(start, kind)
        assert torch.equal(made(), start)
        torch.nn.init.normal_(made.mlp[2].weight)
        assert torch.allclose(made.plain()(), made(), atol=1e-6)
    with pytest.raises(InputError, match="lstm or mlp"):
        EncodedPrompt(start, "gru")


def test_a_prompt_of_another_size_is_refused() -> None:
    backbone = tiny.new_backbone("bert")
    with pytest.raises(InputError, match="doesn't fit"):
        attach(backbone, SoftPrompt(torch.zeros(3, 7)))
    with pytest.raises(InputError, match="doesn't fit"):
        attach(backbone, DeepPrompt(torch.zeros(2, 3, 32), torch.zeros(2, 3, 32)))
    with pytest.raises(InputError, match="positions"):
        attach(backbone, SoftPrompt(torch.zeros(tiny.POSITIONS, 32)))
    with pytest.raises(InputError, match="no prompt"):
        of_tensors({"vectors": torch.zeros(3)})


@pytest.mark.parametrize("family", ["deberta-v2", "deberta-v2-legacy"])
def test_packing_is_refused_where_distances_are_counted_by_place_in_the_row(family: str) -> None:
    """The prompts stand first, so that the second example would lie at another distance from its own."""
    model = UniMC(prompted(family, "soft"))
    given = [EXAMPLE, replace(EXAMPLE, passage="雨")]
    alone = [one.margins for one in model.predict(given)]
    model.pack = 512
    with pytest.raises(InputError, match="one example in a row; set `pack` to None"):
        model.predict(given)
    assert model.predict(given[:1])[0].margins == pytest.approx(alone[0], abs=1e-4)
