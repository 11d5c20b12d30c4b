"""Shuffling the options only shuffles the scores (DESIGN, section 3): in one row, in groups, over windows.

Exact up to rounding wherever positions say where a token stands; not claimed of DeBERTa, whose distances are counted
from place to place in the row (tests/test_backbones.py).
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Any

import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from unimc import MultipleChoiceExample, Prediction, UniMC

FAMILIES = ("bert", "roberta", "albert", "modernbert")


@dataclass(frozen=True)
class Asked:
    """A model of short rows, and by how much rounding may change its scores."""

    model: UniMC
    tolerance: float


def in_torch(family: str) -> Asked:
    """PyTorch in float32."""
    return Asked(UniMC(tiny.checkpoint(family), max_length=64), tolerance=1e-5)


BACKENDS = {"torch": in_torch}
"""What runs a tiny model of a family; another backend is one more line."""


@pytest.fixture(scope="module", params=[(backend, family) for backend in BACKENDS for family in FAMILIES], ids="-".join)
def asked(request: pytest.FixtureRequest) -> Asked:
    backend, family = request.param
    return BACKENDS[backend](family)


A_FEW = settings(max_examples=20)  # for every form and family

# ---- what is asked


def text_of(words: int) -> str:
    """A text that nowhere repeats itself for long."""
    return " ".join(random.Random(words).choices(tiny.WORDS, k=words))


LONG = [text_of(70 + at) for at in range(3)]  # each longer than a row
WORDS = st.lists(st.sampled_from(tiny.WORDS), min_size=1, max_size=3).map(" ".join)
FEW = st.lists(WORDS, min_size=2, max_size=4, unique=True)
MANY = st.lists(WORDS, min_size=34, max_size=40, unique=True)  # more than a row of 64 tokens holds
PLAIN = st.fixed_dictionaries({"multi_label": st.booleans()})
WINDOWS = st.fixed_dictionaries(
    {"multi_label": st.booleans(), "windows": st.sampled_from(["max", "mean"]), "stride": st.integers(0, 40)}
)


@st.composite
def pairs(
    draw: st.DrawFn, options: st.SearchStrategy[list[str]], words: st.SearchStrategy[int]
) -> tuple[MultipleChoiceExample, MultipleChoiceExample]:
    """An example, and the same with its options (and their names) in another order."""
    wordings = draw(options)
    example = MultipleChoiceExample(
        wordings,
        question=draw(st.sampled_from(["", "what is it about"])),
        passage=text_of(draw(words)),
        textb=draw(st.sampled_from(["", "no rain"])),
        names=[f"name of {wording}" for wording in wordings],
    )
    order = draw(st.permutations(range(len(wordings))))
    return example, replace(example, options=[wordings[at] for at in order], names=[example.names[at] for at in order])


def predicted(
    asked: Asked, pair: tuple[MultipleChoiceExample, MultipleChoiceExample], how: dict[str, Any]
) -> tuple[Prediction, Prediction]:
    """Both predictions, in every language that the model answers in; they agree on every name."""
    for language in asked.model.answers.languages:
        one, other = asked.model.predict([replace(example, language=language) for example in pair], **how)
        scores = dict(zip(one.names, one.scores, strict=True))
        assert (one.options, other.options) == (pair[0].options, pair[1].options)
        assert other.scores == pytest.approx([scores[name] for name in other.names], abs=asked.tolerance)
        best, *rest = sorted(one.scores, reverse=True)
        if best - max(rest) > 2 * asked.tolerance:
            assert other.answer == one.answer
        assert (one.rows, one.truncated) == (other.rows, other.truncated)
    return one, other


# ---- what comes back


@A_FEW
@given(pair=pairs(FEW, st.integers(1, 20)), how=PLAIN)
def test_in_one_row(asked: Asked, pair: Any, how: dict[str, Any]) -> None:
    one, _ = predicted(asked, pair, how)
    assert (one.rows, one.truncated) == (1, 0)


@A_FEW
@given(pair=pairs(FEW, st.integers(60, 90)), how=PLAIN)
def test_in_one_row_of_which_the_text_is_cut(asked: Asked, pair: Any, how: dict[str, Any]) -> None:
    one, _ = predicted(asked, pair, how)
    assert one.rows == 1
    assert one.truncated > 0


@A_FEW
@given(pair=pairs(st.just(LONG), st.integers(1, 3)), how=PLAIN)
def test_where_options_are_cut(asked: Asked, pair: Any, how: dict[str, Any]) -> None:
    one, _ = predicted(asked, pair, how)
    assert one.truncated > 0


@A_FEW
@given(pair=pairs(MANY, st.integers(1, 20)), how=PLAIN)
def test_in_groups(asked: Asked, pair: Any, how: dict[str, Any]) -> None:
    one, _ = predicted(asked, pair, how)
    assert one.rows > 1


@A_FEW
@given(pair=pairs(FEW, st.integers(60, 150)), how=WINDOWS)
def test_over_windows(asked: Asked, pair: Any, how: dict[str, Any]) -> None:
    one, _ = predicted(asked, pair, how)
    assert one.rows > 1


@A_FEW
@given(pair=pairs(MANY, st.integers(60, 90)), how=WINDOWS)
def test_in_groups_over_windows(asked: Asked, pair: Any, how: dict[str, Any]) -> None:
    one, _ = predicted(asked, pair, how)
    assert one.rows > 4
