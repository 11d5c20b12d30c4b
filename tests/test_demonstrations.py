"""Labelled examples shown before the passage: which, how many, and what they leave alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from unimc import InputError, MultipleChoiceExample, UniMC
from unimc.demonstrations import Demonstrations, Form
from unimc.encoding import Encoder

OPTIONS = {"weather": "the rain", "food": "the soup"}
TEXTS = {
    "weather": ["snow on the train", "the rain and the snow", "not a cold rain"],
    "food": ["an old soup", "the price of the soup", "good food at the wall"],
}


def labelled() -> list[MultipleChoiceExample]:
    return [
        MultipleChoiceExample([*OPTIONS.values()], "what is it about", text, label=at, names=[*OPTIONS], id=text)
        for at, name in enumerate(OPTIONS)
        for text in TEXTS[name]
    ]


def asked(passage: str = "the snow was late", **changes: Any) -> MultipleChoiceExample:
    given = {"options": [*OPTIONS.values()], "question": "what is it about", "names": [*OPTIONS], "id": "7", "label": 0}
    return MultipleChoiceExample(**{**given, "passage": passage, **changes})


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return tiny.encoder("bert", max_length=512)


def labels(examples: list[MultipleChoiceExample]) -> list[str]:
    return [one.names[one.label or 0] for one in examples]


# ---- what is shown


def test_they_stand_before_the_passage_with_the_words_of_its_own_options(encoder: Encoder) -> None:
    example = asked(options=["about rain", "about soup"])
    (found,) = Demonstrations(labelled(), encoder)([example])
    shown = Demonstrations(labelled(), encoder).shown(example)
    words = {"weather": "about rain", "food": "about soup"}
    lines = [f'({words[label]}: "{one.passage}")' for one, label in zip(shown, labels(shown), strict=True)]
    assert len(lines) == 2
    assert found.passage == " ".join([*lines, "the snow was late"])


def test_chinese_ones_are_written_as_chinese_is(encoder: Encoder) -> None:
    names = ["天气", "饮食"]
    known = [MultipleChoiceExample(names, passage=text, label=at) for at, text in enumerate(["下雨", "好汤"])]
    example = MultipleChoiceExample(names, passage="明天有雪", language="zh", id="3")
    (found,) = Demonstrations(known, encoder, choice="nearest")([example])
    assert found.passage in ("（天气：“下雨”）（饮食：“好汤”）明天有雪", "（饮食：“好汤”）（天气：“下雨”）明天有雪")


def test_all_else_of_an_example_stays(encoder: Encoder) -> None:
    example = asked(textb="no train", task="errands", identity=())
    (found,) = Demonstrations(labelled(), encoder)([example])
    assert replace(found, passage=example.passage, identity=()) == example
    assert (found.key, found.fingerprint) == (example.key, example.fingerprint)


@pytest.mark.parametrize("choice", ["random", "nearest"])
@pytest.mark.parametrize("per_label", [1, 2, 3])
def test_every_label_is_shown_equally_often(encoder: Encoder, choice: Any, per_label: int) -> None:
    found = Demonstrations(labelled(), encoder, per_label=per_label, choice=choice).shown(asked())
    assert sorted(labels(found)) == ["food"] * per_label + ["weather"] * per_label
    assert len({one.passage for one in found}) == 2 * per_label


def test_the_nearest_of_a_label_is_the_most_alike_and_the_nearest_of_all_stands_last(encoder: Encoder) -> None:
    nearest = Demonstrations(labelled(), encoder, choice="nearest")
    assert [one.passage for one in nearest.shown(asked("the old soup"))][-1] == "an old soup"
    assert [one.passage for one in nearest.shown(asked("a train in the snow"))][-1] == "snow on the train"


def test_an_example_is_never_shown_its_own_text(encoder: Encoder) -> None:
    for choice in ("random", "nearest"):
        for one in labelled():
            found = Demonstrations(labelled(), encoder, per_label=3, choice=choice).shown(one)
            assert one.passage not in [other.passage for other in found]
            assert len(found) == 5


def test_draws_follow_the_seed_and_the_id(encoder: Encoder) -> None:
    def drawn(seed: int, **changes: Any) -> list[str]:
        return [one.passage for one in Demonstrations(labelled(), encoder, seed=seed).shown(asked(**changes))]

    assert drawn(0) == drawn(0)
    assert len({tuple(drawn(seed)) for seed in range(12)}) > 3
    assert len({tuple(drawn(0, id=str(row))) for row in range(12)}) > 3


def test_a_label_that_is_not_offered_is_not_shown(encoder: Encoder) -> None:
    only = asked(options=["the rain"], names=["weather"])
    assert labels(Demonstrations(labelled(), encoder, per_label=2).shown(only)) == ["weather", "weather"]


def test_pairs_are_shown_with_both_texts(encoder: Encoder) -> None:
    known = [replace(one, textb="no train") for one in labelled()]
    (found,) = Demonstrations(known, encoder)([asked(textb="a goal")])
    assert found.passage.count(' / no train")') == 2
    assert found.textb == "a goal"


def test_braces_in_a_text_are_text(encoder: Encoder) -> None:
    known = [replace(one, passage=f"{{answer}} {one.passage} {{0}}") for one in labelled()]
    (found,) = Demonstrations(known, encoder)([asked("{passage} {")])
    assert found.passage.count("{answer}") == 2
    assert found.passage.endswith(") {passage} {")


# ---- what they leave alone

WORDS = st.lists(st.sampled_from(tiny.WORDS), min_size=1, max_size=60).map(" ".join)


@given(
    passage=WORDS,
    textb=st.sampled_from(["", "no rain at all"]),
    room=st.integers(20, 150),
    per_label=st.integers(1, 3),
    choice=st.sampled_from(["random", "nearest"]),
)
def test_nothing_is_cut_for_them(passage: str, textb: str, room: int, per_label: int, choice: Any) -> None:
    """Whatever the room: the row ends with the passage asked about as it did without them, and so does what is cut."""
    encoder = tiny.encoder("bert", max_length=room)
    example = asked(passage, textb=textb)
    (found,) = Demonstrations(labelled(), encoder, per_label=per_label, choice=choice)([example])
    (before,), (after,) = encoder.rows(example), encoder.rows(found)
    assert after.truncated == before.truncated
    assert len(after) <= room
    start = before.input_ids.index(encoder.tokenizer.sep)
    question = len(encoder.tokenizer(["what is it about"])[0]) + 1
    tail = before.input_ids[start + 1 + question :]
    assert after.input_ids[-len(tail) :] == tail
    assert after.option_positions == before.option_positions
    lines = len(Demonstrations(labelled(), encoder, per_label=per_label, choice=choice).shown(example))
    assert lines in range(0, 2 * per_label + 1, 2)
    if not lines:
        assert found is example


def test_where_the_options_take_several_rows_they_take_no_more() -> None:
    encoder = tiny.encoder("bert", max_length=64)
    names = [f"{one} {other}" for one in tiny.WORDS[:7] for other in tiny.WORDS[:7]]
    known = [MultipleChoiceExample(names, passage="an old soup", label=3)]
    example = MultipleChoiceExample(names, passage="the snow was late", id="1")
    (found,) = Demonstrations(known, encoder)([example])
    assert "an old soup" in found.passage
    assert len(encoder.rows(found)) == len(encoder.rows(example)) > 1
    assert not any(row.truncated for row in encoder.rows(found))


@settings(max_examples=20)
@given(
    order=st.permutations(range(2)),
    shuffled=st.permutations(range(6)),
    choice=st.sampled_from(["random", "nearest"]),
    per_label=st.integers(1, 2),
)
def test_no_order_matters(order: list[int], shuffled: list[int], choice: Any, per_label: int) -> None:
    """Neither that of the options asked about, nor that of the labelled examples or of their options."""
    model = UniMC(tiny.checkpoint("bert"), max_length=160)
    example = asked()
    other = asked(options=[example.options[at] for at in order], names=[example.names[at] for at in order])
    turned = [
        replace(one, options=one.options[::-1], names=one.names[::-1], label=1 - (one.label or 0)) for one in labelled()
    ]
    known = labelled(), [turned[at] for at in shuffled]
    (one,), (two,) = (
        Demonstrations(rows, model.encoder, choice=choice, per_label=per_label)([given])
        for rows, given in zip(known, (example, other), strict=True)
    )
    assert one.passage == two.passage
    first, second = model.predict([one, two])
    scores = dict(zip(first.names, first.scores, strict=True))
    assert second.scores == pytest.approx([scores[name] for name in second.names], abs=1e-5)


# ---- what is said

SEVERAL = MultipleChoiceExample(["a", "b"], passage="soup", labels=[0, 1], id="5")


@pytest.mark.parametrize(
    ("rows", "settings", "problem"),
    [
        ([], {}, "no labelled examples"),
        ([SEVERAL], {}, "example 5: 2 right options; a demonstration has one"),
        ([MultipleChoiceExample(["a"], passage="soup")], {}, "0 right options"),
        ([MultipleChoiceExample(["a"], "what", label=0)], {}, "no passage; a demonstration is a text"),
        (labelled(), {"per_label": 0}, "per_label is 0"),
        (labelled(), {"choice": "best"}, "choice is 'best'; use 'random' or 'nearest'"),
    ],
)
def test_what_cannot_be_shown_is_said(encoder: Encoder, rows: Any, settings: Any, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        Demonstrations(rows, encoder, **settings)


@pytest.mark.parametrize(
    ("example", "problem"),
    [
        (MultipleChoiceExample(["the rain"], "what", id="9"), "example 9: no passage"),
        (
            asked(names=["天气", "饮食"]),
            "none of its options is the label of a labelled example: these are 'food', 'we",
        ),
        (asked(language="fr"), "no form of demonstrations for the language 'fr'; give form="),
    ],
)
def test_what_cannot_be_asked_with_them_is_said(encoder: Encoder, example: MultipleChoiceExample, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        Demonstrations(labelled(), encoder)([example])


@pytest.mark.parametrize(
    ("line", "passage", "problem"),
    [
        ("{text}", "{passage}", "has no {answer}"),
        ("{text} {label}", "{passage}", "in braces only {text}, {answer}"),
        ("{text:>9} {answer}", "{passage}", "in braces only"),
        ("{text} {answer", "{passage}", "write {{ and }} for braces"),
        ("{text} {answer}", "now", "has no {passage}"),
    ],
)
def test_a_form_has_its_places(line: str, passage: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        Form(line, passage)


def test_a_form_of_ones_own(encoder: Encoder) -> None:
    form = Form("{answer}: {text}", "?: {passage}", between=" | ")
    (found,) = Demonstrations(labelled(), encoder, form=form)([asked(language="fr")])
    assert {line.partition(": ")[0] for line in found.passage.split(" | ")} == {"the rain", "the soup", "?"}
    assert found.passage.endswith(" | ?: the snow was late")
