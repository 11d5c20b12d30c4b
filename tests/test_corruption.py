"""Masked language modelling touches the texts and nothing else, and draws the same whoever draws."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from unimc import MultipleChoiceExample
from unimc.corruption import RATE_PROBABILITIES, RATES, Corrupted, Corruption, untouched
from unimc.encoding import Encoding
from unimc.randomness import generator, stable_hash
from unimc.tokenization import InertTokenizer

TOKENIZER = InertTokenizer(tiny.tokenizer("wordpiece"))
CORRUPTION = Corruption(TOKENIZER)
TEXT = st.lists(st.sampled_from([*tiny.WORDS, *tiny.HAN, "[MASK]", "ж"]), max_size=30).map(" ".join)
EXAMPLES = st.builds(MultipleChoiceExample, st.just(["sport", "汤 and snow"]), TEXT, TEXT.map("the ".__add__), TEXT)


def row_of(example: MultipleChoiceExample) -> Encoding:
    return tiny.encoder("bert")(example)


def corrupt(row: Encoding, *, seed: int = 0, epoch: int = 0, id: str = "a") -> Corrupted:
    return CORRUPTION(row, generator(seed, epoch, "corruption", id))


@given(EXAMPLES, st.integers(0, 2**32), st.integers(0, 9), st.text(max_size=5))
def test_only_text_tokens_are_touched(example: MultipleChoiceExample, seed: int, epoch: int, id: str) -> None:
    row = row_of(example)
    made = corrupt(row, seed=seed, epoch=epoch, id=id)
    assert len(made.input_ids) == len(row)
    for place in range(len(row)):
        if place not in made.places:
            assert made.input_ids[place] == row.input_ids[place]
    for place in made.places:
        assert row.option_ids[place] == 0
        assert row.input_ids[place] not in TOKENIZER.specials


@given(EXAMPLES, st.integers(0, 2**32))
def test_targets_are_the_tokens_that_stood_there(example: MultipleChoiceExample, seed: int) -> None:
    row = row_of(example)
    made = corrupt(row, seed=seed)
    assert made.targets == [row.input_ids[place] for place in made.places]
    assert made.places == sorted(set(made.places))


@given(EXAMPLES, st.integers(0, 2**32))
def test_no_special_token_but_the_mask_is_put_in(example: MultipleChoiceExample, seed: int) -> None:
    row = row_of(example)
    made = corrupt(row, seed=seed)
    put = {made.input_ids[place] for place in made.places}
    assert put.isdisjoint(TOKENIZER.specials - {TOKENIZER.mask})


@given(EXAMPLES, st.integers(0, 2**32), st.integers(0, 9), st.text(max_size=5))
def test_the_same_seed_epoch_and_example_draw_the_same(
    example: MultipleChoiceExample, seed: int, epoch: int, id: str
) -> None:
    row = row_of(example)
    first = corrupt(row, seed=seed, epoch=epoch, id=id)
    corrupt(row, seed=seed + 1, epoch=epoch, id=id)  # what others draw in between has no say
    assert corrupt(row, seed=seed, epoch=epoch, id=id) == first


LONG = row_of(MultipleChoiceExample(["sport", "汤"], passage="the soup was cold and the train late " * 15))


@pytest.mark.parametrize("other", [{"seed": 1}, {"epoch": 1}, {"id": "b"}], ids=lambda other: next(iter(other)))
def test_another_seed_epoch_or_example_draws_otherwise(other: dict[str, Any]) -> None:
    different = [corrupt(LONG, **{"id": f"{number}", **other}) != corrupt(LONG, id=f"{number}") for number in range(8)]
    assert any(different)


def test_rates_are_as_specified() -> None:
    """Over many examples: how often each rate, and what becomes of a chosen token."""
    draws = [corrupt(LONG, id=f"{number}") for number in range(1500)]
    text = sum(
        option == 0 and piece not in TOKENIZER.specials
        for option, piece in zip(LONG.option_ids, LONG.input_ids, strict=True)
    )
    rates = Counter(min(RATES, key=lambda rate: abs(rate - len(made.places) / text)) for made in draws)
    for rate, probability in zip(RATES, RATE_PROBABILITIES, strict=True):
        assert rates[rate] / len(draws) == pytest.approx(probability, abs=0.06)
    expected = sum(rate * probability for rate, probability in zip(RATES, RATE_PROBABILITIES, strict=True))
    chosen = sum(len(made.places) for made in draws)
    assert chosen / (text * len(draws)) == pytest.approx(expected, rel=0.06)
    put = {made.input_ids[place] for made in draws for place in made.places}
    assert put & TOKENIZER.specials == {TOKENIZER.mask}
    assert len(put) > len(TOKENIZER) * 0.9, "random tokens come from the whole vocabulary"
    masked = sum(made.input_ids[place] == TOKENIZER.mask for made in draws for place in made.places)
    kept = sum(
        made.input_ids[place] == target
        for made in draws
        for place, target in zip(made.places, made.targets, strict=True)
    )
    assert masked / chosen == pytest.approx(0.8, abs=0.02)
    assert kept / chosen == pytest.approx(0.1, abs=0.02)


def test_without_mlm_the_row_stays_as_it_is() -> None:
    assert untouched(LONG) == Corrupted(LONG.input_ids, [], [])


def test_the_hash_is_the_same_on_every_machine() -> None:
    assert stable_hash("新闻", "17") == 13634008522503137625
    assert stable_hash("a", "b") != stable_hash("ab")
