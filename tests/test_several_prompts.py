"""benchmarks/several_prompts.py measures every way on the same rows, says what to think of them, and refuses others."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny

import converters
from unimc import InputError, seen

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
ONE = """
name: errands
version: 1
language: en
kind: classification
question: "what is it about"
passage: "{text}"
labels: {column: label, values: {food: {name: food, wording: the soup}, rain: {name: rain, wording: the rain}}}
variants: {music: {question: "which text is it"}}
rows:
  train:
    - {text: "an old soup", label: food}
    - {text: "food at the wall", label: food}
    - {text: "snow on the train", label: rain}
    - {text: "a late rain", label: rain}
  validation:
    - {text: "the price of food", label: food}
    - {text: "the snow and the rain", label: rain}
    - {text: "a good soup", label: food}
  test: [{text: "a wall", label: food}]
"""
SEVERAL = """
name: notes
version: 1
language: zh
kind: multi_label
question: "这篇文章说的是什么"
passage: "{text}"
labels: {column: labels, values: {天气: 天气, 足球: 足球, 音乐: 音乐}}
rows:
  validation:
    - {text: "下雨", labels: [天气]}
    - {text: "足球和音乐", labels: [足球, 音乐]}
    - {text: "明天有雪", labels: [天气]}
"""


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    import several_prompts

    monkeypatch.setattr(several_prompts, "environment", lambda _: {})  # this process keeps its own
    yield several_prompts
    for name in ("several_prompts", "_several_prompts_page", "_program"):
        if name not in before:
            sys.modules.pop(name, None)


@pytest.fixture
def cards(tmp_path: Path) -> tuple[Path, Path]:
    one, several = tmp_path / "errands.yaml", tmp_path / "notes.yaml"
    one.write_text(ONE, encoding="utf-8")
    several.write_text(SEVERAL, encoding="utf-8")
    return one, several


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "tiny" / "final"
    tiny.checkpoint("bert").save(folder)
    return folder


def test_every_way_is_measured_on_the_same_rows(
    program: Any, model: Path, cards: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out" / "several.json"
    tasks = ",".join(f"{card}:validation" for card in cards)
    program.main(model=model, tasks=tasks, shots=2, max_length=150, output=output)
    made = json.loads(output.read_text(encoding="utf-8"))
    one, several = made["tasks"]
    assert [way["way"] for way in one["ways"]] == [
        "zero-shot",
        "1 drawn a label",
        "2 drawn a label",
        "1 nearest a label",
        "2 nearest a label",
        "1 drawn a label, mean of 3 draws",
        "mean of its 2 wordings",
        "label by label",
    ]
    assert [way["shown"] for way in one["ways"]] == [None, 2, 4, 2, 4, 2, None, None]
    assert all((way["fewer"], way["none"], way["cut"]) == (0, 0, 0) for way in one["ways"])
    assert (one["examples"], one["labelled"], one["labelled_from"], one["left_out"]) == (3, 4, "train", 0)
    assert [way["way"] for way in several["ways"]] == ["all labels at once", "label by label"]
    first, other = several["ways"]
    assert other["tokens"] > first["tokens"]
    for way in (*one["ways"], *several["ways"]):
        figures = [value for key, value in way.items() if key in ("accuracy", "micro_f1", "mean_average_precision")]
        assert len(figures) == (1 if way in one["ways"] else 2)
    assert first["micro_f1"]["gain"] == {"value": 0, "low": 0, "high": 0}
    page = output.with_suffix(".md").read_text(encoding="utf-8")
    assert "**errands, validation: 3 examples, 2 labels**" in page
    assert "label by label: average precision" in capsys.readouterr().out


def test_rows_for_testing_and_rows_without_a_split_are_refused(
    program: Any, model: Path, cards: tuple[Path, Path]
) -> None:
    for named in (f"{cards[0]}:test", str(cards[0])):
        with pytest.raises(InputError, match="name a split for training or validation"):
            program.main(model=model, tasks=named)


def test_tasks_whose_rows_have_their_own_options_are_refused(program: Any, model: Path) -> None:
    with pytest.raises(InputError, match="each row has its own options"):
        program.main(model=model, tasks="sample_en_commonsense:train")


def test_a_task_that_was_trained_on_is_refused_unless_it_is_named_and_then_that_is_said(
    program: Any, cards: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, output = tmp_path / "trained" / "final", tmp_path / "out.json"
    entry = {"task": "notes", "split": "train", "rows": 3, "language": "zh"}
    replace(tiny.checkpoint("bert"), trained_on=[entry]).save(folder)
    named = f"{cards[1]}:validation"
    with pytest.raises(InputError, match="the model was trained on it; take another task, or name it by --seen"):
        program.main(model=folder, tasks=named, output=output)
    program.main(model=folder, tasks=named, seen="notes", output=output)
    assert "trained on notes, so the first line is not zero-shot" in output.with_suffix(".md").read_text("utf-8")


def test_rows_whose_texts_were_trained_on_are_left_out(program: Any, cards: tuple[Path, Path], tmp_path: Path) -> None:
    folder, output = tmp_path / "trained" / "final", tmp_path / "out.json"
    known = replace(converters.get(cards[1]).load("validation")[0], task="other")
    entry = {"task": "other", "split": "train", "rows": 1, "language": "zh"}
    replace(tiny.checkpoint("bert"), trained_on=[entry], training_texts=seen.hashes([known])).save(folder)
    program.main(model=folder, tasks=f"{cards[1]}:validation", output=output)
    (task,) = json.loads(output.read_text(encoding="utf-8"))["tasks"]
    assert (task["examples"], task["left_out"], task["trained_on"]) == (2, 1, "overlapping")


def figure(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


@pytest.mark.usefixtures("program")  # it puts the folder on the path
def test_the_page_marks_what_is_surely_better_or_worse_and_what_did_not_fit() -> None:
    from _several_prompts_page import notes, rows

    ways = [
        {"way": way, "accuracy": {"figure": figure(0.5, 0.4, 0.6), "gain": gain}, "changed": 3, "shown": shown}
        | {"fewer": fewer, "none": none, "tokens": 80.4, "cut": 0}
        for way, gain, shown, fewer, none in (
            ("zero-shot", figure(0, 0, 0), None, 0, 0),
            ("1 drawn a label", figure(-0.1, -0.2, -0.01), 1.5, 9, 7),
            ("label by label", figure(0.1, 0.05, 0.2), None, 0, 0),
            ("mean of its 2 wordings", figure(0.1, -0.05, 0.2), None, 0, 0),
        )
    ]
    found = {
        "ways": ways,
        "examples": 20,
        "trained_on": "unseen",
        "left_out": 2,
        "labelled": 32,
        "labelled_from": "train",
    }
    assert list(rows(found)) == [
        ("zero-shot", "50.0 (40.0 – 60.0)", "", "", "", "80"),
        ("1 drawn a label", "50.0 (40.0 – 60.0)", "-10.0 (-20.0 – -1.0) ▼", "3", "1.5", "80"),
        ("label by label", "50.0 (40.0 – 60.0)", "+10.0 (+5.0 – +20.0) ▲", "3", "", "80"),
        ("mean of its 2 wordings", "50.0 (40.0 – 60.0)", "+10.0 (-5.0 – +20.0)", "3", "", "80"),
    ]
    assert notes(found) == [
        "2 more rows are left out: the model was trained on their texts.",
        "Demonstrations from 32 rows of train, of other texts.",
        "1 drawn a label: for want of room 9 of 20 were shown fewer, 7 none.",
    ]
