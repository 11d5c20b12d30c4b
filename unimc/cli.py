"""The command `unimc`: every subcommand is one file of `unimc/commands`, loaded when it is called."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from unimc.example import InputError

COMMANDS = (
    "classify",
    "tasks",
    "show",
    "mixture",
    "overlaps",
    "train",
    "adapt",
    "evaluate",
    "compare",
    "robustness",
    "results",
    "predict",
    "serve",
    "calibrate",
    "cloze",
    "export",
    "backbone",
    "average",
    "models",
    "bundle",
    "task",
)

HELP = """Any language-understanding task as a multiple-choice question, answered zero-shot.

Start with: unimc classify "Where is my parcel?" --options "delivery,refund,account\""""


def run(command: Callable[..., Any]) -> None:
    """Runs one command as a program of its own (the doors `train.py` and `evaluate.py`)."""
    import typer

    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(command)
    _guarded(app)


def main() -> None:
    """The console command."""
    import typer

    app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback(help=HELP)(lambda: None)  # keeps subcommands subcommands, also when only one is loaded
    wanted = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    for name in COMMANDS:
        # Only the command that is called is imported. The list in --help needs all: they import torch when they run.
        if wanted in (None, name) or wanted not in COMMANDS:
            add(app, name)
    _guarded(app)


def add(app: Any, name: str) -> None:
    """Adds a subcommand to an app: a function, or an app with subcommands of its own (listed after the others)."""
    import typer

    command = getattr(import_module(f"unimc.commands.{name}"), name)
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=name)
    else:
        app.command(name)(command)


def _guarded(app: Any) -> None:
    """Runs an app; what the user can mend is said in one line, with exit code 2."""
    try:
        app()
    except InputError as error:
        sys.stderr.write(f"error: {error}\n")  # in one piece: several processes may say it at once
        sys.exit(2)
    except OSError as error:
        if error.filename is None:
            raise
        sys.stderr.write(f"error: {error.filename}: {error.strerror}; check the path and your rights\n")
        sys.exit(2)
