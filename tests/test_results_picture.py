"""The picture beside the page: who is in it, the command that draws it, and the sizes that it places models by."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from results_written import FEWCLUE, FIVE, SUITE, all_of, evaluation, task, written

from converters import suites
from unimc import results_files, results_picture, results_tables, sizes
from unimc.cli import main


def test_the_picture_holds_zero_shot_models_of_known_size_and_ours(tmp_path: Path) -> None:
    models = results_files.read(written(tmp_path, all_of(SUITE)))
    found = results_picture.points(models, SUITE)
    assert [(one.name, one.parameters, one.own) for one in found] == [
        ("Big", 11e9, False),
        ("Middle", 110e6, False),
        ("ours", 22.7e6, True),
    ]
    assert (found[-1].mean, found[-1].half) == (pytest.approx(60), pytest.approx(2 / 2**0.5))


def test_a_model_that_was_trained_on_a_task_is_not_called_zero_shot_in_the_picture(tmp_path: Path) -> None:
    results = all_of(SUITE)
    results["tasks"][1]["seen"] = {"status": "seen", "rows": 0, "of": {}}
    *_, own = results_picture.points(results_files.read(written(tmp_path, results)), SUITE)
    assert own.name == "ours (not zero-shot)"


def test_a_model_that_lacks_a_task_is_not_in_the_picture(tmp_path: Path) -> None:
    models = results_files.read(written(tmp_path, evaluation(task("天气"))))
    assert not any(one.own for one in results_picture.points(models, SUITE))
    assert results_picture.drawn(models, SUITE) is None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("suite", [FIVE, FEWCLUE], ids=lambda suite: str(suite["name"]))
def test_pictures_are_drawn_for_names_of_any_kind(tmp_path: Path, suite: Mapping[str, Any]) -> None:
    for name in ("很好的模型", "a_name_" * 20, "$a$b$c^", "$x_1$"):
        drawn = results_picture.drawn(results_files.read(written(tmp_path, all_of(suite, name))), suite)
        assert drawn is not None
        assert drawn.startswith(b"\x89PNG")


def test_the_command_writes_the_page_and_its_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = written(tmp_path / "files", all_of(FIVE), all_of(FEWCLUE))
    output = tmp_path / "docs" / "our results.md"
    for named in (files, files[:1]):
        arguments = ["unimc", "results", *named, "--output", str(output), "--title", "我们的结果"]
        with mock.patch("sys.argv", arguments), pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code in (0, None), capsys.readouterr().err
        text = output.read_text(encoding="utf-8")
        assert text.startswith("# 我们的结果\n")
        shown = re.findall(r"!\[.*?\]\(<(.*?)>\)", text)
        assert len(shown) == len(named)
        assert sorted(path.name for path in output.parent.glob("*.png")) == sorted(shown)


def test_sizes_are_read_as_they_are_written() -> None:
    for count in (22.7e6, 110e6, 1.3e9, 540e9, 12.0):
        assert sizes.parsed(sizes.short(count)) == pytest.approx(count)
    assert (sizes.short(None), sizes.parsed(None), sizes.parsed("")) == ("", None, None)


@pytest.mark.parametrize("name", suites.names())
def test_published_sizes_can_be_read_and_figures_are_per_cent(name: str) -> None:
    for entry in suites.get(name).published:
        assert sizes.parsed(entry["parameters"]) is None or sizes.parsed(entry["parameters"]) > 1e6  # type: ignore[operator]
        assert all(0 < figure <= 100 for figure in entry["figures"].values())


def test_published_figures_stand_in_one_file_and_are_shared() -> None:
    assert suites.get("english_reasoning").published == suites.get("paper_english").published
    assert results_tables.keys(asdict(suites.get("english_reasoning")))["cb"] == ("super_glue_cb", "validation")
