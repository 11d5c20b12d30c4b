"""From margins to an answer, as `UniMC.predict` is asked: thresholds, none of these, the most labels, calibration."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from unimc import InputError, MultipleChoiceExample, Prediction, UniMC
from unimc.answer_rule import AnswerRule
from unimc.calibration import Calibration, Thresholds, best_threshold
from unimc.prediction import recalibrated

OPTIONS = ["sport", "food and snow", "音乐"]
shares = st.floats(0, 1)


def example(**changes: Any) -> MultipleChoiceExample:
    return MultipleChoiceExample(**{"options": OPTIONS, "question": "what", "passage": "rain", **changes})


def prediction(scores: list[float], names: str = "") -> Prediction:
    own = tuple(names or "甲乙丙丁戊"[: len(scores)])
    margins = tuple(math.log(score / (1 - score)) for score in scores)
    best = scores.index(max(scores))
    return Prediction(own, own, tuple(scores), margins, best, (best,))


# ---- several labels


@given(st.lists(shares, min_size=1, max_size=6), shares, st.integers(1, 8))
def test_the_best_of_those_that_hold_are_kept_in_the_options_order(scores: list[float], limit: float, k: int) -> None:
    names = [str(number) for number in range(len(scores))]
    _, every = AnswerRule.of(True, limit).answer(names, scores, scores)
    _, best = AnswerRule.of(True, limit, k).answer(names, scores, scores)
    assert every == tuple(option for option, score in enumerate(scores) if score >= limit)
    assert len(best) == min(k, len(every))
    assert list(best) == sorted(best)
    assert set(best) <= set(every)
    left = [scores[option] for option in every if option not in best]
    assert not left or max(left) <= min(scores[option] for option in best)


def test_of_equal_scores_the_earlier_option_is_kept() -> None:
    assert AnswerRule.of(True, 0.5, 2).answer("abcd", [0.9, 0.7, 0.7, 0.7], [0.0] * 4) == (0, (0, 1))
    assert AnswerRule.of(False).answer("abc", [0.2, 0.4, 0.4], [0.0] * 3) == (1, (1,))


def test_every_option_may_have_a_threshold_of_its_own(model: UniMC) -> None:
    (found,) = model.predict([example()], multi_label=True)
    limits = dict(zip(OPTIONS, found.scores, strict=True))
    assert model.predict([example()], multi_label=True, threshold=limits)[0].labels == (0, 1, 2)
    limits["音乐"] = math.nextafter(limits["音乐"], 1)
    limits["天气"] = 0.3  # of an option that other texts have
    assert model.predict([example()], multi_label=True, threshold=limits)[0].labels == (0, 1)


def test_the_answer_is_the_best_of_those_that_hold(model: UniMC) -> None:
    """An option with the highest score may be under its own threshold."""
    found = model.predict([example()], multi_label=True)[0]
    best = found.names[found.label]
    limits = {name: 1.0 if name == best else 0.0 for name in found.names}
    other = model.predict([example()], multi_label=True, threshold=limits)[0]
    assert other.answer == max((name for name in limits if name != best), key=dict(other.top(3)).__getitem__)


def test_an_option_without_a_threshold_is_named(model: UniMC) -> None:
    with pytest.raises(
        InputError, match=r"^example 7: option '音乐' has no threshold; there is one for 'sport', 'food"
    ):
        model.predict([example(id="7")], multi_label=True, threshold=dict.fromkeys(OPTIONS[:2], 0.5))


def test_of_many_thresholds_and_biases_an_error_names_a_few() -> None:
    many = {f"选项{number}": 0.5 for number in range(300)}
    for ask in (
        lambda: AnswerRule.of(True, many).answer(["甲"], [0.5], [0.0]),
        lambda: Calibration(1.0, tuple(many.items())).apply([0.0], ["甲"]),
    ):
        with pytest.raises(InputError, match=r"option '甲' has no .*; there is one for '选项0', .*'选项4', …$"):
            ask()


def test_top_k_reaches_classify_and_more_than_there_are_is_all(model: UniMC) -> None:
    few, all_ = (model.classify("rain", OPTIONS, multi_label=True, threshold=0, top_k=k) for k in (2, 100))
    assert few.labels == tuple(sorted(np.argsort(-np.array(few.scores), kind="stable")[:2].tolist()))
    assert all_.labels == (0, 1, 2)


# ---- one label


def test_none_of_these_is_judged_by_the_best_options_own_margin() -> None:
    rule = AnswerRule.of(False, {"a": 0.9, "b": 0.4})
    assert rule.answer(["a", "b"], [0.7, 0.3], [2.0, 1.0]) == (0, ())  # sigmoid(2) = 0.88
    assert rule.answer(["a", "b"], [0.3, 0.7], [2.0, -0.3]) == (1, (1,))
    assert AnswerRule.of(False, 0.5).answer(["a"], [1.0], [-800.0]) == (0, ())


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"threshold": 1.5}, "threshold is 1.5; it is a probability"),
        ({"threshold": {"a": math.nan}}, "threshold of option 'a' is nan; it is a probability"),
        ({"threshold": "0.5"}, "threshold is '0.5'"),
        ({"threshold": True}, "threshold is True"),
        ({"top_k": 2}, r"top_k has a meaning only with multi_label=True; Prediction.top\(k\) ranks any options"),
        ({"top_k": 0, "multi_label": True}, "top_k is 0; it must be at least 1"),
        ({"top_k": 1.5, "multi_label": True}, "top_k must be a whole number, not 1.5"),
        ({"multi_label": "no"}, "multi_label must be True or False, not 'no'"),
        ({"calibration": 2.0}, "calibration must be a Calibration or the name of one, not float"),
        (
            {"calibration": Calibration(kind="multi")},
            "is for several labels, not for one; fit another, or leave it out",
        ),
        ({"calibration": Calibration(), "multi_label": True}, "is for one label, not for several"),
        (
            {"calibration": "情感"},
            "no calibration '情感' in this checkpoint; there is none; `unimc calibrate` fits one",
        ),
    ],
)
def test_a_setting_that_cannot_be_is_said_before_anything_is_read(
    model: UniMC, settings: dict[str, Any], problem: str
) -> None:
    for examples in ([example()], iter([])):
        with pytest.raises(InputError, match=problem):
            model.predict(examples, **settings)


# ---- calibration


SHIFTED = Calibration(2.0, (("sport", 0.0), ("food and snow", -1.0), ("音乐", 1.5)))


def test_nothing_is_calibrated_unless_asked_for(model: UniMC) -> None:
    model.checkpoint = type(model.checkpoint)(
        **{**vars(model.checkpoint), "calibration": {"default": SHIFTED.to_dict()}}
    )
    plain, asked = model.predict([example()])[0], model.predict([example()], calibration="default")[0]
    assert (plain.calibrated, asked.calibrated) == (False, True)
    assert plain == UniMC(tiny.checkpoint("bert")).predict([example()])[0]
    assert asked == model.predict([example()], calibration=SHIFTED)[0]
    with pytest.raises(InputError, match="no calibration 'news' in this checkpoint; there are: default"):
        model.classify("rain", OPTIONS, calibration="news")


@pytest.mark.parametrize("windows", [None, "mean"], ids=["one-row", "several-rows"])
def test_calibrated_scores_are_those_of_the_margins_and_margins_stay(model: UniMC, windows: Any) -> None:
    long = example(passage="rain " * 400)
    plain, found = (model.predict([long], calibration=one, windows=windows)[0] for one in (None, SHIFTED))
    assert (found.rows > 1) == (windows == "mean")
    assert found.margins == plain.margins
    logits = np.array(found.margins) / 2 + [0, -1, 1.5]
    assert found.scores == pytest.approx(np.exp(logits) / np.exp(logits).sum(), abs=1e-9)
    assert found.label == int(logits.argmax())
    assert found.answer == OPTIONS[found.label]


def test_a_calibration_of_several_labels_brings_its_threshold_and_a_given_one_goes_before(model: UniMC) -> None:
    limits: Thresholds = (("sport", 0.0), ("food and snow", 1.0), ("音乐", 0.0))
    calibration = Calibration(2.0, kind="multi", threshold=limits)
    own, given_ = (
        model.predict([example()], multi_label=True, calibration=calibration, threshold=at)[0] for at in (None, 1)
    )
    assert own.scores == pytest.approx([1 / (1 + math.exp(-margin / 2)) for margin in own.margins])
    assert (own.labels, given_.labels) == ((0, 2), ())


def test_a_calibration_without_a_bias_for_an_option_is_said_with_the_example(model: UniMC) -> None:
    with pytest.raises(InputError, match=r"^example 甲: option 'rain' has no bias; there is one for 'sport'"):
        model.predict([example(id="甲", options=["sport", "rain"])], calibration=SHIFTED)


@pytest.mark.parametrize("multi_label", [False, True])
def test_recalibrated_is_what_the_model_would_have_said(model: UniMC, multi_label: bool) -> None:
    calibration = Calibration(0.7, SHIFTED.bias, "multi" if multi_label else "single", 0.4)
    (plain,) = model.predict([example()], multi_label=multi_label)
    for threshold in (None, 0.9):
        asked = model.predict([example()], multi_label=multi_label, calibration=calibration, threshold=threshold)
        assert [recalibrated(plain, calibration, threshold=threshold)] == asked
        assert [recalibrated(asked[0], calibration, threshold=threshold)] == asked


def test_a_prediction_says_in_json_that_it_is_calibrated(model: UniMC) -> None:
    (found,) = model.predict([example()], calibration=SHIFTED)
    assert json.loads(json.dumps(found.to_dict()))["calibrated"] is True


# ---- the best few


def test_the_best_options_come_best_first_whether_they_hold_or_not() -> None:
    found = prediction([0.2, 0.5, 0.1, 0.5])
    assert found.top(3) == [("乙", 0.5), ("丁", 0.5), ("甲", 0.2)]
    assert found.top(100) == [("乙", 0.5), ("丁", 0.5), ("甲", 0.2), ("丙", 0.1)]


@pytest.mark.parametrize("k", [0, -1, 1.0, True, None])
def test_the_best_few_are_a_number_over_nought(k: Any) -> None:
    with pytest.raises(InputError, match=r"^k "):
        prediction([0.2, 0.5]).top(k)


# ---- fitting a threshold


def f1(scores: Any, right: Any, limit: float) -> float:
    said, held = np.array(scores) >= limit, np.array(right, dtype=bool)
    return float(2 * (said & held).sum() / max(1, said.sum() + held.sum()))


@given(
    st.lists(st.tuples(st.lists(shares, min_size=3, max_size=3), st.sets(st.integers(0, 2))), min_size=1, max_size=8)
)
def test_no_other_threshold_has_a_higher_micro_f1(rows: list[tuple[list[float], set[int]]]) -> None:
    scores, right = [row for row, _ in rows], [tuple(held) for _, held in rows]
    names = [("a", "b", "c")] * len(rows)
    if not any(right):
        with pytest.raises(InputError, match="no example has a label"):
            best_threshold(scores, right, names)
        return
    gold = [[option in held for option in range(3)] for held in right]
    found = best_threshold(scores, right, names)
    assert isinstance(found, float)
    assert 0 <= found <= 1
    tried = [0.0, 1.0, *(score for row in scores for score in row)]
    assert f1(scores, gold, found) == pytest.approx(max(f1(scores, gold, limit) for limit in tried))


def test_a_label_has_a_threshold_of_its_own_where_there_are_rows_enough() -> None:
    generator = np.random.default_rng(0)
    scores = generator.random((300, 2))
    right = [tuple(np.flatnonzero(row >= (0.2, 0.8)).tolist()) for row in scores]
    names = [("often", "罕见")] * 300
    found = dict(best_threshold(scores, right, names, per_label=True))  # type: ignore[arg-type]
    assert found == pytest.approx({"often": 0.2, "罕见": 0.8}, abs=0.02)
    few = best_threshold(scores[:60], right[:60], names[:60], per_label=True)
    assert set(dict(few).values()) == {best_threshold(scores[:60], right[:60], names[:60])}  # type: ignore[arg-type]


def test_a_threshold_follows_names_not_places() -> None:
    scores, right = [[0.9, 0.2], [0.3, 0.8]], [(0,), (1,)]
    turned = best_threshold([[0.9, 0.2], [0.8, 0.3]], [(0,), (0,)], [("a", "b"), ("b", "a")])
    assert turned == best_threshold(scores, right, [("a", "b")] * 2)


def test_the_rule_of_a_checkpoint_on_disk(tmp_path: Path) -> None:
    """Saved with the checkpoint, found by name again, also through `classify`."""
    made = tiny.checkpoint("bert")
    type(made)(**{**vars(made), "calibration": {"新闻": SHIFTED.to_dict()}}).save(tmp_path)
    model = UniMC.from_pretrained(tmp_path)
    found = model.classify("rain", OPTIONS, calibration="新闻")
    assert found.scores == pytest.approx(tuple(SHIFTED.apply(found.margins, OPTIONS)))
