"""Who may look at whom."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from unimc.attention import additive, isolating_mask, within_window

# Any row has a shared token (its CLS); the rest may be shared, of some option, or padding, in any order.
ROWS = st.lists(st.integers(-1, 4), max_size=14).map(lambda rest: [0, *rest])


@given(ROWS)
def test_the_mask_is_the_formula_for_every_pair(option_ids: list[int]) -> None:
    mask = isolating_mask(torch.tensor([option_ids]))
    assert mask.shape == (1, 1, len(option_ids), len(option_ids))
    for q, query in enumerate(option_ids):
        for k, key in enumerate(option_ids):
            assert mask[0, 0, q, k] == (key != -1 and (query == 0 or key == 0 or query == key))


@given(ROWS)
def test_every_query_sees_something(option_ids: list[int]) -> None:
    """A softmax over nothing is NaN; even padding looks at the shared tokens."""
    assert isolating_mask(torch.tensor([option_ids])).any(-1).all()


@given(ROWS, ROWS)
def test_rows_of_a_batch_are_masked_apart(one: list[int], other: list[int]) -> None:
    length = max(len(one), len(other))
    padded = [[*row, *([-1] * (length - len(row)))] for row in (one, other)]
    mask = isolating_mask(torch.tensor(padded))
    for number, row in enumerate((one, other)):
        size = len(row)
        assert torch.equal(mask[number, :, :size, :size], isolating_mask(torch.tensor([row]))[0])
        assert not mask[number, :, :, size:].any()


@given(st.lists(st.integers(0, 20), min_size=1, max_size=10), st.integers(0, 8))
def test_the_window_is_counted_in_positions(positions: list[int], window: int) -> None:
    near = within_window(torch.tensor([positions]), window)
    for q, query in enumerate(positions):
        for k, key in enumerate(positions):
            assert near[0, 0, q, k] == (abs(query - key) <= window)


def test_the_additive_form_is_finite_in_every_precision() -> None:
    mask = isolating_mask(torch.tensor([[0, 1, 2, -1]]))
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        added = additive(mask, dtype)
        assert added.dtype == dtype
        assert torch.equal(added == 0, mask)
        assert torch.equal(added == torch.finfo(dtype).min, ~mask)


def test_padding_of_a_packed_row_sees_shared_tokens_too() -> None:
    option_ids = torch.tensor([[0, 1, 0, 0, 1, -1, -1]])
    segments = torch.tensor([[0, 0, 0, 1, 1, -1, -1]])
    mask = isolating_mask(option_ids, segments)[0, 0]
    assert bool(mask.any(-1).all())
    assert not bool(mask[:, -2:].any()), "nothing sees padding"
    assert not bool(mask[:3, 3:].any() or mask[3:5, :3].any()), "nothing sees another segment"
