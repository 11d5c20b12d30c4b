"""`unimc task init` and `unimc task check`: from a file of one's own to a card that works."""

from __future__ import annotations

import typer

from unimc.commands.task_check import check
from unimc.commands.task_init import init

task = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Make a task of your own: write a card for a file, check it.\n\nExample: unimc task init reviews.csv",
)
task.command()(init)
task.command()(check)
