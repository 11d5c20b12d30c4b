"""The pieces of a model's vocabulary that are words of their own: what a search for label words chooses from."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from unimc.cloze.model import Cloze
from unimc.cloze.verbalizer import Word

_LATIN = 3
"""Letters of the shortest word of an alphabet that is taken; one character is a word in Chinese."""
_HAN = ("一", "鿿")


def whole_words(cloze: Cloze) -> dict[int, str]:
    """Pieces that are a word at the prompt's mask: written out they become the same single piece again.

    Returns:
        Id -> the word.
    """
    tokenizer, glued = cloze.tokenizer, cloze.prompt.template.mask.glued
    specials = tokenizer.inert.specials
    texts = {piece: tokenizer.text(piece) for piece in range(len(tokenizer.inert)) if piece not in specials}
    texts = {piece: text for piece, text in texts.items() if _is_word(text)}
    ids = tokenizer(list(texts.values()), glued=glued)
    return {piece: text for (piece, text), one in zip(texts.items(), ids, strict=True) if one == [piece]}


def neighbours(cloze: Cloze, size: int) -> dict[str, tuple[str, ...]]:
    """For each label the words of the vocabulary nearest to its own words, in the model's own output embeddings.

    A word goes to the label that it is nearest to; the label's own words stand first.

    Args:
        cloze: a model whose prompt has the labels' own words.
        size: words for each label, at most, besides its own.
    """
    known = whole_words(cloze)
    weight, _ = cloze.model.family.decoder(cloze.model.backbone)
    with torch.inference_mode():
        vectors = functional.normalize(weight.float(), dim=1)  # (vocabulary, embedding)
        own = torch.stack(
            [_mean(vectors, [word for word in cloze.words if word.label == label]) for label in _labels(cloze)]
        )
        pieces = torch.tensor(list(known), device=vectors.device)
        near = (vectors[pieces] @ own.T).cpu()  # (words, labels)
    return chosen(cloze, near, [known[piece] for piece in known], size)


def chosen(
    cloze: Cloze, scores: Tensor, words: Sequence[str], size: int, own: bool = True
) -> dict[str, tuple[str, ...]]:
    """The best words of each label, where no word may speak for two.

    Args:
        cloze: the model; of its prompt the labels and, if `own`, their words, which stay.
        scores: (words, labels), the higher the better; a word goes to the label where its score is highest.
        words: the words.
        size: how many for each label, at most.
        own: whether the prompt's own words are kept, before those chosen.
    """
    given = cloze.prompt.verbalizer.words
    taken: Collection[str] = {word for words in given.values() for word in words} if own else set()
    best = scores.argmax(1)
    found = {label: list(words) if own else [] for label, words in given.items()}
    for number, label in enumerate(given):
        mine = (best == number).nonzero().flatten().tolist()
        ranked = sorted(mine, key=lambda place: (-float(scores[place, number]), place))
        picked = [words[place] for place in ranked if words[place] not in taken]
        found[label] += picked[:size]
    return {label: tuple(words) for label, words in found.items()}


def _labels(cloze: Cloze) -> range:
    return range(len(cloze.prompt.verbalizer.labels))


def _mean(vectors: Tensor, words: Sequence[Word]) -> Tensor:
    return functional.normalize(vectors[[piece for word in words for piece in word.ids]].mean(0), dim=0)


def _is_word(text: str) -> bool:
    if not text.isalpha():
        return False
    han = all(_HAN[0] <= character <= _HAN[1] for character in text)
    return han or (len(text) >= _LATIN and text.isascii() and text.islower())
