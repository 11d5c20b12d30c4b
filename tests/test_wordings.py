"""Evaluation in several wordings: what is asked, what is averaged, what is said of each and of their average."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import launching
import pytest
from test_evaluation import fixed, guess, in_wordings, own, reworded, several

import converters
from unimc import InputError, UniMC
from unimc.commands.tasks_to_sets import evaluation_set, wordings_of
from unimc.ensemble import averaged
from unimc.evaluation import EvaluationSet, evaluate_task, evaluate_tasks
from unimc.figures import Judged, difference

CARD = {
    "name": "天气",
    "kind": "classification",
    "language": "zh",
    "question": "天气怎么样？",
    "passage": "{text}",
    "labels": {"column": "label", "values": {"wet": "有雨", "cold": "有雪"}},
    "variants": {
        "short": {"labels": {"wet": "雨", "cold": "雪"}},
        "asked": {"question": "今天下什么？"},
    },
    "rows": {
        "test": [{"text": f"外面{'雨' if number % 2 else '雪'}下了{number}天", "label": "wet"} for number in range(7)]
    },
}


@pytest.mark.parametrize("task", [fixed(), several(), own()], ids=lambda task: task.kind)
def test_every_example_is_asked_in_each_wording_and_has_one_averaged_answer(model: UniMC, task: EvaluationSet) -> None:
    asked = in_wordings(task, "which", "哪个")
    result = evaluate_task(model, asked, resamples=0)
    alone = [
        model.predict(examples, multi_label=task.multi_label) for examples in (task.examples, *asked.wordings.values())
    ]
    assert result.predictions == [averaged(one, multi_label=task.multi_label) for one in zip(*alone, strict=True)]
    assert [one.names for one in result.predictions] == [example.names for example in task.examples]
    assert result.to_dict()["rows"] == 3 * len(task.examples)
    assert result.to_dict()["several_rows"] == 0


@pytest.mark.parametrize("task", [fixed(), several(), own()], ids=lambda task: task.kind)
def test_each_wording_has_the_figure_that_it_has_alone(model: UniMC, task: EvaluationSet) -> None:
    result = evaluate_task(model, in_wordings(task, "which"), resamples=20, seed=3)
    assert result.wordings is not None
    first = evaluate_task(model, task, resamples=20, seed=3)
    other = replace(task, examples=[reworded(one, "which") for one in task.examples])
    second = evaluate_task(model, other, resamples=20, seed=3)
    assert result.wordings.each == {"default": first.primary, "which": second.primary}
    assert result.wordings.spread == abs(first.primary.value - second.primary.value)
    assert result.wordings.gain.value == pytest.approx(result.primary.value - first.primary.value)
    assert result.wordings.gain.low <= result.wordings.gain.value <= result.wordings.gain.high


def judged(task: EvaluationSet, right: Sequence[bool]) -> Judged:
    answers = [
        guess(example, (example.label if hit else 1 - example.label) if example.label is not None else 0)
        for example, hit in zip(task.examples, right, strict=True)
    ]
    return Judged.of(task, answers)


def test_the_gain_is_paired() -> None:
    """What both get wrong says nothing about their difference: its interval is that of the few that changed."""
    task = fixed(40)
    before = [number % 2 == 0 for number in range(40)]
    same = difference(task, judged(task, before), judged(task, before), seed=0, resamples=200)
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)
    after = [True, True, *before[2:]]
    found = difference(task, judged(task, after), judged(task, before), seed=0, resamples=2000)
    assert found.value == pytest.approx(1 / 40)
    assert found.low == 0.0  # nothing got worse in any sample
    assert found.high < 0.1  # two independent intervals would reach 0.2


def test_equal_wordings_gain_nothing(model: UniMC) -> None:
    task = fixed()
    result = evaluate_task(model, replace(task, wordings={"same": list(task.examples)}), resamples=20)
    assert result.wordings is not None
    assert result.wordings.spread == 0
    assert (result.wordings.gain.low, result.wordings.gain.high) == (0, 0)
    alone = evaluate_task(model, task, resamples=20)
    assert [one.answer for one in result.predictions] == [one.answer for one in alone.predictions]


@pytest.mark.usefixtures("no_pictures")
def test_a_task_in_one_wording_says_nothing_of_wordings(model: UniMC, tmp_path: Path) -> None:
    found = evaluate_tasks(model, [fixed()], resamples=0)
    assert found.to_dict()["tasks"][0]["wordings"] is None
    found.write(tmp_path)
    assert "## Wordings" not in (tmp_path / "report.md").read_text(encoding="utf-8")
    assert len(found.tables()) == 1


@pytest.mark.usefixtures("no_pictures")
def test_results_report_and_terminal_tell_each_wording_and_the_gain(model: UniMC, tmp_path: Path) -> None:
    found = evaluate_tasks(model, [in_wordings(fixed(), "which|one", "哪个"), own()], resamples=20)
    found.write(tmp_path)
    task, other = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["tasks"]
    assert other["wordings"] is None
    assert task["wordings"]["against"] == "default"
    assert list(task["wordings"]["each"]) == ["default", "which|one", "哪个"]
    assert task["wordings"]["gain"].keys() == {"value", "low", "high"}
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    section = report.split("## Wordings")[1].split("## ")[0]
    assert "| 1 | feelings | default | accuracy |" in section
    assert "which\\|one" in section
    assert "averaged" in section
    assert "wordings default, which\\|one, 哪个, averaged" in report
    lines = (tmp_path / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 13 + 5  # one line an example, whatever the number of wordings
    assert [table.row_count for table in found.tables()[1:]] == [5]


def test_without_intervals_the_gain_has_none(model: UniMC) -> None:
    found = evaluate_tasks(model, [in_wordings(fixed(), "which")], resamples=0)
    assert found.to_dict()["tasks"][0]["wordings"]["gain"]["low"] is None
    assert found.tables()


def test_the_data_fingerprint_follows_every_wording() -> None:
    one, other = in_wordings(fixed(), "which"), in_wordings(fixed(), "who")
    assert len({one.fingerprint, other.fingerprint, fixed().fingerprint}) == 3


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (
            lambda one: replace(one, names=["fine", *one.names[1:]]),
            "'default' and 'other' can't be averaged: in example test/0 only 'default' has an option named 'bad'",
        ),
        (lambda one: replace(one, label=1 - one.label), "they call other options of example test/0 right"),
        (lambda one: replace(one, id=f"{one.id}x"), "they are not of the same examples in the same order"),
    ],
)
def test_wordings_that_cannot_be_averaged_are_refused_and_both_named(change: Any, problem: str) -> None:
    task = fixed()
    with pytest.raises(InputError) as caught:
        replace(task, wordings={"other": [change(one) for one in task.examples]})
    assert str(caught.value).startswith("feelings (test): the wordings")
    assert problem in str(caught.value)


# ---- cards and their variants


def test_a_cards_wordings_are_its_default_and_its_variants() -> None:
    card = converters.Task(**CARD)
    found = evaluation_set(card, wordings=["default", "short", "asked"], limit=4)
    assert list(found.asked) == ["default", "short", "asked"]
    assert {one.variant for one in found.asked.values()} == {None, "short", "asked"}
    assert [example.options for example in found.wordings["short"]] == [("雨", "雪")] * 4
    assert len({tuple(example.id for example in one.examples) for one in found.asked.values()}) == 1
    without = evaluation_set(card, wordings=["short", "asked"])
    assert (without.first, list(without.wordings)) == ("short", ["asked"])


def test_all_is_every_wording_and_names_are_taken_where_a_task_has_them() -> None:
    card = converters.Task(**CARD)
    plain = converters.Task(**{**CARD, "name": "plain", "variants": {}})
    assert wordings_of([card, plain], ["all"]) == [["default", "short", "asked"], ["default"]]
    assert wordings_of([card, plain], ["short", "default", "short"]) == [["short", "default"], ["default"]]
    assert wordings_of([card, plain], ["asked"]) == [["asked"], ["default"]]


@pytest.mark.parametrize(
    ("named", "hint"),
    [("shrot", "did you mean 'short'?"), ("简短", "there are: default, short, asked; or all, alone")],
)
def test_a_wording_that_no_task_has_gets_a_hint(named: str, hint: str) -> None:
    with pytest.raises(InputError) as caught:
        wordings_of([converters.Task(**CARD)], ["default", named])
    assert str(caught.value) == f"--wordings: none of the tasks has a wording {named!r}; {hint}"


def test_options_of_their_own_in_other_words_cannot_be_averaged() -> None:
    card = converters.Task(
        name="riddle",
        kind="multiple_choice",
        question="which one?",
        options=["{a}", "{b}"],
        answer={"column": "right", "is": "index"},
        variants={"long": {"options": ["it is {a}", "it is {b}"]}},
        rows={"test": [{"a": "snow", "b": "rain", "right": 0}]},
    )
    with pytest.raises(InputError, match=r"riddle \(test\): the wordings 'default' and 'long' can't be averaged"):
        evaluation_set(card, wordings=["default", "long"])


@pytest.mark.parametrize("named", ["all", "short,default"])
def test_the_command_asks_in_several_wordings_and_says_where_there_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], named: str
) -> None:
    model = launching.sample_model()
    tasks = "sample_zh_nli:train,sample_zh_riddle"
    settings = "--limit", 5, "--resamples", 10, "--output", tmp_path
    assert launching.here("evaluate.py", "--model", model, "--tasks", tasks, "--wordings", named, *settings) == 0
    said = capsys.readouterr().out
    assert "sample_zh_riddle: only one wording to ask in, default" in said
    assert "averaged" in said
    first, second = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))["tasks"]
    assert sorted(first["wordings"]["each"]) == ["default", "short"]
    assert first["wordings"]["against"] == ("default" if named == "all" else "short")
    assert second["wordings"] is None
    assert len((tmp_path / "predictions.jsonl").read_text(encoding="utf-8").splitlines()) == 10
