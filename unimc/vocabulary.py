"""Smaller vocabularies: a folder with some of its pieces, and of their rows in the embeddings, left out.

In a small multilingual model most weights are embeddings of pieces that two languages never use. Leaving them out
changes nothing for a text whose pieces all stay: Unigram takes the likeliest split and WordPiece the longest match, and
what won before wins among fewer rivals. Other texts are split into shorter pieces. Every piece of one character stays:
a character that has a piece of its own never becomes unknown.
"""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from unimc.answers import CANDIDATES
from unimc.example import InputError

_TOKENIZER, _CONFIG, _WEIGHTS, _ENTRY = "tokenizer.json", "config.json", "model.safetensors", "unimc.json"
_DERIVED = (
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "special_tokens_map.json",
)
"""Files that hold the old vocabulary once more; transformers needs none of them beside tokenizer.json."""
_ONE_CHARACTER = re.compile(r"(##)?.|<0x[0-9A-F]{2}>", re.DOTALL)
"""Pieces of one character, or (with byte fallback) one byte of one."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a vocabulary makes of some texts.

    Attributes:
        texts: how many.
        tokens: their tokens, all together.
        unknown: those of them that are the unknown piece.
    """

    texts: int
    tokens: int
    unknown: int

    @property
    def tokens_per_text(self) -> float:
        """Mean length in tokens."""
        return self.tokens / max(self.texts, 1)

    @property
    def unknown_rate(self) -> float:
        """Share of tokens that are the unknown piece."""
        return self.unknown / max(self.tokens, 1)


def frequencies(folder: Path, texts: Iterable[str]) -> Counter[str]:
    """How often each piece of a folder's tokenizer stands in the texts, without special tokens around them.

    Raises:
        InputError: if the tokenizer is neither Unigram nor WordPiece.
    """
    from tokenizers import Tokenizer

    described = _described(folder)
    tokenizer = Tokenizer.from_str(json.dumps({**described, "truncation": None, "padding": None}))
    pieces = _pieces(described)
    counts: Counter[str] = Counter()
    left = iter(texts)
    while some := list(islice(left, 1000)):
        for encoding in tokenizer.encode_batch(some, add_special_tokens=False):
            counts.update(pieces[piece] for piece in encoding.ids)
    return counts


def coverage(folder: Path, texts: Sequence[str]) -> Coverage:
    """What a folder's tokenizer makes of the texts.

    Raises:
        InputError: as `frequencies`.
    """
    described = _described(folder)
    counts = frequencies(folder, texts)
    model = described["model"]
    unknown = _pieces(described)[model["unk_id"]] if model["type"] == "Unigram" else model["unk_token"]
    return Coverage(len(texts), counts.total(), counts[unknown])


def chosen(folder: Path, size: int, counts: Counter[str]) -> list[str]:
    """The pieces to keep, in the vocabulary's order.

    All that must stay (special tokens, answer pieces of every language, every piece of one character), then the most
    frequent ones, then (as far as the texts don't fill the vocabulary) those that it ranks first.

    Args:
        folder: a transformers folder with a Unigram or WordPiece tokenizer.
        size: how many pieces.
        counts: how often each piece stands in texts of the kind that the model is for; may be empty.

    Raises:
        InputError: if the size is not between what must stay and what is there, or the tokenizer is of another kind.
    """
    described = _described(folder)
    pieces = _pieces(described)
    needed = {piece for piece in pieces if _ONE_CHARACTER.fullmatch(piece)}
    needed |= {token["content"] for token in described["added_tokens"]}
    needed |= {piece for pairs in CANDIDATES.values() for pair in pairs for piece in pair} | _answers(folder)
    needed &= set(pieces)
    if not len(needed) <= size <= len(pieces):
        raise InputError(
            f"--pieces {size}: this vocabulary can keep {len(needed):,} (characters, specials, answers) to "
            f"{len(pieces):,} pieces"
        )
    rank = {piece: place for place, piece in enumerate(pieces)}
    rest = sorted(rank.keys() - needed, key=lambda piece: (-counts[piece], rank[piece]))
    return sorted(needed | set(rest[: size - len(needed)]), key=rank.__getitem__)


def cut(folder: Path, output: Path, kept: Collection[str]) -> Path:
    """Writes a folder with these pieces alone.

    Args:
        folder: a transformers folder (encoder or masked LM, with or without `unimc.json`), safetensors, with a Unigram
            or WordPiece tokenizer.json.
        output: where to write it; must not be there yet.
        kept: the pieces that stay; ids are given anew, in the old order.

    Returns:
        `output`.

    Raises:
        InputError: if a special token or an answer piece of its `unimc.json` is not kept, or the tokenizer is of
            another kind.
    """
    from safetensors.torch import load_file, save_file

    described = _described(folder)
    pieces = _pieces(described)
    wanted = set(kept)
    for piece in [*(token["content"] for token in described["added_tokens"]), *sorted(_answers(folder))]:
        if piece not in wanted:
            raise InputError(f"{folder}: the piece {piece!r} can't be left out; it is a special token or an answer")
    rows = [old for old, piece in enumerate(pieces) if piece in wanted]
    new_id = {old: new for new, old in enumerate(rows)}
    config = _json(folder / _CONFIG)
    before = config["vocab_size"]
    if before in (value for key, value in config.items() if key != "vocab_size"):
        raise InputError(
            f"{folder}: another size is {before} too, as many as pieces; which rows are pieces can't be told"
        )
    for key, value in config.items():
        if key.endswith("_token_id") and isinstance(value, int):
            config[key] = new_id.get(value, value)
    output.mkdir(parents=True)
    for path in folder.iterdir():
        if path.is_file() and path.name not in (_TOKENIZER, _CONFIG, _WEIGHTS, _ENTRY, *_DERIVED):
            shutil.copyfile(path, output / path.name)
    _dump(output / _TOKENIZER, _renumbered(described, new_id), compact=True)
    _dump(output / _CONFIG, {**config, "vocab_size": len(rows)})
    state = load_file(folder / _WEIGHTS)
    state = {name: tensor[rows] if list(tensor.shape[:1]) == [before] else tensor for name, tensor in state.items()}
    save_file(state, output / _WEIGHTS, metadata={"format": "pt"})
    if entry := _entry(folder):
        ids = entry.get("answer_ids", {})
        _dump(output / _ENTRY, {**entry, "answer_ids": {name: [new_id[old] for old in ids[name]] for name in ids}})
    return output


def _entry(folder: Path) -> dict[str, Any]:
    return _json(folder / _ENTRY) if (folder / _ENTRY).is_file() else {}


def _answers(folder: Path) -> set[str]:
    """The answer pieces that its `unimc.json` names."""
    return {piece for pair in _entry(folder).get("answers", {}).values() for piece in pair}


def _renumbered(described: dict[str, Any], new_id: dict[int, int]) -> dict[str, Any]:
    model = dict(described["model"])
    if model["type"] == "Unigram":
        model["vocab"] = [model["vocab"][old] for old in new_id]
        model["unk_id"] = new_id[model["unk_id"]]
    else:
        model["vocab"] = {piece: new_id[old] for piece, old in model["vocab"].items() if old in new_id}
    added = [{**token, "id": new_id[token["id"]]} for token in described["added_tokens"]]
    processor = described.get("post_processor")
    return {**described, "model": model, "added_tokens": added, "post_processor": _processor(processor, new_id)}


def _processor(processor: dict[str, Any] | None, new_id: dict[int, int]) -> dict[str, Any] | None:
    """The part that puts specials around a text: it names them by their ids."""
    if processor is None:
        return None
    renewed = dict(processor)
    for role in ("sep", "cls"):
        if role in renewed:
            piece, old = renewed[role]
            renewed[role] = [piece, new_id[old]]
    if processor["type"] == "TemplateProcessing":
        tokens = processor["special_tokens"].items()
        renewed["special_tokens"] = {name: {**t, "ids": [new_id[old] for old in t["ids"]]} for name, t in tokens}
    return renewed


def _pieces(described: dict[str, Any]) -> list[str]:
    """The vocabulary, each piece at its id."""
    vocabulary = described["model"]["vocab"]
    if described["model"]["type"] == "Unigram":
        return [piece for piece, _ in vocabulary]
    return sorted(vocabulary, key=vocabulary.__getitem__)


def _described(folder: Path) -> dict[str, Any]:
    path = folder / _TOKENIZER
    if not path.is_file():
        raise InputError(f"{folder}: no {_TOKENIZER}; only a folder with one can get a smaller vocabulary")
    described = _json(path)
    kind = described["model"].get("type")
    if kind not in ("Unigram", "WordPiece"):
        raise InputError(f"{path}: a tokenizer of type {kind}; only Unigram and WordPiece can be cut")
    outside = [
        token["content"] for token in described["added_tokens"] if token["id"] >= len(described["model"]["vocab"])
    ]
    if outside:
        raise InputError(f"{path}: special tokens outside the vocabulary ({', '.join(outside[:3])}); it can't be cut")
    return described


def _json(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def _dump(path: Path, value: dict[str, Any], compact: bool = False) -> None:
    form: dict[str, Any] = {"separators": (",", ":")} if compact else {"indent": 2}
    path.write_text(json.dumps(value, ensure_ascii=False, **form) + "\n", encoding="utf-8")
