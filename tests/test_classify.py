"""`unimc classify`: what is asked besides the options, thresholds, the best few, calibration, options from a file."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import launching
import pytest
import terminal

from unimc.calibration import Calibration
from unimc.stored_calibration import store

ASKED = "汤凉了。", "--question", "说的是什么？", "--options", "天气,饮食,比赛"


def classify(*arguments: object, model: Path | None = None) -> terminal.Said:
    return terminal.unimc("classify", *arguments, "--model", model or launching.sample_model(), "--device", "cpu")


def test_with_one_label_none_of_these_may_be_the_answer() -> None:
    always, never = (json.loads(classify(*ASKED, "--threshold", at, "--json").out) for at in ("0", "1"))
    assert always["answer"] in ("天气", "饮食", "比赛")
    assert never == {**always, "answer": None, "labels": []}
    assert "none of these: no option is sure enough" in classify(*ASKED, "--threshold", "1").out
    assert "none of these" not in classify(*ASKED).out


def test_the_table_shows_the_best_few() -> None:
    scores = json.loads(classify(*ASKED, "--json").out)["scores"]
    last = ["天气", "饮食", "比赛"][scores.index(min(scores))]
    said = classify(*ASKED, "--top-k", "2")
    assert (said.code, last in said.out) == (0, False)
    several = json.loads(classify(*ASKED, "--multi-label", "--threshold", "0", "--top-k", "2", "--json").out)
    assert len(several["labels"]) == 2


def test_a_calibration_is_asked_for_by_its_name(tmp_path: Path) -> None:
    model = Path(shutil.copytree(launching.sample_model(), tmp_path / "model"))
    store(model, "汤", Calibration(1.0, (("天气", 0.0), ("饮食", 9.0), ("比赛", 0.0))))
    found = json.loads(classify(*ASKED, "--calibration", "汤", "--json", model=model).out)
    assert (found["answer"], found["calibrated"]) == ("饮食", True)
    said = classify(*ASKED, "--calibration", "soup", model=model)
    assert said.err == "error: no calibration 'soup' in this checkpoint; there are: 汤\n"


def test_options_of_a_file_may_hold_commas_and_have_names(tmp_path: Path) -> None:
    path = tmp_path / "labels.yaml"
    path.write_text('food: "soup, and what else one eats"\nweather: rain\n', encoding="utf-8")
    found = json.loads(classify("The soup was cold.", "--options-file", path, "--json").out)
    assert found["names"] == ["food", "weather"]
    assert found["options"] == ["soup, and what else one eats", "rain"]


@pytest.mark.parametrize("option", ["repair", "维修"])
def test_one_option_alone_is_no_question_unless_it_may_be_refused(option: str) -> None:
    said = classify("The soup was cold.", "--options", option)
    assert (said.code, "one option is the answer whatever the text says" in said.err) == (2, True)
    for way in (("--multi-label",), ("--threshold", "0.5")):
        assert classify("The soup was cold.", "--options", option, *way).code == 0


@pytest.mark.parametrize("arguments", [(), ("--options", "a,b", "--options-file", "x.yaml")])
def test_options_come_from_one_place(arguments: tuple[str, ...]) -> None:
    said = classify("The soup was cold.", *arguments)
    assert (said.code, "give either --options" in said.err) == (2, True)


def test_what_was_cut_is_said_beside_the_answer_unless_all_was_read() -> None:
    long = "汤凉了。" * 900, *ASKED[1:]
    said = classify(*long)
    assert said.code == 0
    assert re.fullmatch(
        r"note: [\d,]+ tokens of the text didn't fit and were cut; --windows max reads all of it\n", said.err
    )
    assert "note" not in classify(*long, "--windows", "max").err + classify(*ASKED).err
