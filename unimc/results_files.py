"""Files of several evaluations, by model: of each model the trainings, of each training its tasks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from unimc.example import InputError

FILES = ("results.json", "robustness.json")
"""What is read of a folder, and of the folders in it."""
_INSIDE = re.compile(r"final|best|checkpoint-\d+|evaluation")  # folders of a run; its own name says more
_SEED = re.compile(r"[-_.]s(?:eed)?[-_]?\d+$")
_SETTINGS = (("variant", "wording {}"), ("wordings", "averaged over {} wordings"), ("calibration", "calibrated"))


@dataclass(frozen=True)
class Entry:
    """A task's entry in a file, with what stands in that file for all of its tasks.

    Attributes:
        task: the entry of `results.json` or `robustness.json`.
        results: the whole file.
        path: the file.
    """

    task: Mapping[str, Any] = field(repr=False)
    results: Mapping[str, Any] = field(repr=False)
    path: Path

    @property
    def key(self) -> tuple[str, str]:
        """Task and split."""
        return self.task["task"], self.task["split"]

    @property
    def settings(self) -> list[str]:
        """What is other than in a plain evaluation: the wording, averaging, calibration, windows."""
        found = []
        for name, said in _SETTINGS:
            if (value := self.task.get(name)) is not None:
                found.append(said.format(len(value["each"]) if name == "wordings" else value))
        if (windows := self.results.get("windows")) is not None:
            found.append(f"windows, {windows}")
        return found

    def figure(self, name: str | None = None) -> Mapping[str, float | None]:
        """A figure, the first one if none is named; without any value if it isn't there."""
        missing = {"value": None, "low": None, "high": None}
        found: Mapping[str, float | None] = self.task["figures"].get(name or self.task["primary"], missing)
        return found


@dataclass
class Training:
    """One set of weights.

    Attributes:
        fingerprint: of the weights.
        entries: of its evaluations, in the files' order.
        robustness: of `unimc robustness`.
    """

    fingerprint: str
    entries: list[Entry] = field(default_factory=list)
    robustness: list[Entry] = field(default_factory=list)

    def headline(self, key: tuple[str, str]) -> Entry | None:
        """The entry that stands for a task: the plain one, else that with the fewest settings; None if there is none.

        Another wording alone stands for nothing: it is compared with the default, not with other models.

        Raises:
            InputError: if two files say different things about it.
        """
        found = [entry for entry in self.entries if entry.key == key and entry.task.get("variant") is None]
        found.sort(key=lambda entry: len(entry.settings))
        alike = [entry for entry in found if entry.settings == found[0].settings]
        for other in alike[1:]:
            if other.figure() != alike[0].figure():
                raise InputError(
                    f"{key[0]} ({key[1]}) with the same weights is in {alike[0].path} and in {other.path}, with other "
                    "figures; leave one of them out"
                )
        return found[0] if found else None

    def calibrated(self, key: tuple[str, str]) -> Entry | None:
        """The calibrated entry of a task, that with the fewest other settings; None if there is none."""
        found = [entry for entry in self.entries if entry.key == key and entry.task.get("calibration") is not None]
        return min(found, key=lambda entry: len(entry.settings), default=None)


@dataclass
class Model:
    """A model: one training, or several that differ in their seed.

    Attributes:
        name: what it is called on the page.
        parameters: how many it has; None if no file says so.
        trainings: its weights, in the files' order.
    """

    name: str
    parameters: int | None
    trainings: list[Training] = field(default_factory=list)

    def headlines(self, key: tuple[str, str]) -> list[Entry]:
        """The entry of each training that answered a task."""
        return [found for one in self.trainings if (found := one.headline(key)) is not None]

    def entries(self) -> Iterator[Entry]:
        """All entries of evaluations."""
        for one in self.trainings:
            yield from one.entries


@dataclass(frozen=True, slots=True)
class Value:
    """A figure over trainings.

    Attributes:
        mean: over those that have it; None if none does.
        deviation: standard deviation of a sample; None for fewer than two.
        low, high: mean ends of the intervals; None if one has none.
    """

    mean: float | None = None
    deviation: float | None = None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, figures: Iterable[Mapping[str, float | None]]) -> Value:
        """Figures of trainings as one."""
        known = [figure for figure in figures if figure.get("value") is not None]
        if not known:
            return cls()
        values = [float(figure["value"] or 0.0) for figure in known]
        ends = [[figure.get(end) for figure in known] for end in ("low", "high")]
        low, high = (None if None in end else fmean(value for value in end if value is not None) for end in ends)
        return cls(fmean(values), stdev(values) if len(values) > 1 else None, low, high)


def read(named: Sequence[str]) -> list[Model]:
    """The models of files and folders, in the order given.

    Args:
        named: files or folders, each as PATH or NAME=PATH; the name is what the model is called, else it is made of
            the folder that was evaluated, without its seed. Files of one name and different weights are trainings of
            the same model.

    Raises:
        InputError: if nothing is there, a file is not of an evaluation, or two models of different sizes have one name.
    """
    models: dict[str, Model] = {}
    for one in named:
        name, path = _named(one)
        for file in _files(path):
            results = _content(file)
            about = results["model"]
            called = name or _name(about.get("name"))
            size = about.get("parameters")
            model = models.setdefault(called, Model(called, size))
            if None not in (size, model.parameters) and size != model.parameters:
                raise InputError(
                    f"{file}: a model of {size:,} parameters is called {called!r}, as one of {model.parameters:,}; "
                    f"give them names: NAME={file}"
                )
            model.parameters = size if model.parameters is None else model.parameters
            _add(model, results, file)
    return list(models.values())


def _add(model: Model, results: Mapping[str, Any], file: Path) -> None:
    weights = results["model"]["fingerprint"]
    training = next((one for one in model.trainings if one.fingerprint == weights), None)
    if training is None:
        training = Training(weights)
        model.trainings.append(training)
    entries = training.robustness if results.get("kind") == "robustness" else training.entries
    entries += [Entry(task, results, file) for task in results["tasks"]]


def _named(text: str) -> tuple[str, Path]:
    name, sign, path = text.partition("=")
    if not sign or Path(text).exists():
        return "", Path(text)
    if not name.strip():
        raise InputError(f"{text!r}: no name before the =; give NAME=PATH, or PATH")
    return name.strip(), Path(path)


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"{path} is not there; give a results.json, or a folder with some in it")
    found = [file for name in FILES for file in sorted(path.rglob(name))]
    if not found:
        raise InputError(f"{path}: no results.json in it; `unimc evaluate` with --output writes one")
    return found


def _content(file: Path) -> dict[str, Any]:
    try:
        results: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as problem:
        raise InputError(f"{file}: not valid JSON: {problem}") from None
    whole = isinstance(results, dict) and isinstance(results.get("model"), dict) and results.get("format") == 1
    if not whole or "fingerprint" not in results["model"] or not isinstance(results.get("tasks"), list):
        raise InputError(f"{file}: not the results.json of an evaluation by this version; evaluate again")
    for number, task in enumerate(results["tasks"]):
        own = ("order", "wordings") if results.get("kind") == "robustness" else ("figures", "primary")
        needed = ("task", "split", "examples", *own)
        missing = [key for key in needed if not isinstance(task, dict) or key not in task]
        if missing:
            raise InputError(f"{file}: tasks[{number}] has no {missing[0]}; evaluate again")
    return results


def _name(loaded_from: str | None) -> str:
    parts = [part for part in Path(loaded_from or "").parts if not _INSIDE.fullmatch(part)]
    return _SEED.sub("", parts[-1]) if parts else "this model"
