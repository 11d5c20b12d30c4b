"""Several wordings answered together."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unimc import InputError, Prediction
from unimc.ensemble import averaged


def prediction(names: str, scores: list[float]) -> Prediction:
    margins = tuple(math.log(score / (1 - score)) if 0 < score < 1 else 0.0 for score in scores)
    label = scores.index(max(scores))
    return Prediction(tuple(f"选{name}" for name in names), tuple(names), tuple(scores), margins, label, (label,))


def test_one_wording_is_itself() -> None:
    one = prediction("abc", [0.5, 0.3, 0.2])
    assert averaged([one]).scores == pytest.approx(one.scores)
    assert averaged([one, one, one]).scores == pytest.approx(one.scores)
    assert averaged([one, one]).rows == 2


def test_names_bring_the_wordings_together_whatever_their_order() -> None:
    one, other = prediction("甲乙", [0.9, 0.1]), prediction("乙甲", [0.4, 0.6])
    found = averaged([one, other])
    assert found.names == ("甲", "乙")
    assert found.options == one.options
    assert found.answer == "甲"
    assert found.scores == pytest.approx(tuple(reversed(averaged([other, one]).scores)))


def test_a_weight_of_nothing_takes_a_wording_out() -> None:
    one, other = prediction("ab", [0.9, 0.1]), prediction("ab", [0.2, 0.8])
    assert averaged([one, other], [1, 0]).scores == pytest.approx(one.scores)
    assert averaged([one, other], [1, 3]).answer == "b"
    assert averaged([one, other], [2, 6]).scores == pytest.approx(averaged([one, other], [1, 3]).scores)


def test_several_labels_hold_from_the_threshold_on() -> None:
    both = [prediction("ab", [0.9, 0.3]), prediction("ab", [0.7, 0.5])]
    assert averaged(both, multi_label=True).scores == pytest.approx((0.8, 0.4))
    assert averaged(both, multi_label=True).labels == (0,)
    assert averaged(both, multi_label=True, threshold=0.9).answer is None
    assert averaged(both, multi_label=True, threshold=0.3).labels == (0, 1)


def test_thresholds_are_those_of_a_single_prediction() -> None:
    """For each label, the most of them, and none of these with one label."""
    both = [prediction("ab", [0.9, 0.6]), prediction("ab", [0.7, 0.8])]
    assert averaged(both, multi_label=True, threshold={"a": 0.9, "b": 0.5}).labels == (1,)
    assert averaged(both, multi_label=True, top_k=1).labels == (0,)
    assert averaged(both, threshold=0.5).answer == "a"
    none = averaged(both, threshold=0.99)
    assert (none.answer, none.label, none.labels) == (None, 0, ())


def test_calibrated_and_uncalibrated_scores_do_not_mix() -> None:
    one = prediction("ab", [0.9, 0.6])
    calibrated = replace(one, calibrated=True)
    assert averaged([calibrated, calibrated]).calibrated
    with pytest.raises(InputError, match="some predictions are calibrated and some are not"):
        averaged([one, calibrated])


@given(st.lists(st.lists(st.floats(0.001, 1), min_size=3, max_size=3), min_size=1, max_size=5))
def test_scores_sum_to_one_and_an_option_best_everywhere_stays_best(rows: list[list[float]]) -> None:
    rows = [[score / sum(row) for score in row] for row in rows]
    found = averaged([prediction("abc", row) for row in rows])
    assert sum(found.scores) == pytest.approx(1)
    for place in range(3):
        if all(row[place] > max(row[:place] + row[place + 1 :]) for row in rows):
            assert found.label == place


@pytest.mark.parametrize(
    ("predictions", "weights", "problem"),
    [
        ([], None, "no predictions"),
        ([prediction("ab", [0.5, 0.5]), prediction("ac", [0.5, 0.5])], None, "'b' is not in all of them"),
        ([prediction("ab", [0.5, 0.5])], [1, 1], "2 weights for 1 wordings"),
        ([prediction("ab", [0.5, 0.5])], [-1], "weights must be 0 or more"),
        ([prediction("ab", [0.5, 0.5])], [0], "weights must be 0 or more"),
    ],
)
def test_what_cannot_be_averaged_is_said(
    predictions: list[Prediction], weights: list[float] | None, problem: str
) -> None:
    with pytest.raises(InputError, match=problem):
        averaged(predictions, weights)
