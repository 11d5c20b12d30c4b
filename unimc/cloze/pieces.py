"""Parts of a cloze prompt to token ids, with or without a space before them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unimc.tokenization import InertTokenizer

_ANCHORS = ("。", ".", ",", "a")
"""Texts that a glued part is tokenised behind; the first whose pieces stay apart from the part's is taken."""


class PartTokenizer:
    """Tokenises parts so that no text can produce a special token (`InertTokenizer`), where they stand in a sentence.

    SentencePiece and byte-level BPE spell a word after a space otherwise than one that is glued to what stands before
    it, as every word of Chinese is and a full stop too. WordPiece does not.

    Args:
        tokenizer: a fast tokenizer of transformers with CLS, SEP and mask tokens.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.inert = inert = InertTokenizer(tokenizer)
        self._anchors = [(anchor, list(inert([anchor])[0])) for anchor in _ANCHORS]
        self._anchors = [(anchor, ids) for anchor, ids in self._anchors if inert.specials.isdisjoint(ids)]
        self._spaced = any(self._behind([text])[0] != list(inert([text])[0]) for text in ("a", "是", "."))

    def __call__(self, texts: Sequence[str], *, glued: bool = False) -> list[list[int]]:
        """Ids of each text, as if a space stood before it, or nothing."""
        if glued and self._spaced:
            return self._behind(texts)
        return [list(ids) for ids in self.inert(texts)]

    def unknown(self, ids: Sequence[int]) -> bool:
        """Whether a text is not wholly in the vocabulary (or has no piece at all)."""
        return not ids or not self.inert.specials.isdisjoint(ids)

    def piece(self, text: str) -> int | None:
        """The id of one piece, as the vocabulary spells it; None if there is none."""
        found: int | None = self._tokenizer.convert_tokens_to_ids(text)
        return found if found is not None and self.inert.pieces([found]) == [text] else None

    def text(self, piece: int) -> str:
        """What a piece says, without the vocabulary's marks."""
        said: str = self._tokenizer.decode([piece], clean_up_tokenization_spaces=False)
        return said.strip()

    def _behind(self, texts: Sequence[str]) -> list[list[int]]:
        found: dict[int, list[int]] = {}
        for anchor, own in self._anchors:
            left = [place for place in range(len(texts)) if place not in found]
            for place, ids in zip(left, self.inert([f"{anchor}{texts[place]}" for place in left]), strict=True):
                if list(ids[: len(own)]) == own:
                    found[place] = list(ids[len(own) :])
        return [found[place] if place in found else list(self.inert([text])[0]) for place, text in enumerate(texts)]
