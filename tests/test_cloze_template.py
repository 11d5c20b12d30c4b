"""Templates of cloze prompts, their rows and their label words."""

from __future__ import annotations

from typing import Any

import pytest
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from unimc import InputError, MultipleChoiceExample
from unimc.cloze import ClozePrompt, Template, Verbalizer
from unimc.cloze.pieces import PartTokenizer
from unimc.cloze.rows import Frame, Framer, shares
from unimc.cloze.verbalizer import tokenised
from unimc.encoding import Layout

KINDS = sorted(tiny.TOKENIZERS)
HOSTILE = ["[MASK]", "<mask>", "</s>", "[SEP]", "＜mask＞", "{mask}", "{passage}", "<s>", "[CLS] [MASK]", "<pad>"]
TEXTS = st.lists(st.sampled_from([*HOSTILE, "the soup was cold", "汤很好", " ", "late", "，"]), max_size=8).map("".join)
TEMPLATES = [
    "{passage} It was {mask}.",
    "{mask} news: {passage}",
    "汤{mask}。{passage}",
    "{question} {passage}？{mask}，{textb}",
    "“{passage}” {mask}",
]


def tokenizer(kind: str) -> PartTokenizer:
    return PartTokenizer(tiny.tokenizer(kind))


def frames(
    kind: str, template: str, *examples: MultipleChoiceExample, max_length: int = 64, masks: int = 1
) -> list[Frame]:
    layout = Layout(tiny.POSITIONS)
    return Framer(tokenizer(kind), layout, Template(template), masks=masks, max_length=max_length)(list(examples))


def example(passage: str, textb: str = "", question: str = "") -> MultipleChoiceExample:
    return MultipleChoiceExample(
        ["good", "bad"], passage=passage if passage.strip() else "rain", textb=textb, question=question
    )


# ---- templates


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{passage} It was good.", "no mask; write {mask} where"),
        ("{passage} It was [MASK].", "write {mask} for [MASK]"),
        ("{passage} {mask} {mask}", "several {mask}"),
        ("It was {mask}.", "reads nothing of the example"),
        ("{passge} {mask}", "did you mean {passage}?"),
        ("{passage} {passage} {mask}", "a column twice"),
        ("{passage!r} {mask}", "conversion"),
        ("{passage {mask}", "braces"),
        ("{passage} {trigger} {mask}", "1 {trigger} and 0 triggers"),
    ],
)
def test_a_wrong_template_says_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(InputError) as told:
        Template(text)
    assert says in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("text", ["{passage} It was {mask}.", "这家店很{mask}。{passage}"])
def test_places_for_triggers_stand_before_the_mask_and_leave_its_spacing(text: str) -> None:
    made = Template(text).with_places(2, ["late", "train"])
    assert [part.kind for part in made.parts if part.kind in ("trigger", "mask")] == ["trigger", "trigger", "mask"]
    assert made.mask.glued == Template(text).mask.glued
    assert made.with_triggers(["snow", "rain"]).triggers == ("snow", "rain")


def test_braces_are_written_twice() -> None:
    assert [part.text for part in Template("{{{passage}}} {mask}").parts if part.kind == "text"] == ["{", "}"]


# ---- rows


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("template", TEMPLATES)
@settings(max_examples=20)
@given(passage=TEXTS, textb=TEXTS, question=TEXTS)
def test_no_text_makes_a_special_piece(kind: str, template: str, passage: str, textb: str, question: str) -> None:
    inert = tokenizer(kind).inert
    (frame,) = frames(kind, template, example(passage, textb, question), max_length=160)
    row = frame.row([inert.mask], [0])
    unknown = tiny.tokenizer(kind).unk_token_id
    specials = [piece for piece in row.input_ids if piece in inert.specials and piece != unknown]
    assert sorted(specials) == sorted([inert.cls, inert.mask, inert.sep])
    assert [row.input_ids[place] for place in row.option_positions] == [inert.mask]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=30)
@given(passage=TEXTS, textb=TEXTS, masks=st.integers(1, 4), max_length=st.integers(34, 80))
def test_the_mask_and_the_template_are_never_cut(
    kind: str, passage: str, textb: str, masks: int, max_length: int
) -> None:
    template = "{passage} and {textb} it was {mask} ."
    inert = tokenizer(kind).inert
    one = example(passage * 20, textb * 20)
    short, whole = (frames(kind, template, one, max_length=most, masks=masks)[0] for most in (max_length, 160))
    row = short.row([inert.mask] * masks, range(masks))
    assert len(row) <= max_length
    assert row.option_positions == list(range(row.option_positions[0], row.option_positions[0] + masks))
    assert all(row.input_ids[place] == inert.mask for place in row.option_positions)
    assert short.after == whole.after
    assert len(short) + short.truncated == len(whole) + whole.truncated


@given(
    lengths=st.fixed_dictionaries({name: st.integers(0, 400) for name in ("passage", "textb", "question")}),
    room=st.integers(3, 500),
)
def test_what_is_cut_fits_and_nothing_is_cut_without_need(lengths: dict[str, int], room: int) -> None:
    kept = shares(lengths, room)
    assert all(0 <= kept[name] <= lengths[name] for name in lengths)
    assert sum(kept.values()) == min(room, sum(lengths.values()))
    if kept["textb"] < lengths["textb"]:
        assert kept["passage"] <= kept["textb"] + 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_columns_of_a_pair_stand_where_the_template_says(kind: str) -> None:
    inert = tokenizer(kind).inert
    (frame,) = frames(kind, "{textb} {mask} {passage}", example("rain", "snow"))
    snow, rain = (list(ids) for ids in inert(["snow", "rain"]))
    assert list(frame.before) == [inert.cls, *snow]
    assert list(frame.after) == [*rain, inert.sep]


def test_a_template_that_fills_its_row_is_refused() -> None:
    with pytest.raises(InputError, match="leaves no room for a text in 12 tokens"):
        frames("wordpiece", "{passage} " + "the soup was cold " * 4 + "{mask}", example("rain"), max_length=12)


def test_a_trigger_of_another_vocabulary_is_refused() -> None:
    template = Template("{passage} {trigger} {mask}", ("zzzz",))
    with pytest.raises(InputError, match="'zzzz' is no piece of this model's vocabulary"):
        Framer(tokenizer("wordpiece"), Layout(tiny.POSITIONS), template, masks=1, max_length=64)


def test_triggers_are_found_on_both_sides_of_the_mask() -> None:
    template = Template("{trigger} {passage} {mask} {trigger}", ("late", "train"))
    (frame,) = Framer(tokenizer("wordpiece"), Layout(tiny.POSITIONS), template, masks=2, max_length=64)([example("it")])
    row = frame.row([tokenizer("wordpiece").inert.mask] * 2, [0, 1])
    assert tokenizer("wordpiece").inert.pieces([row.input_ids[place] for place in frame.trigger_places(2)]) == [
        "late",
        "train",
    ]
    assert tokenizer("wordpiece").inert.pieces(frame.with_triggers(frame.before[1:2] * 2).after[:1]) == ["late"]


# ---- spaces


def test_a_glued_part_is_spelt_without_a_space() -> None:
    one = tokenizer("unigram")
    assert one.inert.pieces(one(["好"], glued=True)[0]) == ["好"]
    assert one.inert.pieces(one(["good"])[0]) == ["▁good"]
    assert one.inert.pieces(one(["good"], glued=True)[0])[0] != "▁good"


@pytest.mark.parametrize("kind", KINDS)
@given(texts=st.lists(TEXTS, max_size=4))
def test_gluing_makes_no_special_pieces_either(kind: str, texts: list[str]) -> None:
    one = tokenizer(kind)
    unknown = tiny.tokenizer(kind).unk_token_id
    for ids in one(texts, glued=True):
        assert set(ids) & one.inert.specials <= {unknown}


# ---- label words


def words(verbalizer: Verbalizer, kind: str = "wordpiece", *, glued: bool = False) -> list[tuple[int, ...]]:
    return [word.ids for word in tokenised(verbalizer, tokenizer(kind), glued=glued)]


def test_words_of_several_pieces_and_of_several_characters_are_taken() -> None:
    assert [len(ids) for ids in words(Verbalizer({"yes": ["good"], "体": ["体育"], "no": ["bad day"]}))] == [1, 2, 4]


@pytest.mark.parametrize(
    ("given_words", "says"),
    [
        ({"good": ["good"]}, "two labels or more"),
        ({"good": [], "bad": ["bad"]}, "one word or a list"),
        ({"good": ["good"], "bad": ["good"]}, "stands for 'good' and for 'bad'"),
        ({"good": [""], "bad": ["bad"]}, "'' is no word"),
        ({True: ["good"], "bad": ["bad"]}, "the label True is not a text"),
        ({"good": [1], "bad": ["bad"]}, "1 is no word"),
    ],
)
def test_wrong_words_say_what_is_wrong(given_words: Any, says: str) -> None:
    with pytest.raises(InputError) as told:
        Verbalizer(given_words)
    assert says in str(told.value)


@pytest.mark.parametrize(("word", "label"), [("дождь", "wet"), ("雹", "wet"), ("☂", "wet")])
def test_a_word_that_the_vocabulary_lacks_is_named_with_its_label(word: str, label: str) -> None:
    with pytest.raises(InputError, match=f"the word '{word}' of label '{label}' is unknown"):
        words(Verbalizer({label: [word], "dry": ["good"]}))


def test_words_that_the_vocabulary_spells_alike_are_refused() -> None:
    with pytest.raises(InputError, match="'Good' of label 'a' and 'good' of label 'b' are the same pieces"):
        words(Verbalizer({"a": ["Good"], "b": ["good"]}))
    assert len(words(Verbalizer({"a": ["Good", "good"], "b": ["bad"]}))) == 2


# ---- prompts


def test_a_prompt_survives_its_file() -> None:
    made = ClozePrompt(
        Template("{passage} {trigger} {mask}", ("late",)),
        Verbalizer({"好": ["好"], "坏": ["坏", "短"]}),
        scoring="left_to_right",
        average="log_probability",
        prior={"好": -1.5, "坏": -2.0, "短": -3.0},
        task="soups",
    )
    assert ClozePrompt.from_dict(made.to_dict(), "file") == made


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"words": {"a": "b"}}, "`template` is missing"),
        ({"template": "{passage} {mask}"}, "`words` is missing"),
        ({"template": "{passage} {mask}", "wrods": {}}, "did you mean 'words'?"),
        ({"template": "{passage} {mask}", "words": {"a": "x", "b": "y"}, "scoring": "fast"}, "scoring is 'fast'"),
        ({"template": "{passage} {mask}", "words": {"a": "x", "b": "y"}, "prior": {"x": 1.0}}, "'y' has none"),
        (
            {"template": "{passage} {mask}", "words": {"a": "x", "b": "y"}, "prior": 3},
            "prior is 3; it must hold a number",
        ),
        ({"template": "{passage} {mask}", "words": {"a": "x", "b": "y"}, "triggers": "late"}, "a list of pieces"),
        (["template"], "is a mapping"),
    ],
)
def test_a_wrong_prompt_says_what_is_wrong(entry: Any, says: str) -> None:
    with pytest.raises(InputError) as told:
        ClozePrompt.from_dict(entry, "soups.yaml")
    assert str(told.value).startswith("soups.yaml: ")
    assert says in str(told.value)
