"""Knowledgeable verbalizers: many related words for each label, refined on texts without labels (KPT).

Hu et al. 2022, arXiv 2108.02035, section 3.2, without what needs labels: frequency refinement, relevance refinement and
contextualised calibration. The related words come from a list of the user's (a thesaurus, a knowledge base) or from the
model's own vocabulary (`vocabulary.neighbours`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import log

import torch
from torch import Tensor
from torch.nn import functional

from unimc.cloze.model import Cloze
from unimc.cloze.verbalizer import Verbalizer
from unimc.example import InputError, MultipleChoiceExample, shown


@dataclass(frozen=True, slots=True)
class Refined:
    """What was left of the related words, and why the others went.

    Attributes:
        cloze: the model with the refined words and their prior.
        given: related words that the vocabulary knows, besides the labels' own.
        unknown: those that it doesn't.
        rare: those left out because the model hardly ever expects them.
        irrelevant: those left out because they speak for other labels as much.
    """

    cloze: Cloze
    given: int
    unknown: int
    rare: int
    irrelevant: int


def refined(
    cloze: Cloze,
    related: Mapping[str, Sequence[str]],
    texts: Sequence[MultipleChoiceExample],
    *,
    keep: float = 0.5,
    relevance: float = 1.0,
) -> Refined:
    """A prompt with related words, refined on texts of the task (a couple of hundred; their labels are not read).

    A label's own words always stay.

    Args:
        cloze: the model with the labels' own words.
        related: label -> more words for it.
        texts: examples of the task.
        keep: frequency refinement: share of the related words that stay, those that the model expects most often.
        relevance: relevance refinement: how many times as much a word must go with its own label as, on average, with
            the others. What it goes with is the cosine of its calibrated probabilities over the texts with those of the
            label's own words.

    Raises:
        InputError: if a label is unknown, or a setting is out of range.
    """
    own = cloze.prompt.verbalizer
    for label in related:
        if label not in own.words:
            raise InputError(f"related words for {shown(label)}, which is no label; there are: {', '.join(own.labels)}")
    if not 0 < keep <= 1:
        raise InputError(f"keep is {keep}; it is a share of the words, over 0 and at most 1")
    if not texts:
        raise InputError("no texts to refine the related words on; give some of the task's, without labels")
    words, unknown = _known(cloze, related)
    plain = replace(cloze.prompt, prior=None)
    wide = cloze.with_prompt(replace(plain, verbalizer=Verbalizer(words)))
    scores = wide.word_scores(texts, normalised=True)  # (texts, words), log-probabilities
    prior = scores.logsumexp(0) - log(len(texts))
    mine = {text for given in own.words.values() for text in given}
    added = [place for place, word in enumerate(wide.words) if word.text not in mine]
    frequent = set(sorted(added, key=lambda place: (-float(prior[place]), place))[: round(keep * len(added))])
    ratio = _relevance(wide, (scores - prior).exp(), [word.text in mine for word in wide.words])
    relevant = {place for place in frequent if ratio[place] >= relevance}
    left = {wide.words[place].text for place in relevant} | mine
    kept = {label: tuple(word for word in given if word in left) for label, given in words.items()}
    by_word = wide.by_text(prior.tolist())
    made = replace(plain, verbalizer=Verbalizer(kept))
    made = replace(made, prior={word: by_word[word] for given in kept.values() for word in given})
    return Refined(
        cloze.with_prompt(made), len(added), unknown, len(added) - len(frequent), len(frequent) - len(relevant)
    )


def _known(cloze: Cloze, related: Mapping[str, Sequence[str]]) -> tuple[dict[str, tuple[str, ...]], int]:
    """The labels' own words and the related ones after them, without unknown words and repeats; and how many unknown.

    A word that is related to two labels speaks for neither.
    """
    tokenizer, glued = cloze.tokenizer, cloze.prompt.template.mask.glued
    found = {label: list(words) for label, words in cloze.prompt.verbalizer.words.items()}
    taken = {word.ids for word in cloze.words}
    pairs = [(label, word.strip()) for label, words in related.items() for word in words if word.strip()]
    ids = [tuple(one) for one in tokenizer([word for _, word in pairs], glued=glued)]
    labels: dict[tuple[int, ...], set[str]] = {}
    for (label, _), one in zip(pairs, ids, strict=True):
        labels.setdefault(one, set()).add(label)
    unknown = 0
    for (label, word), one in zip(pairs, ids, strict=True):
        if tokenizer.unknown(one):
            unknown += 1
        elif one not in taken and len(labels[one]) == 1:
            taken.add(one)
            found[label].append(word)
    return {label: tuple(words) for label, words in found.items()}, unknown


def _relevance(cloze: Cloze, calibrated: Tensor, own: Sequence[bool]) -> list[float]:
    """For each word, its cosine with its label over the mean of its cosines with the others; (texts, words) given."""
    vectors = functional.normalize(calibrated.T, dim=1)  # (words, texts)
    labels = range(len(cloze.prompt.verbalizer.labels))
    centres = torch.stack(
        [
            calibrated[:, [place for place, word in enumerate(cloze.words) if word.label == label and own[place]]].mean(
                1
            )
            for label in labels
        ]
    )
    near = vectors @ functional.normalize(centres, dim=1).T  # (words, labels)
    of = torch.tensor([word.label for word in cloze.words])
    mine = near.gather(1, of[:, None]).squeeze(1)
    others = (near.sum(1) - mine) / (len(labels) - 1)
    ratios: list[float] = (mine / others.clamp(min=1e-9)).tolist()
    return ratios
