"""The tables of a page about several models: what they are, their figures, and published ones beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

from unimc import inert, sizes
from unimc.document import Marked
from unimc.document_markdown import inline
from unimc.results_files import Entry, Model, Value
from unimc.sections import line, percent

Key = tuple[str, str]
"""Task and split."""
_NO_CODE = str.maketrans("`|", "'/")
_LEFT = frozenset({"task", "model", "training", "setting", "other wordings", "run", "trained on", "weights"})


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table with an empty line behind it; nothing if it has no rows. Cells are inert, but `Marked` ones."""
    body = [line(map(inline, row)) for row in rows]
    if not body:
        return []
    ends = ("---" if column.rpartition(": ")[2] in _LEFT else "---:" for column in columns)
    return [line(map(inline, columns)), line(ends), *body, ""]


def shown(value: Value, form: Callable[[float | None], str] = percent) -> str:
    """A figure; with its standard deviation over trainings, or else its interval."""
    if value.deviation is not None:
        return f"{form(value.mean)} ± {form(value.deviation)}"
    return form(value.mean)


def code(text: str) -> str:
    """A text as code, without what would end the code or the cell that it stands in."""
    return f"`{inert.visible(text).translate(_NO_CODE)}`"


def interval(value: Value) -> str:
    """The ends of an interval."""
    return "–" if value.low is None else f"{percent(value.low)}–{percent(value.high)}"


def keys(suite: Mapping[str, Any]) -> dict[str, Key]:
    """Column of a suite -> task and split."""
    named = {column: task.rpartition(":") for column, task in suite["tasks"].items()}
    return {column: (task, split) for column, (task, _, split) in named.items()}


def task_names(models: Sequence[Model]) -> dict[Key, str]:
    """What a task is called on the page: by its name, with its split where another split of it stands there too."""
    of_models = [one for model in models for one in model.trainings]
    found = dict.fromkeys(entry.key for one in of_models for entry in [*one.entries, *one.robustness])
    splits = Counter(task for task, _ in found)
    return {(task, split): task if splits[task] == 1 else f"{task} ({split})" for task, split in found}


def mean_of(model: Model, tasks: Iterable[Key]) -> Value:
    """The mean of a model's first figures over tasks, each counting the same; without a value if one is missing.

    Its interval takes the tasks' errors as independent, and normal.
    """
    figures = []
    for training in model.trainings:
        found = [training.headline(key) for key in tasks]
        own = [None if one is None else one.figure() for one in found]
        if any(one is None or one["value"] is None for one in own):
            continue
        figures.append(_mean([one for one in own if one is not None]))
    return Value.of(figures)


def _mean(figures: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    value = fmean(one["value"] for one in figures)
    if any(None in (one["low"], one["high"]) for one in figures):
        return {"value": value, "low": None, "high": None}
    half = sum(((one["high"] - one["low"]) / 2) ** 2 for one in figures) ** 0.5 / len(figures)
    return {"value": value, "low": value - half, "high": value + half}


def tasks_table(models: Sequence[Model], names: Mapping[str, Key], mean: bool) -> list[str]:
    """Each task with its examples and baselines; of each model accuracy, interval, macro F1, and what it saw of it.

    Args:
        models: those that answered any of the tasks.
        names: what a task is called here -> task and split.
        mean: whether a row gives the mean over all tasks.
    """
    columns = ["task", "examples", "chance", "majority"]
    for model in models:
        head = f"{model.name}: " if len(models) > 1 else ""
        columns += [f"{head}accuracy", "95 % interval", "macro F1", "training"]
    rows = []
    for name, key in names.items():
        answered = [model.headlines(key) for model in models]
        entries = [entry for found in answered for entry in found]
        if not entries:
            continue
        metric = entries[0].task["primary"]
        about = [name if metric == "accuracy" else f"{name} ({metric})", examples_of(entries)]
        about += [percent(entries[0].task.get(baseline)) for baseline in ("chance", "majority")]
        rows.append([*about, *(text for found in answered for text in _of_model(found))])
    if mean and rows:
        cells = []
        for model in models:
            value = mean_of(model, names.values())
            cells += [shown(value), interval(value), "", ""]
        rows.append(["mean", "", "", "", *cells])
    return table(columns, rows)


def _of_model(found: Sequence[Entry]) -> list[str]:
    if not found:
        return ["–"] * 4
    value = Value.of(entry.figure() for entry in found)
    macro = Value.of(entry.figure("macro_f1") for entry in found)
    said = [_training(entry) for entry in found]
    return [shown(value), interval(value), shown(macro), "; ".join(dict.fromkeys(said))]


def _training(entry: Entry) -> str:
    """What the model saw of a task in training, and what is out of the ordinary about the figure."""
    seen = entry.task.get("seen") or {}
    status = str(seen.get("status", "unknown"))
    rows = f" ({seen['rows']} rows)" if seen.get("rows") else ""
    return ", ".join([f"{status}{rows}", *entry.settings])


def examples_of(entries: Sequence[Entry]) -> str:
    """How many; with a star where the models didn't answer the same."""
    counts = dict.fromkeys(f"{entry.task['examples']:,}" for entry in entries if "examples" in entry.task)
    return " / ".join(counts) + ("*" if differing(entries) else "")


def differing(entries: Sequence[Entry]) -> bool:
    """Whether not all of them answered the same examples in the same wording."""
    return len({entry.task.get("data_fingerprint") for entry in entries}) > 1


def published_table(models: Sequence[Model], suite: Mapping[str, Any]) -> list[str]:
    """The suite's published rows and those of the models (in bold), the smallest first, zero-shot before few-shot."""
    rows: list[tuple[tuple[bool, float], list[str]]] = []
    for entry in suite["published"]:
        size = sizes.parsed(entry["parameters"])
        given = [entry["figures"].get(column) for column in suite["tasks"]]
        values = [None if figure is None else float(figure) / 100 for figure in given]
        text = [str(entry["model"]), str(entry["parameters"] or ""), str(entry["setting"])]
        known = [value for value in values if value is not None]
        mean = fmean(known) if len(known) == len(values) else None
        rows.append((_order(str(entry["setting"]), size), [*text, *map(_cell, [*values, mean])]))
    for model in models:
        found = {column: model.headlines(key) for column, key in keys(suite).items()}
        values = [Value.of(entry.figure() for entry in entries).mean for entries in found.values()]
        setting = _setting([entry for entries in found.values() for entry in entries])
        text = [model.name, sizes.short(model.parameters), setting]
        mean = mean_of(model, keys(suite).values()).mean  # of the trainings that answered all, as in the other table
        cells = [*text, *map(_cell, [*values, mean])]
        rows.append(
            (_order(setting, model.parameters), [Marked(f"**{inert.markdown(one)}**") if one else "" for one in cells])
        )
    rows.sort(key=lambda row: row[0])
    return table(["model", "parameters", "setting", *suite["tasks"], "mean"], (row for _, row in rows))


def _order(setting: str, size: float | None) -> tuple[bool, float]:
    return "few-shot" in setting, float("inf") if size is None else size


def _setting(entries: Sequence[Entry]) -> str:
    statuses = sorted({str((entry.task.get("seen") or {}).get("status", "unknown")) for entry in entries})
    said = ["zero-shot"] if statuses == ["unseen"] else statuses
    if any(entry.task.get("wordings") for entry in entries):
        said = [*said, "wordings averaged"]
    if any(entry.task.get("calibration") for entry in entries):
        said = [*said, "calibrated"]
    if any(entry.results.get("windows") for entry in entries):
        said = [*said, "windows"]
    return ", ".join(said)


def _cell(value: float | None) -> str:
    return "" if value is None else percent(value)


def models_table(models: Sequence[Model]) -> list[str]:
    """What the models are: size, trainings, weights, and how much they were trained on."""
    rows = []
    for model in models:
        files = [entry.results["model"] for one in model.trainings for entry in [*one.entries, *one.robustness]]
        known = [about["trained_on"] for about in files if about.get("trained_on")]
        said = ""
        if known:
            examples = sum(task.get("rows") or 0 for task in known[0])
            count = len({task["task"] for task in known[0]})
            said = f"{examples:,} examples of {count} task{'s' if count > 1 else ''}"
        weights = Marked(", ".join(code(one.fingerprint[:12]) for one in model.trainings))
        size = sizes.short(model.parameters)
        rows.append([model.name, size, said, str(len(model.trainings)), weights])
    return table(["model", "parameters", "trained on", "trainings", "weights"], rows)


def chance_of(models: Sequence[Model], tasks: Iterable[Key]) -> float | None:
    """The mean chance level of tasks in per cent; None if no model answered one of them."""
    levels = []
    for key in tasks:
        known = [entry.task.get("chance") for model in models for entry in model.headlines(key)]
        if not known or known[0] is None:
            return None
        levels.append(100 * known[0])
    return fmean(levels)
