"""Whatever is asked: an answer or one clear line, and every answer beside the text that it is about.

A few cases of each property belong to the suite. For more, at random, and in another order each time:
`UNIMC_FUZZ_CASES=5000 pytest tests/test_fuzz.py --hypothesis-seed=1` (5000 cases of each property).
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tiny
from hypothesis import HealthCheck, assume, event, given, settings
from hypothesis import strategies as st

from unimc import InputError, MultipleChoiceExample, Prediction, UniMC

CASES = os.environ.get("UNIMC_FUZZ_CASES")
FUZZ = settings(
    max_examples=int(CASES or 40),
    derandomize=CASES is None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
MODELS = st.sampled_from([("bert", 160), ("bert", 40), ("xlm-roberta", 64), ("roberta", 160), ("modernbert", 56)])
"""Family, and the most tokens in a row."""

# ---- what is asked

SPECIALS = ["[MASK]", "[SEP]", "[CLS]", "[PAD]", "[UNK]", "<mask>", "</s>", "<s>", "<pad>", "＜mask＞", "＜／s＞"]
ANSWERS = ["yes", "no", "是", "非", "▁yes", "Ġno", "##s"]
EMOJI = ["😀", "👩‍👩‍👧", "👍🏽", "🇨🇳", "❤️", "1️⃣", "🫠"]
SCRIPTS = ["مرحبا", "שלום", "नमस्ते", "สวัสดี", "안녕", "こんにちは", "Привет", "ﷺ", "Straße", "ｆｕｌｌ", "體育", "𠮷"]
CONTROLS = ["\0", "\x1b[31m", "\u200b", "\ufeff", "\u202e", "\x85", "\u2028", "\r\n", "\t", "\x7f", "\ufffd", "\ue000"]
LONG = ["x" * 300, "雨" * 200, "e" + "\u0301" * 9, "rain " * 90, "1234567890" * 20, "\u0301" * 50, "<mask>" * 40]
KINDS = (tiny.WORDS, tiny.HAN, SPECIALS, ANSWERS, EMOJI, SCRIPTS, CONTROLS, LONG)
PIECES = st.one_of(*map(st.sampled_from, KINDS), st.text(max_size=10))
ORDINARY = st.lists(st.sampled_from([*tiny.WORDS, *tiny.HAN]), min_size=1, max_size=4).map(" ".join)
TEXT = ORDINARY | st.builds(str.join, st.sampled_from([" ", "", "\n", "，"]), st.lists(PIECES, max_size=8))
BROKEN = st.sampled_from(["\ud83d", "rain \udc80", "\udfff雨"])  # half of a character
WRONG = st.sampled_from(
    [
        *(None, True, 3, -1, 10**50, 0.5, math.nan, 1j, object(), int, len),
        *(b"rain", bytearray(b"rain"), ["rain"], ("rain", None), {"rain": 1}, {"rain"}, range(3), [["rain"]]),
        *(np.float32("nan"), np.int64(3), np.bool_(True), np.bytes_(b"rain"), np.array("rain"), np.zeros((2, 2))),
        *(pd.NA, pd.NaT, pd.DataFrame({"rain": ["snow"]}), pd.Series([1, 2])),
    ]
)


def mostly(good: st.SearchStrategy[Any], bad: st.SearchStrategy[Any], one_in: int) -> st.SearchStrategy[Any]:
    """The good one but for one draw in so many."""
    return st.integers(1, one_in).flatmap(lambda drawn: bad if drawn == one_in else good)


WORDING = mostly(ORDINARY, mostly(TEXT, BROKEN | WRONG, 8), 8)
MANY = st.lists(st.integers(0, 999).map(str), min_size=6, max_size=60, unique=True)
FEW = st.lists(ORDINARY, min_size=1, max_size=5, unique=True)
NAMED = st.dictionaries(TEXT, ORDINARY, min_size=1, max_size=4) | st.dictionaries(TEXT | st.integers(), WORDING)
ALIKE = [["rain", "Rain"], ["a  walk", "a walk"], ["雨", "雨\u200b"], ["😀", "👍"], ["x" * 300, "x" * 301], ["a"] * 2]
OPTIONS = st.one_of(
    MANY, FEW, NAMED, mostly(st.lists(WORDING, min_size=1, max_size=5), st.sampled_from([[], *ALIKE]), 5)
)
QUESTION = mostly(TEXT | st.just(""), BROKEN | WRONG, 40)
OUT_OF_RANGE: list[dict[str, Any]] = [
    *({"batch_size": 0}, {"threshold": -0.1}, {"threshold": math.nan, "multi_label": True}, {"stride": 3}),
    *({"top_k": 1}, {"top_k": 0, "multi_label": True}, {"threshold": {"rain": 0.5}}, {"calibration": "none"}),
    *({"windows": "sum"}, {"windows": "max", "stride": -1}, {"windows": "max", "stride": 10**30}),
]


@st.composite
def settings_of(draw: st.DrawFn) -> dict[str, Any]:
    """Settings of `predict`, in range but for one draw in so many."""
    drawn: dict[str, Any] = {"batch_size": draw(st.integers(1, 7))}
    if draw(st.booleans()):
        drawn["windows"] = draw(st.sampled_from(["max", "mean"]))
        drawn |= draw(st.fixed_dictionaries({}, optional={"stride": st.integers(0, 90)}))
    if draw(st.booleans()):
        drawn |= {"multi_label": True, "top_k": draw(st.none() | st.integers(1, 9))}
    drawn |= draw(st.fixed_dictionaries({}, optional={"threshold": st.none() | st.floats(0, 1)}))
    return draw(mostly(st.just(drawn), st.sampled_from(OUT_OF_RANGE), 20))


# ---- what comes back


def loaded(made: tuple[str, int], pack: int | None = None) -> UniMC:
    """A model that remembers nothing of what it was asked before."""
    model = UniMC(tiny.checkpoint(made[0]), max_length=made[1])
    model.pack = pack
    return model


def outcome(ask: Callable[[], Iterable[Prediction]]) -> list[Prediction] | str:
    """The predictions, or what the error says, which is short; no other error, no warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return list(ask())
        except InputError as error:
            said = str(error)
    assert said.isprintable(), "one line, and nothing in it that does something to a terminal"
    assert 0 < len(said) < 500
    return said


def check(found: Prediction, alone: Prediction) -> None:
    """It makes sense, and it's what the same item gets when it is asked alone."""
    assert len(found.names) == len(found.options) == len(found.scores) == len(found.margins) > 0
    assert found.scores[found.label] == max(found.scores)
    assert found.answer is None or found.answer in found.names
    assert all(0 <= score <= 1 for score in found.scores)
    assert (found.names, found.options, found.rows, found.truncated) == (
        *(alone.names, alone.options, alone.rows, alone.truncated),
    )
    assert found.margins == pytest.approx(alone.margins, abs=1e-4, rel=1e-4)
    assert found.scores == pytest.approx(alone.scores, abs=1e-4)


def check_all(found: list[Prediction] | str, alone: Sequence[list[Prediction] | str]) -> None:
    """Each result belongs to its item; together they fail only where one of them fails."""
    event("refused" if isinstance(found, str) else "answered" if found else "nothing asked")
    if isinstance(found, str):
        assert not alone or any(isinstance(one, str) for one in alone)
        return
    assert len(found) == len(alone)
    for one, other in zip(found, alone, strict=True):
        assert not isinstance(other, str), other
        check(one, *other)


@FUZZ
@given(
    made=MODELS,
    texts=st.lists(mostly(ORDINARY | TEXT.filter(str.strip), BROKEN | WRONG | TEXT, 40), max_size=6),
    settings=settings_of(),
    pack=st.none() | st.integers(1, 200),
    data=st.data(),
)
def test_every_text_has_the_answer_that_it_has_alone(
    made: tuple[str, int], texts: list[Any], settings: dict[str, Any], pack: int | None, data: st.DataObject
) -> None:
    languages = mostly(st.sampled_from(loaded(made).answers.languages), st.none() | TEXT, 4)
    settings = {**settings, "language": data.draw(languages), "question": data.draw(QUESTION)}
    kind = data.draw(st.sampled_from([list, tuple, iter]))
    if data.draw(st.booleans()):
        shared = data.draw(OPTIONS)
        options, of_each = (shared if isinstance(shared, dict) else kind(shared)), [shared] * len(texts)
    else:
        of_each = [data.draw(OPTIONS) for _ in texts]
        options = kind(of_each)
        assume(of_each and any(isinstance(one, list | dict) for one in of_each))
    found = outcome(lambda: loaded(made, pack).classify(kind(texts), options, **settings))
    alone = [
        outcome(lambda text=text, one=one: loaded(made).classify([text], [one], **settings))
        for text, one in zip(texts, of_each, strict=True)
    ]
    check_all(found, alone)


FIELDS = {
    "options": mostly(MANY | FEW, OPTIONS | WRONG, 8),
    "question": QUESTION,
    "passage": mostly(TEXT | st.just(""), BROKEN | WRONG, 40),
}
RARE = {
    "textb": mostly(TEXT, BROKEN | WRONG, 40),
    "language": mostly(st.sampled_from(["en", "zh"]), TEXT | BROKEN | WRONG, 40),
    "id": mostly(TEXT, BROKEN | WRONG, 40),
    "task": mostly(TEXT, BROKEN | WRONG, 40),
}
ANNOTATED = {
    "label": st.integers(-1, 4) | WRONG,
    "labels": st.lists(st.integers(-1, 4) | WRONG, max_size=4) | WRONG | TEXT,
    "names": OPTIONS | WRONG | TEXT,
    "identity": OPTIONS | WRONG | TEXT,
}


def examples_of(fields: Iterable[dict[str, Any]]) -> list[MultipleChoiceExample]:
    """The examples that can be made at all; of the others it is said why not."""
    made: list[Any] = []
    for one in fields:
        outcome(lambda one=one: made.append(MultipleChoiceExample(**one)) or [])
    return made


@FUZZ
@given(st.fixed_dictionaries(FIELDS, optional={**RARE, **ANNOTATED}))
def test_an_example_is_made_or_it_is_said_why_not(fields: dict[str, Any]) -> None:
    for example in examples_of([fields]):
        assert len(example.names) == len(example.options) > 0
        assert all(isinstance(text, str) for text in (*example.options, *example.names, example.passage, example.id))
        assert set(example.right or ()) <= set(range(len(example.options)))
        assert example.fingerprint == MultipleChoiceExample(**fields).fingerprint


@FUZZ
@given(
    made=MODELS,
    fields=st.lists(st.fixed_dictionaries(FIELDS, optional=RARE), min_size=1, max_size=6),
    settings=settings_of(),
    pack=st.none() | st.integers(1, 200),
    kind=st.sampled_from([list, tuple, iter]),
)
def test_every_example_has_the_answer_that_it_has_alone(
    made: tuple[str, int], fields: list[dict[str, Any]], settings: dict[str, Any], pack: int | None, kind: type
) -> None:
    examples = examples_of(fields)
    found = outcome(lambda: loaded(made, pack).predict(kind(examples), **settings))
    alone = [outcome(lambda one=one: loaded(made).predict([one], **settings)) for one in examples]
    check_all(found, alone)
    if not isinstance(found, str):
        for one, example in zip(found, examples, strict=True):
            assert (one.options, one.names) == (example.options, example.names)
            rows = loaded(made).encoder.rows(example, 64 if "windows" in settings else None)
            assert max(map(len, rows)) <= made[1]
            assert {option for row in rows for option in row.options} == set(range(len(example.options)))


@FUZZ
@given(
    made=MODELS,
    items=st.lists(st.tuples(TEXT, st.sets(ORDINARY, min_size=1, max_size=5)), min_size=2, max_size=8),
    settings=settings_of(),
    data=st.data(),
)
def test_in_another_order_the_same_answers_come_in_that_order(
    made: tuple[str, int], items: list[tuple[str, set[str]]], settings: dict[str, Any], data: st.DataObject
) -> None:
    """Every text and every name of an option carries the number of its item."""
    texts = [f"the {number} {text}" for number, (text, _) in enumerate(items)]
    options = [{f"{number}: {one}": one for one in sorted(words)} for number, (_, words) in enumerate(items)]
    order = data.draw(st.permutations(range(len(items))))
    ask = loaded(made).classify
    found = outcome(lambda: ask(texts, options, language="en", **settings))
    other = outcome(lambda: ask([texts[at] for at in order], [options[at] for at in order], language="en", **settings))
    if isinstance(found, str) or isinstance(other, str):
        assert isinstance(found, str) == isinstance(other, str), (found, other)
        return
    for number, one in enumerate(found):
        assert all(name.startswith(f"{number}: ") for name in one.names)
    check_all(other, [[found[at]] for at in order])


SETTINGS: dict[str, dict[str, Any]] = {"batch_size": {}, "top_k": {"multi_label": True}, "stride": {"windows": "mean"}}
"""Those that are numbers, with what they need."""


@FUZZ
@given(
    setting=st.sampled_from([*SETTINGS, "multi_label", "threshold", "windows", "language", "question", "calibration"]),
    value=WRONG | BROKEN | TEXT | st.integers() | st.floats(),
)
def test_a_setting_of_any_kind_is_taken_or_refused(setting: str, value: Any) -> None:
    settings = {"language": "en", **SETTINGS.get(setting, {}), setting: value}
    found = outcome(lambda: loaded(("bert", 40)).classify(["rain " * 60, "雨"], ["sport", "food"], **settings))
    assert isinstance(found, str) or len(found) == 2


@FUZZ
@given(
    texts=st.lists(WRONG, min_size=1, max_size=3) | WRONG.filter(lambda one: not isinstance(one, list)),
    options=st.lists(WRONG, max_size=3) | WRONG | st.just(["a"]),
)
def test_what_is_no_text_is_refused(texts: Any, options: Any) -> None:
    assert isinstance(outcome(lambda: loaded(("bert", 40)).classify(texts, options, language="en")), str)
    assert isinstance(outcome(lambda: loaded(("bert", 40)).predict(texts)), str)
