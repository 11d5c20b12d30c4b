"""The command `unimc` in this process, with what it says."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from unittest import mock

from unimc.cli import main


@dataclass(frozen=True)
class Said:
    """How a command ended: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str


class _Keyboard(io.StringIO):
    def isatty(self) -> bool:
        return True


class _Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def unimc(*arguments: object, typed: str | None = None) -> Said:
    """Runs a command.

    Args:
        arguments: after `unimc`.
        typed: what a person types on a terminal, a line each; None = there is no terminal.
    """
    out: io.StringIO = _Screen() if typed is not None else io.StringIO()
    err = io.StringIO()
    keyboard: Callable[[str], io.StringIO] = _Keyboard if typed is not None else io.StringIO
    code = 0
    with (
        mock.patch("sys.argv", ["unimc", *map(str, arguments)]),
        mock.patch("sys.stdin", keyboard(typed or "")),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as ended:
            code = int(ended.code or 0)
    return Said(code, out.getvalue(), err.getvalue())
