"""Labels in a tree ("sport > football"): asked from the top down, with scores that multiply to one, or all at once.

Beyond the paper.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unimc.example import InputError, in_order, shown
from unimc.prediction import Prediction

if TYPE_CHECKING:
    from unimc.inference import UniMC

SEPARATOR = " > "

Tree = Mapping[str, Any]
"""Label -> its own labels (a mapping or a list), its wording (a text), or None for a leaf that is read as its name."""


@dataclass(frozen=True, slots=True)
class Node:
    """A question of the tree: which of these labels.

    Attributes:
        path: the labels above; () at the top.
        children: label -> the words that the model reads.
    """

    path: tuple[str, ...]
    children: dict[str, str]

    def name(self, child: str) -> str:
        """A child with all that stands above it."""
        return SEPARATOR.join([*self.path, child])


def nodes(tree: Tree | Sequence[str], path: tuple[str, ...] = ()) -> Iterator[Node]:
    """The questions of a tree, from the top.

    Raises:
        InputError: if a label is empty or holds the separator, or a value is no tree, wording or None.
    """
    where = f" below {SEPARATOR.join(path)!r}" if path else ""
    if isinstance(tree, str) or not isinstance(tree, Mapping | Sequence) or not tree:
        raise InputError(f"labels{where} must be a mapping or a list with at least one label, not {tree!r}")
    for label in tree:  # before a list of them becomes keys
        if isinstance(label, Mapping | Sequence) and not isinstance(label, str):
            raise InputError(
                f"label {shown(label)}{where} must be a text; write labels that have labels of their own as a mapping, "
                "{label: [labels below it]}, with None below those that have none"
            )
    entries: Mapping[str, Any] = tree if isinstance(tree, Mapping) else dict.fromkeys(tree)
    if len(entries) < len(tree):
        raise InputError(f"a label{where} is given twice")
    for label, below in entries.items():
        if not isinstance(label, str) or not label.strip() or SEPARATOR.strip() in label:
            raise InputError(f"label {label!r}{where} must be a text without {SEPARATOR.strip()!r}")
        if not isinstance(below, str | Mapping | Sequence | None):
            raise InputError(f"label {label!r}{where}: give labels, a wording or None, not {below!r}")
    yield Node(path, {label: below if isinstance(below, str) else label for label, below in entries.items()})
    for label, below in entries.items():
        if below is not None and not isinstance(below, str):
            yield from nodes(below, (*path, label))


def classify(
    model: UniMC,
    texts: Sequence[str],
    tree: Tree | Sequence[str],
    *,
    question: str = "",
    language: str | None = None,
    batch_size: int = 32,
    flat: bool = False,
) -> list[Prediction]:
    """Which leaf of a tree fits each text.

    From the top down, every question of the tree is asked once a text; a leaf's score is the product of the scores on
    its way, so that all leaves together have one. An uncertain top keeps several branches alive, as a walk from the top
    would not. Flat, all leaves are the options of one question: fewer rows, and a leaf that fits better than the labels
    above it has its chance, but the model tells many options apart at once.

    Args:
        model: the model.
        texts: the texts.
        tree: nested mappings and lists of labels.
        question: the instruction of every question.
        language: of the texts; told from their script if None.
        batch_size: the most rows in a batch.
        flat: whether to ask for all leaves at once. A leaf without a wording of its own is read as its whole path.

    Returns:
        A prediction for each text, over the leaves; their names are whole paths, their margins those of the last
        question. `truncated` counts the longest cut, `rows` all rows.

    Raises:
        InputError: if the tree is not valid, the texts are one text, or as `UniMC.classify`.
    """
    if not in_order(texts):
        advice = f"; write [{shown(texts)}]" if isinstance(texts, str) else ""
        raise InputError(f"texts must be a list of texts, not {type(texts).__name__}{advice}")
    texts = list(texts)
    asked = list(nodes(tree))
    if flat:
        return model.classify(texts, _all_leaves(asked), question=question, language=language, batch_size=batch_size)
    found = model.classify(
        [text for text in texts for _ in asked],
        [node.children for _ in texts for node in asked],
        question=question,
        language=language,
        batch_size=batch_size,
    )
    return [_leaves(asked, found[start : start + len(asked)]) for start in range(0, len(found), len(asked))]


def _all_leaves(asked: Sequence[Node]) -> dict[str, str]:
    """Whole path -> wording, of every leaf."""
    inner = {node.path for node in asked}
    leaves = [(node, label, words) for node in asked for label, words in node.children.items()]
    return {
        node.name(label): node.name(label) if words == label else words
        for node, label, words in leaves
        if (*node.path, label) not in inner
    }


def _leaves(asked: Sequence[Node], answers: Sequence[Prediction]) -> Prediction:
    """The product of the scores on the way to every leaf."""
    inner = {node.path for node in asked}
    reached: dict[tuple[str, ...], float] = {(): 1.0}
    leaves: list[tuple[str, str, float, float]] = []  # name, wording, score, margin
    for node, answer in zip(asked, answers, strict=True):  # a node comes after the one above it
        for label, words, score, margin in zip(
            answer.names, answer.options, answer.scores, answer.margins, strict=True
        ):
            share = reached[node.path] * score
            path = (*node.path, label)
            if path in inner:
                reached[path] = share
            else:
                leaves.append((node.name(label), words, share, margin))
    names, options, scores, margins = zip(*leaves, strict=True)
    best = max(range(len(scores)), key=scores.__getitem__)
    return Prediction(
        options=options,
        names=names,
        scores=scores,
        margins=margins,
        label=best,
        labels=(best,),
        rows=sum(answer.rows for answer in answers),
        tokens=sum(answer.tokens for answer in answers),
        truncated=max(answer.truncated for answer in answers),
    )
