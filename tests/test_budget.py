"""What is cut, in which order, and how options are grouped when there are too many for a row."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from unimc.budget import PASSAGE_FLOOR, Budgets, Lengths, fit, groups

LENGTHS = st.builds(
    Lengths,
    st.lists(st.integers(1, 40), min_size=1, max_size=12).map(tuple),
    st.integers(0, 60),
    st.integers(0, 400),
    st.integers(0, 400),
)


def without_texts(lengths: Lengths) -> Lengths:
    """One token an option and no text at all: the least that a row can be cut to."""
    return lengths.cut(cap=1, question=0, passage=0, textb=0)


def floor_of(lengths: Lengths, budgets: Budgets) -> int:
    """What the passage keeps while anything else can be cut: 128 tokens, in short rows half a row."""
    return min(lengths.passage, PASSAGE_FLOOR, min(budgets.tokens, budgets.positions) // 2)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Lengths, Budgets]:
    """Lengths, and budgets from a little less than the least they can be cut to up to a little more than they are."""
    lengths = draw(LENGTHS)
    least = without_texts(lengths)
    return lengths, Budgets(
        draw(st.integers(least.tokens - 2, lengths.tokens + 2)),
        draw(st.integers(least.positions - 2, lengths.positions + 2)),
    )


def test_lengths_count_every_special_token() -> None:
    lengths = Lengths((2, 5), question=3, passage=4, textb=6)
    assert lengths.tokens == len("C" + "Moo" + "Mooooo" + "S" + "qqqS" + "ppppS" + "ttttttS")
    assert lengths.positions == 1 + (1 + 5) + 1 + (3 + 1) + (4 + 1) + (6 + 1)


def test_an_empty_question_or_textb_takes_its_separator_with_it_the_passage_does_not() -> None:
    assert Lengths((1,), question=0, passage=0, textb=0).tokens == len(["CLS", "O-MASK", "option", "SEP", "SEP"])
    assert Lengths((1,), question=1, passage=0, textb=0).tokens == 5 + 2
    assert Lengths((1,), question=0, passage=1, textb=0).tokens == 5 + 1
    assert Lengths((1,), question=0, passage=0, textb=1).tokens == 5 + 2


@given(cases())
def test_what_is_kept_fits_both_budgets(case: tuple[Lengths, Budgets]) -> None:
    lengths, budgets = case
    kept = fit(lengths, budgets)
    if kept is not None:
        assert kept.tokens <= budgets.tokens
        assert kept.positions <= budgets.positions


@given(cases())
def test_it_is_given_up_only_when_nothing_can_be_left(case: tuple[Lengths, Budgets]) -> None:
    lengths, budgets = case
    assert (fit(lengths, budgets) is None) == (without_texts(lengths).over(budgets) > 0)


@given(LENGTHS, st.integers(0, 9), st.integers(0, 9))
def test_nothing_is_cut_that_fits(lengths: Lengths, more_tokens: int, more_positions: int) -> None:
    assert fit(lengths, Budgets(lengths.tokens + more_tokens, lengths.positions + more_positions)) == lengths


@given(cases())
def test_every_option_keeps_a_token_and_none_is_dropped(case: tuple[Lengths, Budgets]) -> None:
    lengths, budgets = case
    if kept := fit(lengths, budgets):
        assert len(kept.options) == len(lengths.options)
        assert min(kept.options) >= 1


@given(cases())
def test_options_are_cut_from_the_longest_down(case: tuple[Lengths, Budgets]) -> None:
    lengths, budgets = case
    kept = fit(lengths, budgets)
    if kept and kept.options != lengths.options:
        assert kept.options == tuple(min(option, max(kept.options)) for option in lengths.options)


@given(cases())
def test_the_passage_keeps_its_floor_while_anything_else_can_be_cut(case: tuple[Lengths, Budgets]) -> None:
    lengths, budgets = case
    kept = fit(lengths, budgets)
    if kept and kept.passage < floor_of(lengths, budgets):
        assert (max(kept.options), kept.question, kept.textb) == (1, 0, 0)


@given(cases())
def test_the_order_is_texts_then_question_then_options(case: tuple[Lengths, Budgets]) -> None:
    """Something is cut only if one token more of it doesn't fit even with all that is cut before it gone."""
    lengths, budgets = case
    kept = fit(lengths, budgets)
    assume(kept is not None and kept != lengths)
    cap, floor = max(kept.options), floor_of(lengths, budgets)
    if kept.options != lengths.options:
        assert lengths.cut(cap=cap + 1, question=0, passage=floor, textb=0).over(budgets) > 0
    if kept.question < lengths.question:
        assert lengths.cut(cap=cap, question=kept.question + 1, passage=floor, textb=0).over(budgets) > 0


@given(cases())
def test_no_more_of_the_texts_is_cut_than_needed(case: tuple[Lengths, Budgets]) -> None:
    lengths, budgets = case
    kept = fit(lengths, budgets)
    assume(kept is not None)
    same = {"cap": max(kept.options), "question": kept.question}
    if kept.passage < lengths.passage:
        assert lengths.cut(**same, passage=kept.passage + 1, textb=kept.textb).over(budgets) > 0
    if kept.textb < lengths.textb:
        assert lengths.cut(**same, passage=kept.passage, textb=kept.textb + 1).over(budgets) > 0


@given(cases())
def test_of_passage_and_textb_the_longer_is_cut_first(case: tuple[Lengths, Budgets]) -> None:
    lengths, budgets = case
    kept = fit(lengths, budgets)
    assume(kept is not None)
    if kept.passage < lengths.passage:
        assert kept.textb <= kept.passage
    if kept.textb < lengths.textb:
        assert kept.passage <= max(kept.textb + 1, floor_of(lengths, budgets) + 1)


def test_a_short_passage_beside_a_long_textb_stays_whole() -> None:
    kept = fit(Lengths((1, 1), question=5, passage=20, textb=300), Budgets(100, 100))
    assert (kept.question, kept.passage) == (5, 20)
    assert kept.tokens == 100


@pytest.mark.parametrize("tokens", [401, 402])
def test_the_last_token_of_a_row_is_used(tokens: int) -> None:
    assert fit(Lengths((1, 1), question=5, passage=300, textb=300), Budgets(tokens, 1000)).tokens == tokens


def test_the_floor_of_the_passage_is_128_tokens() -> None:
    lengths = Lengths((20,) * 10, question=100, passage=300, textb=0)
    kept = fit(lengths, Budgets(512, 300))
    assert kept == lengths.cut(cap=20, question=100, passage=300 - 1 - 21 - 1 - 101 - 1, textb=0)
    kept = fit(lengths, Budgets(400, 512))
    assert kept == lengths.cut(cap=20, question=400 - 1 - 210 - 1 - 129 - 1, passage=128, textb=0)


def test_in_a_short_row_the_floor_leaves_room_for_the_options() -> None:
    kept = fit(Lengths((12, 12, 12), question=10, passage=300, textb=0), Budgets(128, 512))
    assert kept == Lengths((12, 12, 12), question=10, passage=128 - 1 - 39 - 1 - 11 - 1, textb=0)


def test_many_options_fill_tokens_long_before_positions() -> None:
    lengths = Lengths((3,) * 119, question=6, passage=20, textb=0)
    assert lengths.positions == 1 + 4 + 1 + 7 + 21
    assert lengths.tokens > 475


KEYS = st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=9).map(tuple), min_size=1, max_size=25, unique=True)


@given(KEYS, st.integers(2, 40))
def test_groups_split_the_options(keys: list[tuple[int, ...]], most: int) -> None:
    assert sorted(option for group in groups(keys, most) for option in group) == list(range(len(keys)))
    assert all(groups(keys, most))


@given(KEYS, st.integers(2, 40))
def test_groups_hold_as_many_options_give_or_take_one(keys: list[tuple[int, ...]], most: int) -> None:
    counts = [len(group) for group in groups(keys, most)]
    assert max(counts) - min(counts) <= 1


@given(KEYS, st.integers(2, 40))
def test_no_group_is_too_large_unless_options_would_stand_alone(keys: list[tuple[int, ...]], most: int) -> None:
    made = groups(keys, most)
    longest = max(sum(len(keys[option]) + 1 for option in group) for group in made)
    alone = max(map(len, made)) == 1
    assert alone or longest <= most or (longest <= most * 3 // 2 and len(made) <= len(keys) // 2)


def test_an_option_stands_alone_only_if_all_do() -> None:
    """A lone option has no rival beside it, and its margin would beat all others'."""
    assert sorted(map(len, groups([(number,) * 9 for number in range(77)], 256))) == [19, 19, 19, 20]
    assert [len(group) for group in groups([(1,) * 80, (2,) * 80, (3,) * 80, (4,) * 80], 110)] == [2, 2]
    assert [len(group) for group in groups([(1,) * 100, (2,) * 100, (3,) * 100], 110)] == [1, 1, 1]


@given(KEYS, st.integers(2, 40), st.randoms(use_true_random=False))
def test_who_shares_a_group_does_not_depend_on_the_order(
    keys: list[tuple[int, ...]], most: int, random: object
) -> None:
    shuffled = list(keys)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (
        [[options[number] for number in group] for group in groups(options, most)] for options in (keys, shuffled)
    )
    assert one == other


@pytest.mark.parametrize("count", [2, 3, 5])
def test_groups_of_equal_options_are_even(count: int) -> None:
    keys = [(number, 0, 0) for number in range(10 * count)]
    assert [len(group) for group in groups(keys, 40)] == [10] * count
