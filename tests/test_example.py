"""The example says at once what is wrong with it."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest

from unimc import InputError, MultipleChoiceExample

GOOD: dict[str, Any] = {"options": ["sport", "食物"], "passage": "The soup was cold."}


def made(**changes: Any) -> MultipleChoiceExample:
    return MultipleChoiceExample(**{**GOOD, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"options": []}, "no options"),
        ({"options": "sport"}, r"options must be a list of strings, not one string; write \['sport'\]"),
        ({"options": {"s": "about sport"}}, "options must be a list of strings, not dict"),
        ({"options": {"sport", "food"}}, "options must be a list of strings, not set"),
        ({"options": None}, "options must be a list of strings, not NoneType"),
        ({"options": ["sport", ""]}, "option 1 is empty"),
        ({"options": ["　 ", "食物"]}, "option 0 is empty"),
        ({"options": ["食物", "体育", "食物"]}, "option '食物' is given twice"),
        ({"options": ["sport", 3]}, r"options\[1\] must be a string, not int"),
        ({"names": ["x", "x"]}, "name 'x' is given twice"),
        ({"names": ["x"]}, "1 names for 2 options"),
        ({"names": "xy"}, "names must be a list"),
        ({"label": 2}, "label 2 is out of range; there are 2 options"),
        ({"label": -1}, "label -1 is out of range"),
        ({"label": True}, "label True is not an index"),
        ({"label": 1.0}, "label 1.0 is not an index"),
        ({"label": "1"}, "label '1' is not an index"),
        ({"labels": [0, 2]}, "label 2 is out of range"),
        ({"labels": [1, 1]}, "name an option twice"),
        ({"labels": [False]}, "label False is not an index"),
        ({"labels": 1}, "labels must be a list of indices, not 1"),
        ({"labels": "01"}, "labels must be a list of indices"),
        ({"label": 0, "labels": [0]}, "both label and labels"),
        ({"passage": ""}, "question and passage are both empty"),
        ({"passage": " ", "question": "\n"}, "question and passage are both empty"),
        ({"passage": None}, "passage must be a string, not NoneType"),
        ({"question": 3}, "question must be a string, not int"),
        ({"textb": b"x"}, "textb must be a string, not bytes"),
        ({"passage": "so \ud83d"}, r"passage holds half of a character \('\\ud83d'\)"),
        ({"options": ["sport", "\udc80"]}, r"options\[1\] holds half of a character"),
        ({"id": 7}, "id must be a string, not int"),
        ({"task": None}, "task must be a string, not NoneType"),
        ({"language": None}, "language must be a string, not NoneType"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        made(**changes)


def test_errors_say_which_example() -> None:
    with pytest.raises(InputError, match=r"^example 新闻 17: "):
        made(task="新闻", id="17", options=[])
    with pytest.raises(InputError, match=r"^no options"):
        made(options=[])


@pytest.mark.parametrize("part", ["question", "passage", "textb"])
def test_one_text_is_enough(part: str) -> None:
    assert getattr(made(**{"passage": "", part: "今天下雨"}), part) == "今天下雨"


def test_one_option_is_enough() -> None:
    assert made(options=["sport"], label=0).right == (0,)


@pytest.mark.parametrize(
    ("changes", "right"),
    [
        pytest.param({}, None, id="unlabelled"),
        pytest.param({"label": 1}, (1,), id="one"),
        pytest.param({"label": np.int64(1)}, (1,), id="numpy"),
        pytest.param({"labels": [1, 0]}, (1, 0), id="several"),
        pytest.param({"labels": []}, (), id="none-holds"),
    ],
)
def test_the_right_options(changes: dict[str, Any], right: tuple[int, ...] | None) -> None:
    assert made(**changes).right == right


def test_any_sequence_goes_in_and_tuples_are_kept() -> None:
    example = made(options=np.array(["sport", "food"]), names=iter(["s", "f"]), labels=np.array([0]))
    assert (example.options, example.names, example.labels) == (("sport", "food"), ("s", "f"), (0,))


def test_names_are_the_options_unless_given() -> None:
    assert made().names == ("sport", "食物")


def test_examples_are_values() -> None:
    """Equal by content, hashable, unchangeable, and the same after a trip to another process."""
    assert made(id="1") == made(id="1") != made(id="2")
    assert len({made(), made()}) == 1
    assert pickle.loads(pickle.dumps(made(label=1))) == made(label=1)
    assert replace(made(label=1), question="什么？").label == 1
    with pytest.raises(FrozenInstanceError):
        made().label = 0  # type: ignore[misc]


def test_taking_moves_options_names_and_what_is_right_together() -> None:
    example = MultipleChoiceExample(["甲", "b", "c"], passage="x", names=["A", "B", "C"], labels=(0, 2))
    moved = example.taking([2, 0])
    assert (moved.options, moved.names, moved.labels) == (("c", "甲"), ("C", "A"), (0, 1))
    assert replace(example, labels=None, label=1).taking([2, 0, 1]).label == 2
    assert replace(example, labels=None).taking([1]).right is None


def test_taking_a_right_option_away_is_refused() -> None:
    with pytest.raises(InputError, match="the right option '甲' would be left out"):
        MultipleChoiceExample(["甲", "b"], passage="x", label=0).taking([1])


@pytest.mark.parametrize("texts", [{"question": "哪一个？"}, {"passage": "x", "textb": "y"}])
def test_an_example_is_recognised_whichever_of_its_options_are_taken(texts: dict[str, str]) -> None:
    """Also one that has nothing but a question and options: those that were drawn don't make it another item."""
    example = MultipleChoiceExample(["a", "b", "c"], **texts)
    assert example.taking([2, 0]).key == example.key
