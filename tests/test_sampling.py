"""The plan of an epoch: which examples make which step, on any number of processes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unimc import InputError
from unimc.sampling import plan_epoch

lengths = st.lists(st.integers(3, 200), min_size=8, max_size=150)
sizes = st.integers(1, 9)
budgets = st.sampled_from([200, 400, 1000])
together = st.integers(1, 8)


def plan(lengths: list[int], together: int, size: int = 4, budget: int = 400, **other: int) -> list[list[int]]:
    settings = {"seed": 0, "epoch": 0, **other}
    return plan_epoch(lengths, batch_size=size, max_tokens=budget, together=together, **settings)


@given(lengths, together, sizes, budgets)
def test_every_example_is_in_exactly_one_micro_batch(lengths: list[int], together: int, size: int, budget: int) -> None:
    planned = [index for batch in plan(lengths, together, size, budget) for index in batch]
    assert sorted(planned) == list(range(len(lengths)))


@given(lengths, together, sizes, budgets)
def test_no_micro_batch_is_over_either_bound(lengths: list[int], together: int, size: int, budget: int) -> None:
    for batch in plan(lengths, together, size, budget):
        assert len(batch) <= size
        assert len(batch) * max((lengths[index] for index in batch), default=0) <= budget


@given(lengths, together, sizes, budgets)
def test_steps_come_out_even_and_none_is_empty(lengths: list[int], together: int, size: int, budget: int) -> None:
    planned = plan(lengths, together, size, budget)
    assert len(planned) % together == 0
    assert all(planned[first] for first in range(0, len(planned), together))


@given(lengths, together, st.integers(2, 9), budgets)
def test_an_empty_micro_batch_stands_only_where_nothing_can_be_split(
    lengths: list[int], together: int, size: int, budget: int
) -> None:
    planned = plan(lengths, together, size, budget)
    if [] in planned:
        assert all(len(batch) <= 1 for batch in planned)
        assert all(planned[: planned.index([])])
        assert not any(planned[planned.index([]) :])


def test_every_epoch_and_seed_has_its_own_order() -> None:
    lengths = list(range(10, 60))
    orders = [str(plan(lengths, 2, epoch=epoch, seed=seed)) for epoch in range(3) for seed in range(2)]
    assert len(set(orders)) == 6
    assert orders[0] == str(plan(lengths, 2))


def test_rows_of_a_micro_batch_are_of_about_one_length() -> None:
    lengths = [10, 100] * 40
    assert all(len({lengths[index] for index in batch}) == 1 for batch in plan(lengths, 1, size=8, budget=10_000))


def test_a_long_example_stands_alone_and_is_not_dropped() -> None:
    assert [0] in plan([900, 5, 6, 7], 1)


def test_too_few_examples_for_a_step_is_an_error() -> None:
    with pytest.raises(InputError, match="3 examples can't fill a step of 4 micro-batches; lower accumulation"):
        plan([5, 6, 7], together=4)
