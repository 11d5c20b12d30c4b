"""Rows to logits: batches by length, halved where a device's memory is too small, the results in the rows' order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from unimc.backends import Backend
from unimc.collation import batches, collate
from unimc.encoding import Encoding
from unimc.example import InputError
from unimc.packing import joined, packs

YesNo = tuple[list[float], list[float]]
"""The yes and the no logits of a row's options."""


def score(
    backend: Backend,
    rows: Sequence[Encoding],
    columns: Sequence[tuple[int, int]],
    *,
    pad: int,
    batch_size: int,
    max_tokens: int,
    pack: int | None = None,
) -> list[YesNo]:
    """The yes and no logits at every O-MASK of each row.

    Args:
        backend: what runs the model.
        rows: the rows.
        columns: for each row, which columns of the backend's logits are yes and no.
        pad: token id to pad with.
        batch_size: the most rows in a batch (packed rows, if any).
        max_tokens: the most tokens in a batch.
        pack: put rows together up to so many tokens; None packs none.

    Raises:
        InputError: if not even one row fits the device's memory, or the model gives what is no number.
    """
    together = packs([len(row) for row in rows], pack) if pack else [[row] for row in range(len(rows))]
    packed = [joined([rows[row] for row in pack_rows]) for pack_rows in together]
    pairs = torch.tensor(columns)  # (rows, 2)
    of_option = [pairs[[row for row in one for _ in rows[row].options]] for one in together]  # (options, 2) each
    found: list[YesNo] = [([], [])] * len(rows)
    for chosen, logits in _batches(backend, packed, pad, batch_size, max_tokens):
        answers = logits.gather(1, torch.cat([of_option[number] for number in chosen]))  # (options, 2)
        if not answers.isfinite().all():
            raise InputError("the model's logits are no numbers: half precision that overflows, or damaged weights")
        start = 0
        for row in (row for number in chosen for row in together[number]):
            end = start + len(rows[row].options)
            yes, no = answers[start:end].unbind(1)
            found[row] = (yes.tolist(), no.tolist())
            start = end
    return found


def _batches(
    backend: Backend, rows: Sequence[Encoding], pad: int, batch_size: int, max_tokens: int
) -> Iterator[tuple[list[int], Tensor]]:
    """Batches with their (options, pieces) logits, the longest rows first so that memory peaks at once."""
    lengths = [len(row) for row in rows]
    left = sorted(range(len(rows)), key=lambda row: -lengths[row])
    while left:
        done = 0
        for chosen in batches(lengths, left, max_rows=batch_size, max_tokens=max_tokens):
            try:
                logits = backend.logits(collate([rows[row] for row in chosen], pad))
            except torch.OutOfMemoryError:
                break
            yield chosen, logits
            done += len(chosen)
        left = left[done:]
        if left:  # out of memory; the error, and what it held, are gone by now
            backend.clear()
            longest = lengths[chosen[0]]
            if len(chosen) == 1:
                raise InputError(
                    f"a row of {longest} tokens takes more memory than {backend.device} has left; "
                    "lower max_length (windows='max' reads all of a passage still) or give dtype=torch.bfloat16"
                )
            max_tokens = len(chosen) * longest // 2
