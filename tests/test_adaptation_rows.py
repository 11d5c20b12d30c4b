"""The few rows: drawn by label and seed, a part held out, rare labels repeated, warnings where labels are missing."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unimc import InputError, MultipleChoiceExample
from unimc.adaptation import draw
from unimc.adaptation.rows import in_epoch, with_some_options

NAMES = ("sport", "food", "rain")


def rows(counts: dict[str, int]) -> list[MultipleChoiceExample]:
    return [
        MultipleChoiceExample(
            NAMES, passage=f"text {label} {number}", label=NAMES.index(label), task="t", id=f"{label}{number}"
        )
        for label, count in counts.items()
        for number in range(count)
    ]


def several(labels: list[tuple[int, ...]]) -> list[MultipleChoiceExample]:
    return [
        MultipleChoiceExample(NAMES, passage=f"text {number}", labels=own, task="t", id=str(number))
        for number, own in enumerate(labels)
    ]


PLENTY = rows({"sport": 30, "food": 40, "rain": 20})


def of_labels(examples: tuple[MultipleChoiceExample, ...]) -> Counter[str]:
    return Counter(example.names[example.label or 0] for example in examples)


@given(k=st.integers(1, 20), seed=st.integers(0, 5), number=st.integers(0, 3))
def test_so_many_rows_of_each_label_are_drawn_and_a_quarter_of_each_held_out(k: int, seed: int, number: int) -> None:
    found = draw(PLENTY, k, seed=seed, held_out=0.25, label_names=NAMES, number=number)
    assert of_labels(found.training + found.held_out) == dict.fromkeys(NAMES, k)
    assert of_labels(found.held_out) == (dict.fromkeys(NAMES, max(k // 4, 1)) if k >= 4 else {})
    assert not set(found.training) & set(found.held_out)
    assert bool(found.held_out) == (k >= 4)
    assert [("none is held out" in warning) for warning in found.warnings] == [True] * (k < 4)


def test_a_larger_draw_holds_the_smaller_one() -> None:
    small, large = (draw(PLENTY, k, seed=1, held_out=0.25, label_names=NAMES) for k in (8, 16))
    assert {*small.training, *small.held_out} < {*large.training, *large.held_out}


def test_draws_differ_by_their_number_and_seed_and_repeat_otherwise() -> None:
    one, again, other, another = (
        draw(PLENTY, 8, seed=seed, held_out=0.25, label_names=NAMES, number=number)
        for seed, number in ((0, 0), (0, 0), (0, 1), (1, 0))
    )
    assert one == again
    assert one != other
    assert one != another


def test_none_are_drawn_for_zero_and_every_one_for_all() -> None:
    assert draw(PLENTY, 0, seed=0, held_out=0.25, label_names=NAMES).training == ()
    found = draw(PLENTY, None, seed=0, held_out=0.25, label_names=NAMES)
    assert len(found.training) + len(found.held_out) == len(PLENTY)


def test_labels_without_rows_and_with_few_are_said() -> None:
    found = draw(rows({"sport": 9, "food": 3}), 8, seed=0, held_out=0.25, label_names=NAMES)
    missing, few = found.warnings
    assert "no row of 1 of 3 labels (rain)" in missing
    assert "fewer than 8 rows of 1 of 3 labels (food 3)" in few


def test_a_row_without_a_label_is_refused() -> None:
    with pytest.raises(InputError, match="no label; adapting needs"):
        draw([MultipleChoiceExample(NAMES, passage="text")], 1, seed=0, held_out=0, label_names=NAMES)


def test_where_each_row_has_its_own_options_rows_are_counted() -> None:
    found = draw(PLENTY, 12, seed=0, held_out=0.25, label_names=None)
    assert (len(found.training), len(found.held_out)) == (9, 3)
    assert "only 90 rows" in draw(PLENTY, 91, seed=0, held_out=0, label_names=None).warnings[0]


def test_of_several_tasks_each_gives_as_many_rows() -> None:
    both = [*PLENTY, *(replace(one, task="other", passage=f"{one.passage} too") for one in PLENTY[:12])]
    found = draw(both, 8, seed=0, held_out=0.25, label_names=None)
    assert Counter(one.task for one in found.training) == {"t": 6, "other": 6}
    assert draw(both, 13, seed=0, held_out=0.25, label_names=None).warnings == (
        "only 12 rows of other where 13 were asked for",
    )


@given(k=st.sampled_from([4, 9, None]), seed=st.integers(0, 5))
def test_rows_of_one_text_are_all_trained_on_or_all_held_out(k: int | None, seed: int) -> None:
    twice = [replace(one, id=f"{one.id} {copy}") for one in rows({"sport": 6, "food": 6}) for copy in range(2)]
    found = draw(twice, k, seed=seed, held_out=0.25, label_names=NAMES[:2])
    assert len(found.training + found.held_out) == (24 if k is None else 2 * k)
    assert not {one.passage for one in found.training} & {one.passage for one in found.held_out}


@pytest.mark.parametrize("k", [8, None])
def test_rows_that_are_measured_on_are_not_drawn(k: int | None) -> None:
    measured = {one.fingerprint for one in PLENTY[::2]}
    found = draw(PLENTY, k, seed=0, held_out=0.25, label_names=NAMES, apart_from=measured)
    texts = {one.fingerprint for one in found.training + found.held_out}
    assert not texts & measured
    assert len(texts) == (45 if k is None else 24)
    assert "rows were left out: their texts are among those measured on" in found.warnings[-1]


def test_with_several_labels_each_gets_its_rows_and_rows_without_any_count_too() -> None:
    given = several([(0,)] * 20 + [(0, 1)] * 10 + [(2,)] * 5 + [()] * 10)
    found = draw(given, 3, seed=0, held_out=0, label_names=NAMES).training
    counts = Counter(label for example in found for label in (example.labels or ("none",)))
    assert min(counts[label] for label in (0, 1, 2, "none")) >= 3
    assert len(found) <= 12


def test_rows_of_rare_labels_come_as_often_as_those_of_frequent_ones() -> None:
    given = rows({"sport": 12, "food": 4, "rain": 1})
    order = in_epoch(given, balance=True, fixed=True)
    assert of_labels(tuple(given[place] for place in order)) == {"sport": 12, "food": 12, "rain": 10}
    assert in_epoch(given, balance=False, fixed=True) == list(range(len(given)))
    assert in_epoch(given, balance=True, fixed=False) == list(range(len(given)))


@given(most=st.integers(2, 12), epoch=st.integers(0, 5), label=st.integers(0, 9))
def test_some_options_are_the_right_one_and_others_in_their_order(most: int, epoch: int, label: int) -> None:
    options = tuple(f"option {number}" for number in range(10))
    example = MultipleChoiceExample(options, passage="text", label=label, task="t", id="7")
    found = with_some_options(example, most, 0, epoch)
    assert len(found.options) == min(most, 10)
    assert found.options[found.label or 0] == options[label]
    assert list(found.options) == sorted(found.options)
    assert found == with_some_options(example, most, 0, epoch)


def test_some_options_differ_from_epoch_to_epoch() -> None:
    options = tuple(f"option {number}" for number in range(10))
    example = MultipleChoiceExample(options, passage="text", labels=(1, 3), task="t", id="7")
    found = [with_some_options(example, 4, 0, epoch) for epoch in range(5)]
    assert len({one.options for one in found}) > 1
    assert all(tuple(one.options[place] for place in one.labels or ()) == (options[1], options[3]) for one in found)
    with pytest.raises(InputError, match="2 right options don't fit 1"):
        with_some_options(example, 1, 0, 0)


@pytest.mark.parametrize("texts", [("the same", "other"), ("同样的文", "别的")])
def test_a_label_whose_every_row_was_held_out_is_said(texts: tuple[str, str]) -> None:
    same = [MultipleChoiceExample(NAMES, passage=texts[0], label=0, task="t", id=str(number)) for number in range(8)]
    others = [replace(one, passage=f"{texts[1]} {one.id}", label=1, id=f"other {one.id}") for one in same]
    found = draw([*same, *others], None, seed=0, held_out=0.25, label_names=NAMES[:2])
    assert of_labels(found.training) == {"food": 6}
    (warning,) = found.warnings
    assert warning.startswith("every row of 1 of 2 labels (sport) is held out, and none trained on")
    tasks = draw([*(replace(one, task="one") for one in same), *others], None, seed=0, held_out=0.25, label_names=None)
    assert "every row of 1 of 2 tasks (one) is held out" in tasks.warnings[0]


def test_where_holding_out_would_leave_nothing_to_train_on_nothing_is_held_out() -> None:
    given = [
        MultipleChoiceExample(NAMES, passage="the same", label=number % 2, task="t", id=str(number))
        for number in range(8)
    ]
    found = draw(given, None, seed=0, held_out=0.25, label_names=NAMES[:2])
    assert (len(found.training), found.held_out) == (8, ())
    (warning,) = found.warnings
    assert "all rows share texts with some held out, so none is held out: training goes" in warning
