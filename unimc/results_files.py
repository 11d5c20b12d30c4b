"""Files of several evaluations, by model: of each model the trainings, of each training its tasks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from unimc import results_reading
from unimc.example import InputError, shown

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
        """What is other than in a plain evaluation: the wording, averaging, calibration, threshold, windows."""
        found = []
        for name, said in _SETTINGS:
            if (value := self.task.get(name)) is not None:
                found.append(said.format(len(value["each"]) if name == "wordings" else value))
        if self.threshold is not None:
            found.append(self.threshold)
        if (windows := self.results.get("windows")) is not None:
            found.append(f"windows, {windows}")
        return found

    @property
    def threshold(self) -> str | None:
        """The threshold in words, where labels are held against another than 0.5 and no calibration brings it."""
        value = self.results.get("threshold")
        if self.task.get("kind") != "multi_label" or value in (None, 0.5):
            return None
        return "a threshold for each label" if isinstance(value, dict) else f"threshold {value:g}"

    def figure(self, name: str | None = None) -> Mapping[str, float | None]:
        """A figure, the first one if none is named; without any value if it isn't there."""
        missing = {"value": None, "low": None, "high": None}
        return {**missing, **self.task["figures"].get(name or self.task["primary"], {})}


@dataclass
class Training:
    """One set of weights.

    Attributes:
        fingerprint: of the weights.
        entries: of its evaluations, in the files' order.
        robustness: of `unimc robustness`.
        runs: the folders of runs that made the model's name -> a file that says so.
    """

    fingerprint: str
    entries: list[Entry] = field(default_factory=list)
    robustness: list[Entry] = field(default_factory=list)
    runs: dict[tuple[str, ...], Path] = field(default_factory=dict)

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
        """The calibrated entry of a task, that with the fewest other settings; None if there is none.

        As for `headline`, another wording alone stands for nothing.
        """
        found = [entry for entry in self.entries if entry.key == key and entry.task.get("variant") is None]
        found = [entry for entry in found if entry.task.get("calibration") is not None]
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
            the same model. Below a folder, what `unimc adapt` wrote is passed over.

    Raises:
        InputError: if nothing is there, a file is not of an evaluation, two models of different sizes have one name, or
            one name was made for different weights of the same run.
    """
    models: dict[str, Model] = {}
    for one in named:
        name, path = _named(one)
        for file, results in _found(path):
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
            _add(model, results, file, derived=not name)
    return list(models.values())


def _add(model: Model, results: Mapping[str, Any], file: Path, *, derived: bool) -> None:
    weights = results["model"]["fingerprint"]
    training = next((one for one in model.trainings if one.fingerprint == weights), None)
    if training is None:
        training = Training(weights)
        model.trainings.append(training)
    if derived:
        # Two checkpoints, a folder trained again or another backend's export are no trainings with other seeds.
        run = _run(results["model"].get("name"))
        for other in model.trainings:
            if other is not training and run in other.runs:
                raise InputError(
                    f"{file}: a model of other weights was loaded from the same run as in {other.runs[run]} "
                    f"({shown(results['model'].get('name'))}), so it is none with another seed; give them names: "
                    f"NAME={file}"
                )
        training.runs.setdefault(run, file)
    entries = training.robustness if results.get("kind") == "robustness" else training.entries
    entries += [Entry(task, results, file) for task in results["tasks"]]


def _named(text: str) -> tuple[str, Path]:
    name, sign, path = text.partition("=")
    if not text.strip():
        raise InputError("one of the files has no name; give PATH, or NAME=PATH; this folder is: .")
    if not sign or Path(text).exists():
        return "", Path(text)
    if not name.strip():
        raise InputError(f"{text!r}: no name before the =; give NAME=PATH, or PATH")
    if not path.strip():
        raise InputError(f"{text!r}: no path after the =; give NAME=PATH; this folder is: {text.strip()}.")
    return name.strip(), Path(path)


def _found(path: Path) -> list[tuple[Path, dict[str, Any]]]:
    """A file, or what evaluations wrote in a folder and those in it; with its content."""
    if path.is_file():
        content = results_reading.loaded(path)
        if results_reading.is_adaptation(content):
            raise InputError(
                f"{path}: not the results.json of an evaluation: `unimc adapt` wrote it; evaluate the adapted model"
            )
        return [(path, results_reading.checked(content, path))]
    if not path.is_dir():
        raise InputError(f"{path} is not there; give a results.json, or a folder with some in it")
    files = [file for name in FILES for file in sorted(path.rglob(name))]
    contents = [(file, results_reading.loaded(file)) for file in files]
    found = [(file, content) for file, content in contents if not results_reading.is_adaptation(content)]
    if not found:
        only = "no results.json in it" if not files else "only those of `unimc adapt` in it"
        raise InputError(f"{path}: {only}; `unimc evaluate` with --output writes one")
    return [(file, results_reading.checked(content, file)) for file, content in found]


def _run(loaded_from: str | None) -> tuple[str, ...]:
    """The folder of a run that a model was loaded from, whichever of its checkpoints it was."""
    return tuple(part for part in Path(loaded_from or "").parts if not _INSIDE.fullmatch(part))


def _name(loaded_from: str | None) -> str:
    parts = _run(loaded_from)
    return _SEED.sub("", parts[-1]) if parts else "this model"
