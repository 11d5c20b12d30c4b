"""Processes that don't know of each other are refused."""

from __future__ import annotations

import pytest

from unimc import InputError
from unimc.commands.processes import check_processes


@pytest.mark.parametrize(("started", "seen"), [(None, 1), ("1", 1), ("2", 2), ("", 1)])
def test_processes_that_all_see_each_other_go_on(
    monkeypatch: pytest.MonkeyPatch, started: str | None, seen: int
) -> None:
    if started is None:
        monkeypatch.delenv("WORLD_SIZE", raising=False)
    else:
        monkeypatch.setenv("WORLD_SIZE", started)
    check_processes(seen)


def test_one_of_several_that_believes_to_be_alone_is_told_how_to_see_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match=r"one of 2 processes, but Accelerate counts 1; .* ACCELERATE_USE_CPU=true"):
        check_processes(1)
