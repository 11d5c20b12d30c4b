"""Models that come with the package, or with a distribution of their own, found by name.

A model inside the package is a folder `unimc/models/<name>`; a wheel may weigh 100 MB on the package index, so
`PACKAGE_LIMIT` bounds their sum. What doesn't fit comes as a distribution that carries the folder as a package of its
own and names it in an entry point:

    [project.entry-points."unimc.models"]
    unimc-large = "unimc_large"     # the package whose folder holds config.json, model.safetensors, …

Distributions are read as data: their code is not imported.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import entry_points
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

from unimc.example import InputError

MODELS = Path(__file__).parent / "models"
"""Where the package's own models lie, a folder each."""
GROUP = "unimc.models"
"""The entry points by which other distributions name theirs."""
DEFAULT = "unimc-small"
"""What `UniMC.from_pretrained()` takes when no model is named."""
PACKAGE_LIMIT = 95_000_000
"""Bytes that all models inside the package may have together."""

_CONFIG, _WEIGHTS, _ENTRY = "config.json", "model.safetensors", "unimc.json"


@dataclass(frozen=True, slots=True)
class BundledModel:
    """A model with a name.

    Attributes:
        name: what it is called wherever a model is named.
        folder: where it lies.
        distribution: what brought it: "unimc" or the name of another distribution.
    """

    name: str
    folder: Path
    distribution: str

    @property
    def complete(self) -> bool:
        """Whether its files are there."""
        return (self.folder / _CONFIG).is_file() and (self.folder / _WEIGHTS).is_file()

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages that it answers in."""
        return tuple(self._entry().get("answers", {}))

    @property
    def licences(self) -> list[str]:
        """Notes on what its weights and training data may be used for."""
        return list(self._entry().get("licences", []))

    @property
    def trained_on(self) -> list[dict[str, Any]]:
        """For each task it was trained on: task, split, rows."""
        return list(self._entry().get("trained_on", []))

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return folder_size(self.folder)

    @property
    def parameters(self) -> int:
        """How many numbers its weights are; those that are stored once and used twice count once."""
        with (self.folder / _WEIGHTS).open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return sum(prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")

    def _entry(self) -> dict[str, Any]:
        path = self.folder / _ENTRY
        entry: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        return entry


def folder_size(folder: Path) -> int:
    """The bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def models() -> list[BundledModel]:
    """All that are installed: the package's own, then those of other distributions, by name."""
    return [*_own(), *_others()]


def default() -> str:
    """The folder of the model that is taken when none is named.

    Raises:
        InputError: if it is not installed.
    """
    names = [model.name for model in models()]
    if DEFAULT in names:
        return resolve(DEFAULT)
    if not names:
        raise InputError("no model is bundled yet; name a folder or a hub id")
    others = ", ".join(sorted(names))
    raise InputError(f"the default model {DEFAULT!r} is not installed; name a folder, a hub id, or one of: {others}")


def named(name: str | None) -> str:
    """The name given, or that of the model that is taken when none is.

    Raises:
        InputError: if that one is not installed.
    """
    if name is None:
        default()
        return DEFAULT
    return name


def resolve(name_or_path: str | Path) -> str:
    """What to open for a model's name: the folder of a bundled model, or what was given, if it isn't the name of one.

    A folder of that name in the current directory comes first, as it does before a hub id; a bundled model before a hub
    id. A name close to that of a bundled model is taken for a slip: nothing is asked of the hub.

    Raises:
        InputError: if the files of a bundled model are not there, two distributions have one of that name, or the name
            looks like a slip.
    """
    name = str(name_or_path)
    if isinstance(name_or_path, Path) or "/" in name or "\\" in name or Path(name).is_dir():
        return name
    installed = models()
    found = [model for model in installed if model.name == name]
    if len(found) > 1:
        owners = " and ".join(model.distribution for model in found)
        raise InputError(f"{name!r} is the name of two models, from {owners}; uninstall one, or name its folder")
    if found:
        model = found[0]
        if not model.complete:
            raise InputError(f"the files of {name!r} are not in {model.folder}; reinstall {model.distribution}")
        return str(model.folder)
    if close := get_close_matches(name, [model.name for model in installed], n=1, cutoff=0.8):
        raise InputError(f"no folder and no bundled model is called {name!r}; did you mean {close[0]!r}?")
    return name


def _own() -> Iterator[BundledModel]:
    if MODELS.is_dir():
        for folder in sorted(MODELS.iterdir()):
            if (folder / _CONFIG).is_file():
                yield BundledModel(folder.name, folder, "unimc")


def _others() -> Iterator[BundledModel]:
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        top, *inner = point.module.split(".")
        spec = find_spec(top)
        # Without a spec the package is gone and its entry point was left behind: no folder, and so not `complete`.
        homes = list(spec.submodule_search_locations or []) if spec is not None else []
        owner = point.dist.name if point.dist is not None else point.value
        yield BundledModel(point.name, Path(*(homes[:1] or [top]), *inner), owner)
