"""Several processes: whether they know of each other."""

from __future__ import annotations

import os

from unimc.example import InputError


def check_processes(seen: int) -> None:
    """Refuses processes that were started together and each believe to be alone: all would do the whole work.

    Args:
        seen: how many Accelerate counts.

    Raises:
        InputError: if the launcher started more.
    """
    started = os.environ.get("WORLD_SIZE", "1")
    if started.isdigit() and int(started) > seen:
        raise InputError(
            f"started as one of {started} processes, but Accelerate counts {seen}; "
            "on a CPU set ACCELERATE_USE_CPU=true for all of them"
        )
