"""The most memory that a piece of work took."""

from __future__ import annotations

from pathlib import Path

import torch

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def start(device: str | torch.device) -> None:
    """Begins to measure: what was there before counts, what was only there at its peak doesn't."""
    if torch.device(device).type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    elif _RESET.exists():
        _RESET.write_text("5", encoding="ascii")  # Linux: forget the peak of resident memory


def peak(device: str | torch.device) -> int | None:
    """Bytes at the peak since `start`: of the GPU's memory, or on Linux of the process; None where it can't be had."""
    if torch.device(device).type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    if not (_STATUS.exists() and _RESET.exists()):
        return None
    line = next(one for one in _STATUS.read_text(encoding="ascii", errors="replace").splitlines() if "VmHWM" in one)
    return int(line.split()[1]) * 1024
