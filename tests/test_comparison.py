"""Our figures beside published ones, in one table a suite."""

from __future__ import annotations

from typing import Any

import pytest

import converters
from converters import suites
from unimc import comparison

SUITE = {
    "name": "两项",
    "tasks": {"a": "task_a:test", "b": "task_b:validation"},
    "source": "a paper",
    "published": [
        {"model": "Big", "parameters": "11B", "setting": "zero-shot", "figures": {"a": 50, "b": 61.26}},
        {"model": "Half", "parameters": None, "setting": "few-shot", "figures": {"a": 40}},
    ],
}


def results(*statuses: str) -> dict[str, Any]:
    tasks = [
        {
            "task": task,
            "split": split,
            "examples": 1200,
            "primary": "accuracy",
            "figures": {"accuracy": {"value": value}},
            "seen": {"status": status, "rows": 0},
            "calibration": None,
            "wordings": None,
        }
        for (task, split, value), status in zip(
            [("task_b", "validation", 0.75), ("task_a", "test", 0.5), ("other", "test", 0.1)],
            (*statuses, "unseen"),
            strict=True,
        )
    ]
    return {"model": {"name": "ours", "parameters": 22_700_000}, "tasks": tasks}


def test_the_rows_stand_in_the_layout_of_the_published_ones() -> None:
    assert list(comparison.rows(results("unseen", "unseen"), SUITE)) == [
        ["Big", "11B", "zero-shot", "50.0", "61.3", "55.6"],
        ["Half", "", "few-shot", "40.0", "", ""],
        ["ours", "22.7M", "zero-shot", "50.0", "75.0", "62.5"],
    ]
    assert comparison.csv_text(results("unseen", "unseen"), SUITE).splitlines()[0] == (
        "model,parameters,setting,a,b,average"
    )


def test_what_was_trained_on_is_not_called_zero_shot() -> None:
    *_, own = comparison.rows(results("seen", "overlapping"), SUITE)
    assert own[2] == "overlapping, seen"


@pytest.mark.parametrize(("key", "said"), [("calibration", "calibrated"), ("wordings", "wordings averaged")])
def test_what_was_done_beyond_asking_once_is_said(key: str, said: str) -> None:
    found = results("unseen", "unseen")
    found["tasks"][1][key] = {"any": "thing"}
    *_, own = comparison.rows(found, SUITE)
    assert own[2] == f"zero-shot, {said}"


def test_windows_are_said() -> None:
    *_, own = comparison.rows({**results("unseen", "unseen"), "windows": "max"}, SUITE)
    assert own[2] == "zero-shot, windows"


@pytest.mark.parametrize("name", suites.names())
def test_a_suite_names_tasks_and_splits_that_there_are(name: str) -> None:
    suite = suites.get(name)
    assert suite.source
    for task in suite.tasks.values():
        card, _, split = task.partition(":")
        assert split in converters.get(card).split_names
    for entry in suite.published:
        assert entry.keys() == {"model", "parameters", "setting", "figures"}
        assert entry["figures"].keys() <= suite.tasks.keys()


def test_a_suite_stands_for_its_tasks_each_once() -> None:
    found = suites.expanded(["fewclue_tnews:test", "fewclue", "sst2"])
    assert len(found) == len(set(found)) == 10
    assert found[-1] == "sst2"
