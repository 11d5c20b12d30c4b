"""`unimc average`: the mean of several models' weights, and what it says of how they were trained."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from terminal import unimc

from unimc import InputError, UniMC
from unimc.adaptation import AdaptConfig, adapt
from unimc.adaptation.rows import Drawn
from unimc.averaging import average
from unimc.checkpoint import Checkpoint, load
from unimc.example import MultipleChoiceExample
from unimc.seen import hashes, merged

ASKED = [
    MultipleChoiceExample(["sport", "food and snow"], "what is it", "the soup was late"),
    MultipleChoiceExample(["体育", "天有雨", "音乐"], "这篇文章说什么", "火车晚了", language="zh"),
]


def written(folder: Path, kind: str = "bert", seed: int = 0, **has: Any) -> Path:
    """A tiny model, its weights moved at random but with seed 0."""
    made = replace(deepcopy(tiny.checkpoint(kind)), **has)
    noise = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in made.model.backbone.parameters() if seed else ():
            weight += torch.randn(weight.shape, generator=noise) / 10
    made.save(folder)
    return folder


@pytest.mark.parametrize("kind", ["bert", "albert", "roberta"])
def test_every_weight_is_the_mean_tied_ones_too(kind: str, tmp_path: Path) -> None:
    folders = [written(tmp_path / str(seed), kind, seed) for seed in range(3)]
    state = average(folders).model.backbone.state_dict()
    of_each = [load(folder).model.backbone.state_dict() for folder in folders]
    assert state.keys() == of_each[0].keys()
    for name, weight in state.items():
        expected = torch.stack([one[name].double() for one in of_each]).mean(0)
        torch.testing.assert_close(weight.double(), expected, rtol=0, atol=1e-6, msg=name)


def test_the_mean_of_a_model_and_itself_is_the_model(tmp_path: Path) -> None:
    folder = written(tmp_path / "one")
    done = unimc("average", folder, folder, folder, "--output", tmp_path / "mean")
    assert (done.code, done.err) == (0, "")
    mean, one = (UniMC.from_pretrained(place, device="cpu") for place in (tmp_path / "mean" / "final", folder))
    assert mean.backend.fingerprint() == one.backend.fingerprint()
    assert mean.predict(ASKED) == one.predict(ASKED)


def test_what_any_of_them_was_trained_on_was_seen(tmp_path: Path) -> None:
    texts = [hashes([replace(one, task="letters")]) for one in ASKED]
    first = written(
        tmp_path / "first",
        trained_on=[{"task": "letters", "split": "train", "rows": 40}],
        training_texts=texts[0],
        licences=["training data letters: CC0"],
        max_length=64,
        calibration={"default": {"temperature": 2.0, "bias": None}},
    )
    later = written(
        tmp_path / "later",
        seed=1,
        trained_on=[
            {"task": "letters", "split": "train", "rows": 90},  # a stage more
            {"task": "邮件", "split": "train", "rows": 5},
        ],
        training_texts=merged(*texts),
        licences=["training data letters: CC0", "training data 邮件: not stated"],
        max_length=32,
    )
    mean = average([first, later])
    assert [(one["task"], one["rows"]) for one in mean.trained_on] == [("letters", 90), ("邮件", 5)]
    assert sorted(mean.training_texts["letters"]) == sorted(int(one["letters"][0]) for one in texts)
    assert mean.licences == ["training data letters: CC0", "training data 邮件: not stated"]
    assert mean.max_length == 64
    assert mean.calibration == {}, "a calibration is of one model's weights"


def test_rows_of_trainings_apart_are_added_up_those_of_a_stage_are_in_its_last(tmp_path: Path) -> None:
    """Two runs of one recipe, of each the last two stages."""
    texts = [hashes([replace(ASKED[0], task="letters", passage=str(number))]) for number in range(4)]
    seen = [texts[0], merged(*texts[:2]), texts[2], merged(*texts[2:])]
    rows = [40, 90, 50, 70]
    entry = {"task": "letters", "split": "train"}
    parts = [
        written(tmp_path / str(place), trained_on=[{**entry, "rows": count}], training_texts=of)
        for place, (count, of) in enumerate(zip(rows, seen, strict=True))
    ]
    assert average(parts).trained_on == [{**entry, "rows": 160}]
    assert average(parts[::-1]).trained_on == [{**entry, "rows": 160}]
    assert average([parts[1], parts[1], parts[0]]).trained_on == [{**entry, "rows": 90}], "the same one twice is one"


def test_two_seeds_on_the_same_rows_are_two_trainings(tmp_path: Path) -> None:
    entry = {"task": "letters", "split": "train"}
    texts = hashes([replace(one, task="letters") for one in ASKED])
    one, two = (
        written(tmp_path / str(seed), seed=seed, trained_on=[{**entry, "rows": 40}], training_texts=texts)
        for seed in (1, 2)
    )
    later = written(tmp_path / "later", seed=3, trained_on=[{**entry, "rows": 80}], training_texts=texts)
    assert average([one, two]).trained_on == average([two, one, two]).trained_on == [{**entry, "rows": 80}]
    assert average([one, one]).trained_on == [{**entry, "rows": 40}], "the same one twice is one"
    assert average([one, later]).trained_on == [{**entry, "rows": 80}], "a stage went over the same rows again"


@pytest.mark.parametrize("without", [0, 1, 2])
def test_a_count_that_one_of_them_does_not_know_stays_unknown(without: int, tmp_path: Path) -> None:
    """Of any of them: it may have drawn more than the others say."""
    entry = {"task": "信", "split": "train"}
    counted = [{**entry, "rows": 40}, {**entry, "rows": 90}, {**entry, "rows": 60}]
    listed = [[entry if place == without else row] for place, row in enumerate(counted)]
    parts = [written(tmp_path / str(place), trained_on=rows) for place, rows in enumerate(listed)]
    assert average(parts).trained_on == [entry]


def test_models_without_hashes_of_their_texts_are_not_known_to_be_stages(tmp_path: Path) -> None:
    entry = {"task": "信", "split": "train"}
    texts = hashes([replace(ASKED[0], task="信")])
    one = written(tmp_path / "one", trained_on=[{**entry, "rows": 40}])
    two = written(tmp_path / "two", trained_on=[{**entry, "rows": 60}])
    known = written(tmp_path / "known", trained_on=[{**entry, "rows": 40}], training_texts=texts)
    assert average([one, two]).trained_on == average([known, two]).trained_on == [entry]


def test_an_adapter_that_has_no_mean_is_named(tmp_path: Path) -> None:
    row = replace(ASKED[0], label=0, task="letters", id="1")
    base = written(tmp_path / "base")
    prompted = adapt(base, Drawn((row,)), AdaptConfig("prompt-tuning", steps=1), device="cpu", progress=False)
    prompted.checkpoint.save(tmp_path / "prompted")
    with pytest.raises(InputError, match="prompted: a learned prompt can't become a part of the weights"):
        average([base, tmp_path / "prompted"])


def test_the_card_of_a_mean_of_models_that_came_without_their_runs(tmp_path: Path) -> None:
    parts = [written(tmp_path / str(seed), seed=seed) for seed in range(2)]
    assert unimc("average", *parts, "--output", tmp_path / "mean").code == 0
    assert unimc("bundle", "--model", tmp_path / "mean" / "final", "--output", tmp_path / "shipped").code == 0
    said = (tmp_path / "shipped" / "README.md").read_text(encoding="utf-8")
    assert "The mean of the weights of 2 models" in said
    assert "of these" not in said


def trained(tmp_path: Path, *chain: tuple[str, str, int]) -> list[Path]:
    """Runs with the configurations that trainings leave: of each its folder's name, what it began from, its seed."""
    for name, backbone, seed in chain:
        written(tmp_path / name / "final", seed=seed)
        run = {
            "backbone": str(tmp_path / backbone),
            "mixture": {"held_out": ["ag_news"]},
            "training": {"seed": seed, "epochs": 1, "batch_size": 8, "accumulation": 1, "learning_rate": 0.1},
        }
        (tmp_path / name / "config.json").write_text(json.dumps(run), encoding="utf-8")
    return [tmp_path / name / "final" for name, _, _ in chain]


def test_its_card_names_all_stages_once_and_then_the_mean(tmp_path: Path) -> None:
    parts = trained(tmp_path, ("a", "tiny", 0), ("b", "a/final", 1))
    assert unimc("average", *parts, "--output", tmp_path / "mean").code == 0
    assert unimc("bundle", "--model", tmp_path / "mean" / "final", "--output", tmp_path / "shipped").code == 0
    said = (tmp_path / "shipped" / "README.md").read_text(encoding="utf-8")
    told = [
        "From the backbone `tiny`: seed 0",
        "Then, stage 2: seed 1",
        "Then the mean of the weights of stages 1 and 2.",
        "Held out, with every row that overlaps them: ag_news.",
    ]
    assert [said.count(one) for one in told] == [1, 1, 1, 1]
    assert sorted(told[:3], key=said.index) == told[:3]


def test_the_card_of_a_mean_of_means_tells_the_runs_apart(tmp_path: Path) -> None:
    trained(tmp_path, ("a", "tiny", 0), ("b", "a/final", 1), ("c", "tiny", 10), ("d", "c/final", 11))
    for parts, name in (("ab", "first"), ("cd", "second"), (("first", "second"), "mean")):
        folders = [tmp_path / (f"{part}/final") for part in parts]
        assert unimc("average", *folders, "--output", tmp_path / name).code == 0
    assert unimc("bundle", "--model", tmp_path / "mean" / "final", "--output", tmp_path / "shipped").code == 0
    said = (tmp_path / "shipped" / "README.md").read_text(encoding="utf-8")
    told = [
        "From the backbone `tiny`: seed 0",
        "Then, stage 2: seed 1",
        "Then the mean of the weights of stages 1 and 2.",
        "From the backbone `tiny` once more: seed 10",
        "Then, stage 2: seed 11",
        "Then the mean of these 2 means.",
    ]
    assert sorted(told, key=said.index) == told
    assert said.count("Then the mean of the weights of stages 1 and 2.") == 2


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"kind": "albert"}, "have not the same weights"),
        ({"kind": "roberta"}, "have not the same weights"),
    ],
)
def test_models_of_other_backbones_have_no_mean(other: dict[str, str], said: str, tmp_path: Path) -> None:
    one, two = written(tmp_path / "one"), written(tmp_path / "two", **other)
    done = unimc("average", one, two, "--output", tmp_path / "mean")
    assert done.code == 2
    assert all(part in done.err for part in (said, str(one), str(two)))
    assert not (tmp_path / "mean").exists()


def test_other_vocabularies_and_answers_are_told_apart(tmp_path: Path) -> None:
    one = written(tmp_path / "one")
    tokens = tiny.checkpoint("bert")
    swapped = tiny.wordpiece(words=[*tiny.WORDS[:-2], tiny.WORDS[-1], tiny.WORDS[-2]])
    two = written(tmp_path / "two", tokenizer=swapped)
    three = written(tmp_path / "three", answers=replace(tokens.answers, pairs={"en": tokens.answers.pairs["en"]}))
    with pytest.raises(InputError, match="not the same vocabulary"):
        average([one, two])
    with pytest.raises(InputError, match="answer by other pieces"):
        average([one, three])


def test_one_model_has_no_mean_and_nothing_is_written_over(tmp_path: Path) -> None:
    one = written(tmp_path / "one")
    alone = unimc("average", one, "--output", tmp_path / "mean")
    assert (alone.code, "two models or more, not 1" in alone.err) == (2, True)
    there = unimc("average", one, one, "--output", one)
    assert (there.code, "is there already" in there.err) == (2, True)


def test_a_mean_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill while it is written leaves nothing that the same command would refuse."""
    one, output = written(tmp_path / "one"), tmp_path / "新" / "mean"
    save = Checkpoint.save

    def killed(self: Checkpoint, folder: Path) -> None:
        save(self, folder)
        raise SystemExit(137)

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "save", killed)
        unimc("average", one, one, "--output", output)
    assert not output.exists()
    output.mkdir()
    assert unimc("average", one, one, "--output", output).code == 0
    assert sorted(path.name for path in output.iterdir()) == ["config.json", "final"]
    assert [path.name for path in output.parent.iterdir()] == ["mean"]
