"""An adapter on disk: what was learned, in a small file, and the name of the model that it belongs to.

    unimc.json  adapter.safetensors  training_texts.safetensors

`unimc.json` has the key `adapter`: the base (a folder, hub id or bundled model), the fingerprint of its weights, the
kind of adapter and how it was made. A model that was tuned together with a prompt lies beside it, in `model/`.
`unimc.checkpoint.load` hands such a folder to `opened`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from unimc import bundled, seen
from unimc.adaptation import lora
from unimc.adaptation.prompted import NAME, PromptedModel, attach
from unimc.adaptation.prompts import of_tensors
from unimc.backends.torch import TorchBackend
from unimc.checkpoint import FILE, FORMAT, Checkpoint, load
from unimc.entry import check
from unimc.example import InputError, shown
from unimc.modeling import UniMCModel

TENSORS = "adapter.safetensors"
MODEL = "model"
"""The folder, within an adapter's, of a model that was tuned with it."""

_HUB_ID = re.compile(r"\w[\w.-]*(/[\w.-]+)?", re.ASCII)

Kind = Literal["nothing", "prompt", "lora"]
"""What an adapter adds to its base."""


@dataclass
class AdaptedCheckpoint(Checkpoint):
    """A checkpoint that is a base and an adapter, and is saved as the adapter alone.

    Attributes:
        base: the folder, hub id or bundled name of the base; "" where the model itself was tuned too.
        base_fingerprint: of the base's weights.
        kind: what the adapter adds.
        how: how it was made, for people: strategy, rows, steps.
        tensors: LoRA's matrices, which are in the model's weights already.
        own_rows: what the adapter, not its base, was trained on.
        own_texts: the hashes of those rows' texts.
        whole: fingerprint of base and adapter together; what has other weights by then is not saved as this adapter.
    """

    base: str = ""
    base_fingerprint: str = ""
    kind: Kind = "nothing"
    how: dict[str, Any] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    own_rows: list[dict[str, Any]] = field(default_factory=list)
    own_texts: seen.Hashes = field(default_factory=dict)
    whole: str = ""

    @classmethod
    def of(cls, checkpoint: Checkpoint, model: UniMCModel | None = None, **own: Any) -> AdaptedCheckpoint:
        """A base as an adapted checkpoint; its notes on training are lengthened by the adapter's own."""
        given = {one.name: getattr(checkpoint, one.name) for one in fields(Checkpoint)} | own
        made = cls(**given)
        made.model = model or checkpoint.model
        made.trained_on = checkpoint.trained_on + made.own_rows
        made.training_texts = seen.merged(checkpoint.training_texts, made.own_texts)
        if made.model.backbone.device.type != "meta":
            made.whole = fingerprint(made.model)
        return made

    def plain(self) -> Checkpoint:
        """The whole model as an ordinary checkpoint.

        Raises:
            InputError: if it has a learned prompt, which no ordinary checkpoint can hold.
        """
        if self.kind == "prompt":
            raise InputError(
                "a learned prompt can't become a part of the weights; keep the adapter's folder, or adapt with lora or "
                "fine-tuning"
            )
        return Checkpoint(**{one.name: getattr(self, one.name) for one in fields(Checkpoint)})

    def save(self, folder: str | Path, *, weights: bool = True) -> None:
        """Writes the adapter's folder; without `weights` the form of the whole model, as `Checkpoint.save` does.

        Raises:
            InputError: if the folder holds a whole model (it may be the base), or the model was trained on since, which
                the adapter's folder would lose.
        """
        folder = Path(folder)
        if not weights:
            self.plain().save(folder, weights=False)
            return
        if (folder / "config.json").exists():
            raise InputError(
                f"{folder} holds a whole model, which an adapter must not be written over; name another folder"
            )
        if self.base and fingerprint(self.model) != self.whole:
            raise InputError(
                f"the weights changed since this adapter of {self.base} was opened, and its folder would not hold "
                "that; train on a whole model (unimc adapt --merge), or adapt its base"
            )
        check(folder / FILE, {"calibration": self.calibration})
        folder.mkdir(parents=True, exist_ok=True)
        base = self.base
        if not base:
            self._save_model(folder / MODEL)
            base = MODEL
        tensors = self._tensors()
        if tensors:
            save_file({name: tensor.contiguous().cpu() for name, tensor in tensors.items()}, folder / TENSORS)
        seen.save(self.own_texts, folder)
        relative = {"path": Path(os.path.relpath(base, folder)).as_posix()} if self.base and Path(base).is_dir() else {}
        entry = {
            "format": FORMAT,
            "adapter": {
                "base": base,
                **relative,
                "fingerprint": self.base_fingerprint,
                "kind": self.kind,
                "how": self.how,
            },
            "max_length": self.max_length,
            "trained_on": self.own_rows,
            "calibration": self.calibration,
            "versions": {package: version(package) for package in ("unimc", "torch", "transformers")},
        }
        (folder / FILE).write_text(json.dumps(entry, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")

    def _tensors(self) -> dict[str, Tensor]:
        if isinstance(self.model, PromptedModel):
            return {name: tensor.detach() for name, tensor in self.model.prompt.state_dict().items()}
        return self.tensors

    def _save_model(self, folder: Path) -> None:
        """The backbone without its prompt, as an ordinary checkpoint; its fingerprint is noted."""
        backbone = self.model.backbone
        prompt = getattr(backbone, NAME)
        delattr(backbone, NAME)
        try:
            given = {one.name: getattr(self, one.name) for one in fields(Checkpoint)}
            Checkpoint(**{**given, "model": UniMCModel(backbone), "calibration": {}}).save(folder)
            # As it will be opened: what was saved in sixteen bits is float32 then.
            self.base_fingerprint = fingerprint(load(folder).model)
        finally:
            backbone.add_module(NAME, prompt)


def fingerprint(model: UniMCModel) -> str:
    """SHA-256 of a model's weights, as evaluations give it."""
    return TorchBackend(model, []).fingerprint()


def check_apart(base: str | Path, folders: Iterable[Path]) -> None:
    """Sees to it that a base is not written over by what is made of it.

    Raises:
        InputError: if the base lies in one of the folders to be written.
    """
    lies = Path(bundled.resolve(base))
    for folder in folders:
        if _same(lies, folder) or _same(lies, folder / MODEL):
            raise InputError(f"{base} is the model that is adapted, and would be written over; name another folder")


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
    if not where:  # tuned with the prompt: it has the notes already
        checkpoint.trained_on, checkpoint.training_texts = [], {}
    own |= {"base": where, "base_fingerprint": wanted, "kind": kind, "how": how}
    if not weights:
        return AdaptedCheckpoint.of(checkpoint, **own)
    model = checkpoint.model
    tensors = _tensors(folder) if kind != "nothing" else {}
    try:
        if kind == "prompt":
            model = attach(checkpoint.model.backbone, of_tensors(tensors))
        elif kind == "lora":
            lora.add(checkpoint.model.backbone, tensors)
    except InputError as problem:
        raise InputError(f"{folder}: {problem}") from None
    model.eval()
    if dtype is not None:
        for weight in model.parameters():  # alone: rotary frequencies, which are buffers, stay float32 as in a base
            weight.data = weight.data.to(dtype)
    return AdaptedCheckpoint.of(checkpoint, model, tensors=tensors if kind == "lora" else {}, **own)


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
    if Path(beside).is_dir() and not _same(Path(beside), Path(base)):
        places.append(beside)
    if not known and _HUB_ID.fullmatch(base):
        places.append(base)
    return [place for place in places if not _same(Path(place), folder)]


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


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def _tensors(folder: Path) -> dict[str, Tensor]:
    path = folder / TENSORS
    if not path.is_file():
        raise InputError(f"{folder}: {TENSORS} is missing; copy the adapter again")
    try:
        return dict(load_file(path))
    except Exception as problem:  # safetensors' errors share no type with those of the system
        raise InputError(f"{path}: damaged ({problem}); copy the adapter again") from problem
