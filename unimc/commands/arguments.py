"""Options that several commands have, and how the values of options are read."""

from __future__ import annotations

from typing import Annotated

import typer

from unimc.example import InputError

Model = Annotated[
    str | None,
    typer.Option(
        help="Folder, hub id or bundled name of the model; the one that comes with unimc if not given.",
        show_default=False,
    ),
]
"""Which model; `bundled.named` says what None is."""


def comma_separated(text: str) -> list[str]:
    """The entries of a list written with commas; blanks around them don't count."""
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def check_device(device: str | None) -> None:
    """Raises `InputError` for a device that torch doesn't know or that this machine lacks."""
    if device is None:
        return
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # the latter where torch was built without CUDA
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"--device {device!r} can't be used here ({reason}); try cpu") from error
