"""What people give by mistake or in malice: an answer beside its text, or one line that says what is wrong.

Texts that are long or strange are in tests/test_hostile_texts.py, files in test_hostile_files.py; test_fuzz.py asks at
random.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tiny

from unimc import InputError, MultipleChoiceExample, Prediction, UniMC
from unimc.encoding import FitError

BOTH = pytest.mark.parametrize(
    ("text", "options", "question"),
    [
        pytest.param("the soup was cold", ["sport", "food"], "what is it about", id="English"),
        pytest.param("今天的汤不好", ["体育", "食物"], "这篇文章说什么？", id="中文"),
    ],
)
BIG = 1_000_000


def refused(ask: Callable[[], Any]) -> str:
    """What the error says: one short line, whatever was given."""
    with pytest.raises(InputError) as caught:
        ask()
    said = str(caught.value)
    assert said.isprintable()
    assert len(said) < 500
    return said


def check(found: Prediction, options: list[str]) -> None:
    """An answer among these options that makes sense."""
    assert found.names == tuple(options)
    assert sum(found.scores) == pytest.approx(1)
    assert all(map(math.isfinite, found.margins))
    assert found.answer in options


# ---- what is no text


@BOTH
@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (None, "NoneType"),
        (math.nan, "float"),
        (np.float32("nan"), "float32"),
        (pd.NA, "NAType"),
        (7, "int"),
        (True, "bool"),
        (b"rain", "bytes"),
        (["rain"], "list"),
        ("", "empty"),
        (" \t\r\n　", "empty"),
    ],
)
def test_what_is_no_text_is_found_by_its_number(
    model: UniMC, text: str, options: list[str], question: str, wrong: Any, problem: str
) -> None:
    for texts in ([text, text, wrong], (text, text, wrong), iter([text, text, wrong])):
        said = refused(lambda texts=texts: model.classify(texts, options, question=question))
        assert said == f"text 2 is {problem}; give a text"


@pytest.mark.parametrize("wrong", [None, math.nan, pd.NA, 7, 1.5, object()])
def test_what_is_neither_a_text_nor_a_list_is_refused(model: UniMC, wrong: Any) -> None:
    said = refused(lambda: model.classify(wrong, ["sport", "food"]))
    assert said == f"texts must be a text or a list of texts, not {type(wrong).__name__}"


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"rain", "snow"}, id="a set has no order"),
        pytest.param({"1": "rain"}, id="the keys of a mapping are no texts"),
        pytest.param(pd.DataFrame({"rain": ["snow"]}), id="the columns of a table are no texts"),
        pytest.param(np.array("rain"), id="an array of no dimension"),
        pytest.param(b"rain", id="bytes"),
    ],
)
def test_texts_without_an_order_are_refused(model: UniMC, wrong: Any) -> None:
    said = refused(lambda: model.classify(wrong, ["sport", "food"], language="en"))
    assert said == f"texts must be a text or a list of texts, not {type(wrong).__name__}"


@pytest.mark.parametrize("kind", [tuple, iter, np.array, lambda texts: pd.Series(texts, index=[7, 3, 5]), pd.array])
def test_whatever_has_an_order_is_answered_in_it(model: UniMC, kind: Callable[[list[str]], Any]) -> None:
    texts = ["the soup was cold", "足球", "rain and snow"]
    assert model.classify(kind(texts), ["sport", "食物"]) == model.classify(texts, ["sport", "食物"])


def test_no_texts_have_no_answers(model: UniMC) -> None:
    assert model.classify([], ["sport"]) == model.predict([]) == []
    assert list(model.predict(iter(()))) == []


@pytest.mark.parametrize("wrong", ["rain", ["rain"], [None], [{"passage": "rain"}], None, np.array(1), {"a": 1}, 3])
def test_predict_takes_examples_alone(model: UniMC, wrong: Any) -> None:
    assert "MultipleChoiceExample" in refused(lambda: list(model.predict(wrong)))


@pytest.mark.parametrize("name", ["the second", "第二个"])
def test_what_is_no_example_is_found_by_its_number(model: UniMC, name: str) -> None:
    examples = [MultipleChoiceExample(["sport", "食物"], passage="rain")] * 70
    for given in ([*examples, name], (one for one in [*examples, name])):
        assert "example 70 is str" in refused(lambda given=given: list(model.predict(given, batch_size=1)))


@pytest.mark.parametrize("text", ["\0\0", "\u200b", "\ufeff\u200d"])
def test_a_text_that_the_vocabulary_sees_nothing_of_is_refused(model: UniMC, text: str) -> None:
    """Otherwise the options alone would be answered."""
    with pytest.raises(FitError, match=r"^example text 1: its texts have no tokens in this vocabulary"):
        model.classify(["rain", text], ["sport", "food"])
    assert model.classify(text, ["sport", "food"], question="what")  # there is something to read


# ---- options


@BOTH
@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (None, "options must be a list or a mapping, not NoneType"),
        (math.nan, "options must be a list or a mapping, not float"),
        (7, "options must be a list or a mapping, not int"),
        (b"ab", "options must be a list or a mapping, not bytes"),
        (np.array("a"), "options must be a list or a mapping, not ndarray"),
        (pd.DataFrame({"a": ["b"]}), "options must be a list or a mapping, not DataFrame"),
        ({"a", "b"}, "options must be a list or a mapping, not set"),
        ([], "example text 0: no options; give at least one candidate answer"),
        ({}, "example text 0: no options; give at least one candidate answer"),
        (["a", None], "example text 0: options[1] must be a string, not NoneType"),
        ([math.nan, "a"], "example text 0: options[0] must be a string, not float"),
        (["a", 7], "example text 0: options[1] must be a string, not int"),
        ([b"a"], "example text 0: options[0] must be a string, not bytes"),
        ({1: "a"}, "example text 0: names[0] must be a string, not int"),
        (["a", "b", "a"], "example text 0: option 'a' is given twice; every option must be different"),
    ],
)
def test_what_is_no_list_of_options_is_named(
    model: UniMC, text: str, options: list[str], question: str, wrong: Any, problem: str
) -> None:
    del options
    for texts in (text, [text], [text, text]):
        assert refused(lambda texts=texts: model.classify(texts, wrong, question=question)) == problem


@pytest.mark.parametrize("kind", [tuple, iter, np.array, pd.Series, pd.array])
def test_whatever_gives_options_in_order_is_read_once(model: UniMC, kind: Callable[[list[str]], Any]) -> None:
    options = ["sport", "食物"]
    texts = ["the soup was cold", "足球"]
    assert model.classify(texts, kind(options)) == model.classify(texts, options)
    assert model.classify(texts[0], kind(options)) == model.classify(texts[0], options)
    assert model.classify(texts, iter([kind(options), options])) == model.classify(texts, options)


@BOTH
def test_one_option_is_the_answer_unless_none_may_hold(
    model: UniMC, text: str, options: list[str], question: str
) -> None:
    found = model.classify(text, options[:1], question=question)
    assert (found.scores, found.answer) == ((1.0,), options[0])
    none = model.classify(text, options[:1], question=question, multi_label=True, threshold=1.0)
    assert (none.labels, none.answer) == ((), None)
    assert 0 < none.scores[0] < 1


@BOTH
def test_ten_thousand_options_are_answered_in_groups(
    model: UniMC, text: str, options: list[str], question: str
) -> None:
    many = [f"{options[number % 2]} {number}" for number in range(10_000)]
    found = model.classify(text, many, question=question)
    check(found, many)
    assert found.truncated == 0
    assert 10_000 / tiny.POSITIONS < found.rows < 10_000
    backwards = model.classify(text, many[::-1], question=question)
    assert backwards.margins[::-1] == pytest.approx(found.margins, abs=1e-4)
    assert "10000 options don't fit a row" in refused(
        lambda: model.encoder(MultipleChoiceExample(many, question, text))
    )
    assert "is given twice" in refused(lambda: model.classify(text, [*many, many[-1]]))
    assert "are the same tokens" in refused(lambda: model.classify(text, [*many, many[0].replace(" ", "  ")]))


def test_strange_options_are_told_apart_or_refused() -> None:
    """A vocabulary without emoji reads them all as its unknown piece; bytes tell them apart."""
    options = ["😀", "👍🏽"]
    check(UniMC(tiny.checkpoint("roberta")).classify("rain", options), options)
    said = refused(lambda: UniMC(tiny.checkpoint("bert")).classify("rain", options))
    assert said.startswith("example text 0: options '😀' and '👍🏽' are the same tokens to this tokenizer")


# ---- settings


def test_numpys_whole_numbers_are_whole_numbers(model: UniMC) -> None:
    found = model.classify(["rain " * 300], ["a", "b"], windows="max", stride=np.int64(3), batch_size=np.int64(2))
    assert found == model.classify(["rain " * 300], ["a", "b"], windows="max", stride=3, batch_size=2)


@pytest.mark.parametrize(
    ("setting", "values"),
    [
        ("batch_size", [None, "3", 1.5, math.nan, pd.NA, True, -1, 10**5000 * -1]),
        ("threshold", ["0.5", pd.NA, np.array([0.1, 0.2]), True, math.nan, -1, 10**5000]),
        ("multi_label", ["no", 1, pd.NA, np.array([1, 2])]),
        ("language", [pd.NA, ["en"], np.array(["en", "zh"]), "x" * BIG]),
        ("windows", [pd.NA, True, np.array(["max"]), "x" * BIG]),
        ("stride", ["3", 1.5, math.nan, pd.NA, True, np.array([1, 2]), -1, 10**5000 * -1]),
        ("question", [None, math.nan, pd.NA, 7, b"what", ["what"], 10**5000]),
    ],
)
def test_a_setting_of_the_wrong_kind_is_refused_by_its_name(model: UniMC, setting: str, values: list[Any]) -> None:
    for value in values:
        settings: dict[str, Any] = {"multi_label": True, "windows": "max", setting: value}
        assert setting in refused(lambda settings=settings: model.classify("rain 雨", ["a", "b"], **settings))


@pytest.mark.parametrize(
    ("setting", "values"),
    [
        ("max_length", ["3", 1.5, math.nan, pd.NA, True, np.array([1, 2]), -1, 10**5000 * -1]),
        ("language", [pd.NA, ["en"], np.array(["en", "zh"]), "x" * BIG, 5]),
    ],
)
def test_a_model_is_not_set_up_wrongly(model: UniMC, setting: str, values: list[Any]) -> None:
    for value in values:
        assert setting in refused(lambda value=value: UniMC(model.checkpoint, **{setting: value}))


# ---- what errors say of it


HUGE = [
    pytest.param({"options": "x" * BIG}, id="options"),
    pytest.param({"options": ["x" * BIG] * 2}, id="twice"),
    pytest.param({"names": "名" * BIG}, id="names"),
    pytest.param({"id": "一\n" * BIG, "label": 9}, id="id"),
    pytest.param({"task": "a\nb", "id": "\ud83d", "label": 9}, id="half of a character"),
    pytest.param({"id": pd.NA}, id="an id of another kind"),
    pytest.param({"label": "9" * BIG}, id="label"),
    pytest.param({"label": 10**5000}, id="a number of 5000 digits"),
    pytest.param({"label": np.zeros((9, 9))}, id="array"),
    pytest.param({"labels": [1] * BIG}, id="labels"),
    pytest.param({"labels": {"a": 1}}, id="mapping"),
    pytest.param({"labels": "01" * BIG}, id="labels in a text"),
    pytest.param({"identity": "x" * BIG}, id="identity"),
    pytest.param({"passage": "\ud83d" * BIG}, id="passage"),
]


@pytest.mark.parametrize("changes", HUGE)
def test_an_error_about_something_huge_is_one_short_line(changes: dict[str, Any]) -> None:
    refused(lambda: MultipleChoiceExample(**{"options": ["sport", "食物"], "passage": "雨", **changes}))


@pytest.mark.parametrize(
    "options",
    [["x" * BIG, "x" * BIG + " "], ["雨" * 9999, "雨" * 9999 + "\u200b"], ["\u200b" * BIG]],
    ids=["English", "中文", "without tokens"],
)
def test_an_error_about_huge_options_is_one_short_line(model: UniMC, options: list[str]) -> None:
    refused(lambda: model.classify("rain 雨", options))
    refused(lambda: model.classify(["rain"], options[0]))
    refused(lambda: model.classify(["rain"], ["a"], windows=options[0]))


def test_many_times_the_same_option_is_found_at_once() -> None:
    """Not by comparing each with each."""
    options = [str(number) for number in range(200_000)]
    assert "option '199999' is given twice" in refused(lambda: MultipleChoiceExample([*options, options[-1]], "what"))
