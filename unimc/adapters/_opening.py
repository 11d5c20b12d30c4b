"""Wherever an adapter takes a model, a name, a folder or an opened one will do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from unimc.example import InputError

if TYPE_CHECKING:
    from unimc.inference import UniMC


def opened(model: UniMC | str | Path | None, max_length: int | None = None) -> UniMC:
    """The model itself.

    Args:
        model: an opened model, or what `UniMC.from_pretrained` opens.
        max_length: the most tokens in a row; the model's own if None. An opened model is not changed by it: another
            with the same weights and settings is returned.

    Raises:
        InputError: if it can't be opened, or is something else.
    """
    from unimc.inference import UniMC

    if isinstance(model, UniMC):
        if max_length is None:
            return model
        other = UniMC(model.checkpoint, model.backend, language=model.language, max_length=max_length)
        other.max_tokens, other.pack = model.max_tokens, model.pack
        return other
    if model is not None and not isinstance(model, str | Path):
        raise InputError(f"model must be a folder, a hub id or a UniMC, not {type(model).__name__}")
    return UniMC.from_pretrained(model, max_length=max_length)
