"""Accelerate as a run uses it: its processes, precision and trackers, checked before anything is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from accelerate import Accelerator
from accelerate.tracking import get_available_trackers

from unimc.example import InputError
from unimc.training_config import TrainingConfig


def make_accelerator(config: TrainingConfig, folder: str | Path) -> Accelerator:
    """The accelerator of a run. It is told nothing of accumulation: a step's loss is divided by counts of our own.

    Raises:
        InputError: if a tracker is none that Accelerate knows, or its package is not installed, or Accelerate is
            configured to spread one copy of the weights over processes (FSDP, DeepSpeed).
    """
    there = [str(getattr(one, "value", one)) for one in get_available_trackers()]
    for tracker in config.trackers:
        if tracker not in there:
            raise InputError(
                f"training.trackers: {tracker!r} is not installed, or no tracker that Accelerate knows; "
                f"installed are: {', '.join(there) or 'none'}"
            )
    accelerator = Accelerator(
        mixed_precision=config.mixed_precision, log_with=list(config.trackers) or None, project_dir=str(folder)
    )
    kind = accelerator.distributed_type.value
    if kind != "NO" and not kind.startswith("MULTI_"):
        raise InputError(f"{kind} is not supported yet: it keeps a part of the weights on each process; use multi_gpu")
    return accelerator


def flat(entry: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested metrics and settings as trackers take them: task/dream/accuracy."""
    found: dict[str, Any] = {}
    for key, value in entry.items():
        if isinstance(value, dict):
            found.update(flat(value, f"{prefix}{key}/"))
        else:
            found[f"{prefix}{key}"] = value if isinstance(value, int | float | str) else str(value)
    return found
