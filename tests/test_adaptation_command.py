"""`unimc adapt`: a file or a task's rows, a strategy, and a folder that every other command takes for a model."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import terminal

from unimc import UniMC
from unimc.adaptation.wordings import varied, weights
from unimc.checkpoint import load
from unimc.example import MultipleChoiceExample

QUICK = ("--steps", 2, "--batch-size", 4, "--strategy", "prompt-tuning")
MAILS = {
    "en": ("text,kind", [("the late goal", "sport"), ("a good soup", "food"), ("goal", "sport"), ("soup", "food")]),
    "zh": ("文,类", [("晚足球", "体育"), ("好汤", "食物"), ("足球", "体育"), ("汤", "食物")]),
}
CARD = """
name: notes
kind: classification
language: en
question: what is it about
passage: "{text}"
labels: {column: kind, values: {sport: {name: sport, wording: about sport}, food: {name: food, wording: about food}}}
variants:
  short: {question: what, labels: {sport: sport, food: food}}
rows:
  train: %s
  validation: %s
"""

SEVERAL = """
name: several
kind: multi_label
language: en
question: what is it about
passage: "{text}"
labels: {column: kinds, values: {sport: sport, food: food}}
rows:
  train: [{text: a goal, kinds: [sport]}, {text: soup, kinds: [food]}]
"""


@pytest.fixture
def base(bert_folder: Path) -> Path:
    return bert_folder


def file(folder: Path, language: str = "en") -> Path:
    head, rows = MAILS[language]
    path = folder / f"notes_{language}.csv"
    lines = [f"{text} {number},{label}" for number in range(3) for text, label in rows]
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return path


def card(folder: Path) -> Path:
    rows = [dict(zip(("text", "kind"), row, strict=True)) for row in MAILS["en"][1]]
    path = folder / "notes.yaml"
    more = [{**row, "text": f"{row['text']} {number}"} for number in range(3) for row in rows]
    path.write_text(CARD % (json.dumps(more), json.dumps(rows)), encoding="utf-8")
    return path


def results(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("language", ["en", "zh"])
def test_three_commands_from_labelled_rows_to_answers(base: Path, language: str, tmp_path: Path) -> None:
    rows, (text, label) = file(tmp_path, language), MAILS[language][0].split(",")
    asked = ("--text", text, "--options", ",".join(dict.fromkeys(one for _, one in MAILS[language][1])))
    said = terminal.unimc(
        "adapt", rows, *asked, "--label", label, "--model", base, "--output", tmp_path / "out", *QUICK
    )
    assert said.code == 0, said.err
    assert rows.name in said.out
    assert "final" in said.out
    found = results(tmp_path / "out")
    assert (found["k"], found["draws"][0]["training"], found["draws"][0]["held_out"]) == (None, 10, 2)
    answers = tmp_path / "answers.csv"
    after = shlex.split(said.out.partition("next: unimc ")[2])  # what it says to do next can be done
    assert after[:2] == ["predict", "NEW.csv"]
    said = terminal.unimc("predict", rows, *after[2:], "--output", answers)
    assert said.code == 0, said.err
    assert len(answers.read_text(encoding="utf-8").splitlines()) == 13


def test_a_task_is_measured_beside_its_base_over_several_draws(base: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = terminal.unimc(
        "adapt", "--task", card(tmp_path), "--k", 2, "--draws", 2, "--model", base, "--output", out, *QUICK
    )
    assert said.code == 0, said.err
    for word in ("without adapting", "draw 1", "mean ± deviation", "validation, 4 rows", "2 rows a label"):
        assert word in " ".join(said.out.split())
    found = results(out)
    assert (found["primary"], len(found["draws"]), found["zero_shot"] is None) == ("accuracy", 2, False)
    again = terminal.unimc("evaluate", "--model", out / "draw-0", "--tasks", f"{card(tmp_path)}:validation")
    assert again.code == 0, again.err


def test_zero_rows_are_the_base_itself(base: Path, tmp_path: Path) -> None:
    said = terminal.unimc("adapt", "--task", card(tmp_path), "--k", 0, "--model", base, "--output", tmp_path / "out")
    assert said.code == 0, said.err
    found = results(tmp_path / "out")
    assert found["strategy"] == "zero-shot"
    assert found["draws"][0]["figures"]["accuracy"] == found["zero_shot"]


def test_rows_of_a_file_through_a_card(base: Path, tmp_path: Path) -> None:
    said = terminal.unimc(
        "adapt",
        file(tmp_path),
        "--task",
        card(tmp_path),
        "--k",
        2,
        "--model",
        base,
        "--output",
        tmp_path / "out",
        *QUICK,
    )
    assert said.code == 0, said.err
    assert results(tmp_path / "out")["draws"][0]["training"] == 4


def test_what_to_do_next_with_several_labels_can_be_done(base: Path, tmp_path: Path) -> None:
    several, letters = tmp_path / "several.yaml", tmp_path / "letters.jsonl"
    several.write_text(SEVERAL, encoding="utf-8")
    letters.write_text("".join(f'{{"text": "{text}", "kinds": ["{kind}"]}}\n' for text, kind in MAILS["en"][1]))
    out = tmp_path / "out"
    said = terminal.unimc("adapt", letters, "--task", several, "--model", base, "--output", out, *QUICK)
    assert said.code == 0, said.err
    after = shlex.split(said.out.partition("next: unimc ")[2])
    said = terminal.unimc("predict", letters, *after[2:], "--output", tmp_path / "answers.jsonl")
    assert said.code == 0, said.err


def test_several_tasks_give_a_prompt_that_another_starts_from(base: Path, tmp_path: Path) -> None:
    first, second = card(tmp_path), tmp_path / "others.yaml"
    second.write_text(first.read_text(encoding="utf-8").replace("name: notes", "name: others"), encoding="utf-8")
    common = ("--model", base, *QUICK)
    said = terminal.unimc("adapt", "--task", f"{first},{second}", "--output", tmp_path / "both", *common)
    assert said.code == 0, said.err
    tasks = {entry["task"] for entry in load(tmp_path / "both" / "final").trained_on}
    assert {"notes", "others"} <= tasks
    start = ("--initial", tmp_path / "both" / "final", "--output", tmp_path / "ppt")
    said = terminal.unimc("adapt", "--task", first, "--k", 2, *start, *common)
    assert said.code == 0, said.err


def test_wordings_take_turns_and_their_answers_are_measured_together(base: Path, tmp_path: Path) -> None:
    said = terminal.unimc(
        "adapt", "--task", card(tmp_path), "--wordings", "all", "--model", base, "--output", tmp_path / "out", *QUICK
    )
    assert said.code == 0, said.err
    (shot,) = results(tmp_path / "out")["draws"]
    assert shot["wordings"].keys() == {"default", "short"}
    assert sum(shot["wordings"].values()) == pytest.approx(1)
    assert {"accuracy", "accuracy (mean of wordings)", "accuracy (weighted wordings)"} <= shot["figures"].keys()


def test_a_row_is_asked_in_each_wording_now_and_then() -> None:
    rows = {
        name: [MultipleChoiceExample(["a", "b"], name, passage="text", label=0, id=str(number)) for number in range(3)]
        for name in ("one", "two")
    }
    vary = varied(rows, 0)
    asked = [[vary(row, epoch).question for row in rows["one"]] for epoch in range(8)]
    assert {question for epoch in asked for question in epoch} == {"one", "two"}
    assert asked == [[vary(row, epoch).question for row in rows["two"]] for epoch in range(8)]


def test_wordings_without_held_out_rows_weigh_the_same(base: Path) -> None:
    rows = {name: [MultipleChoiceExample(["sport", "food"], name, label=0, id="1")] for name in ("what", "which")}
    assert weights(UniMC.from_pretrained(base, device="cpu"), rows, []) == {"what": 0.5, "which": 0.5}


def test_several_labels_are_weighed_by_rows_whose_labels_are_all_right(base: Path) -> None:
    model = UniMC.from_pretrained(base, device="cpu")
    asked = MultipleChoiceExample(["sport", "food", "rain"], "what", passage="goal", labels=(), id="1")
    (answer,) = model.predict([asked], multi_label=True)
    known = {name: [replace(asked, labels=labels)] for name, labels in (("right", answer.labels), ("wrong", (0, 2)))}
    assert answer.labels not in ((0, 2), None)
    assert weights(model, known, known["right"], multi_label=True) == {"right": 1.0, "wrong": 0.0}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--task", "CARD,SEVERAL"), "several labels may hold in task several"),
        (("--task", "CARD", "--k", "few"), "--k 'few' is no number of rows"),
        (("--task", "CARD", "--strategy", "lore"), "did you mean 'lora'"),
        (("--task", "CARD", "--split", "dev"), "no labelled split 'dev'"),
        (("--task", "CARD", "--evaluate", "train"), "measure on another"),
        (("--task", "CARD", "--merge"), "--strategy lora alone"),
        (("--task", "CARD", "--variant", "short", "--wordings", "all"), "give one of the two"),
        (("--task", "CARD", "--max-options", 2, "--wordings", "all"), "give one of the two"),
        (("FILE", "--task", "CARD", "--label", "kind"), "the card says"),
        (("FILE", "--task", "CARD", "--limit", 3), "have a meaning without FILE"),
        (("FILE", "--text", "text", "--options", "sport,food"), "--label is missing"),
        ((), "give --task, or FILE"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    base: Path, arguments: tuple[Any, ...], problem: str, tmp_path: Path
) -> None:
    known = {"CARD": card(tmp_path), "FILE": file(tmp_path)}
    several = tmp_path / "several.yaml"
    several.write_text(SEVERAL, encoding="utf-8")
    given = [f"{known['CARD']},{several}" if one == "CARD,SEVERAL" else known.get(one, one) for one in arguments]
    said = terminal.unimc("adapt", *given, "--model", base, "--output", tmp_path / "out")
    assert said.code == 2
    assert said.err.startswith("error: ")
    assert problem in said.err
    assert said.err.count("\n") == 1


def test_labels_without_rows_are_said(base: Path, tmp_path: Path) -> None:
    said = terminal.unimc(
        "adapt", file(tmp_path), "--text", "text", "--label", "kind", "--options", "sport,food,rain", "--model", base,
        "--output", tmp_path / "out", *QUICK,
    )  # fmt: skip
    assert said.code == 0, said.err
    assert "note: no row of 1 of 3 labels (rain)" in said.err


def test_rows_that_the_card_leaves_out_are_counted_not_an_error(base: Path, tmp_path: Path) -> None:
    rows = file(tmp_path)
    rows.write_text(rows.read_text(encoding="utf-8") + ",food\n", encoding="utf-8")
    own = card(tmp_path)
    own.write_text(own.read_text(encoding="utf-8") + "skip: {text: ['']}\n", encoding="utf-8")
    said = terminal.unimc("adapt", rows, "--task", own, "--model", base, *QUICK, "--output", tmp_path / "a")
    assert said.code == 0, said.err
    assert "note: 1 rows are left out, as the card says (skip)" in said.err
