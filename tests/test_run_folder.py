"""A run's folder: whole after a kill at any instant."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import tiny

from unimc import InputError
from unimc.run_folder import RunFolder, checkpoint_name


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = RunFolder(tmp_path / "运行")
    made.open({"epochs": 1})
    return made


def sealed(folder: RunFolder, step: int, text: str = "weights") -> Path:
    """A checkpoint, written as training does."""
    (folder.partial(checkpoint_name(step)) / "model.safetensors").write_text(text, encoding="utf-8")
    return folder.seal(checkpoint_name(step), {"step": step})


def newest(folder: RunFolder) -> tuple[Path, dict[str, Any]]:
    found = folder.newest()
    assert found is not None
    return found


def test_the_newest_checkpoint_is_the_one_of_the_latest_step(folder: RunFolder) -> None:
    assert folder.newest() is None
    for step in (9, 100, 20):
        sealed(folder, step)
    path, state = newest(folder)
    assert (path.name, state["step"]) == ("checkpoint-00000100", 100)


def test_a_checkpoint_still_being_written_is_none(folder: RunFolder) -> None:
    sealed(folder, 1)
    (folder.partial(checkpoint_name(2)) / "model.safetensors").write_text("half")
    path, _ = newest(folder)
    assert path.name == "checkpoint-00000001"


@pytest.mark.parametrize("damage", ["cut", "removed", "no state", "state cut"])
def test_a_damaged_checkpoint_is_passed_over_with_one_warning(
    damage: str, folder: RunFolder, caplog: pytest.LogCaptureFixture
) -> None:
    sealed(folder, 1)
    damaged = sealed(folder, 2)
    if damage == "cut":
        (damaged / "model.safetensors").write_text("wei")
    elif damage == "removed":
        (damaged / "model.safetensors").unlink()
    elif damage == "no state":
        (damaged / "state.json").unlink()
    else:
        (damaged / "state.json").write_text('{"step": 2, "fi')
    path, state = newest(folder)
    assert (path.name, state["step"]) == ("checkpoint-00000001", 1)
    assert [record.getMessage() for record in caplog.records] == [
        f"{damaged} is damaged; going back to the checkpoint before it"
    ]


def test_opening_removes_what_a_kill_left_half_written(folder: RunFolder) -> None:
    kept = sealed(folder, 1)
    (folder.partial(checkpoint_name(2)) / "model.safetensors").write_text("half")
    (folder.path / "metrics.jsonl.partial").write_text("half")
    folder.open({"epochs": 1})
    assert not list(folder.path.glob("*.partial"))
    assert kept.is_dir()


def test_what_others_left_in_the_folder_stays(folder: RunFolder) -> None:
    """Also where it is called alike, and also when checkpoints are pruned."""
    names = ["下载.zip.partial", "notes.partial", "best-of.partial", "checkpoint-mine.partial", "checkpoint-mine"]
    for name in names:
        (folder.path / name).mkdir()
    (folder.path / "config.json.bak.partial").write_text("别人的")
    folder.open({"epochs": 1})
    sealed(folder, 1)
    folder.prune(1)
    assert newest(folder)[0].name == checkpoint_name(1)
    assert all((folder.path / name).is_dir() for name in names)
    assert (folder.path / "config.json.bak.partial").read_text() == "别人的"


def test_a_kill_between_the_two_renames_loses_no_checkpoint(folder: RunFolder) -> None:
    """`best` is replaced: the old one is moved away, then the new one takes its name."""
    (folder.partial("best") / "model.safetensors").write_text("old")
    folder.seal("best", {"step": 1})
    folder.best.rename(folder.path / "best.old.partial")
    folder.partial("best")
    folder.open({"epochs": 1})
    assert (folder.best / "model.safetensors").read_text() == "old"
    assert not list(folder.path.glob("*.partial"))


def test_a_kill_after_the_two_renames_keeps_the_new_one(folder: RunFolder) -> None:
    sealed(folder, 1, "new")
    shutil.copytree(folder.path / checkpoint_name(1), folder.path / f"{checkpoint_name(1)}.old.partial")
    folder.open({"epochs": 1})
    assert (folder.path / checkpoint_name(1) / "model.safetensors").read_text() == "new"
    assert not list(folder.path.glob("*.partial"))


def test_a_checkpoint_written_again_takes_the_place_of_the_old_one(folder: RunFolder) -> None:
    sealed(folder, 1, "old")
    assert (sealed(folder, 1, "new") / "model.safetensors").read_text() == "new"
    assert [path.name for path in folder.path.glob("checkpoint-*")] == ["checkpoint-00000001"]


def test_only_the_newest_are_kept(folder: RunFolder) -> None:
    for step in (1, 2, 3):
        sealed(folder, step)
        folder.prune(2)
    assert sorted(path.name for path in folder.path.glob("checkpoint-*")) == [checkpoint_name(2), checkpoint_name(3)]


def test_metrics_of_steps_to_be_done_again_are_dropped_with_a_line_cut_short(folder: RunFolder) -> None:
    for step in (1, 2, 3):
        folder.log({"step": step, "任务": "新闻"})
    with folder.metrics.open("a", encoding="utf-8") as file:
        file.write('{"step": 2, "lo')
    folder.forget_after(2)
    found = [json.loads(line) for line in folder.metrics.read_text(encoding="utf-8").splitlines()]
    assert found == [{"step": 1, "任务": "新闻"}, {"step": 2, "任务": "新闻"}]


def test_another_configuration_is_refused_and_says_what_differs(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.open({"epochs": 1, "training": {"seed": 0, "loss": {"mlm": 1.0}}})
    folder.log({"step": 1})
    with pytest.raises(InputError, match=r"run of another configuration \(other: output, training.loss.mlm\); take"):
        folder.open({"epochs": 1, "training": {"seed": 0, "loss": {"mlm": 0.5}}, "output": "别处"})
    folder.open({"training": {"loss": {"mlm": 1.0}, "seed": 0}, "epochs": 1})


def test_a_run_that_made_no_step_may_be_started_otherwise(folder: RunFolder) -> None:
    """Its configuration may have been the mistake that ended it."""
    folder.open({"epochs": 2})
    sealed(folder, 1)
    with pytest.raises(InputError, match=r"other: epochs"):
        folder.open({"epochs": 3})


@pytest.mark.parametrize("before", [{"average": ["a/final", "b/final"]}, None])
def test_a_model_that_no_such_run_made_is_left_as_it_is(before: dict[str, Any] | None, tmp_path: Path) -> None:
    """`unimc average` and `unimc adapt` write a `final` too, and no metrics."""
    folder = RunFolder(tmp_path)
    folder.final.mkdir()
    config = tmp_path / "config.json"
    if before is not None:
        config.write_text(json.dumps(before), encoding="utf-8")
    kept = {path: path.read_bytes() for path in tmp_path.glob("*.json")}
    said = "run of another configuration" if before else "final is there already, with no record of its training"
    with pytest.raises(InputError, match=rf"{said}.*; take another output folder, or remove"):
        folder.open({"epochs": 1})
    assert {path: path.read_bytes() for path in tmp_path.glob("*.json*")} == kept


def test_the_folder_of_a_model_is_no_run_and_stays_as_it_is(tmp_path: Path) -> None:
    """Its config.json is that of the model, which would not open again with a run's in its place."""
    tiny.checkpoint("bert").save(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InputError, match="is the folder of a model, not of a run; take another output folder"):
        RunFolder(tmp_path).open({"epochs": 1})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_damaged_configuration_is_said(folder: RunFolder) -> None:
    (folder.path / "config.json").write_text('{"epochs": 1', encoding="utf-8")
    with pytest.raises(
        InputError, match=r"config\.json is damaged .*; take another output folder, or remove this file"
    ):
        folder.open({"epochs": 1})


def test_a_finished_run_is_opened_again_with_its_own_configuration(folder: RunFolder) -> None:
    folder.final.mkdir()
    folder.open({"epochs": 1})
    with pytest.raises(InputError, match=r"other: epochs"):
        folder.open({"epochs": 2})


@pytest.mark.parametrize(
    ("own", "beside"),
    [
        ({"my": "settings"}, ()),
        (["my", "settings"], ()),
        ({"model_type": "bert"}, ("pytorch_model.bin", "vocab.txt")),
        ({"model_type": "bert"}, ("model.safetensors.index.json", "model-00001-of-00002.safetensors")),
        ({"model_type": "bert"}, ("flax_model.msgpack",)),
        ({"average": ["a/final", "b/final"]}, ()),
    ],
)
def test_a_configuration_that_no_run_wrote_is_not_replaced(own: Any, beside: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(own), encoding="utf-8")
    for name in beside:
        (tmp_path / name).write_text("别人的", encoding="utf-8")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(InputError, match=r"; take another output folder"):
        RunFolder(tmp_path).open({"backbone": "b", "mixture": {}, "training": {}})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_that_of_a_run_that_never_began_is_replaced(tmp_path: Path) -> None:
    """Also where another version of ours wrote it, with other keys."""
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"mixture": {"tasks": []}, "training": {"epochs": 2}, "old": 1}), encoding="utf-8")
    now = {"backbone": "b", "mixture": {}, "training": {}}
    RunFolder(tmp_path).open(now)
    assert json.loads(config.read_text(encoding="utf-8")) == now


def test_checking_changes_nothing(tmp_path: Path) -> None:
    RunFolder(tmp_path / "运行" / "一").check({"epochs": 1})
    assert not list(tmp_path.iterdir())
    file = tmp_path / "文件"
    file.touch()
    with pytest.raises(InputError, match="文件 is a file, not a folder; take another output folder"):
        RunFolder(file / "运行").check({"epochs": 1})


@pytest.mark.parametrize("cut", range(1, 4))
def test_a_line_cut_inside_a_character_is_dropped_too(cut: int, folder: RunFolder) -> None:
    folder.log({"step": 1, "任务": "一\u2028二"})  # a line separator to `splitlines`, none to JSON
    with folder.metrics.open("ab") as file:
        file.write('{"step": 1, "任务": "主'.encode()[:-cut])
    folder.forget_after(2)
    (line,) = folder.metrics.read_text(encoding="utf-8").rstrip("\n").split("\n")
    assert json.loads(line) == {"step": 1, "任务": "一\u2028二"}


def test_metrics_are_valid_json_whatever_the_figures(folder: RunFolder) -> None:
    folder.log({"step": 1, "gradient_norm": float("inf"), "task": {"a": float("nan"), "b": 0.5}})
    line = folder.metrics.read_text(encoding="utf-8")
    assert json.loads(line, parse_constant=pytest.fail) == {
        "step": 1,
        "gradient_norm": None,
        "task": {"a": None, "b": 0.5},
    }
