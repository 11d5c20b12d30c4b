"""Options in another order, or fewer of them: what is right stays right, by its text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from converters.options import fewest_to_most, shuffled, subsampled
from unimc import MultipleChoiceExample


@st.composite
def examples(draw: st.DrawFn) -> MultipleChoiceExample:
    count = draw(st.integers(1, 30))
    options = [f"option {number}" if number % 2 else f"选项{number}" for number in range(count)]
    names = [f"name {number}" for number in range(count)]
    several = draw(st.booleans())
    label = None if several else draw(st.integers(0, count - 1))
    labels = draw(st.sets(st.integers(0, count - 1))) if several else None
    identity = draw(st.text(min_size=1))
    return MultipleChoiceExample(
        options, "which?", "text", label=label, labels=labels and sorted(labels), names=names, task="t", id=identity
    )


def right_texts(example: MultipleChoiceExample) -> set[tuple[str, str]]:
    return {(example.options[index], example.names[index]) for index in example.right or ()}


@given(examples(), st.integers(0, 5))
def test_a_shuffle_keeps_every_option_its_name_and_what_is_right(example: MultipleChoiceExample, seed: int) -> None:
    other = shuffled(example, seed)
    assert sorted(zip(other.options, other.names, strict=True)) == sorted(
        zip(example.options, example.names, strict=True)
    )
    assert right_texts(other) == right_texts(example)
    assert (other.label is None) == (example.label is None)
    assert other == shuffled(example, seed)


@given(examples(), st.integers(2, 12), st.integers(0, 5))
def test_fewer_options_hold_all_right_ones_in_the_old_order(
    example: MultipleChoiceExample, count: int, seed: int
) -> None:
    other = subsampled(example, count, seed)
    right = len(example.right or ())
    assert len(other.options) == min(len(example.options), max(count, right))
    assert right_texts(other) == right_texts(example)
    places = [example.options.index(option) for option in other.options]
    assert places == sorted(places)
    assert all(other.names[new] == example.names[old] for new, old in enumerate(places))


def test_another_id_draws_other_options() -> None:
    many = [f"option {number}" for number in range(100)]
    one, other = (
        subsampled(MultipleChoiceExample(many, "which?", label=3, task="t", id=name), 10, 0) for name in ("1", "1#2")
    )
    assert one.options != other.options
    assert one.options[one.label or 0] == other.options[other.label or 0] == "option 3"


def test_every_wrong_option_is_drawn_about_as_often() -> None:
    many = [f"option {number}" for number in range(20)]
    drawn = [
        option
        for row in range(2000)
        for option in subsampled(MultipleChoiceExample(many, "which?", label=7, id=str(row)), 5, 0).options
    ]
    counts = [drawn.count(option) for option in many if option != "option 7"]
    assert drawn.count("option 7") == 2000
    assert min(counts) > 300  # 2000 x 4 / 19 = 421 are expected
    assert max(counts) < 550


@given(examples(), st.integers(2, 6), st.integers(6, 12), st.integers(0, 5))
def test_a_drawn_number_of_options_is_in_its_bounds_and_holds_all_right_ones(
    example: MultipleChoiceExample, fewest: int, most: int, seed: int
) -> None:
    other = fewest_to_most(example, fewest, most, seed)
    given_options, right = len(example.options), len(example.right or ())
    assert min(given_options, fewest) <= len(other.options) <= max(min(given_options, most), right)
    assert right_texts(other) == right_texts(example)
    assert other == fewest_to_most(example, fewest, most, seed)


def test_every_number_of_options_is_drawn_about_as_often() -> None:
    options = [f"选项{number}" for number in range(30)]
    drawn = [
        len(fewest_to_most(MultipleChoiceExample(options, "哪个？", label=7, id=str(row)), 2, 6, 0).options)
        for row in range(1000)
    ]
    counts = [drawn.count(number) for number in (2, 3, 4, 5, 6)]
    assert sum(counts) == 1000
    assert min(counts) > 150  # 200 are expected
    assert max(counts) < 250


def test_without_an_upper_bound_all_options_may_be_kept() -> None:
    options = [f"option {number}" for number in range(4)]
    drawn = {
        len(fewest_to_most(MultipleChoiceExample(options, "which?", label=1, id=str(row)), 2, None, 0).options)
        for row in range(60)
    }
    assert drawn == {2, 3, 4}
