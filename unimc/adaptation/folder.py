"""An adapter as it is saved: what was learned, in a small file, and the name of the model that it belongs to.

    unimc.json  adapter.safetensors  training_texts.safetensors

`unimc.json` has the key `adapter`: the base (a folder, hub id or bundled model), the fingerprint of its weights, the
kind of adapter and how it was made. A model that was tuned together with a prompt lies beside it, in `model/`.
`unimc.adaptation.loading` opens such a folder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from safetensors.torch import save_file
from torch import Tensor

from unimc import bundled, seen
from unimc.adaptation.prompted import NAME, PromptedModel
from unimc.backends.torch import TorchBackend
from unimc.checkpoint import FILE, FORMAT, Checkpoint, load
from unimc.entry import check
from unimc.example import InputError
from unimc.modeling import UniMCModel

TENSORS = "adapter.safetensors"
MODEL = "model"
"""The folder, within an adapter's, of a model that was tuned with it."""

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
        if same(lies, folder) or same(lies, folder / MODEL):
            raise InputError(f"{base} is the model that is adapted, and would be written over; name another folder")


def same(one: Path, other: Path) -> bool:
    """Whether both are there and one place, by whatever name."""
    return one.exists() and other.exists() and one.samefile(other)
