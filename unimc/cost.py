"""What an evaluation cost: time, rows, memory."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from unimc.document import Marked, Section


def peak_memory(device: str) -> dict[str, int]:
    """The most memory so far, in bytes: of this process, and of its GPU if it has one; what isn't known is left out.

    Args:
        device: where the model runs, "cuda" or "cuda:1" for a GPU.
    """
    found = {}
    if sys.platform != "win32":
        from resource import RUSAGE_SELF, getrusage

        unit = 1 if sys.platform == "darwin" else 1024
        found["process"] = unit * getrusage(RUSAGE_SELF).ru_maxrss
    if device.partition(":")[0] == "cuda":
        import torch

        found["gpu"] = torch.cuda.max_memory_allocated(device)
    return found


def section(results: Mapping[str, Any]) -> Section:
    """Seconds and rows of every task and of all together; what memory it took, where that is on record."""
    rows = []
    for number, task in enumerate(results["tasks"], 1):
        rows.append([str(number), task["task"], *_cells(*(task[name] for name in _COUNTS))])
    if len(rows) > 1:
        rows.append(["", "all", *_cells(*(sum(task[name] for task in results["tasks"]) for name in _COUNTS))])
    text = (
        "*Rows*: what the model read; an example takes one, or one for each wording, group of options and window; "
        "*tokens*: of all rows, without padding. "
        "Seconds are those of predicting, without loading the model and the data; of several processes the slowest's."
    )
    memory = results.get("peak_memory") or {}
    said = [f"{count / 2**30:.2f} GiB of {_OF[name]}" for name, count in memory.items()]
    if said:
        text += f" Most memory at a time, model, libraries and data together: {', '.join(said)}."
    columns = ("#", "task", "examples", "rows", "tokens", "seconds", "examples/s", "tokens/s", "ms/example")
    return Section("Cost", columns, rows, Marked(text))


_COUNTS = ("examples", "rows", "tokens", "seconds")
_OF = {"process": "the (main) process", "gpu": "its GPU"}


def _cells(examples: int, rows: int, tokens: int, seconds: float) -> list[str]:
    def each(value: float, by: float, digits: int = 1) -> str:
        return f"{value / by:.{digits}f}" if value and by else "–"

    speeds = [each(examples, seconds), each(tokens, seconds, 0), each(1000 * seconds, examples)]
    return [str(examples), str(rows), str(tokens or "–"), f"{seconds:.1f}", *speeds]
