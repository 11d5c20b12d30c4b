"""`unimc compare`: what it says, when it trusts a difference, and what it writes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from unittest import mock

import pytest
import terminal
from compared import BAD, RIGHT, both, figures, given, pair, rewritten, written
from evaluated import evaluation, sure, tags, topics


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A task with fixed labels and one with several, of two models."""
    return pair(tmp_path)


def test_the_command_says_what_differs_and_how_it_ends(folders: tuple[Path, Path]) -> None:
    said = terminal.unimc("compare", *folders, "--resamples", 100, "--list", 2)
    assert said.code == 0, said.err
    assert f"A: {folders[0]}, model 模型甲" in said.out
    assert "Differing: nothing on record" in said.out
    assert "#1 topics: only B right" in said.out
    assert "2 of 20, what changed most first" in said.out
    last = said.out.splitlines()[-1]
    assert last.startswith("B is ")
    assert last.endswith("B is better on these tasks.")


def test_the_same_answers_are_not_told_apart(tmp_path: Path) -> None:
    one = evaluation((topics(RIGHT), given(BAD)))
    said = terminal.unimc("compare", *both(tmp_path, one, one), "--resamples", 100)
    assert "B is 0.0 points above A (50.0 and 50.0)" in said.out
    assert "these rows don't tell them apart" in said.out
    assert "only B right" not in said.out


@pytest.mark.parametrize(("rows", "trusted"), [(1, False), (5, False), (6, True)])
def test_a_verdict_needs_rows_that_tell_them_apart(tmp_path: Path, rows: int, trusted: bool) -> None:
    """If B wins them all the bootstrap knows no other outcome, however few they are; McNemar's test does."""
    task = topics(["food"] * rows)
    a, b = evaluation((task, given(["sport"] * rows))), evaluation((task, given(["food"] * rows)))
    folders = both(tmp_path, a, b)
    last = terminal.unimc("compare", *folders, "--resamples", 50).out.splitlines()[-1]
    assert last.endswith("B is better on these tasks.") is trusted
    assert last.endswith(f"rows that tell them apart are too few to trust it: {rows}.") is not trusted
    assert (figures(*folders).wins.p < 0.05) is trusted


def test_of_several_labels_rows_with_other_answers_tell_them_apart(tmp_path: Path) -> None:
    """Neither is right on any row, but B finds more of the labels."""
    task = tags([["体育", "财经", "音乐"]] * 8)
    a, b = (evaluation((task, [sure(*held)] * 8)) for held in (["体育"], ["体育", "财经"]))
    last = terminal.unimc("compare", *both(tmp_path, a, b), "--resamples", 50).out.splitlines()[-1]
    assert last.endswith("B is better on these tasks.")


def test_settings_that_differ_are_named(tmp_path: Path) -> None:
    task = topics(RIGHT)
    a = evaluation((task, given(BAD)))
    b = evaluation((replace(task, variant="短"), given(BAD)), threshold=0.3)
    b = replace(b, model={**b.model, "fingerprint": "b" * 64, "max_length": 64})
    said = terminal.unimc("compare", *both(tmp_path, a, b), "--resamples", 0)
    assert (
        "Differing: weights; tokens in a row (128 in A, 64 in B); threshold (0.5 in A, 0.3 in B); "
        "wording of topics (default in A, 短 in B)"
    ) in said.out


@pytest.mark.parametrize("rows", [40, 30])
def test_other_texts_under_the_same_wording_are_named(tmp_path: Path, rows: int) -> None:
    """Of all rows the fingerprints say it; where some are left out, the lines."""
    task = topics(RIGHT)
    edited = [replace(one, question="about what") for one in task.examples]
    a, same = evaluation((task, given(BAD))), replace(task, examples=task.examples[:rows])
    folder = written(tmp_path / "a", a)
    for number, (other, said) in enumerate(
        [(same, "nothing on record"), (replace(same, examples=edited[:rows]), "texts of topics")]
    ):
        b = written(tmp_path / str(number), evaluation((other, given(BAD[:rows]))))
        found = terminal.unimc("compare", folder, b, "--resamples", 0, "--common")
        assert f"Differing: {said}\n" in found.out, found.err


def test_the_same_rows_in_another_order_are_the_same_texts(tmp_path: Path) -> None:
    task = topics(RIGHT)
    back = replace(task, examples=task.examples[::-1])
    folders = both(tmp_path, evaluation((task, given(BAD))), evaluation((back, given(BAD[::-1]))))
    assert "Differing: nothing on record" in terminal.unimc("compare", *folders, "--resamples", 0).out


def test_a_folder_that_can_not_be_made_is_said_before_the_bootstrap(folders: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with mock.patch("unimc.paired_figures.compared", side_effect=AssertionError("too late")):
        for option, path in (("--output", "file/below"), ("--all", "file/below/rows.jsonl")):
            said = terminal.unimc("compare", *folders, option, tmp_path / path)
            assert (said.code, "check the path" in said.err) == (2, True), said.err


def test_everything_is_written_to_the_folder(folders: tuple[Path, Path], tmp_path: Path) -> None:
    output = tmp_path / "结果" / "comparison"
    said = terminal.unimc("compare", *folders, "--resamples", 100, "--seed", 5, "--output", output)
    assert said.code == 0, said.err
    assert sorted(path.name for path in output.iterdir()) == ["compare.html", "compare.json", "compare.md"]
    found = json.loads((output / "compare.json").read_text(encoding="utf-8"))
    assert (found["kind"], found["seed"], found["resamples"], found["level"]) == ("comparison", 5, 100, 0.95)
    assert found["a"] == {"folder": str(folders[0]), "model": "模型甲", "fingerprint": "a" * 64}
    assert found["tasks"][0]["right"] == {
        "both": 10,
        "only_a": 10,
        "only_b": 20,
        "neither": 0,
        "p": pytest.approx(0.0987, abs=1e-4),
    }
    text = (output / "compare.md").read_text(encoding="utf-8")
    assert "| 1 | topics | test | 40 | accuracy | 50.0 | 75.0 | +25.0 |" in text
    assert "(100 resamples, seed 5)" in text
    assert "## Other figures" in text
    assert "no 1: sport" in text
    assert "no 1: sport" in (output / "compare.html").read_text(encoding="utf-8")


def test_all_rows_that_changed_can_be_written_to_a_file(folders: tuple[Path, Path], tmp_path: Path) -> None:
    file = tmp_path / "new" / "rows.jsonl"
    said = terminal.unimc("compare", *folders, "--resamples", 0, "--list", 0, "--all", file)
    assert f"39 rows written to {file}" in said.out
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [row["right"] for row in rows].count("B") == 29
    assert rows[0].keys() == {
        *("task", "split", "id", "question", "passage", "textb", "right", "gold", "a", "b", "scores"),
    }
    assert {row["task"] for row in rows} == {"topics", "标签"}
    refused = terminal.unimc("compare", *folders, "--all", tmp_path / "rows.csv")
    assert (refused.code, "give a name that ends in .jsonl" in refused.err) == (2, True)


def test_evaluations_of_earlier_versions_have_no_texts_and_it_is_said(folders: tuple[Path, Path]) -> None:
    for folder in folders:
        rewritten(folder, lambda lines: [line.pop(name) for line in lines for name in ("question", "passage")] and None)
    said = terminal.unimc("compare", *folders, "--resamples", 0)
    assert said.code == 0, said.err
    assert "No texts: an earlier version wrote these predictions.jsonl" in said.out
    assert "39" not in said.err


def test_an_error_is_one_line(folders: tuple[Path, Path], tmp_path: Path) -> None:
    said = terminal.unimc("compare", folders[0], tmp_path)
    assert said.code == 2
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
