"""Texts of a megabyte, of emoji, control characters, many scripts: answered as anything else is."""

from __future__ import annotations

import math

import pytest
import tiny

from unimc import MultipleChoiceExample, Prediction, UniMC

BIG = 1_000_000


def check(found: Prediction, options: list[str]) -> None:
    """An answer among these options that makes sense."""
    assert found.names == tuple(options)
    assert sum(found.scores) == pytest.approx(1)
    assert all(map(math.isfinite, found.margins))
    assert found.answer in options


@pytest.mark.parametrize(
    ("family", "piece"),
    [
        ("bert", "the soup was cold. "),
        ("bert", "今天的汤不好。"),
        ("bert", "x"),
        ("roberta", "雨"),
        ("roberta", "\0"),
        ("xlm-roberta", "ﷺ"),
        ("xlm-roberta", "<mask>"),
    ],
)
def test_a_megabyte_is_cut_and_what_was_cut_is_counted(
    family: str, piece: str, capfd: pytest.CaptureFixture[str]
) -> None:
    model = UniMC(tiny.checkpoint(family), language="en")
    text = piece * (BIG // len(piece.encode()))
    found = model.classify(text, ["sport", "food"], question="what")
    check(found, ["sport", "food"])
    (ids,) = model.encoder.tokenizer([text])
    assert found.rows == 1
    assert tiny.POSITIONS - 30 < len(ids) - found.truncated < tiny.POSITIONS or len(ids) == 1
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("piece", ["the soup was cold. ", "今天的汤不好。"])
def test_windows_read_all_of_a_long_text(model: UniMC, piece: str) -> None:
    example = MultipleChoiceExample(["sport", "食物"], "what", piece * 10_000)
    (ids,) = model.encoder.tokenizer([example.passage])
    (found,) = model.predict([example], windows="max", stride=0)
    check(found, ["sport", "食物"])
    assert found.truncated == 0
    assert len(ids) / tiny.POSITIONS < found.rows < 1.2 * len(ids) / tiny.POSITIONS


STRANGE = [
    pytest.param("😀 👩‍👩‍👧 👍🏽 🇨🇳 1️⃣", id="emoji"),
    pytest.param("a\0b\x07\x1b[31mc\x7f\u202ed\u200be\r\n\x85\u2028f", id="control characters"),
    pytest.param("rain 雨 дождь مطر גשם बारिश 비 雨あめ ฝน", id="mixed scripts"),
    pytest.param("مرحبا بالعالم", id="from right to left"),
    pytest.param("e\u0301" * 9 + "\u0301" * 9, id="combining marks"),
    pytest.param("ＦＵＬＬ ｗｉｄｔｈ ﷺ ﬁ ①", id="compatibility forms"),
    pytest.param("[CLS] [MASK] yes [SEP] <mask> </s> <s> ＜mask＞ <pad> [PAD]", id="special tokens"),
    pytest.param("𠮷𠀋\U0010ffff\ue000\ufffd", id="rare planes"),
]


@pytest.mark.parametrize("family", ["bert", "roberta", "xlm-roberta", "modernbert"])
@pytest.mark.parametrize("text", STRANGE)
@pytest.mark.parametrize("options", [["sport", "food"], ["体育", "食物"]], ids=["English", "中文"])
def test_strange_texts_are_answered_as_if_alone_and_change_no_structure(
    family: str, text: str, options: list[str]
) -> None:
    model = UniMC(tiny.checkpoint(family), language=tiny.checkpoint(family).answers.languages[-1])
    found = model.classify(["rain", text, text + text, "雨"], options, question=text)
    for one, same in zip(found, ["rain", text, text + text, "雨"], strict=True):
        check(one, options)
        assert one.scores == pytest.approx(model.classify(same, options, question=text).scores, abs=1e-5)
    row = model.encoder(MultipleChoiceExample(options, text, text))
    special = model.encoder.tokenizer
    assert [row.input_ids.count(one) for one in (special.cls, special.mask, special.sep)] == [1, 2, 3]
