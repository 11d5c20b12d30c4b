"""How tasks of different sizes share a mixture."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters.shares import SAMPLING, shares


def test_without_a_size_a_weight_multiplies_what_is_there() -> None:
    assert shares([100, 10], [1, 2]) == [100, 20]


@pytest.mark.parametrize(
    ("sampling", "counts"), [("proportional", [160, 40]), ("uniform", [100, 100]), ("temperature", [133, 67])]
)
def test_the_three_ways_to_share(sampling: str, counts: list[int]) -> None:
    assert shares([400, 100], [1, 1], sampling=sampling, temperature=2, size=200) == counts


def test_temperature_1_is_proportional_and_a_high_one_uniform() -> None:
    sizes, weights = [900, 300, 50], [1.0, 1.0, 1.0]
    assert shares(sizes, weights, sampling="temperature", temperature=1, size=500) == shares(sizes, weights, size=500)
    high = shares(sizes, weights, sampling="temperature", temperature=1e9, size=90)
    assert high == shares(sizes, weights, sampling="uniform", size=90) == [30, 30, 30]


def test_a_small_task_is_not_copied_without_end() -> None:
    assert shares([1000, 5], [1, 1], sampling="uniform", size=400, copies=4) == [200, 20]


@given(
    st.lists(st.integers(0, 5000), min_size=1, max_size=10),
    st.sampled_from(SAMPLING),
    st.integers(1, 20_000),
    st.floats(1, 100),
)
def test_no_task_gives_what_it_has_not(sizes: list[int], sampling: str, size: int, temperature: float) -> None:
    counts = shares(sizes, [1.0] * len(sizes), sampling=sampling, temperature=temperature, size=size, copies=3)
    assert all(0 <= count <= 3 * there for count, there in zip(counts, sizes, strict=True))
    assert sum(counts) <= size + len(sizes)


@pytest.mark.parametrize("sampling", SAMPLING)
@pytest.mark.parametrize(("tasks", "size"), [(6, 100), (3, 10), (7, 20_001)])
def test_shares_that_do_not_come_out_even_add_up_to_the_size(tasks: int, size: int, sampling: str) -> None:
    counts = shares([20_000] * tasks, [1.0] * tasks, sampling=sampling, size=size)
    assert sum(counts) == size
    assert max(counts) - min(counts) == 1


def test_a_share_that_is_a_whole_number_stays() -> None:
    assert shares([100, 100, 100, 100], [3.0, 1.0, 1.0, 1.0], sampling="uniform", size=20) == [10, 4, 3, 3]
    assert shares([30, 10, 10], [0.1, 0.3, 0.3], size=9) == [3, 3, 3]


@given(
    st.lists(st.tuples(st.integers(1, 5000), st.floats(0.01, 50)), min_size=1, max_size=12),
    st.sampled_from(SAMPLING),
    st.integers(1, 20_000),
)
def test_the_size_is_met_to_the_last_example(tasks: list[tuple[int, float]], sampling: str, size: int) -> None:
    sizes, weights = [there for there, _ in tasks], [weight for _, weight in tasks]
    counts = shares(sizes, weights, sampling=sampling, size=size, copies=20_000)
    assert sum(counts) == size
