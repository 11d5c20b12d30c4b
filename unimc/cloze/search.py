"""Label words found from a few labelled examples, in the manner of PETAL (Schick, Schmid and Schütze 2020).

arXiv 2010.13641. A word is good for a label if the model expects it at the mask of that label's examples and not at
those of the others: the difference of its mean log-probability on the one and on the other, where every label counts
the same, whatever its share. Choosing by the difference and not by the probability is what that paper found to matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from unimc.cloze.model import Cloze
from unimc.cloze.verbalizer import Verbalizer
from unimc.cloze.vocabulary import chosen, whole_words
from unimc.example import InputError, MultipleChoiceExample

FREQUENT = 2000
"""Words that are searched: those that the model expects most, over all examples (rare ones differ by chance)."""


def found_words(
    cloze: Cloze, examples: Sequence[MultipleChoiceExample], *, size: int = 5, frequent: int = FREQUENT
) -> Cloze:
    """The model with label words that were found from labelled examples; the words it had don't count.

    They were chosen by how much more they are expected, not how much, so they get a prior: that over the same examples.

    Args:
        cloze: the model; of its prompt the template and the labels.
        examples: labelled examples, some for every label.
        size: words for each label, at most.
        frequent: how many words are searched.

    Raises:
        InputError: if a label has no example or an example no label, or the vocabulary has no words for a label.
    """
    if size < 1:
        raise InputError(f"size is {size}; a label needs at least 1 word")
    every_label(cloze, examples)
    labels = cloze.prompt.verbalizer.labels
    gold = torch.tensor([labels.index(label) for label in labels_of(cloze, examples)])
    known = whole_words(cloze)
    pieces = torch.tensor(list(known))
    if not len(pieces):
        raise InputError("this model's vocabulary has no whole words to search; give the words")
    sums = torch.zeros(len(labels), len(pieces), dtype=torch.float64)
    expected = torch.zeros(len(pieces), dtype=torch.float64)
    for batch, log_p in cloze.vocabulary(examples):
        own = log_p[:, pieces].double()
        sums.index_add_(0, gold[batch], own)
        expected += own.exp().sum(0)
    means = sums / torch.bincount(gold, minlength=len(labels))[:, None]
    others = (means.sum(0) - means) / (len(labels) - 1)
    searched = expected.topk(min(frequent, len(pieces))).indices
    words = [known[int(pieces[place])] for place in searched]
    best = chosen(cloze, (means - others)[:, searched].T, words, size, own=False)
    if lacking := [label for label, words in best.items() if not words]:
        raise InputError(f"no word speaks for label {lacking[0]!r} more than for others; give more examples")
    made = replace(cloze.prompt, verbalizer=Verbalizer(best), prior=None)
    return cloze.with_prompt(made).calibrated(examples)


def labels_of(cloze: Cloze, examples: Sequence[MultipleChoiceExample]) -> list[str]:
    """Names of the examples' right options.

    Raises:
        InputError: if an example has no label, or one without words.
    """
    known = cloze.prompt.verbalizer.words
    found = []
    for example in examples:
        if example.label is None:
            raise example.error("it has no label; a search needs labelled examples")
        name = example.names[example.label]
        if name not in known:
            raise example.error(f"its label {name!r} is none of the prompt's ({', '.join(known)})")
        found.append(name)
    return found


def every_label(cloze: Cloze, examples: Sequence[MultipleChoiceExample]) -> None:
    """Raises `InputError` if a label has no example."""
    there = set(labels_of(cloze, examples))
    if lacking := [label for label in cloze.prompt.verbalizer.labels if label not in there]:
        raise InputError(f"no example for label {lacking[0]!r}; a search needs some for every label")
