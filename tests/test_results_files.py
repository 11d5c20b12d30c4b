"""Files of results: which are read, by which name, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from results_written import evaluation, page, task, written

from unimc import InputError, results_files


def test_a_folder_is_all_evaluations_in_it_and_a_name_can_be_given(tmp_path: Path) -> None:
    written(tmp_path, evaluation(task("天气")), evaluation(task("新闻"), weights="b" * 64))
    (model,) = results_files.read([f"我的={tmp_path}"])
    assert (model.name, len(model.trainings)) == ("我的", 2)


@pytest.mark.parametrize(
    ("loaded_from", "name"),
    [
        ("runs/unseen_topics/final", "unseen_topics"),
        ("runs/unseen_topics-seed2/checkpoint-00000800", "unseen_topics"),
        ("someone/some-model-s12", "some-model"),
        ("minilm-l6", "minilm-l6"),
        (None, "this model"),
    ],
)
def test_the_name_is_the_runs_without_its_seed(tmp_path: Path, loaded_from: str, name: str) -> None:
    (model,) = results_files.read(written(tmp_path, evaluation(task("天气"), name=loaded_from)))
    assert model.name == name


def test_one_task_with_two_figures_of_the_same_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"天气 \(test\) with the same weights is in .* and in .*leave one"):
        page(tmp_path, evaluation(task("天气", 0.5)), evaluation(task("天气", 0.6)))
    assert page(tmp_path, evaluation(task("天气", 0.5)), evaluation(task("天气", 0.5)))


def test_models_of_two_sizes_can_not_have_one_name(tmp_path: Path) -> None:
    other = evaluation(task("天气"), weights="b" * 64)
    other["model"]["parameters"] = 5
    with pytest.raises(InputError, match="give them names: NAME="):
        results_files.read(written(tmp_path, evaluation(task("天气")), other))


@pytest.mark.parametrize("other", ["runs/x/final", "runs/x/checkpoint-100", "runs/x/best"])
def test_other_weights_of_the_same_run_are_no_training_with_another_seed(tmp_path: Path, other: str) -> None:
    files = written(
        tmp_path,
        evaluation(task("天气"), name="runs/x/final"),
        evaluation(task("天气"), name=other, weights="b" * 64),
    )
    with pytest.raises(InputError, match=r"other weights was loaded from the same run .*give them names: NAME="):
        results_files.read(files)
    assert len(results_files.read([f"first={files[0]}", f"second={files[1]}"])) == 2
    (model,) = results_files.read([f"x={file}" for file in files])
    assert len(model.trainings) == 2


def test_runs_with_other_seeds_are_one_model(tmp_path: Path) -> None:
    found = [evaluation(task("天气"), name=f"runs/x_seed{seed}/final", weights=str(seed) * 64) for seed in range(3)]
    (model,) = results_files.read(written(tmp_path, *found))
    assert (model.name, len(model.trainings)) == ("x", 3)


ADAPTED = {"format": 1, "task": "t", "strategy": "prompt-tuning", "mean": 0.5, "draws": []}


def test_what_an_adaptation_wrote_is_passed_over_and_by_its_name_refused(tmp_path: Path) -> None:
    (ours,) = written(tmp_path, evaluation(task("天气")))
    adapted = tmp_path / "adapted" / "results.json"
    adapted.parent.mkdir()
    adapted.write_text(json.dumps(ADAPTED), encoding="utf-8")
    (model,) = results_files.read([str(tmp_path)])
    assert [str(entry.path) for entry in model.entries()] == [ours]
    with pytest.raises(InputError, match=r"adapted/results\.json: not .* evaluation: `unimc adapt` wrote it"):
        results_files.read([str(adapted)])
    with pytest.raises(InputError, match="only those of `unimc adapt` in it"):
        results_files.read([str(adapted.parent)])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"figures": None}, r"tasks\[0\]: figures is None"),
        ({"figures": {"accuracy": {"low": 0.1}}}, r"tasks\[0\]: figures is"),
        ({"figures": {"accuracy": {"value": "0.5"}}}, r"tasks\[0\]: figures is"),
        ({"figures": {"accuracy": {"value": float("nan")}}}, r"tasks\[0\]: figures is"),
        ({"figures": {"accuracy": 0.5}}, r"tasks\[0\]: figures is"),
        ({"task": 1}, r"tasks\[0\]: task is 1"),
        ({"examples": "4"}, r"tasks\[0\]: examples is '4'"),
        ({"seen": []}, r"tasks\[0\]: seen is"),
        ({"wordings": {}}, r"tasks\[0\]: wordings is"),
        ({"calibration": {"before": None}}, r"tasks\[0\]: calibration is"),
        ({"data_fingerprint": []}, r"tasks\[0\]: data_fingerprint is"),
    ],
)
def test_a_broken_field_of_a_task_is_said_with_its_file(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=rf"0/results\.json: {said}.*evaluate again"):
        page(tmp_path, evaluation(task("天气", **changes)))


@pytest.mark.parametrize(
    ("changes", "of_model", "said"),
    [
        ({"versions": None}, {}, "versions is None"),
        ({"windows": 3}, {}, "windows is 3"),
        ({"threshold": "much"}, {}, "threshold is 'much'"),
        ({}, {"trained_on": [{"rows": 3}]}, "model: trained_on is"),
        ({}, {"trained_on": [{"task": "t", "rows": "3"}]}, "model: trained_on is"),
        ({}, {"name": 3}, "model: name is 3"),
        ({}, {"parameters": "many"}, "model: parameters is 'many'"),
        ({}, {"fingerprint": None}, "model: fingerprint is None"),
    ],
)
def test_a_broken_field_beside_the_tasks_is_said_with_its_file(
    tmp_path: Path, changes: dict[str, Any], of_model: dict[str, Any], said: str
) -> None:
    found = evaluation(task("天气"), **changes)
    found["model"] |= of_model
    with pytest.raises(InputError, match=rf"0/results\.json: {said}.*evaluate again"):
        page(tmp_path, found)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "not the results.json"),
        ('{"format": 2, "model": {"fingerprint": "a"}, "tasks": []}', "not the results.json"),
        ('{"format": 1, "model": {"fingerprint": "a"}, "tasks": [{"task": "a"}]}', r"tasks\[0\] has no split"),
        ('{"format": 1, "model": {"fingerprint": "a"}, "tasks": ["a"]}', r"tasks\[0\] has no task"),
    ],
)
def test_a_file_that_is_no_evaluation_is_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        results_files.read([str(path)])


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not there"):
        results_files.read([str(tmp_path / "nothing")])
    with pytest.raises(InputError, match=r"no results\.json in it"):
        results_files.read([str(tmp_path)])
    with pytest.raises(InputError, match="no name before the ="):
        results_files.read([f"={tmp_path}"])


@pytest.mark.parametrize(("given", "said"), [("", "has no name"), (" ", "has no name"), ("x=", "no path after the =")])
def test_no_path_is_not_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str, said: str
) -> None:
    written(tmp_path, evaluation(task("天气")))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=said):
        results_files.read([given])
    assert results_files.read(["."])
