"""Files of results: which are read, by which name, and what is refused."""

from __future__ import annotations

from pathlib import Path

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
