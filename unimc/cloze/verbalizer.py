"""Verbalizers: from a label to the words that speak for it at the mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from unimc.cloze.pieces import PartTokenizer
from unimc.example import InputError, shown


@dataclass(frozen=True, slots=True)
class Verbalizer:
    """For every label one word or several, of one piece of the vocabulary or more.

    Args:
        words: label name -> its words.

    Raises:
        InputError: if there are fewer than two labels, a label has no words, or a word stands for two labels.
    """

    words: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        if not isinstance(self.words, Mapping) or len(self.words) < 2:
            raise InputError("words must name two labels or more, as {good: [great, nice], bad: [terrible]}")
        made: dict[str, tuple[str, ...]] = {}
        owner: dict[str, str] = {}
        for label, words in self.words.items():
            if not isinstance(label, str):
                raise InputError(f"words: the label {shown(label)} is not a text; put it in quotes")
            words = [words] if isinstance(words, str) else words
            if not isinstance(words, Sequence) or not words:
                raise InputError(f"words of label {shown(label)}: give one word or a list of words")
            for word in words:
                if not isinstance(word, str) or not word.strip():
                    raise InputError(f"words of label {shown(label)}: {shown(word)} is no word; put it in quotes")
                other = owner.setdefault(word, label)
                if other != label:
                    raise InputError(f"the word {shown(word)} stands for {shown(other)} and for {shown(label)}")
            made[label] = tuple(dict.fromkeys(words))
        object.__setattr__(self, "words", made)

    @classmethod
    def of_names(cls, names: Sequence[str]) -> Verbalizer:
        """Each label's own name, with spaces for underscores."""
        return cls({name: (name.replace("_", " "),) for name in names})

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order given."""
        return tuple(self.words)


@dataclass(frozen=True, slots=True)
class Word:
    """A label word as the model reads it: its label's place in the verbalizer, and its pieces."""

    text: str
    label: int
    ids: tuple[int, ...]


def tokenised(verbalizer: Verbalizer, tokenizer: PartTokenizer, *, glued: bool) -> tuple[Word, ...]:
    """The words of a verbalizer, label after label.

    Args:
        verbalizer: the words.
        tokenizer: of the model.
        glued: whether no space stands before the mask.

    Raises:
        InputError: if a word is not in the vocabulary, or two labels' words are the same to it.
    """
    pairs = [(label, text) for label, words in enumerate(verbalizer.words.values()) for text in words]
    found: list[Word] = []
    owners: dict[tuple[int, ...], Word] = {}
    for (label, text), ids in zip(pairs, tokenizer([text for _, text in pairs], glued=glued), strict=True):
        word = Word(text, label, tuple(ids))
        name = verbalizer.labels[label]
        if tokenizer.unknown(ids):
            raise InputError(
                f"the word {shown(text)} of label {shown(name)} is unknown to this model's vocabulary "
                f"({' '.join(tokenizer.inert.pieces(ids)) or 'no pieces'}); give another word"
            )
        same = owners.setdefault(word.ids, word)
        if same.label != label:
            raise InputError(
                f"the words {shown(same.text)} of label {shown(verbalizer.labels[same.label])} and {shown(text)} of "
                f"label {shown(name)} are the same pieces to this model; give another word"
            )
        if same is word:
            found.append(word)
    return tuple(found)
