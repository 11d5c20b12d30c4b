"""Which pieces stand for yes and no."""

from __future__ import annotations

import pytest
import tiny
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

from unimc import InputError
from unimc.answers import AnswerPair, Answers


def vocabulary(*pieces: str, unknown: bool = True) -> PreTrainedTokenizerFast:
    """A tokenizer that holds these pieces."""
    numbered = {piece: number for number, piece in enumerate([*(["[UNK]"] if unknown else []), *pieces])}
    tokenizer = Tokenizer(models.WordLevel(numbered, unk_token="[UNK]"))
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **({"unk_token": "[UNK]"} if unknown else {}))


EVERYTHING = ("no", "yes", "Ġno", "Ġyes", "▁no", "▁yes", "▁非", "▁是", "非", "是")


@pytest.mark.parametrize(
    ("pieces", "found"),
    [
        pytest.param(EVERYTHING, {"en": ["▁yes", "▁no"], "zh": ["是", "非"]}, id="all"),
        pytest.param(EVERYTHING[:4], {"en": ["Ġyes", "Ġno"]}, id="byte-level-first"),
        pytest.param(EVERYTHING[:2], {"en": ["yes", "no"]}, id="wordpiece"),
        pytest.param(EVERYTHING[6:8], {"zh": ["▁是", "▁非"]}, id="chinese-sentencepiece"),
        pytest.param(("yes", "no", "▁yes"), {"en": ["yes", "no"]}, id="both-of-a-pair-are-needed"),
        pytest.param(("yes", "no", "是"), {"en": ["yes", "no"]}, id="half-a-chinese-pair-is-none"),
    ],
)
@pytest.mark.parametrize("unknown", [True, False], ids=["unk", "no-unk"])
def test_pairs_are_looked_up_in_order(pieces: tuple[str, ...], found: dict[str, list[str]], unknown: bool) -> None:
    assert Answers.look_up(vocabulary(*pieces, unknown=unknown)).to_dict() == found


@pytest.mark.parametrize("unknown", [True, False], ids=["unk", "no-unk"])
def test_the_unknown_piece_is_no_answer(unknown: bool) -> None:
    with pytest.raises(InputError, match="the vocabulary holds no pair of answer pieces"):
        Answers.look_up(vocabulary("maybe", "yes", "非", unknown=unknown))


def test_the_ids_are_those_of_the_pieces() -> None:
    pieces = tiny.tokenizer("wordpiece")
    answers = Answers.look_up(pieces)
    for pair in answers.pairs.values():
        assert pieces.convert_ids_to_tokens([pair.yes_id, pair.no_id]) == [pair.yes, pair.no]


def test_columns_say_where_a_language_stands_among_the_ids() -> None:
    answers = Answers.look_up(tiny.tokenizer("unigram"))
    assert answers.languages == ("en", "zh")
    for language, pair in answers.pairs.items():
        assert [answers.ids[column] for column in answers.columns(language)] == [pair.yes_id, pair.no_id]


def test_a_language_without_a_pair_is_an_error_when_used() -> None:
    answers = Answers.look_up(tiny.tokenizer("byte-level"))
    for use in (answers.__getitem__, answers.columns):
        with pytest.raises(InputError, match="no answer pieces for language 'zh', only for en"):
            use("zh")


def test_pieces_may_be_named_for_any_language() -> None:
    answers = Answers.read({"fr": ["soup", "wall"]}, tiny.tokenizer("wordpiece"), "unimc.json")
    ids = tiny.tokenizer("wordpiece").convert_tokens_to_ids(["soup", "wall"])
    assert answers["fr"] == AnswerPair("soup", "wall", *ids)


@pytest.mark.parametrize("pair", [["oui", "no"], ["yes", "non"], ["[UNK]", "no"]])
def test_named_pieces_must_be_in_the_vocabulary(pair: list[str]) -> None:
    with pytest.raises(InputError, match=r"unimc\.json: answers of 'en': .* are not both in the vocabulary"):
        Answers.read({"en": pair}, tiny.tokenizer("wordpiece"), "unimc.json")


@pytest.mark.parametrize(
    "entry",
    [
        ["yes", "no"],
        {},
        {"en": ["yes"]},
        {"en": "yes"},
        {"en": ["yes", 3]},
        {"en": ["yes", "yes"]},
        {"en": None},
    ],
    ids=str,
)
def test_a_malformed_entry_is_named(entry: object) -> None:
    with pytest.raises(InputError, match=r"unimc\.json: "):
        Answers.read(entry, tiny.tokenizer("wordpiece"), "unimc.json")
