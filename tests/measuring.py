"""The programs of benchmarks/, in this process or in one of their own."""

from __future__ import annotations

import io
import multiprocessing
import os
import runpy
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from functools import cache
from multiprocessing.context import BaseContext
from pathlib import Path
from unittest import mock

import torch
from terminal import Said

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


def alone(program: str, *arguments: object) -> Said:
    """Runs a program as a process of its own, as people do."""
    command = [sys.executable, BENCHMARKS / f"{program}.py", *arguments]
    done = subprocess.run(list(map(str, command)), capture_output=True, encoding="utf-8", timeout=600, check=False)
    return Said(done.returncode, done.stdout, done.stderr)


def here(program: str, *arguments: object) -> Said:
    """Runs a program in this process; processes that it spawns begin with the libraries loaded.

    Loading them takes longer than everything that a test lets a program do.
    """
    path = BENCHMARKS / f"{program}.py"
    out, err = io.StringIO(), io.StringIO()
    threads, code, before = torch.get_num_threads(), 0, set(sys.modules)
    try:
        with (
            mock.patch("sys.argv", [str(path), *map(str, arguments)]),
            mock.patch("sys.path", [str(BENCHMARKS), *sys.path]),
            mock.patch("multiprocessing.get_context", return_value=_loaded()),
            mock.patch.dict(os.environ),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            try:
                runpy.run_path(str(path), run_name="__main__")
            except SystemExit as ended:
                code = int(ended.code or 0)
    finally:
        torch.set_num_threads(threads)
        for name in set(sys.modules) - before:
            if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == BENCHMARKS:
                del sys.modules[name]  # their names are common words
    return Said(code, out.getvalue(), err.getvalue())


@cache
def _loaded() -> BaseContext:
    """Of processes that are forked from one which has imported the libraries and done nothing else."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "transformers", "unimc.inference"])
    return context
