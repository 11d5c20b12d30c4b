"""A task asked label by label: what is asked, and how the answers come back together."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from unimc import InputError, MultipleChoiceExample, UniMC
from unimc.decomposition import SubQuestion, decomposed, label_by_label

EXAMPLE = MultipleChoiceExample(
    ["the rain", "the soup", "music"],
    "what is it about",
    "a late soup in the rain",
    labels=[0, 1],
    names=["weather", "food", "arts"],
    task="notes",
    id="4",
)


def test_each_label_becomes_a_question_with_a_yes_and_a_no() -> None:
    first, *others = decomposed(EXAMPLE)
    assert first.options == ("yes: the rain", "no: not the rain")
    assert first.names == ("yes", "no")
    assert (first.question, first.passage) == (EXAMPLE.question, EXAMPLE.passage)
    assert [one.label for one in (first, *others)] == [0, 0, 1]
    assert [one.id for one in (first, *others)] == ["4/weather", "4/food", "4/arts"]
    assert {one.key for one in (first, *others)} == {EXAMPLE.key}


def test_chinese_labels_are_asked_for_in_chinese() -> None:
    example = MultipleChoiceExample(["天气", "饮食"], "说的是什么？", "明天下雨", labels=(), language="zh")
    assert [one.options for one in decomposed(example)] == [
        ("是：天气", "否：不是天气"),
        ("是：饮食", "否：不是饮食"),
    ]
    assert [one.label for one in decomposed(example)] == [1, 1]


def test_unlabelled_examples_stay_so() -> None:
    assert {one.label for one in decomposed(replace(EXAMPLE, labels=None))} == {None}


def test_the_words_are_the_callers_if_given() -> None:
    own = SubQuestion("有{label}", "没有{label}", question="文中有没有{label}？")
    (one, _) = decomposed(MultipleChoiceExample(["雨", "{雪}"], passage="今天有雨", language="zh"), own)
    assert one.options == ("有雨", "没有雨")
    assert one.question == "文中有没有雨？"
    assert decomposed(MultipleChoiceExample(["{雪}"], passage="雪"), own)[0].options == ("有{雪}", "没有{雪}")


def test_a_score_is_what_the_sub_question_gave_to_its_yes() -> None:
    model = UniMC(tiny.checkpoint("bert"))
    (found,) = label_by_label(model, [EXAMPLE])
    asked = model.predict(decomposed(EXAMPLE))
    assert found.scores == pytest.approx([one.scores[0] for one in asked])
    assert found.margins == pytest.approx([math.log(score / (1 - score)) for score in found.scores])
    assert found.labels == tuple(at for at, one in enumerate(asked) if one.answer == "yes")
    assert (found.options, found.names, found.rows) == (EXAMPLE.options, EXAMPLE.names, 3)
    assert found.tokens == sum(one.tokens for one in asked)


def test_with_one_label_the_scores_sum_to_one_and_the_surest_yes_wins() -> None:
    model = UniMC(tiny.checkpoint("bert"))
    (one,) = label_by_label(model, [EXAMPLE], multi_label=False)
    (several,) = label_by_label(model, [EXAMPLE])
    assert sum(one.scores) == pytest.approx(1)
    assert one.margins == several.margins
    assert one.label == several.margins.index(max(several.margins))


def test_thresholds_are_those_of_predict() -> None:
    model = UniMC(tiny.checkpoint("bert"))
    (found,) = label_by_label(model, [EXAMPLE], threshold=0.0, top_k=2)
    assert len(found.labels) == 2
    (found,) = label_by_label(model, [EXAMPLE], threshold={"weather": 1.0, "food": 0.0, "arts": 1.0})
    assert found.labels == (1,)
    with pytest.raises(InputError, match="top_k has a meaning only with multi_label"):
        label_by_label(model, [EXAMPLE], multi_label=False, top_k=1)


def test_examples_with_different_numbers_of_labels_come_back_in_their_order() -> None:
    model = UniMC(tiny.checkpoint("bert"))
    short = MultipleChoiceExample(["food"], passage="the old soup")
    found = label_by_label(model, iter([short, EXAMPLE, short]))
    assert [one.names for one in found] == [("food",), EXAMPLE.names, ("food",)]
    assert found[0].scores == pytest.approx(found[2].scores, abs=1e-6)
    assert label_by_label(model, []) == []


@settings(max_examples=20)
@given(
    order=st.permutations(range(3)), family=st.sampled_from(["bert", "roberta", "deberta-v2"]), several=st.booleans()
)
def test_the_order_of_the_labels_only_orders_the_scores(order: list[int], family: str, several: bool) -> None:
    """In every family, DeBERTa included: no label stands in the row of another."""
    model = UniMC(tiny.checkpoint(family))
    example = replace(EXAMPLE, labels=None)
    other = replace(example, options=[example.options[at] for at in order], names=[example.names[at] for at in order])
    one, two = label_by_label(model, [example, other], multi_label=several)
    assert two.scores == pytest.approx([one.scores[at] for at in order], abs=1e-5)
    assert {two.names[at] for at in two.labels} == {one.names[at] for at in one.labels}


@given(others=st.lists(st.sampled_from(["snow", "a goal", "the wall"]), unique=True, max_size=3))
@settings(max_examples=8)
def test_a_label_has_the_same_score_whatever_stands_beside_it(others: list[str]) -> None:
    model = UniMC(tiny.checkpoint("bert"))
    alone = MultipleChoiceExample(["the soup"], "what is it about", "a late soup")
    beside = replace(alone, options=["the soup", *others], names=["the soup", *others])
    one, two = label_by_label(model, [alone, beside])
    assert two.scores[0] == pytest.approx(one.scores[0], abs=1e-5)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("yes", "no, not {label}"), "the wording of yes 'yes' has no {label}"),
        (("yes, {label}", "no, not {name}"), "the wording of no .* in braces only {label}, {question}"),
        (("yes, {label}", "no, not {label}", "is it {"), "the question of a label"),
    ],
)
def test_a_sub_question_has_its_places(words: Any, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        SubQuestion(*words)


def test_a_language_without_words_is_said() -> None:
    with pytest.raises(InputError, match="example notes 4: no sub-question for the language 'fr'; give sub_question="):
        decomposed(replace(EXAMPLE, language="fr"))
