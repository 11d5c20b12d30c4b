"""Two processes on the CPU, for real: they do what one does, and say how many they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import launching
import pytest

pytestmark = pytest.mark.slow

TASKS = "sample_en_riddle,sample_zh_topic"
LIMIT = 13  # uneven for two processes
VOLATILE = {"seconds", "examples_per_second", "processes"}


def without_times(value: Any) -> Any:
    """Results without what may differ between two runs that found the same."""
    if isinstance(value, dict):
        return {key: without_times(one) for key, one in value.items() if key not in VOLATILE}
    return [without_times(one) for one in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folders of one run by two processes, and of one by a process that accumulates twice."""
    folder = tmp_path_factory.mktemp("runs")
    more = "--set", "validation.tasks=[{task: sample_zh_nli, split: train}]", "--set", "validation.limit=7"
    more += "--set", "mixture.cap=9"
    # One example a micro-batch: 27 of them leave the second process none in an epoch's last step.
    settings = {"epochs": 2, "batch_size": 1, "validate_every": 7}
    two = launching.configuration(folder / "two", **settings)
    done = launching.run("train.py", "--config", two, *more, processes=2)
    assert done.returncode == 0, done.stderr
    (folder / "two.log").write_text(done.stdout, encoding="utf-8")
    one = launching.configuration(folder / "one", **settings, accumulation=2)
    assert launching.here("train.py", "--config", one, *more) == 0
    return folder / "two", folder / "one"


def test_training_says_the_world_size(runs: tuple[Path, Path]) -> None:
    said = (runs[0].parent / "two.log").read_text(encoding="utf-8").splitlines()
    assert [line for line in said if "world size" in line] == ["world size 2"]


def test_two_processes_train_as_one_that_accumulates_twice(runs: tuple[Path, Path]) -> None:
    two, one = map(launching.steps, runs)
    assert len(two) >= 5
    assert launching.apart(two, one) < 1e-5
    for first, second in zip(two, one, strict=True):
        assert first["gradient_norm"] == pytest.approx(second["gradient_norm"], rel=1e-4)
        assert first["accuracy"] == second["accuracy"]
        assert first["examples"] == second["examples"]
        assert {task: values["examples"] for task, values in first["task"].items()} == {
            task: values["examples"] for task, values in second["task"].items()
        }


def test_every_example_is_trained_on_once_an_epoch(runs: tuple[Path, Path]) -> None:
    for folder in runs:
        for epoch in (0, 1):
            assert sum(line["examples"] for line in launching.steps(folder) if line["epoch"] == epoch) == 27


def test_both_validate_alike_and_end_with_the_same_weights(runs: tuple[Path, Path]) -> None:
    validations = [[line for line in launching.lines(folder) if "validation" in line] for folder in runs]
    assert validations[0] == validations[1]
    assert len(validations[0]) >= 2
    two, one = (launching.weights(folder / "final") for folder in runs)
    assert two.keys() == one.keys()
    # Wider than for losses: AdamW makes a step of full size from a gradient that is nothing but rounding.
    assert max(float((two[name] - one[name]).abs().max()) for name in two) < 1e-3


def test_evaluation_by_two_processes_equals_that_by_one(runs: tuple[Path, Path], tmp_path: Path) -> None:
    arguments = "--model", runs[1] / "final", "--tasks", TASKS, "--limit", LIMIT, "--resamples", 50, "--batch-size", 4
    done = launching.run("evaluate.py", *arguments, "--output", tmp_path / "2", processes=2)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines().count("world size 2") == 1
    assert launching.here("evaluate.py", *arguments, "--output", tmp_path / "1") == 0
    found = []
    for processes in (2, 1):
        results = json.loads((tmp_path / str(processes) / "results.json").read_text(encoding="utf-8"))
        assert results["processes"] == processes
        results.pop("peak_memory", None)  # of the process that writes, which isn't the same in the two
        lines = (tmp_path / str(processes) / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
        found.append((without_times(results), [json.loads(line) for line in lines]))
    (results, predictions), (expected, alone) = found
    for one, other in zip(results["tasks"], expected["tasks"], strict=True):
        # These follow the scores' last digits, which other rows in a batch round otherwise.
        for figure in ("ece", "log_loss"):
            assert one["figures"].pop(figure) == pytest.approx(other["figures"].pop(figure), abs=1e-4)
        for line, expected_line in zip(one["reliability"], other["reliability"], strict=True):
            assert line.pop("confidence") == pytest.approx(expected_line.pop("confidence"), abs=1e-6)
    assert results == expected
    identity = [(line["task"], line["id"]) for line in alone]
    assert [(line["task"], line["id"]) for line in predictions] == identity
    assert len(set(identity)) == 2 * LIMIT
    for one, other in zip(predictions, alone, strict=True):
        assert one["scores"] == pytest.approx(other["scores"], abs=1e-5)


def test_an_error_is_said_above_the_launchers_own(tmp_path: Path) -> None:
    """The launcher prints a traceback of its own for a process that fails; our line is still there to be read."""
    path = launching.configuration(tmp_path / "run")
    done = launching.run("train.py", "--config", path, "--set", "mixture.tasks=[sample_zh_nil]", processes=2)
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert said
    assert set(said) == {
        "error: no task 'sample_zh_nil'; did you mean 'sample_zh_nli'? (a task of your own: give its YAML file)"
    }
