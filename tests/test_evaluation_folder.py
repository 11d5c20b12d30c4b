"""The folder of an evaluation: what an earlier one left in it never stands beside the new one."""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import pytest
from compared import BAD, GOOD, RIGHT, given, written
from evaluated import evaluation, topics

from unimc import InputError, pairing

SUITE = {"name": "一组", "tasks": {"A": "topics:test"}, "published": [], "source": "A paper"}


def test_what_is_stopped_halfway_has_no_old_figures_beside_new_rows(tmp_path: Path) -> None:
    task = topics(RIGHT)
    written(tmp_path, evaluation((task, given(BAD))))
    stopped = mock.patch("unimc.report.files", side_effect=KeyboardInterrupt)
    with stopped, pytest.raises(KeyboardInterrupt):
        written(tmp_path, evaluation((task, given(GOOD))))
    assert not (tmp_path / "results.json").exists()
    with pytest.raises(InputError, match=r"no results\.json in it"):
        pairing.read(tmp_path)
    written(tmp_path, evaluation((task, given(GOOD))))
    assert pairing.read(tmp_path).tasks


def test_tables_of_an_earlier_evaluations_suites_go(tmp_path: Path) -> None:
    answered = topics(RIGHT), given(BAD)
    written(tmp_path, evaluation(answered, suites=[SUITE]))
    (tmp_path / "mine.csv").write_text("a table of the user's", encoding="utf-8")
    written(tmp_path, evaluation(answered, suites=[{**SUITE, "name": "另一组"}]))
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == ["mine.csv", "另一组.csv"]


@pytest.mark.parametrize(
    "earlier", ["{", "[]", '{"suites": 3}', '{"suites": [{"name": "../outside"}, {"name": "\\u0000"}]}']
)
def test_an_earlier_file_that_is_none_of_ours_removes_nothing_else(tmp_path: Path, earlier: str) -> None:
    outside, folder = tmp_path / "outside.csv", tmp_path / "folder"
    outside.write_text("kept", encoding="utf-8")
    folder.mkdir()
    (folder / "results.json").write_text(earlier, encoding="utf-8")
    written(folder, evaluation((topics(RIGHT), given(BAD))))
    assert outside.exists()
    assert json.loads((folder / "results.json").read_text(encoding="utf-8"))["tasks"]
