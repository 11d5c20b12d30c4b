"""The ONNX exports that some sides read, made by the command that a user would type."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from _program import environment
from rich.console import Console

KINDS = {"ours_onnx": ("onnx", ()), "ours_onnx_int8": ("onnx_int8", ("--int8",))}
"""Side -> the name of its folder, and what `unimc export` is told besides."""


def folders(
    model: Path, max_length: int, sides: Sequence[str], into: Path, out: Console
) -> tuple[dict[str, Path], list[str]]:
    """The folders that the sides read: the checkpoint, and its exports for the sides that want them.

    All read the same weights: a bare encoder's fresh head is drawn once, here.

    Args:
        model: the model's folder.
        max_length: the most tokens in a row, for all sides.
        sides: names of sides.
        into: an empty folder.
        out: where it is said which export could not be made.

    Returns:
        The folders by kind, and the sides without those whose export could not be made.
    """
    import torch

    from unimc.checkpoint import load

    torch.manual_seed(0)
    checkpoint = load(model)
    checkpoint.max_length = max_length
    checkpoint.save(into / "torch")
    found, left = {"torch": into / "torch"}, list(sides)
    for side in filter(KINDS.__contains__, sides):
        name, options = KINDS[side]
        problem = _export(found["torch"], into / name, options)
        if problem is None:
            found[name] = into / name
        else:
            left.remove(side)
            out.print(f"{side} is left out: {problem}")
    return found, left


def _export(model: Path, output: Path, options: tuple[str, ...]) -> str | None:
    """Runs `unimc export`; what is missing for it, or None.

    Raises:
        RuntimeError: if it failed for another reason than what its user can mend.
    """
    code = "from unimc.cli import main; main()"
    command = [sys.executable, "-c", code, "export", "--model", str(model), "--output", str(output), *options]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment(1)})
    if done.returncode == 0:
        return None
    said = done.stderr.strip()
    if done.returncode == 2 and "Traceback" not in said:
        return said.splitlines()[-1].removeprefix("error: ").removeprefix("Error: ")
    raise RuntimeError(f"unimc export failed:\n{said}")
