"""Metrics: values by hand, the label set, several labels, intervals."""

from __future__ import annotations

import multiprocessing
import os
import warnings
from pathlib import Path

import numpy as np
import pytest

from unimc import metrics
from unimc.example import InputError
from unimc.metrics._metric import draws

GOLD = [0, 0, 0, 1, 1, 2]
GUESSED = [0, 0, 1, 1, 0, 0]  # label 2 is never predicted
GOLD_ROWS = [[1, 1, 0], [0, 0, 0], [0, 1, 0], [0, 0, 0]]  # nothing holds in the second and fourth; 2 holds nowhere
GUESSED_ROWS = [[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 0, 0]]
SCORES = [[0.9, 0.2, 0.4], [0.1, 0.8, 0.3], [0.2, 0.7, 0.2], [0.3, 0.1, 0.1]]


def value(name: str, predictions: object, references: object, **settings: object) -> float:
    return float(metrics.get(name).compute(predictions=predictions, references=references, **settings)[name])


def test_accuracy_by_hand() -> None:
    assert value("accuracy", GUESSED, GOLD) == pytest.approx(3 / 6)


def test_macro_f1_by_hand_counts_a_label_that_is_never_predicted() -> None:
    # 0: TP 2, FP 2, FN 1 -> 4/7; 1: TP 1, FP 1, FN 1 -> 1/2; 2: 0
    assert value("macro_f1", GUESSED, GOLD, num_labels=3) == pytest.approx((4 / 7 + 1 / 2 + 0) / 3)


def test_macro_f1_leaves_out_a_label_that_is_neither_right_nor_predicted() -> None:
    assert value("macro_f1", [0, 1, 0], [0, 1, 0], num_labels=5) == 1.0


def test_f1_of_several_labels_by_hand_with_examples_where_none_holds() -> None:
    # 0: TP 1 -> 1; 1: TP 1, FP 1, FN 1 -> 1/2; 2: not defined. Together: TP 2, FP 1, FN 1 -> 4/6
    assert value("macro_f1", GUESSED_ROWS, GOLD_ROWS, num_labels=3) == pytest.approx((1 + 1 / 2) / 2)
    assert value("micro_f1", GUESSED_ROWS, GOLD_ROWS, num_labels=3) == pytest.approx(4 / 6)


def test_mean_average_precision_by_hand() -> None:
    # 0: its one example comes first -> 1; 1: its examples come second (1/2) and third (2/3); 2 holds nowhere
    expected = (1 + (1 / 2 * 1 / 2 + 1 / 2 * 2 / 3)) / 2
    assert value("mean_average_precision", SCORES, GOLD_ROWS, num_labels=3) == pytest.approx(expected)


def test_ece_of_one_label_by_hand() -> None:
    # Best scores 0.9 (right), 0.88 (wrong) share the bin up to 14/15; 0.55 (right) and 0.61 (wrong) are alone.
    scores = [[0.9, 0.1], [0.12, 0.88], [0.55, 0.45], [0.39, 0.61]]
    assert value("ece", scores, [0, 0, 0, 0], num_labels=2) == pytest.approx(
        (abs(0.9 - 1 + 0.88) + (1 - 0.55) + 0.61) / 4
    )


def test_ece_of_several_labels_by_hand_is_over_all_decisions() -> None:
    # Equal scores share a bin, others don't; 0.9, 0.7 and one of the three 0.2 hold.
    by_bin = [0.9 - 1, 0.8, 0.7 - 1, 0.4, 2 * 0.3, 3 * 0.2 - 1, 3 * 0.1]
    assert value("ece", SCORES, GOLD_ROWS, num_labels=3) == pytest.approx(sum(map(abs, by_bin)) / 12)


@pytest.mark.parametrize("name", ["ece", "mean_average_precision"])
def test_scores_of_labels_that_are_not_offered_are_nan(name: str) -> None:
    """They are no decisions; in a ranking they come last."""
    missing = float("nan")
    found = value(name, [[0.9, missing], [0.2, 0.7]], [[1, 0], [0, 1]], num_labels=2)
    assert found == pytest.approx({"ece": (0.1 + 0.2 + 0.3) / 3, "mean_average_precision": 1.0}[name])


def test_ece_of_examples_with_fewer_options_than_others() -> None:
    scores = [[0.5, 0.3, 0.2], [0.3, 0.7, float("nan")]]
    assert value("ece", scores, [0, 0], num_labels=3) == pytest.approx((0.5 + 0.7) / 2)


def test_ece_is_small_where_scores_are_the_shares_and_large_where_all_are_certain() -> None:
    generator = np.random.default_rng(0)
    sure = generator.uniform(0.5, 1, 20_000)
    gold = (generator.random(20_000) > sure).astype(int)
    assert value("ece", np.stack([sure, 1 - sure], 1), gold, num_labels=2) < 0.01
    certain = np.tile([1.0, 0.0], (20_000, 1))
    assert value("ece", certain, gold, num_labels=2) == pytest.approx(gold.mean())


def test_what_is_not_defined_is_nan_without_a_warning() -> None:
    nothing = [[0, 0], [0, 0]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("micro_f1", "macro_f1", "mean_average_precision"):
            assert np.isnan(value(name, nothing, nothing, num_labels=2))
            assert np.isnan(metrics.get(name).interval(nothing, nothing, num_labels=2, resamples=5)).all()


def inputs(name: str, examples: int, several: bool) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(3)
    if not several and metrics.get(name).needs_scores:
        scores = generator.dirichlet([0.3] * 4, examples)
        return scores, np.where(generator.random(examples) < 0.3, scores.argmax(1), generator.integers(0, 4, examples))
    if not several:
        gold = generator.integers(0, 4, examples)
        return np.where(generator.random(examples) < 0.6, gold, generator.integers(0, 4, examples)), gold
    gold = (generator.random((examples, 4)) < 0.4).astype(int)
    scores = (0.4 * gold + 0.6 * generator.random((examples, 4))).round(1)  # rounded: many equal scores
    return (scores if metrics.get(name).needs_scores else (scores > 0.5).astype(int)), gold


ALL = [
    (name, several)
    for name in metrics.names()
    for several, kind in ((False, "classification"), (True, "multi_label"))
    if kind in metrics.get(name).kinds
]


@pytest.mark.parametrize(("name", "several"), ALL)
def test_resampling_equals_sample_weights(name: str, several: bool) -> None:
    """The fast path for many resamples gives what scikit-learn gives for each of them."""
    predictions, gold = inputs(name, 23, several)
    metric = metrics.get(name)
    counts = next(draws(23, 40, seed=1))
    expected = [value(name, predictions, gold, num_labels=4, sample_weight=weights) for weights in counts]
    np.testing.assert_allclose(metric.resampled(predictions, gold, counts, 4), expected, atol=1e-12)


@pytest.mark.parametrize(("name", "several"), ALL)
def test_interval_holds_the_value_and_shrinks_with_examples(name: str, several: bool) -> None:
    widths = []
    for examples in (60, 1500):
        predictions, gold = inputs(name, examples, several)
        low, high = metrics.get(name).interval(predictions, gold, num_labels=4, resamples=300)
        assert low < value(name, predictions, gold, num_labels=4) < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_accuracy_interval_is_the_normal_one_for_many_examples() -> None:
    correct = [1] * 600 + [0] * 400
    low, high = metrics.get("accuracy").interval(correct, [1] * 1000, num_labels=2, seed=5)
    half = 1.96 * (0.6 * 0.4 / 1000) ** 0.5
    assert (low, high) == pytest.approx((0.6 - half, 0.6 + half), abs=0.004)


@pytest.mark.parametrize(("name", "several"), ALL)
def test_a_difference_is_resampled_on_the_same_examples_on_both_sides(name: str, several: bool) -> None:
    predictions, gold = inputs(name, 200, several)
    metric = metrics.get(name)
    settings = {"num_labels": 4, "resamples": 200, "seed": 2}
    side = (predictions, gold)
    assert metric.interval_of_difference(side, side, **settings) == (0.0, 0.0)
    changed = np.concatenate([predictions[1:20][::-1], predictions[:1], predictions[20:]])
    counts = np.concatenate(list(draws(200, 200, seed=2)))
    each = [metric.resampled(one, gold, counts, 4) for one in (predictions, changed)]
    expected = np.nanquantile(each[0] - each[1], [0.025, 0.975])
    assert metric.interval_of_difference(side, (changed, gold), **settings) == pytest.approx(tuple(expected))


def test_a_difference_needs_the_same_examples() -> None:
    with pytest.raises(InputError, match="same examples on both sides"):
        metrics.get("accuracy").interval_of_difference(([0, 1], [0, 1]), ([0], [0]), num_labels=2)


def test_interval_follows_the_seed() -> None:
    predictions, gold = inputs("accuracy", 200, several=False)
    metric = metrics.get("accuracy")
    first, again, other = (metric.interval(predictions, gold, num_labels=4, seed=seed) for seed in (0, 0, 1))
    assert first == again != other


def test_draws_pick_as_many_examples_as_there_are() -> None:
    counts = np.concatenate(list(draws(7, 50, seed=0)))
    assert counts.shape == (50, 7)
    assert (counts.sum(1) == 7).all()


@pytest.mark.parametrize(("examples", "resamples"), [(0, 10), (3, 0)])
def test_an_interval_needs_examples_and_resamples(examples: int, resamples: int) -> None:
    with pytest.raises(InputError, match="needs examples and resamples"):
        metrics.get("accuracy").interval([0] * examples, [0] * examples, num_labels=2, resamples=resamples)


def test_unknown_name_gets_a_suggestion() -> None:
    with pytest.raises(InputError, match="no metric 'macro-f1'; did you mean 'macro_f1'"):
        metrics.get("macro-f1")
    with pytest.raises(InputError, match="there are accuracy, "):
        metrics.get("准确率")


@pytest.mark.parametrize("name", metrics.names())
def test_every_metric_describes_itself(name: str) -> None:
    metric = metrics.get(name)
    assert metric.name == name
    assert metric.description
    assert metric.inputs_description
    assert set(metric.kinds) <= {"classification", "multiple_choice", "multi_label"} != set()


def compute_in_a_folder(folder: str) -> float:
    os.environ["HF_HOME"] = folder  # read when the library is first imported, in this new process
    return value("accuracy", GUESSED, GOLD)


@pytest.mark.slow
def test_processes_side_by_side_leave_no_files(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(compute_in_a_folder, [str(tmp_path)] * 4) == [0.5] * 4
    assert not list(tmp_path.rglob("*"))
