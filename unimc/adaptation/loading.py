"""An adapter's folder -> its base, found again and checked by its fingerprint, with what was learned put in.

`unimc.checkpoint.load` hands such a folder to `opened`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, get_args

import torch
from safetensors.torch import load_file
from torch import Tensor

from unimc import bundled, seen
from unimc.adaptation import lora
from unimc.adaptation.folder import MODEL, TENSORS, AdaptedCheckpoint, Kind, fingerprint, same
from unimc.adaptation.prompted import attach
from unimc.adaptation.prompts import of_tensors
from unimc.checkpoint import FILE, Checkpoint, load
from unimc.example import InputError, shown
from unimc.modeling import UniMCModel

_HUB_ID = re.compile(r"\w[\w.-]*(/[\w.-]+)?", re.ASCII)


def opened(
    folder: str | Path,
    entry: dict[str, Any],
    *,
    dtype: torch.dtype | None = None,
    attention: str | None = None,
    dropout: float | None = None,
    weights: bool = True,
) -> AdaptedCheckpoint:
    """An adapter's folder with its base; arguments as for `unimc.checkpoint.load`.

    Args:
        folder: the adapter's folder.
        entry: its `unimc.json`.
        dtype: of the weights; the adapter is put in in float32, as it was trained, before.
        attention: see `load`.
        dropout: see `load`.
        weights: see `load`; without, the adapter is not put in.

    Raises:
        InputError: if the adapter is damaged, or its base is not there, or has other weights than it was made for.
    """
    folder = Path(folder)
    base, wanted, kind, how = _read(folder, entry["adapter"])
    where, checkpoint = _with_base(
        folder,
        base,
        entry["adapter"].get("path"),
        wanted if weights else None,
        attention=attention,
        dropout=dropout,
        weights=weights,
    )
    checkpoint.max_length = entry.get("max_length", checkpoint.max_length)
    checkpoint.calibration = entry.get("calibration", {})
    own = {"own_rows": entry.get("trained_on", []), "own_texts": seen.load(folder)}
    own |= {"base": where, "base_fingerprint": wanted, "kind": kind, "how": how}
    tensors = _tensors(folder) if weights and kind != "nothing" else {}
    model = _with_tensors(folder, checkpoint.model, kind, tensors, dtype) if weights else checkpoint.model
    made = AdaptedCheckpoint.of(checkpoint, model, tensors=tensors if kind == "lora" else {}, **own)
    if not where:  # tuned with the prompt, and its notes are those of base and adapter
        made.trained_on, made.training_texts = checkpoint.trained_on, checkpoint.training_texts
    return made


def _with_tensors(
    folder: Path, model: UniMCModel, kind: Kind, tensors: dict[str, Tensor], dtype: torch.dtype | None
) -> UniMCModel:
    """The base with what was learned put in, ready to answer."""
    try:
        if kind == "prompt":
            model = attach(model.backbone, of_tensors(tensors))
        elif kind == "lora":
            lora.add(model.backbone, tensors)
    except InputError as problem:
        raise InputError(f"{folder}: {problem}") from None
    model.eval()
    if dtype is not None:
        for weight in model.parameters():  # alone: rotary frequencies, which are buffers, stay float32 as in a base
            weight.data = weight.data.to(dtype)
    return model


def _read(folder: Path, entry: Any) -> tuple[str, str, Kind, dict[str, Any]]:
    match entry:
        case {"base": str(base), "fingerprint": str(wanted), "kind": kind} if kind in get_args(Kind):
            return base, wanted, kind, dict(entry.get("how", {}))
    raise InputError(
        f"{folder / FILE}: adapter must be an object with `base`, `fingerprint` and `kind` (one of "
        f"{', '.join(get_args(Kind))}), not {shown(entry)}"
    )


def _with_base(folder: Path, base: str, path: Any, wanted: str | None, **settings: Any) -> tuple[str, Checkpoint]:
    """Opens the first of the places where the base may be that has the weights with this fingerprint (any, if None).

    Returns:
        Where it was, "" of a model within the adapter's folder, and what was there.
    """
    if base == MODEL and path is None:  # a base of that name has its path besides
        return "", _checked(folder, folder / MODEL, wanted, **settings)
    told: InputError | None = None
    places = _places(folder, base, path)
    for place in places:
        try:
            return place, _checked(folder, place, wanted, **settings)
        except InputError as problem:
            told = told or problem
    if told is not None and (path is None or any(Path(place).is_dir() for place in places)):
        raise told
    raise InputError(
        f"{folder}: its base {base} is not there; name a folder, a hub id or a bundled model as `base` in "
        f"{folder / FILE}"
    )


def _places(folder: Path, base: str, path: Any) -> list[str]:
    """Where the base may be: what is named, which may have been edited; then beside the adapter as it was.

    A folder that is gone may look like a hub id, so the hub is asked last.
    """
    if path is None:
        return [base]
    known = Path(base).is_dir() or any(one.name == base for one in bundled.models())
    beside = os.path.normpath(folder / path) if isinstance(path, str) else base
    places = [base] if known else []
    if Path(beside).is_dir() and not same(Path(beside), Path(base)):
        places.append(beside)
    if not known and _HUB_ID.fullmatch(base):
        places.append(base)
    return [place for place in places if not same(Path(place), folder)]


def _checked(folder: Path, place: str | Path, wanted: str | None, **settings: Any) -> Checkpoint:
    checkpoint = load(place, **settings)
    if isinstance(checkpoint, AdaptedCheckpoint):
        raise InputError(f"{folder}: its base {place} is an adapter itself; write that one out whole (--merge) first")
    if wanted is not None and (found := fingerprint(checkpoint.model)) != wanted:
        raise InputError(
            f"{folder}: {place} has other weights than this adapter was made for (fingerprint {found[:12]}, not "
            f"{wanted[:12]}); name the right base as `base` in its {FILE}, or adapt again"
        )
    return checkpoint


def _tensors(folder: Path) -> dict[str, Tensor]:
    path = folder / TENSORS
    if not path.is_file():
        raise InputError(f"{folder}: {TENSORS} is missing; copy the adapter again")
    try:
        return dict(load_file(path))
    except Exception as problem:  # safetensors' errors share no type with those of the system
        raise InputError(f"{path}: damaged ({problem}); copy the adapter again") from problem
