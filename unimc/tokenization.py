"""Texts to token ids, so that no text can produce a special token (DESIGN: "user text is inert")."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from unimc.example import InputError

Ids = array  # of C ints: a quarter of the memory of a list, which counts when a training set is held


class InertTokenizer:
    """Tokenises the parts of examples, many at a time, with every piece of user text taken as mere text.

    "[MASK]", "<mask>" or "</s>" in a text never become the special token of that name: the tokenizer is told to split
    them, and where a Unigram vocabulary still holds them as pieces, the text is broken in two inside the piece.

    Args:
        tokenizer: a fast tokenizer of transformers with CLS, SEP and mask tokens.

    Raises:
        InputError: if the tokenizer has no CLS, SEP or mask token.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        for role in ("cls_token_id", "sep_token_id", "mask_token_id"):
            if getattr(tokenizer, role, None) is None:
                raise InputError(f"the tokenizer has no {role}; UniMC needs the tokenizer of a masked language model")
        self.cls: int = tokenizer.cls_token_id
        self.sep: int = tokenizer.sep_token_id
        self.mask: int = tokenizer.mask_token_id
        self.pad: int = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.sep_token_id
        self.specials: frozenset[int] = frozenset(tokenizer.all_special_ids)
        self._unknown: int | None = tokenizer.unk_token_id
        # The unknown piece is what a text it has no pieces for becomes; it has no say in the structure.
        self._forbidden = self.specials - {self._unknown}
        # Byte-level BPE spells a word differently at the start of a text; asking is surer than a list of families.
        self._space = self._call(["a"])["input_ids"] != self._call([" a"])["input_ids"]

    def __len__(self) -> int:
        return len(self._tokenizer)

    def __call__(self, texts: Sequence[str]) -> list[Ids[int]]:
        """Ids of each text, without special tokens, in one call of the tokenizer.

        Byte-level BPE reads every part as if a space stood before it.
        """
        if not texts:
            return []
        if self._space:
            texts = [f" {text}" if text and not text[0].isspace() else text for text in texts]
        batch = self._call(texts)["input_ids"]
        return [
            array("i", ids if self._forbidden.isdisjoint(ids) else self._broken(text))
            for text, ids in zip(texts, batch, strict=True)
        ]

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The vocabulary's pieces, for people to look at."""
        return list(self._tokenizer.convert_ids_to_tokens(list(ids)))

    def _call(self, texts: Sequence[str], **options: Any) -> Any:
        return self._tokenizer(
            list(texts),
            add_special_tokens=False,
            split_special_tokens=True,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
            **options,
        )

    def _broken(self, text: str) -> list[int]:
        """Ids of a text in which special pieces were found: broken inside every such piece, until none is left.

        The offsets say where a piece stands in the text, also when the normalizer spelt it ("＜mask＞") otherwise.
        """
        encoded = self._call([text], return_offsets_mapping=True)
        ids: list[int] = encoded["input_ids"][0]
        found = [at for piece, at in zip(ids, encoded["offset_mapping"][0], strict=True) if piece in self._forbidden]
        if not found:
            return ids
        middles = [(start + end) // 2 for start, end in found if end - start > 1]
        if not middles:  # nothing left to break: one character that is a special token of its own
            inert = [] if self._unknown is None else [self._unknown]
            return [one for one in ids if one not in self._forbidden] or inert
        return [one for start, end in pairwise([0, *middles, len(text)]) for one in self._broken(text[start:end])]
