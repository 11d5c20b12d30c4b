"""A checkpoint knows the texts that it was trained on; an evaluation says which of them it met again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
from hub_stand_in import COMMIT
from huggingface_hub import constants

from unimc import InputError, MultipleChoiceExample, UniMC
from unimc.checkpoint import load
from unimc.evaluation import EvaluationSet, evaluate_task
from unimc.seen import FILE, Seen, hashes, merged, seen, together


def examples(task: str, texts: list[str]) -> list[MultipleChoiceExample]:
    return [
        MultipleChoiceExample(["好", "坏"], "怎么样？", text, label=0, task=task, id=str(number), language="zh")
        for number, text in enumerate(texts)
    ]


TRAINED = hashes([*examples("a", ["The cat sat.", "一只猫"]), *examples("b", ["一只猫", "two dogs"])])
LISTED = [{"task": "a", "split": "train", "rows": 2}]


@pytest.mark.parametrize(
    ("task", "texts", "found"),
    [
        ("c", ["three cows", "两只狗"], Seen("unseen", 0, {})),
        ("c", ["the CAT sat", "两只狗"], Seen("overlapping", 1, {"a": 1})),
        ("c", ["一只，猫！", "two dogs", "new"], Seen("overlapping", 2, {"a": 1, "b": 2})),
        ("c", ["一只猫"], Seen("seen", 1, {"a": 1, "b": 1})),
        ("a", ["never seen"], Seen("seen", 0, {})),
    ],
)
def test_what_of_an_evaluation_was_trained_on(task: str, texts: list[str], found: Seen) -> None:
    assert seen(task, examples(task, texts), LISTED, TRAINED) == found


def test_without_a_record_nothing_is_claimed() -> None:
    assert seen("c", examples("c", ["new"]), [], {}) == Seen("unknown")
    assert seen("a", examples("a", ["new"]), LISTED, {}).status == "seen"


def test_a_record_of_a_part_of_the_training_claims_nothing_for_the_rest() -> None:
    earlier = [{"task": "z", "split": "train", "rows": 9}, *LISTED]
    assert seen("c", examples("c", ["new"]), earlier, TRAINED).status == "unknown"
    assert seen("c", examples("c", ["new", "一只猫"]), earlier, TRAINED).status == "overlapping"
    uncounted = [{"task": "z", "split": "train"}, *LISTED]
    assert seen("c", examples("c", ["new"]), uncounted, TRAINED).status == "unknown"
    none = [{"task": "z", "split": "train", "rows": 0}, *LISTED]
    assert seen("c", examples("c", ["new"]), none, TRAINED).status == "unseen"


def test_another_wording_of_the_same_item_is_the_same_item() -> None:
    one = MultipleChoiceExample(["yes", "no"], "Is it?", "A premise.", identity=["A premise.", "A claim."])
    other = MultipleChoiceExample(
        ["we can infer that a claim"], "What?", "A PREMISE", identity=["a premise", "a claim"]
    )
    assert one.fingerprint == other.fingerprint


def test_two_trainings_add_up() -> None:
    both = merged(TRAINED, hashes(examples("a", ["一只猫", "new"])))
    assert {task: len(texts) for task, texts in both.items()} == {"a": 3, "b": 2}
    assert all(np.array_equal(texts, np.unique(texts)) for texts in both.values())


def test_what_two_stages_drew_from_a_split_is_listed_once() -> None:
    one, other = {"task": "a", "split": "train", "rows": 3}, {"task": "a", "split": "test", "rows": 1}
    assert together([one, other, one]) == [{**one, "rows": 6}, other]
    assert together([one, {"task": "a", "split": "train"}]) == [{"task": "a", "split": "train"}]
    assert one["rows"] == 3


def test_a_checkpoint_keeps_the_hashes_and_an_evaluation_marks_its_result(tmp_path: Path) -> None:
    checkpoint = replace(tiny.checkpoint("bert"), training_texts=hashes(examples("训练", ["一只猫", "two dogs"])))
    checkpoint.save(tmp_path)
    again = load(tmp_path)
    assert again.training_texts.keys() == {"训练"}
    task = EvaluationSet("c", "test", examples("c", ["一只猫", "something else"]))
    result = evaluate_task(UniMC(again), task, resamples=0)
    assert result.seen == Seen("overlapping", 1, {"训练": 1})
    assert result.to_dict()["seen"] == {"status": "overlapping", "rows": 1, "of": {"训练": 1}}


def test_a_model_without_a_record_takes_away_that_of_the_one_before_it(tmp_path: Path) -> None:
    """Else what it was trained on would pass for known, and everything else for unseen."""
    checkpoint = tiny.checkpoint("bert")
    replace(checkpoint, training_texts=hashes(examples("训练", ["一只猫"]))).save(tmp_path)
    checkpoint.save(tmp_path)
    assert load(tmp_path).training_texts == {}


def test_a_damaged_record_is_an_error(tmp_path: Path) -> None:
    tiny.checkpoint("bert").save(tmp_path)
    (tmp_path / FILE).write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match=rf"{FILE}: damaged"):
        load(tmp_path)


# ---- of a model on the hub; nothing is asked of it here, its cache is written as it would be


REPO = "somebody/letters"


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a checkpoint as the hub's cache keeps it."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    home = tmp_path / "cache" / f"models--{REPO.replace('/', '--')}"
    (home / "refs").mkdir(parents=True)
    (home / "refs" / "main").write_text(COMMIT, encoding="utf-8")
    folder = home / "snapshots" / COMMIT
    made = replace(tiny.checkpoint("bert"), trained_on=LISTED, training_texts=TRAINED)
    made.save(folder)
    return folder


@pytest.mark.usefixtures("cached")
def test_a_model_of_the_hub_knows_what_it_saw_and_what_is_saved_of_it_does_too(tmp_path: Path) -> None:
    opened = load(REPO)
    assert {task: list(texts) for task, texts in opened.training_texts.items()} == {
        task: list(texts) for task, texts in TRAINED.items()
    }
    opened.save(tmp_path / "saved")
    assert load(tmp_path / "saved").training_texts.keys() == TRAINED.keys()


def test_hashes_that_the_hub_has_not_got_are_no_error(cached: Path, caplog: pytest.LogCaptureFixture) -> None:
    (cached / FILE).unlink()
    known = cached.parents[1] / ".no_exist" / COMMIT
    known.mkdir(parents=True)
    (known / FILE).touch()
    assert load(REPO).training_texts == {}
    assert caplog.records == []


def test_hashes_that_are_out_of_reach_are_said_to_be_so(cached: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Cached before they were asked for, and no network now: a model saved from it would have lost them unseen."""
    (cached / FILE).unlink()
    assert load(REPO).training_texts == {}
    (said,) = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"{REPO}: no {FILE} from the hub now, so which texts it was trained on is unknown")


def test_a_model_that_says_nothing_of_its_training_is_not_asked_for_hashes(
    cached: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in (FILE, "unimc.json"):
        (cached / name).unlink()
    assert load(REPO).training_texts == {}
    assert caplog.records == []
