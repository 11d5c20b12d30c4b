"""Which examples make which step: planned for a whole epoch, so that every process and every resumed run agrees.

Accelerate's own sharding repeats or loses rows on uneven batches; here every example is in exactly one micro-batch.
"""

from __future__ import annotations

from collections.abc import Sequence

from unimc.collation import batches
from unimc.example import InputError
from unimc.randomness import generator

_BUCKET = 50  # batches' worth of shuffled examples that are sorted by length together


def plan_epoch(
    lengths: Sequence[int], *, seed: int, epoch: int, batch_size: int, max_tokens: int, together: int
) -> list[list[int]]:
    """The micro-batches of an epoch, in order; `together` consecutive ones make a step.

    Examples are shuffled, sorted by length within buckets (little padding, still random), and cut into batches within
    both bounds. So that the steps come out even, some batches are split in two: nothing is dropped or repeated. Where
    every batch is down to one example, the last step is filled up with empty ones.

    Args:
        lengths: tokens of every example.
        seed: of the run.
        epoch: which epoch, from 0.
        batch_size: the most examples in a micro-batch.
        max_tokens: the most tokens in a micro-batch, padding counted.
        together: micro-batches in a step, processes times accumulation steps.

    Returns:
        Indices into `lengths`; the number of micro-batches is a multiple of `together`. Empty ones stand last, and a
        step has one with examples at least.

    Raises:
        InputError: if there are fewer examples than micro-batches in a step.
    """
    if len(lengths) < together:
        raise InputError(f"{len(lengths)} examples can't fill a step of {together} micro-batches; lower accumulation")
    random = generator(seed, epoch, "order")
    shuffled = random.permutation(len(lengths)).tolist()
    bucket = _BUCKET * batch_size
    order = [
        index
        for start in range(0, len(shuffled), bucket)
        for index in sorted(shuffled[start : start + bucket], key=lengths.__getitem__)
    ]
    made = batches(lengths, order, max_rows=batch_size, max_tokens=max_tokens)
    while len(made) % together:
        largest = max(range(len(made)), key=lambda batch: len(made[batch]))
        batch = made[largest]
        if len(batch) == 1:
            break
        made[largest : largest + 1] = [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
    empty: list[list[int]] = [[] for _ in range(-len(made) % together)]
    return [made[batch] for batch in random.permutation(len(made))] + empty
