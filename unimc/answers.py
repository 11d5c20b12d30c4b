"""The pieces that stand for "yes" and "no", one pair per language (UniMC, section 3.3; DESIGN, section 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unimc.example import InputError, shown

CANDIDATES: dict[str, tuple[tuple[str, str], ...]] = {
    "en": (("▁yes", "▁no"), ("Ġyes", "Ġno"), ("yes", "no")),
    "zh": (("是", "非"), ("▁是", "▁非")),
}
"""Pairs looked for in a vocabulary, in this order: SentencePiece, byte-level BPE, WordPiece for English."""


@dataclass(frozen=True, slots=True)
class AnswerPair:
    """The pieces of one language and their ids in the vocabulary."""

    yes: str
    no: str
    yes_id: int
    no_id: int


@dataclass(frozen=True)
class Answers:
    """The answer pairs of a checkpoint, by language."""

    pairs: Mapping[str, AnswerPair]

    @classmethod
    def look_up(cls, tokenizer: Any) -> Answers:
        """The pairs that a vocabulary holds, for folders that don't say which they use.

        Raises:
            InputError: if it holds none.
        """
        pairs = {}
        for language, candidates in CANDIDATES.items():
            found = (_pair(tokenizer, *candidate) for candidate in candidates)
            if pair := next(filter(None, found), None):
                pairs[language] = pair
        if not pairs:
            tried = "; ".join(f"{yes} {no}" for candidates in CANDIDATES.values() for yes, no in candidates)
            raise InputError(f"the vocabulary holds no pair of answer pieces (looked for {tried})")
        return cls(pairs)

    @classmethod
    def read(cls, entry: Any, tokenizer: Any, where: str) -> Answers:
        """The pairs that `unimc.json` names.

        Raises:
            InputError: if the entry has another form, or one of them is not a piece of the vocabulary.
        """
        if not isinstance(entry, Mapping) or not entry:
            raise InputError(f"{where}: answers must be an object of language: [yes, no], with one language at least")
        pairs = {}
        for language, pieces in entry.items():
            match pieces:
                case [str(yes), str(no)] if yes != no:
                    pair = _pair(tokenizer, yes, no)
                case _:
                    raise InputError(f"{where}: answers of {language!r} must be two different pieces, not {pieces!r}")
            if pair is None:
                raise InputError(f"{where}: answers of {language!r}: {yes!r} and {no!r} are not both in the vocabulary")
            pairs[language] = pair
        return cls(pairs)

    def to_dict(self) -> dict[str, list[str]]:
        """Language to [yes piece, no piece], as `unimc.json` has it."""
        return {language: [pair.yes, pair.no] for language, pair in self.pairs.items()}

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages with a pair."""
        return tuple(self.pairs)

    @property
    def ids(self) -> list[int]:
        """The vocabulary rows of all pairs: yes and no of the first language, then of the next."""
        return [piece for pair in self.pairs.values() for piece in (pair.yes_id, pair.no_id)]

    def columns(self, language: str) -> tuple[int, int]:
        """Where the yes and the no of a language stand in `ids`."""
        self[language]
        yes = 2 * list(self.pairs).index(language)
        return yes, yes + 1

    def __getitem__(self, language: str) -> AnswerPair:
        """The pair of a language.

        Raises:
            InputError: if the checkpoint has none.
        """
        if not isinstance(language, str) or language not in self.pairs:
            raise InputError(
                f"this checkpoint has no answer pieces for language {shown(language)}, only for "
                f"{', '.join(self.languages)}; take a backbone whose vocabulary holds them"
            )
        return self.pairs[language]


def _pair(tokenizer: Any, yes: str, no: str) -> AnswerPair | None:
    yes_id, no_id = tokenizer.convert_tokens_to_ids([yes, no])
    unknown = tokenizer.unk_token_id
    if yes_id in (None, unknown) or no_id in (None, unknown):
        return None
    return AnswerPair(yes, no, yes_id, no_id)
