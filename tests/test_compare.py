"""Two evaluations of the same rows, joined by id: figures, intervals, what was gained and lost."""

from __future__ import annotations

import json
import random
from math import comb
from pathlib import Path

import numpy as np
import pytest
from compared import BAD, GOOD, RIGHT, both, figures, given, pair, rewritten
from evaluated import evaluation, riddles, sure, tags, topics

from unimc import gains, pairing
from unimc.figures import Judged, difference
from unimc.paired_figures import Wins, judged


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A task with fixed labels and one with several, of two models."""
    return pair(tmp_path)


# ---- figures


def test_wins_and_losses_are_rows_that_one_alone_got_right(folders: tuple[Path, Path]) -> None:
    found = figures(*folders)
    assert found.tasks[0].wins == Wins(both=10, only_a=10, only_b=20, neither=0)
    assert found.tasks[1].wins == Wins(both=3, only_a=0, only_b=9, neither=0)
    assert found.wins == Wins(both=13, only_a=10, only_b=29, neither=0)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (2, 8), (8, 2), (5, 5), (168, 80)])
def test_mcnemar_is_the_exact_binomial_test(only_a: int, only_b: int) -> None:
    apart = only_a + only_b
    tail = sum(comb(apart, k) for k in range(min(only_a, only_b) + 1)) / 2**apart
    assert Wins(3, only_a, only_b, 4).p == pytest.approx(min(1.0, 2 * tail))


def test_figures_of_each_side_are_those_of_its_evaluation(folders: tuple[Path, Path]) -> None:
    found = figures(*folders)
    for side, folder in zip("ab", folders, strict=True):
        tasks = json.loads((folder / "results.json").read_text(encoding="utf-8"))["tasks"]
        for one, task in zip(found.tasks, tasks, strict=True):
            mine = {name: getattr(figure, side) for name, figure in one.figures.items()}
            assert mine == pytest.approx({name: figure["value"] for name, figure in task["figures"].items()})
            assert one.primary == task["primary"]
    assert [one.primary for one in found.tasks] == ["accuracy", "micro_f1"]


def test_the_interval_is_that_of_the_difference_on_the_same_rows(tmp_path: Path) -> None:
    """Wider for answers that differ on more rows, though the accuracies are the same."""
    task = topics(["food"] * 60)
    a = given(["food"] * 30 + ["sport"] * 30)
    alike = given(["food"] * 30 + ["weather"] * 30)
    apart = given(["sport"] * 30 + ["food"] * 30)
    one = figures(*both(tmp_path / "one", evaluation((task, a)), evaluation((task, alike)))).mean.difference
    other = figures(*both(tmp_path / "other", evaluation((task, a)), evaluation((task, apart)))).mean.difference
    assert (one.value, one.low, one.high) == (0, 0, 0)
    assert other.value == 0
    assert other.low < -0.15
    assert other.high > 0.15


def test_the_interval_agrees_with_that_of_an_evaluations_wordings(tmp_path: Path) -> None:
    task, number = topics(RIGHT), 4000
    a, b = evaluation((task, given(BAD))), evaluation((task, given(GOOD)))
    expected = difference(
        task, *(Judged.of(task, one.tasks[0].predictions) for one in (b, a)), seed=0, resamples=number
    )
    found = figures(*both(tmp_path, a, b), resamples=number).mean.difference
    assert found.value == pytest.approx(expected.value)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.03)


def test_the_mean_has_an_interval_of_its_own(folders: tuple[Path, Path]) -> None:
    """Tasks are resampled each for itself: the mean of two is known better than each."""
    found = figures(*folders)
    values = [one.figures[one.primary] for one in found.tasks]
    assert found.mean.difference.value == pytest.approx(np.mean([one.difference.value for one in values]))
    widths = [one.difference.high - one.difference.low for one in [*values, found.mean]]
    assert widths[2] < np.mean(widths[:2])


def test_nothing_follows_from_the_order_of_rows_tasks_or_sides(folders: tuple[Path, Path]) -> None:
    before = figures(*folders)
    rewritten(folders[1], lambda lines: random.Random(1).sample(lines, len(lines)))
    assert figures(*folders).to_dict() == before.to_dict()
    back = figures(*reversed(folders))
    for one, other in zip([*before.tasks, before], [*back.tasks, back], strict=True):
        assert (one.wins.only_a, one.wins.p) == (other.wins.only_b, other.wins.p)
    one, other = before.mean.difference, back.mean.difference
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))


def test_the_seed_decides(folders: tuple[Path, Path]) -> None:
    assert figures(*folders, seed=3).to_dict() == figures(*folders, seed=3).to_dict()
    assert figures(*folders, seed=3).mean.difference != figures(*folders, seed=4).mean.difference


def test_intervals_can_be_left_out(folders: tuple[Path, Path]) -> None:
    found = figures(*folders, resamples=0).to_dict()
    assert found["mean"]["difference"]["low"] is None
    assert found["tasks"][0]["figures"]["accuracy"]["difference"]["value"] == pytest.approx(0.25)


@pytest.mark.parametrize("kind", ["fixed", "own", "several"])
def test_lines_are_judged_as_the_evaluation_judged_them(kind: str) -> None:
    task, scores = {
        "fixed": (topics(RIGHT), given(BAD)),
        "own": (riddles([0, 1, 2]), [sure("a0"), sure("c1"), sure("b2")]),
        "several": (tags([["体育"], ["音乐"]]), [sure("音乐"), sure("音乐")]),
    }[kind]
    (result,) = evaluation((task, scores)).tasks
    assert judged(result.to_dict(), result.lines()) == Judged.of(task, result.predictions)


# ---- gained and lost


def test_what_changed_most_is_listed_first(tmp_path: Path) -> None:
    task = topics(["food"] * 4)
    a = [sure("sport", score=0.5), sure("sport"), sure("food", score=0.6), sure("food")]
    b = [{"food": 0.6, "sport": 0.1}, sure("food"), sure("sport"), sure("food")]
    (pair,) = pairing.paired(*map(pairing.read, both(tmp_path, evaluation((task, a)), evaluation((task, b)))))
    found = gains.changes(pair)
    assert [(one.a["id"], one.gained) for one in found] == [("t/1", True), ("t/0", True), ("t/2", False)]
    assert found[0].scores == (0.0, 0.9)


def test_a_row_with_several_labels_is_won_by_who_has_exactly_the_right_ones(tmp_path: Path) -> None:
    task = tags([["体育", "财经"], ["音乐"]])
    a = [sure("体育"), sure("音乐")]
    b = [sure("体育", "财经"), sure("音乐", "财经")]
    (pair,) = pairing.paired(*map(pairing.read, both(tmp_path, evaluation((task, a)), evaluation((task, b)))))
    found = {one.a["id"]: one for one in gains.changes(pair)}
    assert [found[row].gained for row in ("m/0", "m/1")] == [True, False]
    assert found["m/0"].scores == (0.0, 0.9)
    assert found["m/1"].scores == (0.9, pytest.approx(0.1))
