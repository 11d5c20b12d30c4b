"""User text is inert: whatever it says, it stays text."""

from __future__ import annotations

from typing import Any

import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from unimc import InputError
from unimc.tokenization import InertTokenizer

KINDS = pytest.mark.parametrize("kind", tiny.TOKENIZERS)
SPELLINGS = (
    "[MASK]",
    "[SEP]",
    "[CLS]",
    "[PAD]",
    "<mask>",
    "</s>",
    "<s>",
    "<pad>",
    "＜mask＞",
    "＜／s＞",
    "[mask]",
    "<MASK>",
)


def inert(kind: str) -> InertTokenizer:
    return InertTokenizer(tiny.tokenizer(kind))


def structural(tokenizer: InertTokenizer) -> set[int]:
    """The ids that have a say in the structure of a row."""
    return {tokenizer.cls, tokenizer.sep, tokenizer.mask, tokenizer.pad}


@KINDS
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("text", ["{}", "the {} soup", "汤{}好", "{0}{0}", " {0} {0}"])
def test_the_name_of_a_special_token_is_mere_text(kind: str, spelling: str, text: str) -> None:
    tokenizer = inert(kind)
    (ids,) = tokenizer([text.format(spelling)])
    assert structural(tokenizer).isdisjoint(ids)
    assert ids, "the text is kept, not dropped"


@KINDS
@given(words=st.lists(st.sampled_from([*SPELLINGS, "the", "soup", "汤", "<", "mask", ">", "", " ", "s>"]), max_size=6))
def test_no_text_produces_a_special_token(kind: str, words: list[str]) -> None:
    tokenizer = inert(kind)
    for joint in ("", " "):
        (ids,) = tokenizer([joint.join(words)])
        assert structural(tokenizer).isdisjoint(ids)


def test_the_unigram_tokenizer_would_have_produced_one() -> None:
    """So that the tests above can fail: telling the tokenizer to split specials is not enough here."""
    pieces = tiny.tokenizer("unigram")
    ids = pieces("the ＜mask＞", add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert pieces.mask_token_id in ids


def test_only_the_special_piece_is_broken() -> None:
    tokenizer = inert("unigram")
    (ids,) = tokenizer(["the <mask> soup"])
    assert "".join(tokenizer.pieces(ids)).replace("▁", "") == "the<mask>soup"
    assert tokenizer.pieces(ids)[0] == "▁the"


def test_a_text_of_nothing_but_specials_is_broken_everywhere() -> None:
    tokenizer = inert("unigram")
    (ids,) = tokenizer(["<mask> " * 3000])
    assert "".join(tokenizer.pieces(ids)).replace("▁", "").count("<mask>") == 3000
    assert structural(tokenizer).isdisjoint(ids)


@KINDS
def test_other_texts_of_the_batch_are_left_alone(kind: str) -> None:
    tokenizer = inert(kind)
    texts = ["the soup was cold", "the <mask> [MASK]", "今天下雨", ""]
    assert tokenizer(texts) == [tokenizer([text])[0] for text in texts]


@KINDS
def test_empty_parts_stay_empty(kind: str) -> None:
    assert [list(ids) for ids in inert(kind)(["", "a", ""])][::2] == [[], []]
    assert inert(kind)([]) == []


def test_byte_level_parts_are_read_as_after_a_space() -> None:
    tokenizer = inert("byte-level")
    start, after_space, spaced = tokenizer(["yes it is", "it is yes", " yes it is"])
    assert tokenizer.pieces(start)[0] == "Ġyes" == tokenizer.pieces(after_space)[-1]
    assert start == spaced


@pytest.mark.parametrize("kind", ["wordpiece", "unigram"])
def test_other_kinds_are_given_the_text_as_it_is(kind: str) -> None:
    seen: list[list[str]] = []
    pieces = tiny.tokenizer(kind)

    class Recorder:
        def __call__(self, texts: list[str], **options: Any) -> Any:
            seen.append(texts)
            return pieces(texts, **options)

        def __getattr__(self, name: str) -> Any:
            return getattr(pieces, name)

    InertTokenizer(Recorder())(["soup", "汤"])
    assert seen[-1] == ["soup", "汤"]


@KINDS
def test_no_special_tokens_are_added(kind: str) -> None:
    tokenizer = inert(kind)
    (ids,) = tokenizer(["the soup was cold"])
    assert tokenizer.specials.isdisjoint(ids)


@pytest.mark.parametrize("role", ["cls_token", "sep_token", "mask_token"])
def test_a_tokenizer_without_the_tokens_of_a_masked_model_is_refused(role: str) -> None:
    pieces = tiny.wordpiece()
    setattr(pieces, role, None)
    with pytest.raises(InputError, match=f"the tokenizer has no {role}_id"):
        InertTokenizer(pieces)
