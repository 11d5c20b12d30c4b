"""A run that is killed, at any instant, ends as one left alone. Dropout is on, so that random states matter."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import launching
import pytest
import torch

pytestmark = pytest.mark.slow

STEPS, SAVE_EVERY = 60, 5
SETTINGS: dict[str, Any] = {"epochs": 4, "save_every": SAVE_EVERY, "dropout": 0.2, "validate_every": 15}
VALIDATION = "--set", "validation.tasks=[{task: sample_zh_nli, split: train}]", "--set", "validation.limit=5"


@dataclass(frozen=True)
class Run:
    """A run that nothing interrupted."""

    folder: Path
    configuration: Path
    steps: list[dict[str, Any]]
    validations: list[dict[str, Any]]
    weights: dict[str, torch.Tensor]

    @classmethod
    def read(cls, folder: Path, configuration: Path) -> Run:
        validations = [line for line in launching.lines(folder) if "validation" in line]
        return cls(folder, configuration, launching.steps(folder), validations, launching.weights(folder / "final"))

    def equals(self, other: Run) -> bool:
        assert launching.apart(self.steps, other.steps) < 1e-6
        assert self.validations == other.validations
        assert max(float((self.weights[name] - other.weights[name]).abs().max()) for name in self.weights) < 1e-6
        return self.weights.keys() == other.weights.keys()


@pytest.fixture(scope="module")
def left_alone(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "alone"
    path = launching.configuration(folder, **SETTINGS)
    assert launching.here("train.py", "--config", path, *VALIDATION) == 0
    made = Run.read(folder, path)
    assert [line["step"] for line in made.steps] == list(range(1, STEPS + 1))
    return made


def wait(process: subprocess.Popen[bytes], log: Path, what: str, until: Callable[[], bool]) -> None:
    """Waits for a state of the run; fails with what it said if it ends before."""
    while not until():
        assert process.poll() is None, f"ended before {what}: {log.read_text(encoding='utf-8')[-2000:]}"
        time.sleep(0.001)


def done(folder: Path) -> int:
    """The last step whose line is whole."""
    path = folder / "metrics.jsonl"
    content = path.read_text(encoding="utf-8") if path.exists() else ""
    whole = content[: content.rfind("\n") + 1].splitlines()
    return max((json.loads(line)["step"] for line in whole), default=0)


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


def hold_while_it_writes_a_checkpoint(process: subprocess.Popen[bytes], folder: Path, log: Path) -> Path:
    """Lets a run go on until a checkpoint is half written, and holds it there; the half-written folder.

    A named pipe takes the place of the optimiser's file: the run waits at it for somebody to read. It is put there
    while the run is stopped, so that no step can get ahead of it.
    """
    wait(process, log, "training", lambda: b"steps on 1 process" in log.read_bytes())
    process.send_signal(signal.SIGSTOP)
    next_but_one = (done(folder) // SAVE_EVERY + 2) * SAVE_EVERY
    assert next_but_one < STEPS
    partial = folder / f"checkpoint-{next_but_one:08d}.partial"
    partial.mkdir()
    pipe = partial / "optimizer.bin"
    os.mkfifo(pipe)
    process.send_signal(signal.SIGCONT)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        taken = bytearray()

        def some_came() -> bool:
            try:
                taken.extend(os.read(reader, 100))
            except BlockingIOError:
                return False
            return bool(taken)

        wait(process, log, "writing a checkpoint", some_came)
        kill(process)
    finally:
        os.close(reader)
    return partial


def test_killed_three_times_a_run_ends_as_one_left_alone(left_alone: Run, tmp_path: Path) -> None:
    folder, log = tmp_path / "killed", tmp_path / "log"
    path = launching.configuration(folder, **SETTINGS)
    for point in sorted(random.Random(20).sample(range(2, 40), 2)):
        process = launching.start("train.py", "--config", path, *VALIDATION, output=log)
        wait(process, log, f"step {point}", lambda point=point: done(folder) >= point)
        kill(process)
        assert not (folder / "final").exists()
    process = launching.start("train.py", "--config", path, *VALIDATION, output=log)
    partial = hold_while_it_writes_a_checkpoint(process, folder, log)
    assert (partial / "model.safetensors").is_file()
    assert not (partial / "state.json").exists()

    assert launching.here("train.py", "--config", path, *VALIDATION) == 0
    assert Run.read(folder, path).equals(left_alone)
    assert not list(folder.glob("*.partial"))


def again(run: Run) -> int:
    """Starts a finished run once more, as if it had been killed before its final model."""
    if (run.folder / "final").exists():
        shutil.rmtree(run.folder / "final")
    return launching.here("train.py", "--config", run.configuration, *VALIDATION)


@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.bin", "random_states_0.pkl"])
def test_a_damaged_checkpoint_costs_the_steps_since_the_one_before(
    file: str, left_alone: Run, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    newest = left_alone.folder / f"checkpoint-{STEPS:08d}"
    content = (newest / file).read_bytes()
    (newest / file).write_bytes(content[: len(content) // 2])
    capsys.readouterr()
    caplog.clear()
    assert again(left_alone) == 0
    said = [record.getMessage() for record in caplog.records if "damaged" in record.getMessage()]
    assert said == [f"{newest} is damaged; going back to the checkpoint before it"]
    assert f"resuming after step {STEPS - SAVE_EVERY}" in capsys.readouterr().out
    assert Run.read(left_alone.folder, left_alone.configuration).equals(left_alone)


def test_what_was_half_written_is_removed_and_not_taken_up(left_alone: Run, capsys: pytest.CaptureFixture[str]) -> None:
    stale = left_alone.folder / f"checkpoint-{STEPS + 5:08d}.partial"
    shutil.copytree(left_alone.folder / f"checkpoint-{STEPS:08d}", stale)
    capsys.readouterr()
    assert again(left_alone) == 0
    assert f"resuming after step {STEPS}\n" in capsys.readouterr().out
    assert not stale.exists()
    assert Run.read(left_alone.folder, left_alone.configuration).equals(left_alone)


def test_a_finished_run_is_left_as_it_is(left_alone: Run, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in (left_alone.folder / "final").iterdir()}
    assert launching.here("train.py", "--config", left_alone.configuration, *VALIDATION) == 0
    assert "is there already; remove" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in (left_alone.folder / "final").iterdir()} == before


def test_another_number_of_micro_batches_a_step_is_refused(left_alone: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """As when the same command is started again on more processes."""
    path = left_alone.folder / f"checkpoint-{STEPS:08d}" / "state.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(json.dumps({**json.loads(text), "together": 2}), encoding="utf-8")
    try:
        assert again(left_alone) == 2
    finally:
        path.write_text(text, encoding="utf-8")
    assert "with 2 micro-batches a step (processes times accumulation), now there are 1; set training.accumulation" in (
        capsys.readouterr().err
    )
    assert again(left_alone) == 0
