"""How far scores can be trusted: reliability tables, log-loss, and figures before and after a calibration."""

from __future__ import annotations

import json
from dataclasses import replace
from math import log
from pathlib import Path
from typing import Any

import launching
import numpy as np
import pytest
import tiny
from test_evaluation import fixed, own, several

from unimc import InputError, MultipleChoiceExample, UniMC
from unimc.calibration import Calibration
from unimc.evaluation import EvaluationSet, evaluate_task, evaluate_tasks
from unimc.figures import Judged
from unimc.reliability import BINS, reliability

NAN = float("nan")
HALF = Calibration(temperature=2.0)
TOWARDS_BAD = Calibration(1.5, (("good", 0.0), ("bad", 40.0)))
SEVERAL = Calibration(3.0, (("体育", 0.5), ("音乐", 0.0), ("财经", -0.5)), kind="multi")


def with_stored(**calibrations: Calibration) -> UniMC:
    """The tiny BERT with calibrations in its checkpoint."""
    entries = {name: calibration.to_dict() for name, calibration in calibrations.items()}
    return UniMC(replace(tiny.checkpoint("bert"), calibration=entries))


# ---- the table


def test_the_table_by_hand() -> None:
    scores = [[0.95, 0.05], [0.08, 0.92], [0.4, 0.6], [0.5, 0.5]]
    found = reliability(Judged([0, 0, 1, 1], [0, 1, 1, 0], scores))
    assert [(one.low, one.high) for one in found] == [(place / BINS, (place + 1) / BINS) for place in range(BINS)]
    filled = {one.high: (one.count, pytest.approx(one.confidence), one.accuracy) for one in found if one.count}
    assert filled == {1.0: (2, 0.935, 0.5), 0.6: (1, 0.6, 1.0), 0.5: (1, 0.5, 0.0)}


def test_where_several_labels_may_hold_every_label_that_is_offered_counts() -> None:
    found = reliability(Judged([[1, 0], [0, 0]], [[1, 0], [0, 0]], [[0.97, 0.02], [0.04, NAN]]))
    assert {one.high: (one.count, one.accuracy) for one in found if one.count} == {0.1: (2, 0.0), 1.0: (1, 1.0)}


def test_scores_of_0_and_1_are_in_the_outer_ranges() -> None:
    found = reliability(Judged([[1, 0]], [[1, 0]], [[1.0, 0.0]]))
    assert (found[0].count, found[-1].count) == (1, 1)


def test_an_empty_range_has_no_share() -> None:
    found = reliability(Judged([0], [0], [[0.9, 0.1]]))[0].to_dict()
    assert (found["count"], found["confidence"], found["accuracy"]) == (0, None, None)


@pytest.mark.parametrize("task", [fixed(), own(), several()], ids=lambda task: task.kind)
def test_every_answer_is_in_one_range(model: UniMC, task: EvaluationSet) -> None:
    found = evaluate_task(model, task, resamples=0).reliability
    assert sum(one.count for one in found) == len(task.examples) * (3 if task.multi_label else 1)
    assert all(one.low <= one.confidence <= one.high for one in found if one.count)


def test_the_table_agrees_with_accuracy(model: UniMC) -> None:
    result = evaluate_task(model, fixed(), resamples=0)
    right = sum(one.count * one.accuracy for one in result.reliability if one.count)
    assert right == pytest.approx(sum(result.correct))


def test_the_report_shows_the_ranges_that_hold_answers(model: UniMC, tmp_path: Path) -> None:
    found = evaluate_tasks(model, [fixed(), several()], resamples=10)
    found.write(tmp_path)
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    section = report.split("## Scores and right answers")[1].split("## ")[0]
    tasks = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["tasks"]
    filled = sum(one["count"] > 0 for task in tasks for one in task["reliability"])
    assert sum(line.startswith("| ") for line in section.splitlines()) == 2 + filled
    assert "(reliability.png)" in section
    assert (tmp_path / "reliability.png").read_bytes().startswith(b"\x89PNG")
    assert "log_loss" not in report.split("## ")[0]  # it is no share; it stands in a table of its own
    assert "log_loss" in report


@pytest.mark.parametrize("count", [1, 4, 5])
def test_the_plot_has_a_panel_for_every_task(model: UniMC, tmp_path: Path, count: int) -> None:
    tasks = [replace(fixed(3), split=f"test {number}") for number in range(count)]
    evaluate_tasks(model, tasks, resamples=0).write(tmp_path)
    assert (tmp_path / "reliability.png").is_file()


# ---- before and after a calibration


@pytest.mark.parametrize(
    ("task", "calibration"),
    [(fixed(), HALF), (fixed(), TOWARDS_BAD), (own(), HALF), (several(), SEVERAL)],
    ids=["temperature", "biases", "own options", "several labels"],
)
def test_a_calibrated_evaluation_has_the_answers_that_predict_gives_with_it(
    model: UniMC, task: EvaluationSet, calibration: Calibration
) -> None:
    result = evaluate_task(model, task, calibration=calibration, resamples=0)
    expected = model.predict(task.examples, multi_label=task.multi_label, calibration=calibration)
    for found, one in zip(result.predictions, expected, strict=True):
        assert found.scores == pytest.approx(one.scores)
        assert (found.labels, found.margins, found.calibrated) == (one.labels, one.margins, True)


def test_the_figures_before_are_those_without_a_calibration(model: UniMC) -> None:
    plain = evaluate_task(model, fixed(), resamples=20)
    found = evaluate_task(model, fixed(), calibration=TOWARDS_BAD, resamples=20)
    assert found.calibrated is not None
    assert found.calibrated.before == plain.figures
    assert {one.answer for one in found.predictions} == {"bad"}
    assert plain.calibrated is None


def test_log_loss_and_ece_are_shown_before_and_after(tmp_path: Path) -> None:
    model = with_stored(default=HALF)
    found = evaluate_tasks(model, [fixed(), own()], calibration="default", resamples=20)
    found.write(tmp_path)
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert results["calibration"] == "default"
    for task in results["tasks"]:
        assert task["calibration"]["temperature"] == 2.0
        assert task["calibration"]["before"]["ece"] != task["figures"]["ece"]
        assert task["calibration"]["before"]["log_loss"]["low"] is not None
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    section = report.split("## How far the scores can be trusted")[1].split("## ")[0]
    assert "before calibration" in section
    assert "#1 temperature 2; #2 temperature 2" in section
    assert [table.row_count for table in found.tables()[1:]] == [6]


def test_nothing_is_calibrated_unless_asked_for() -> None:
    model = with_stored(default=TOWARDS_BAD, feelings=TOWARDS_BAD)
    found = evaluate_tasks(model, [fixed()], resamples=0)
    assert not any(one.calibrated for one in found.tasks[0].predictions)
    assert found.to_dict()["calibration"] is None
    assert found.to_dict()["tasks"][0]["calibration"] is None


def test_task_takes_the_calibration_of_each_tasks_name() -> None:
    model = with_stored(feelings=TOWARDS_BAD, 阅读=HALF)
    tasks = [fixed(), replace(own(), name="阅读")]
    found = evaluate_tasks(model, tasks, calibration="task", resamples=0).to_dict()["tasks"]
    assert [task["calibration"]["temperature"] for task in found] == [1.5, 2.0]


@pytest.mark.parametrize(
    ("calibration", "problem"),
    [
        ("task", r"feelings \(test\): no calibration 'feelings'"),
        ("defualt", r"feelings \(test\): no calibration 'defualt'"),
        ("several", "the calibration is for several labels, not for one"),
        ("lacking", "option 'bad' has no bias"),
    ],
)
def test_a_calibration_that_does_not_fit_is_refused_before_anything_is_asked(
    monkeypatch: pytest.MonkeyPatch, calibration: str, problem: str
) -> None:
    model = with_stored(default=HALF, several=SEVERAL, lacking=Calibration(1.0, (("good", 1.0),)))
    monkeypatch.setattr(model, "predict", None)
    with pytest.raises(InputError, match=problem):
        evaluate_tasks(model, [fixed()], calibration=calibration)


def test_wordings_are_calibrated_each_and_then_averaged(model: UniMC) -> None:
    task = fixed()
    asked = replace(task, wordings={"again": list(task.examples)})
    found = evaluate_task(model, asked, calibration=TOWARDS_BAD, resamples=0)
    alone = evaluate_task(model, task, calibration=TOWARDS_BAD, resamples=0)
    assert found.wordings is not None
    assert found.wordings.each["again"].value == alone.primary.value == found.primary.value
    assert found.calibrated is not None
    assert found.calibrated.before["accuracy"].value == evaluate_task(model, task, resamples=0).primary.value


# ---- thresholds and windows


def test_a_threshold_decides_where_several_labels_may_hold(model: UniMC) -> None:
    for threshold, held in ((0.0, 3), (1.0, 0)):
        found = evaluate_tasks(model, [fixed(), several()], threshold=threshold, resamples=0)
        assert {len(one.labels) for one in found.tasks[0].predictions} == {1}
        assert {len(one.labels) for one in found.tasks[1].predictions} == {held}
        assert found.settings["threshold"] == threshold


def test_a_calibrations_own_threshold_holds_unless_one_is_given(model: UniMC) -> None:
    calibration = replace(SEVERAL, threshold=1.0)
    found = evaluate_tasks(model, [several()], calibration=calibration, resamples=0)
    assert {one.labels for one in found.tasks[0].predictions} == {()}
    assert found.settings["threshold"] is None  # each calibration says its own
    given = evaluate_tasks(model, [several()], calibration=calibration, threshold=0.0, resamples=0)
    assert {one.labels for one in given.tasks[0].predictions} == {(0, 1, 2)}


def test_with_one_right_label_the_best_option_is_the_answer_whatever_a_calibrations_threshold(model: UniMC) -> None:
    calibration = Calibration(2.0, threshold=1.0)
    found = evaluate_task(model, fixed(), calibration=calibration, resamples=0)
    assert all(one.answer is not None for one in found.predictions)
    assert all(line["answer"] in {"good", "bad"} for line in found.lines())


def long_texts() -> EvaluationSet:
    """Every second passage is longer than the tiny model's rows."""
    examples = [
        MultipleChoiceExample(["good", "bad"], passage="the snow was late " * (60 if number % 2 else 1), label=0)
        for number in range(4)
    ]
    return EvaluationSet("长文", "test", examples, label_names=("good", "bad"))


@pytest.mark.usefixtures("no_pictures")
@pytest.mark.parametrize("windows", ["max", "mean"])
def test_windows_read_all_of_long_passages_and_are_counted(model: UniMC, tmp_path: Path, windows: Any) -> None:
    cut = evaluate_tasks(model, [long_texts()], resamples=0)
    assert (cut.to_dict()["tasks"][0]["truncated"], cut.to_dict()["tasks"][0]["several_rows"]) == (2, 0)
    assert (cut.settings["windows"], cut.settings["stride"]) == (None, None)
    found = evaluate_tasks(model, [long_texts()], windows=windows, stride=8, resamples=0)
    (task,) = found.to_dict()["tasks"]
    assert (task["truncated"], task["several_rows"]) == (0, 2)
    assert task["rows"] > 4
    assert found.tasks[0].predictions == model.predict(long_texts().examples, windows=windows, stride=8)
    found.write(tmp_path)
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert f"windows ({windows} of the margins) that share at least 8 tokens" in report
    assert f"{task['rows']} rows, 2 of 4 examples in several (groups of options, or windows)" in report


def test_the_stride_that_was_taken_is_recorded(model: UniMC) -> None:
    assert evaluate_tasks(model, [fixed(2)], windows="max", resamples=0).settings["stride"] == 64


def test_windows_of_a_wording_are_counted_once_an_example(model: UniMC) -> None:
    task = long_texts()
    found = evaluate_task(model, replace(task, wordings={"again": list(task.examples)}), windows="max", resamples=0)
    assert found.several_rows == 2


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--stride", "32"], "--stride has a meaning only with --windows max or --windows mean"),
        (["--windows", "maxx"], "--windows: there is no 'maxx'; did you mean 'max'?"),
        (["--windows", "both"], "--windows: there is no 'both'; there are: max, mean"),
        (["--windows", "max", "--stride", "-1"], "stride is -1"),
        (["--wordings", "short", "--variant", "short"], "give one of the two"),
        (["--wordings", "kurz"], "--wordings: none of the tasks has a wording 'kurz'; there are: default, short"),
        (["--wordings", ","], "--wordings is empty"),
        (["--threshold", "0.3"], "threshold has a meaning where several labels may hold"),
        (["--calibration", "task"], "no calibration 'sample_zh_nli'"),
        (["--backend", "magic"], "backend 'magic' is not known"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_settings_that_make_no_sense_are_said_in_one_line(
    bert_folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], problem: str
) -> None:
    arguments = ["--model", bert_folder, "--tasks", "sample_zh_nli:train", "--limit", 2, "--resamples", 0]
    assert launching.here("evaluate.py", *arguments, *options) == 2
    said = capsys.readouterr().err
    assert problem in said
    assert said.startswith("error: ")
    assert said.count("\n") == 1


# ---- log-loss


def test_log_loss_of_one_label_by_hand() -> None:
    from unimc import metrics

    metric = metrics.get("log_loss")
    found = metric.compute(predictions=[[0.8, 0.2, NAN], [0.5, 0.3, 0.2]], references=[0, 2], num_labels=3)
    assert found["log_loss"] == pytest.approx(-(log(0.8) + log(0.2)) / 2)


def test_log_loss_of_several_labels_by_hand_is_over_all_that_are_offered() -> None:
    from unimc import metrics

    metric = metrics.get("log_loss")
    found = metric.compute(predictions=[[0.8, 0.1], [0.3, NAN]], references=[[1, 0], [1, 0]], num_labels=2)
    assert found["log_loss"] == pytest.approx(-(log(0.8) + log(0.9) + log(0.3)) / 3)


def test_log_loss_of_a_certain_mistake_is_finite() -> None:
    from unimc import metrics

    found = metrics.get("log_loss").compute(predictions=[[1.0, 0.0]], references=[1], num_labels=2)
    assert 30 < found["log_loss"] < 40
    assert np.isfinite(found["log_loss"])
