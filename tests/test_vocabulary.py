"""Smaller vocabularies: what stays is read as before, and everything can still be read."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
import tiny
import torch

from unimc import InputError, MultipleChoiceExample, UniMC, vocabulary
from unimc.checkpoint import Checkpoint

KINDS = {"unigram": "albert", "wordpiece": "bert"}
"""A kind of tokenizer and a family that has it."""
TEXTS = ["the soup was late", "it was not very good", "what is it", "火车晚了", "天有雨", "food money music"]
EXAMPLES = [
    MultipleChoiceExample(["food", "money"], "what is it", "the soup was late"),
    MultipleChoiceExample(["music", "food"], "", "it was not very good"),
]


@pytest.fixture(params=KINDS)
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A checkpoint on disk, one of each kind of tokenizer."""
    made = tiny.checkpoint(KINDS[request.param])
    Checkpoint(made.model, made.tokenizer, made.answers, 90, licences=["backbone tiny: MIT"]).save(tmp_path / "whole")
    return tmp_path / "whole"


def smaller(folder: Path, most_rare: int = 10) -> Path:
    """The folder cut so that all that TEXTS need stays, and so many pieces go."""
    size = json.loads((folder / "config.json").read_text())["vocab_size"] - most_rare
    kept = vocabulary.chosen(folder, size, vocabulary.frequencies(folder, TEXTS))
    return vocabulary.cut(folder, folder.parent / "cut", kept)


def tokenized(folder: Path, texts: list[str]) -> list[list[str]]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    return [tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"]) for text in texts]


def test_texts_of_kept_pieces_are_split_as_before(folder: Path) -> None:
    assert tokenized(smaller(folder), TEXTS) == tokenized(folder, TEXTS)


def test_texts_of_kept_pieces_get_the_same_logits(folder: Path) -> None:
    whole, cut = (UniMC.from_pretrained(path, device="cpu") for path in (folder, smaller(folder)))
    assert cut.predict(EXAMPLES) == whole.predict(EXAMPLES)
    pieces = [whole.checkpoint.tokenizer, cut.checkpoint.tokenizer]
    kept = sorted(pieces[1].get_vocab())
    for example in EXAMPLES:
        before, after = (
            tiny.option_logits(model.checkpoint, [model.encoder(example)])[0][:, tokenizer.convert_tokens_to_ids(kept)]
            for model, tokenizer in zip((whole, cut), pieces, strict=True)
        )
        torch.testing.assert_close(after, before, rtol=0, atol=1e-6)


def test_a_cut_checkpoint_keeps_all_else(folder: Path) -> None:
    before, after = (json.loads((path / "unimc.json").read_text()) for path in (folder, smaller(folder)))
    assert {**after, "answer_ids": None} == {**before, "answer_ids": None}
    weights = [UniMC.from_pretrained(path, device="cpu").model.backbone for path in (folder, folder.parent / "cut")]
    sizes = [backbone.get_input_embeddings().weight.shape[0] for backbone in weights]
    assert sizes[0] - sizes[1] == 10
    assert weights[1].config.vocab_size == sizes[1]
    assert weights[1].config.pad_token_id == weights[0].config.pad_token_id


def test_a_text_of_pieces_that_went_is_split_into_shorter_ones_and_never_unknown(folder: Path) -> None:
    """Every piece of one character stays."""
    cut = smaller(folder)
    gone = ["both of them and then", "an answer in time"]
    assert [len(pieces) for pieces in tokenized(cut, gone)] != [len(pieces) for pieces in tokenized(folder, gone)]
    assert vocabulary.coverage(cut, gone).unknown == 0


def test_what_must_stay_stays_however_rare(folder: Path) -> None:
    whole = json.loads((folder / "tokenizer.json").read_text())
    specials = {token["content"] for token in whole["added_tokens"]}
    kept = set(vocabulary.chosen(folder, len(tiny_pieces(folder)) - 30, Counter()))
    answers = {piece for pair in json.loads((folder / "unimc.json").read_text())["answers"].values() for piece in pair}
    assert specials | answers | set(tiny.HAN) | set(tiny.LETTERS) | set(tiny.PUNCTUATION) <= kept


def test_frequent_pieces_stay_before_rare_ones_and_without_texts_the_first_ranked(folder: Path) -> None:
    size = json.loads((folder / "config.json").read_text())["vocab_size"] - 1
    counts = vocabulary.frequencies(folder, [" ".join(tiny.WORDS), " ".join(set(tiny.WORDS) - {"snow"})])
    (rarest,) = set(tiny_pieces(folder)) - set(vocabulary.chosen(folder, size, counts))
    assert rarest in ("snow", "▁snow")
    (last,) = set(tiny_pieces(folder)) - set(vocabulary.chosen(folder, size, Counter()))
    assert last == [piece for piece in tiny_pieces(folder) if piece in counts and len(piece.strip("▁")) > 1][-1]


def tiny_pieces(folder: Path) -> list[str]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    return list(tokenizer.convert_ids_to_tokens(range(len(tokenizer))))


def test_coverage_counts_tokens_and_unknown_ones(folder: Path) -> None:
    found = vocabulary.coverage(folder, ["rain snow", "rain 囍"])
    assert (found.texts, found.unknown) == (2, 1)
    assert found.tokens == sum(
        len(pieces) - 2 * with_specials(folder) for pieces in tokenized(folder, ["rain snow", "rain 囍"])
    )
    assert found.tokens_per_text == found.tokens / 2
    assert found.unknown_rate == 1 / found.tokens


def with_specials(folder: Path) -> bool:
    """Whether the tokenizer puts two specials around a text (the tiny ones don't)."""
    return len(tokenized(folder, [""])[0]) == 2


@pytest.mark.parametrize("size", [3, 100_000])
def test_a_size_that_can_not_be_is_refused(folder: Path, size: int) -> None:
    with pytest.raises(InputError, match=rf"^--pieces {size}: this vocabulary can keep .* pieces$"):
        vocabulary.chosen(folder, size, Counter())


def test_leaving_out_an_answer_or_a_special_is_refused(folder: Path) -> None:
    pieces = tiny_pieces(folder)
    for needed in ("是", json.loads((folder / "tokenizer.json").read_text())["added_tokens"][0]["content"]):
        with pytest.raises(InputError, match=f"the piece {needed!r} can't be left out".replace("[", r"\[")):
            vocabulary.cut(folder, folder.parent / "cut", set(pieces) - {needed})
    assert not (folder.parent / "cut").exists()


def test_another_kind_of_tokenizer_is_refused(tmp_path: Path) -> None:
    tiny.checkpoint("roberta").save(tmp_path)
    with pytest.raises(InputError, match="a tokenizer of type BPE; only Unigram and WordPiece can be cut"):
        vocabulary.chosen(tmp_path, 100, Counter())


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no tokenizer\.json"):
        vocabulary.frequencies(tmp_path, [])
