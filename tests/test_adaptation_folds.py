"""Folds: every row is trained on and held out once, and the runs' parameters are averaged from one start."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unimc import InputError, MultipleChoiceExample, UniMC
from unimc.adaptation import AdaptConfig, AdaptedCheckpoint, Drawn, Tuned, adapt
from unimc.adaptation.few_shot import few_shot
from unimc.adaptation.folding import averaged
from unimc.adaptation.loop import ALL_STEPS, HELD_OUT, SECONDS, Check
from unimc.adaptation.rows import folded
from unimc.checkpoint import load

NAMES = ("体育", "食物", "天气")


def rows(*counts: int) -> tuple[MultipleChoiceExample, ...]:
    """So many rows of each label, every one with a text of its own."""
    return tuple(
        MultipleChoiceExample(
            NAMES, "说什么", f"文字 {label} {number}", label=label, task="信", id=f"{label}.{number}", language="zh"
        )
        for label, count in enumerate(counts)
        for number in range(count)
    )


def of_labels(examples: tuple[MultipleChoiceExample, ...]) -> list[int]:
    found = Counter(one.label for one in examples)
    return [found[label] for label in range(len(NAMES))]


@given(counts=st.tuples(*[st.integers(5, 12)] * 3), number=st.integers(2, 5), held=st.integers(0, 5))
def test_every_row_is_held_out_once_and_each_fold_holds_out_its_part_of_every_label(
    counts: tuple[int, int, int], number: int, held: int
) -> None:
    """However many the draw had put aside: all of them are rows."""
    every = rows(*counts)
    found = folded(Drawn(every[held:], every[:held]), number, fixed=True)
    assert Counter(one.id for fold in found for one in fold.held_out) == Counter(one.id for one in every)
    for fold in found:
        assert {one.id for one in fold.training} | {one.id for one in fold.held_out} == {one.id for one in every}
        assert not {one.id for one in fold.training} & {one.id for one in fold.held_out}
        for have, count in zip(of_labels(fold.held_out), counts, strict=True):
            assert count // number <= have <= -(-count // number)


def test_a_label_of_fewer_texts_than_folds_is_always_trained_on() -> None:
    """Its rows would be held out all at once: one run would not know the label."""
    same = tuple(replace(one, passage="一样的文字") for one in rows(0, 4))
    for fold in folded(Drawn(rows(4) + same), 4, fixed=True):
        assert of_labels(fold.training)[1] == 4


def test_rows_of_one_text_are_held_out_together() -> None:
    twice = rows(4, 4)
    again = tuple(replace(one, id=f"again {one.id}") for one in twice)
    for fold in folded(Drawn(twice + again), 2, fixed=True):
        assert not {one.fingerprint for one in fold.training} & {one.fingerprint for one in fold.held_out}
        assert of_labels(fold.held_out) == [4, 4, 0]


def test_a_label_with_few_rows_is_always_trained_on() -> None:
    for fold in folded(Drawn(rows(4, 1)), 4, fixed=True):
        assert of_labels(fold.training) == [3, 1, 0]


@pytest.mark.parametrize("given", [rows(3, 2), rows(2, 2) * 4])
def test_folds_without_rows_for_them_are_refused(given: tuple[MultipleChoiceExample, ...]) -> None:
    """Rows of two texts alone fill two folds, however often they come."""
    with pytest.raises(InputError, match="4 folds need a label with as many rows of different texts; give more rows"):
        folded(Drawn(given), 4, fixed=True)


def test_what_each_run_leaves_is_averaged_from_one_start_within_one_time() -> None:
    moving, seen = [torch.nn.Parameter(torch.tensor([1.0, 5.0]))], []

    def tune(_: Drawn, config: AdaptConfig) -> Tuned:
        seen.append((moving[0].tolist(), config.seconds))
        number = len(seen)
        with torch.no_grad():
            moving[0] += number
        checks = (Check(0, 2.0, 0.5), Check(6, 1.0, 1.0 if number == 1 else 0.5))
        stopped = (HELD_OUT, ALL_STEPS, SECONDS)[number - 1]
        return Tuned(10, 6 if number < 3 else 0, stopped, 20.0, 2, 100 * number, checks)

    folds = [Drawn((), rows(2)), Drawn((), rows(1)), Drawn((), rows(1))]
    found = averaged(tune, moving, folds, AdaptConfig(seconds=90.0))
    assert [start for start, _ in seen] == [[1.0, 5.0]] * 3
    assert [seconds for _, seconds in seen] == [30.0, 35.0, 50.0]
    assert moving[0].tolist() == [3.0, 7.0]
    assert found == Tuned(30, 12, SECONDS, 60.0, 2, 300, (Check(0, 2.0, 0.5), Check(12, 1.25, 0.75)))


ROWS = rows(3, 3)


def config(strategy: str, **changes: Any) -> AdaptConfig:
    settings = {"steps": 12, "checks": 4, "batch_size": 4, "rate": 3e-3, "prompt_rate": 0.3, "folds": 3} | changes
    return AdaptConfig(strategy, **settings)


@pytest.mark.parametrize("strategy", ["fine-tuning", "lora", "p-tuning", "p-tuning-v2"])
def test_the_mean_is_a_model_that_learned_saves_and_opens(strategy: str, bert_folder: Path, tmp_path: Path) -> None:
    made = adapt(bert_folder, Drawn(ROWS), config(strategy, patience=20), device="cpu", progress=False)
    assert made.tuned.steps == 36
    assert made.tuned.checks[1].loss <= made.tuned.checks[0].loss
    model, base = UniMC(made.checkpoint), UniMC(load(bert_folder))
    margins = [one.margins for one in model.predict(ROWS)]
    assert margins != [one.margins for one in base.predict(ROWS)]
    made.checkpoint.save(tmp_path / "saved")
    opened = UniMC.from_pretrained(tmp_path / "saved", device="cpu")
    assert [one.margins for one in opened.predict(ROWS)] == margins
    if isinstance(made.checkpoint, AdaptedCheckpoint):
        assert made.checkpoint.how["settings"]["folds"] == 3


def test_a_run_is_the_same_twice(bert_folder: Path) -> None:
    one, two = (
        UniMC(adapt(bert_folder, Drawn(ROWS), config("p-tuning-v2"), device="cpu", progress=False).checkpoint)
        for _ in range(2)
    )
    assert list(one.predict(ROWS)) == list(two.predict(ROWS))


def test_the_table_says_how_the_rows_were_used(bert_folder: Path) -> None:
    found = few_shot(
        bert_folder, ROWS, config("prompt-tuning"), k=None, label_names=NAMES, device="cpu", progress=False
    )
    shot = found.shots[0]
    assert (shot.training, shot.held_out) == (6, 0)
    cells = [list(column.cells) for column in found.table().columns]
    assert cells[1] == ["6 in 3 folds"]
    before, after = (f"{check.accuracy:.1%}" for check in shot.tuned.checks)
    assert cells[2] == [f"{before} → {after}"]
    assert "of the runs, not of their mean" in str(found.table().caption)


def test_folds_that_keep_nothing_say_so_once(bert_folder: Path) -> None:
    hopeless = config("prompt-tuning", steps=1, prompt_rate=1e-12)
    found = few_shot(bert_folder, ROWS, hopeless, k=None, label_names=NAMES, device="cpu", progress=False)
    assert next(iter(found.table().columns[2].cells)).count(" → ") == 1  # type: ignore[arg-type]


def test_folds_warn_of_no_rows_that_are_held_out_or_not(bert_folder: Path) -> None:
    """Each of two rows a label is trained on and held out once."""
    found = few_shot(
        bert_folder, ROWS, config("lora", folds=2, steps=1), k=2, label_names=NAMES, device="cpu", progress=False
    )
    assert not [warning for warning in found.warnings if "held out" in warning]


def test_wordings_have_nothing_to_be_weighed_by(bert_folder: Path) -> None:
    wordings = {"default": ROWS, "short": ROWS}
    with pytest.raises(InputError, match="give folds or wordings"):
        few_shot(bert_folder, ROWS, config("lora"), k=None, label_names=NAMES, wordings=wordings, progress=False)


def test_folds_are_at_least_one() -> None:
    with pytest.raises(InputError, match="folds is 0; it must be at least 1"):
        AdaptConfig(folds=0)
