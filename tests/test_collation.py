"""Rows to tensors, and rows to batches."""

from __future__ import annotations

from itertools import pairwise

import tiny
import torch
from hypothesis import given
from hypothesis import strategies as st

from unimc import MultipleChoiceExample
from unimc.collation import batches, collate

ROWS = [
    tiny.encoder("bert")(MultipleChoiceExample(["sport", "food and snow", "音乐"], "what", "the soup was late")),
    tiny.encoder("bert")(MultipleChoiceExample(["汤"], "", "雨")),
    tiny.encoder("bert")(MultipleChoiceExample(["天晚", "汤"], "", "外面下雨")),
]


def test_rows_are_padded_at_the_end() -> None:
    batch = collate(ROWS, pad=77)
    longest = max(map(len, ROWS))
    for field, filler in (("input_ids", 77), ("option_ids", -1), ("position_ids", 0), ("token_type_ids", 0)):
        tensor = getattr(batch, field)
        assert tensor.dtype == torch.long
        assert tensor.tolist() == [[*getattr(row, field), *[filler] * (longest - len(row))] for row in ROWS]


def test_o_masks_are_found_in_the_flattened_batch() -> None:
    batch = collate(ROWS, pad=0)
    assert batch.input_ids.flatten()[batch.option_places].tolist() == [4] * 6
    assert batch.option_rows.tolist() == [0, 0, 0, 1, 2, 2]
    assert (batch.option_places // batch.input_ids.shape[1]).tolist() == batch.option_rows.tolist()


def test_corrupted_ids_take_the_place_of_the_rows_own() -> None:
    corrupted = [[9] * len(row) for row in ROWS]
    batch = collate(ROWS, 0, corrupted)
    assert batch.input_ids.tolist() == [[9] * len(row) + [0] * (max(map(len, ROWS)) - len(row)) for row in ROWS]
    assert torch.equal(batch.option_ids, collate(ROWS, 0).option_ids)


def test_what_the_model_takes_is_named_as_it_takes_it() -> None:
    assert list(collate(ROWS, 0).inputs()) == [
        "input_ids",
        "option_ids",
        "position_ids",
        "token_type_ids",
        "option_places",
    ]
    assert collate(ROWS, 0).to("meta").option_rows.device.type == "meta"


BOUND = st.none() | st.integers(1, 60)


@given(st.lists(st.integers(1, 50), max_size=30), BOUND, BOUND, st.randoms(use_true_random=False))
def test_batches_hold_every_row_once_in_order_and_within_both_bounds(
    lengths: list[int], max_rows: int | None, max_tokens: int | None, random: object
) -> None:
    order = list(range(len(lengths)))
    random.shuffle(order)  # type: ignore[attr-defined]
    made = batches(lengths, order, max_rows=max_rows, max_tokens=max_tokens)
    assert [row for batch in made for row in batch] == order
    for batch in made:
        assert max_rows is None or len(batch) <= max_rows
        assert max_tokens is None or len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= max_tokens


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), BOUND, BOUND)
def test_a_batch_is_closed_only_when_the_next_row_does_not_fit(
    lengths: list[int], max_rows: int | None, max_tokens: int | None
) -> None:
    made = batches(lengths, range(len(lengths)), max_rows=max_rows, max_tokens=max_tokens)
    for batch, following in pairwise(made):
        grown = [*batch, following[0]]
        too_many = max_rows is not None and len(grown) > max_rows
        too_long = max_tokens is not None and len(grown) * max(lengths[row] for row in grown) > max_tokens
        assert too_many or too_long


def test_batches_take_part_of_the_rows_too() -> None:
    assert batches([5, 9, 5], iter([2, 0]), max_rows=1) == [[2], [0]]
    assert batches([], [], max_rows=1) == []
