"""Labels in a tree."""

from __future__ import annotations

from typing import Any

import launching
import pytest

from unimc import InputError, UniMC
from unimc.hierarchy import Node, classify, nodes

TREE: dict[str, Any] = {"运动": {"足球": "一场足球比赛", "跑步": None}, "饮食": ["面条", "米饭", "水果"], "天气": None}


@pytest.fixture(scope="module")
def model() -> UniMC:
    return UniMC.from_pretrained(launching.sample_model())


def test_the_questions_of_a_tree() -> None:
    assert list(nodes(TREE)) == [
        Node((), {"运动": "运动", "饮食": "饮食", "天气": "天气"}),
        Node(("运动",), {"足球": "一场足球比赛", "跑步": "跑步"}),
        Node(("饮食",), {"面条": "面条", "米饭": "米饭", "水果": "水果"}),
    ]


def test_the_scores_of_all_leaves_are_one_and_multiply_along_the_way(model: UniMC) -> None:
    texts = ["昨天下雨，比赛停了。", "The team won the game."]
    found = classify(model, texts, TREE, question="说的是什么？", language="zh")
    top = model.classify(texts, ["运动", "饮食", "天气"], question="说的是什么？", language="zh")
    for one, above in zip(found, top, strict=True):
        assert one.names == ("天气", "运动 > 足球", "运动 > 跑步", "饮食 > 面条", "饮食 > 米饭", "饮食 > 水果")
        assert sum(one.scores) == pytest.approx(1, abs=1e-6)
        assert one.scores[0] == pytest.approx(above.scores[2], abs=1e-5)
        assert sum(one.scores[1:3]) == pytest.approx(above.scores[0], abs=1e-5)
        assert one.answer == one.names[one.scores.index(max(one.scores))]
        assert one.rows == 3


def test_flat_all_leaves_are_the_options_of_one_question(model: UniMC) -> None:
    """Read as their whole paths, but for those that have a wording."""
    texts = ["昨天下雨，比赛停了。", "The team won the game."]
    found = classify(model, texts, TREE, question="说的是什么？", language="zh", flat=True)
    paths = ["天气", "运动 > 足球", "运动 > 跑步", "饮食 > 面条", "饮食 > 米饭", "饮食 > 水果"]
    options = {path: path for path in paths} | {"运动 > 足球": "一场足球比赛"}
    assert found == model.classify(texts, options, question="说的是什么？", language="zh")
    assert {one.rows for one in found} == {1}
    top_down = classify(model, texts, TREE, question="说的是什么？", language="zh")
    assert [one.names for one in found] == [one.names for one in top_down]


def test_a_tree_of_one_floor_is_a_list_of_options(model: UniMC) -> None:
    (found,) = classify(model, ["下雨了。"], ["足球", "天气"], language="zh")
    plain = model.classify("下雨了。", ["足球", "天气"], language="zh")
    assert found.scores == pytest.approx(plain.scores, abs=1e-6)
    assert found.names == plain.names


@pytest.mark.parametrize(
    ("tree", "problem"),
    [
        ({}, "at least one label"),
        ("运动", "must be a mapping or a list"),
        ({"运动": {}}, "labels below '运动' must be a mapping or a list with at least one label"),
        ({"运动": 3}, "label '运动': give labels, a wording or None, not 3"),
        ({"a > b": None}, "must be a text without '>'"),
        ({"a": {"": None}}, "label '' below 'a' must be a text"),
        (["a", "a"], "a label is given twice"),
        (
            {"shop": ["a", {"b": ["c", "d"]}]},
            r"label \{'b': \['c', 'd'\]\} below 'shop' must be a text; write",
        ),
        (["a", ["b"]], r"label \['b'\] must be a text"),
    ],
)
def test_what_is_no_tree_is_said(tree: Any, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        list(nodes(tree))


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize(
    ("texts", "problem"),
    [
        ("你好吗", r"texts must be a list of texts, not str; write \['你好吗'\]"),
        ({"你好吗"}, "texts must be a list of texts, not set"),
    ],
)
def test_one_text_is_no_list_of_its_characters(model: UniMC, texts: Any, problem: str, flat: bool) -> None:
    with pytest.raises(InputError, match=problem):
        classify(model, texts, TREE, language="zh", flat=flat)


def test_texts_that_can_be_read_only_once_will_do(model: UniMC) -> None:
    texts = ["下雨了。", "足球赛"]
    assert classify(model, (text for text in texts), TREE, language="zh") == classify(model, texts, TREE, language="zh")
