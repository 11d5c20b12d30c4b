"""Where a model may run."""

from __future__ import annotations

import torch

from unimc.example import InputError, shown
from unimc.pretrained import first_line


def check_device(device: str | torch.device) -> None:
    """Raises `InputError` for a device that torch doesn't know or that this machine lacks."""
    known = known_device(device)
    try:
        torch.zeros(1, device=known).item()  # read back too: "meta" holds nothing
    except (RuntimeError, AssertionError, ImportError) as error:  # the second where torch was built without CUDA
        raise _unusable(device, error) from error


def known_device(device: str | torch.device) -> torch.device:
    """The device of a name, here or elsewhere.

    Raises:
        InputError: if torch knows none of that name.
    """
    try:
        return torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise _unusable(device, error) from error


def _unusable(device: object, error: Exception) -> InputError:
    return InputError(f"device {shown(str(device))} can't be used here ({first_line(error)}); try cpu")
