"""`unimc calibrate`: fitted on rows that nobody measures on, judged in folds, kept in the model under a name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import launching
import numpy as np
import pytest
import terminal

import converters
from unimc import InputError, MultipleChoiceExample, Prediction, UniMC, seen
from unimc.calibration import Calibration, content_free_examples, content_free_prior, fit
from unimc.commands.asked_rows import Asked
from unimc.commands.calibration_figures import crossed, figures
from unimc.commands.calibration_rows import of_file
from unimc.stored_calibration import find

Calibrate = Callable[..., terminal.Said]
TEXTS = ["今天下雨了。", "这场足球赛很好看。", "汤太咸了。", "The game was late.", "We had soup.", "It rained again."]
CARD = """
name: liuyan
kind: {kind}
language: zh
question: 说的是什么？
passage: "{{文}}"
labels: {{column: 类, values: {{天: 天气, 球: 比赛, 汤: 饮食}}}}
rows:
  {split}:
{rows}
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(launching.sample_model(), tmp_path / "model"))


@pytest.fixture
def calibrate(model: Path) -> Calibrate:
    return lambda *arguments: terminal.unimc("calibrate", "--model", model, *arguments)


def card(folder: Path, split: str = "validation", kind: str = "classification", count: int = 24) -> Path:
    path = folder / "card.yaml"
    labels = ["天", "球", "汤"]
    right = [labels[number % 3] if kind == "classification" else labels[: number % 3] for number in range(count)]
    rows = [{"文": f"{TEXTS[number % 6]} {number}", "类": one} for number, one in enumerate(right)]
    written = "\n".join(f"    - {json.dumps(row, ensure_ascii=False)}" for row in rows)
    path.write_text(CARD.format(kind=kind, split=split, rows=written), encoding="utf-8")
    return path


def stored(model: Path, name: str) -> Calibration:
    return find(json.loads((model / "unimc.json").read_text(encoding="utf-8"))["calibration"], name)


# ---- what is fitted and kept


def test_a_calibration_of_a_task_is_kept_under_its_name_and_used_by_it(
    calibrate: Calibrate, model: Path, tmp_path: Path
) -> None:
    path = card(tmp_path)
    said = calibrate("--task", path)
    assert said.code == 0, said.err
    assert "liuyan: 24 rows of liuyan:validation" in " ".join(said.out.split())
    for figure in ("expected calibration error", "log-loss", "accuracy"):
        assert figure in said.out
    assert (
        f"kept in {model} as 'liuyan'; use it as: unimc predict FILE --model {model} --calibration liuyan" in said.out
    )
    import converters

    examples = converters.get(path).load("validation")
    opened = UniMC.from_pretrained(model)
    plain = opened.predict(examples)
    expected = fit(
        [one.margins for one in plain], [one.right or () for one in examples], [one.names for one in plain], bias=True
    )
    assert stored(model, "liuyan").temperature == pytest.approx(expected.temperature, rel=1e-4)
    assert dict(stored(model, "liuyan").bias or ()) == pytest.approx(dict(expected.bias or ()), abs=1e-4)
    assert opened.predict(examples[:1], calibration="liuyan")[0].calibrated


def test_a_dry_run_keeps_nothing(calibrate: Calibrate, model: Path, tmp_path: Path) -> None:
    before = (model / "unimc.json").read_bytes()
    said = calibrate("--task", card(tmp_path), "--dry-run")
    assert said.code == 0
    assert "nothing kept (--dry-run)" in said.out
    assert (model / "unimc.json").read_bytes() == before


def test_without_biases_there_is_a_temperature_alone_under_the_name_given(
    calibrate: Calibrate, model: Path, tmp_path: Path
) -> None:
    assert calibrate("--task", card(tmp_path), "--no-bias", "--name", "温度").code == 0
    assert stored(model, "温度").bias is None


@pytest.mark.parametrize("per_label", [(), ("--per-label",)])
def test_for_several_labels_a_threshold_is_fitted_too(
    calibrate: Calibrate, model: Path, tmp_path: Path, per_label: tuple[str, ...]
) -> None:
    said = calibrate("--task", card(tmp_path, kind="multi_label"), *per_label)
    assert said.code == 0, said.err
    assert "micro-F1" in said.out
    found = stored(model, "liuyan")
    assert found.kind == "multi"
    assert isinstance(found.threshold, tuple if per_label else float)


def test_content_free_answers_need_neither_labels_nor_texts(calibrate: Calibrate, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("文\n" + "\n".join(TEXTS) + "\n", encoding="utf-8")
    asked = "--options", "天气,比赛", "--question", "说的是什么？", "--language", "zh"
    assert calibrate(path, *asked, "--method", "content-free").code == 0
    one = MultipleChoiceExample(["天气", "比赛"], "说的是什么？", TEXTS[0], language="zh")
    empty = UniMC.from_pretrained(model).predict(content_free_examples(one))
    expected = content_free_prior([found.margins for found in empty], [found.names for found in empty])
    assert dict(stored(model, "default").bias or ()) == pytest.approx(dict(expected.bias or ()), abs=1e-5)


def test_a_batch_prior_is_fitted_without_the_labels_and_judged_by_them(
    calibrate: Calibrate, model: Path, tmp_path: Path
) -> None:
    said = calibrate("--task", card(tmp_path), "--method", "batch-prior")
    assert "fitted without labels" in said.out
    bias = stored(model, "liuyan").bias
    shutil.rmtree(model)
    shutil.copytree(launching.sample_model(), model)
    rows = [f"{TEXTS[number % 6]} {number}" for number in range(24)]
    path = tmp_path / "texts.jsonl"
    path.write_text("\n".join(json.dumps({"文": row}) for row in rows), encoding="utf-8")
    options = tmp_path / "options.yaml"
    options.write_text("天: 天气\n球: 比赛\n汤: 饮食\n", encoding="utf-8")
    asked = "--options-file", options, "--question", "说的是什么？", "--language", "zh", "--method", "batch-prior"
    said = calibrate(path, *asked)
    assert "accuracy" not in said.out
    assert dict(stored(model, "default").bias or ()) == pytest.approx(dict(bias or ()), abs=1e-5)


@pytest.mark.parametrize("several", [False, True])
def test_a_file_may_hold_the_labels(calibrate: Calibrate, model: Path, tmp_path: Path, several: bool) -> None:
    path = tmp_path / "a.jsonl"
    rows: list[dict[str, Any]] = [
        {"文": f"{TEXTS[number % 6]} {number}", "类": "天气" if number % 2 else "比赛"} for number in range(12)
    ]
    rows = [{**row, "类": [row["类"]]} for row in rows] if several else rows
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    asked = path, "--options", "天气,比赛", "--text", "文", "--label", "类", *(["--multi-label"] if several else [])
    said = calibrate(*asked)
    assert said.code == 0, said.err
    assert stored(model, "default").kind == ("multi" if several else "single")
    path.write_text(path.read_text(encoding="utf-8") + '\n{"文": "好", "类": "音乐"}', encoding="utf-8")
    assert "row 12 (from 0): column '类' is '音乐', which is none of the options (天气, 比赛)" in calibrate(*asked).err


@pytest.mark.parametrize(
    ("labelled", "problem"),
    [(1, "too few rows have a label (1 of 12): all lie in one of the 5 parts"), (0, "none of 12 rows has a label")],
)
def test_a_threshold_needs_labels_in_two_parts(
    calibrate: Calibrate, tmp_path: Path, labelled: int, problem: str
) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"文": f"{TEXTS[0]} {number}", "类": ["天气"] if number < labelled else []} for number in range(12)]
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    asked = path, "--options", "天气,比赛", "--text", "文", "--label", "类", "--multi-label"
    with mock.patch("unimc.commands.calibrate._predicted", side_effect=AssertionError("too late")):
        said = calibrate(*asked)
    assert (said.code, problem in said.err) == (2, True), said.err


# ---- what it is fitted on


def test_a_test_split_is_taken_only_when_it_is_named(calibrate: Calibrate, tmp_path: Path) -> None:
    path = card(tmp_path, split="test")
    said = calibrate("--task", path)
    assert said.code == 2
    assert "task liuyan has no validation split to fit on; name another with --split (test)" in said.err
    said = calibrate("--task", path, "--split", "test")
    assert said.code == 0
    assert "figures on it will look better than they are" in said.err


def test_training_rows_may_be_named(calibrate: Calibrate, tmp_path: Path) -> None:
    said = calibrate("--task", card(tmp_path, split="train"), "--split", "train", "--limit", "12")
    assert (said.code, said.err) == (0, "")
    assert "12 rows of liuyan:train" in " ".join(said.out.split())


def test_rows_that_the_model_was_trained_on_are_said(calibrate: Calibrate, model: Path, tmp_path: Path) -> None:
    """It is surer of them than of others, and a calibration fitted on them too."""
    import converters

    path = card(tmp_path)
    seen.save(seen.hashes(converters.get(path).load("validation")[:6]), model)
    assert "the model was trained on the texts of 6 of 24 rows" in calibrate("--task", path).err


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "give either --task, or FILE with --options and --text"),
        (
            ("--task", "CARD", "--method", "magic"),
            "--method 'magic' is not known; use labels, batch-prior, content-free",
        ),
        (
            ("--task", "CARD", "--method", "batch-prior", "--no-bias"),
            "--no-bias has no meaning with --method batch-prior",
        ),
        (("--task", "CARD", "--limit", "9"), "9 labelled rows are too few to fit and to judge; give 10"),
        (("--task", "CARD", "--options", "a,b"), "--options has no meaning with --task: the card says it"),
        (("--task", "CARD", "--question", "?"), "--question has no meaning with --task"),
        (("FILE", "--options", "a,b", "--label", "文", "--variant", "短"), "--variant has no meaning without --task"),
        (("FILE", "--options", "a,b"), "--label is missing: the column that holds the right option's name"),
        (("FILE", "--options", "a,b", "--label", "类"), "no column '类'; the columns are: 文"),
        (("FILE", "--label", "类"), "give either --options or --options-file"),
        (
            ("--task", "CARD", "--model", "someone/model"),
            "--model someone/model: no folder here to keep the calibration in",
        ),
    ],
)
def test_what_is_asked_wrongly_is_said(
    calibrate: Calibrate, tmp_path: Path, arguments: tuple[str, ...], problem: str
) -> None:
    (tmp_path / "a.csv").write_text("文\n天\n", encoding="utf-8")
    files = {"CARD": card(tmp_path), "FILE": tmp_path / "a.csv"}
    said = calibrate(*(files.get(word, word) for word in arguments))
    assert said.code == 2
    assert problem in said.err


# ---- how it is judged


def sure(count: int, seed: int = 0) -> tuple[list[Prediction], list[tuple[int, ...]]]:
    """Predictions that are five times too sure, and the right options."""
    generator = np.random.default_rng(seed)
    margins = generator.normal(0, 2, (count, 3))
    chances = np.exp(margins) / np.exp(margins).sum(1, keepdims=True)
    right = [(int(generator.choice(3, p=row)),) for row in chances]
    found = []
    for row in 5 * margins:
        scores, best = Calibration().apply(row), int(row.argmax())
        found.append(Prediction(("a", "b", "c"), ("a", "b", "c"), tuple(scores), tuple(row), best, (best,)))
    return found, right


def test_no_row_is_judged_by_what_was_fitted_on_it() -> None:
    predictions, right = sure(53)
    fitted: list[set[tuple[float, ...]]] = []

    def of(some: Any, own: Any) -> Calibration:
        fitted.append({one.margins for one in some})
        assert len(some) == len(own)
        return Calibration(2.0 + len(fitted))

    found = crossed(predictions, right, of)
    assert len(fitted) == 5
    assert [one.margins for one in found] == [one.margins for one in predictions]
    for one in found:
        (left_out,) = [fold for fold, margins in enumerate(fitted) if one.margins not in margins]
        assert one.scores == pytest.approx(tuple(Calibration(3.0 + left_out).apply(one.margins)))
    assert crossed(predictions, right, lambda *_: Calibration(2.0)) == crossed(
        predictions, right, lambda *_: Calibration(2.0)
    )


def test_scores_that_are_too_sure_get_better_figures_and_the_same_accuracy() -> None:
    predictions, right = sure(400)
    found = crossed(predictions, right, lambda some, own: fit([one.margins for one in some], own))
    before, after = figures(predictions, right, False), figures(found, right, False)
    assert after["expected calibration error"] < before["expected calibration error"] / 2
    assert after["log-loss"] < before["log-loss"] / 1.5
    assert after["accuracy"] == before["accuracy"]


def test_the_figures_are_those_of_their_definitions() -> None:
    one = Prediction(("a", "b"), ("a", "b"), (0.8, 0.2), (1.0, 0.0), 0, (0,))
    other = Prediction(("x", "y", "z"), ("x", "y", "z"), (0.5, 0.3, 0.2), (1.0, 0.0, 0.0), 0, ())
    found = figures([one, other], [(0,), (0,)], False)
    assert found["log-loss"] == pytest.approx(-(np.log(0.8) + np.log(0.5)) / 2)
    assert found["accuracy"] == 0.5  # none of these was said where one was right
    assert found["expected calibration error"] == pytest.approx((0.2 + 0.5) / 2)
    several = figures([one, other], [(0, 1), ()], True)
    assert several["micro-F1"] == pytest.approx(2 / 3)
    assert several["log-loss"] == pytest.approx(-np.log([0.8, 0.2, 0.5, 0.7, 0.8]).mean())


def test_a_row_of_several_examples_is_refused_in_a_file(tmp_path: Path) -> None:
    """A card may ask several questions of a row; a labelled row of a file has one answer."""
    (tmp_path / "rows.jsonl").write_text(json.dumps(converters.get("clue_chid").example) + "\n", encoding="utf-8")
    source = of_file(tmp_path / "rows.jsonl", Asked(task="clue_chid"), None, 10, False)
    answers = UniMC.from_pretrained(launching.sample_model()).answers
    with pytest.raises(InputError, match=r"row 0 \(from 0\): it makes 2 examples; here a row is one example"):
        source.examples(answers)
