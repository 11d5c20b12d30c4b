"""`unimc evaluate` and `unimc robustness`: what can't work is said before a model is loaded."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import launching
import pytest
import terminal

COMMANDS = ("evaluate", "robustness")


def asked(command: str, *arguments: object) -> terminal.Said:
    with mock.patch("unimc.inference.UniMC.from_pretrained", side_effect=AssertionError("too late")):
        return terminal.unimc(
            command, "--model", launching.sample_model(), "--tasks", "sample_en_topic", "--limit", 4, *arguments
        )


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_holds_at_least_one_row(command: str, batch_size: int) -> None:
    said = asked(command, "--batch-size", batch_size)
    assert (said.code, "batch-size" in said.err) == (2, True), said.err


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_is_one_that_numpy_takes(seed: int) -> None:
    said = asked("evaluate", "--seed", seed)
    assert (said.code, "seed" in said.err) == (2, True), said.err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_can_not_be_made_is_said_first(tmp_path: Path, command: str) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    said = asked(command, "--output", tmp_path / "file" / "below")
    assert (said.code, "check the path" in said.err) == (2, True), said.err
