"""Other options for an example than those it came with: another order, or fewer of many."""

from __future__ import annotations

import random

from unimc.example import MultipleChoiceExample


def shuffled(example: MultipleChoiceExample, seed: int) -> MultipleChoiceExample:
    """The example with its options in an order drawn by (seed, task, id)."""
    order = list(range(len(example.options)))
    _draws(example, seed, "order").shuffle(order)
    return example.taking(order)


def subsampled(example: MultipleChoiceExample, count: int, seed: int) -> MultipleChoiceExample:
    """The example with at most `count` options, in their old order: all right ones, others drawn by (seed, task, id).

    An example with more right options than `count` keeps them all. Scores over few options are those that a large
    label set would give the same options: they don't see each other.
    """
    if len(example.options) <= count:
        return example
    right = set(example.right or ())
    wrong = [index for index in range(len(example.options)) if index not in right]
    drawn = _draws(example, seed, "options").sample(wrong, max(count - len(right), 0))
    return example.taking(sorted(right.union(drawn)))


def fewest_to_most(example: MultipleChoiceExample, fewest: int, most: int | None, seed: int) -> MultipleChoiceExample:
    """The example with a number of options drawn evenly from `fewest` to `most` (None = all of them), as `subsampled`.

    Every number is as likely, and a model meets questions with two options as often as those with all. The right ones
    are always kept; an example with fewer options than `fewest` stays as it is.
    """
    most = min(len(example.options), most or len(example.options))
    if most <= fewest:
        return subsampled(example, most, seed)
    return subsampled(example, _draws(example, seed, "number").randint(fewest, most), seed)


def _draws(example: MultipleChoiceExample, seed: int, what: str) -> random.Random:
    return random.Random(f"{seed} {what} {example.task} {example.id}")
