"""Two evaluations of the same rows, read from their folders and joined by the rows' ids."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unimc import results_files
from unimc.confusion import Line, names_of
from unimc.evaluation_set import PRIMARY
from unimc.example import InputError, shown

Key = tuple[str, str]
"""Task and split."""
_TEXTS = ("question", "passage", "textb")
_LONG = 80  # characters of a name in a message


@dataclass(frozen=True)
class Answered:
    """A task in an evaluation.

    Attributes:
        task: its entry in `results.json`.
        lines: its lines of `predictions.jsonl`, by id.
    """

    task: Mapping[str, Any] = field(repr=False)
    lines: Mapping[str, Line] = field(repr=False)


@dataclass(frozen=True)
class Side:
    """An evaluation.

    Attributes:
        folder: where it is.
        results: the content of `results.json`.
        tasks: what it answered.
    """

    folder: Path
    results: Mapping[str, Any] = field(repr=False)
    tasks: Mapping[Key, Answered] = field(repr=False)


@dataclass(frozen=True)
class Pair:
    """A task that both evaluations answered.

    Attributes:
        a, b: its entry in each `results.json`.
        lines: the two lines of every row; sorted by id, so that nothing follows from the files' order.
        same_texts: whether both read the same, as far as is on record.
    """

    a: Mapping[str, Any] = field(repr=False)
    b: Mapping[str, Any] = field(repr=False)
    lines: list[tuple[Line, Line]] = field(repr=False)
    same_texts: bool = True

    @property
    def key(self) -> Key:
        """Task and split."""
        return self.a["task"], self.a["split"]


def read(folder: Path) -> Side:
    """An evaluation from its folder.

    Raises:
        InputError: if files are missing, are not of an evaluation, or rows have no ids of their own.
    """
    for name in ("results.json", "predictions.jsonl"):
        if not (folder / name).is_file():
            below = folder / "evaluation"
            hint = f"did you mean {below}?" if (below / name).is_file() else "`unimc evaluate --output` writes it"
            raise InputError(f"{folder}: no {name} in it; {hint}")
    (model,) = results_files.read([str(folder / "results.json")])
    entries = [*model.entries()]
    if not entries:
        raise InputError(f"{folder / 'results.json'}: no tasks in it; evaluate again")
    tasks: dict[Key, Mapping[str, Any]] = {}
    for entry in entries:
        if not _is_task(entry.task):
            raise InputError(f"{entry.path}: {shown(entry.key[0])} lacks its kind or labels; evaluate again")
        if entry.key in tasks:
            raise InputError(
                f"{folder}: {_named(entry.key)} is in it in two wordings; compare evaluations that hold each task once"
            )
        tasks[entry.key] = entry.task
    lines = _lines(folder / "predictions.jsonl", tasks)
    for key, task in tasks.items():
        if len(lines[key]) != task["examples"]:
            raise InputError(
                f"{folder}: predictions.jsonl has {len(lines[key])} rows of {_named(key)}, results.json says "
                f"{task['examples']}; the files are not of one evaluation, evaluate again"
            )
        right = sum(line["correct"] for line in lines[key].values())
        if task.get("correct", right) != right:
            raise InputError(
                f"{folder}: in predictions.jsonl {right} rows of {_named(key)} are right, results.json says "
                f"{shown(task['correct'])}; the files are not of one evaluation, evaluate again"
            )
    return Side(folder, entries[0].results, {key: Answered(task, lines[key]) for key, task in tasks.items()})


def paired(a: Side, b: Side, *, common: bool = False) -> list[Pair]:
    """The tasks of both, in the order of the first.

    Args:
        a: an evaluation.
        b: another.
        common: leave out rows that only one of them answered.

    Raises:
        InputError: if they have no task in common, or a task has other rows, labels or right answers.
    """
    keys = [key for key in a.tasks if key in b.tasks]
    if not keys:
        raise InputError(
            f"no task is in both: {a.folder} has {_list(a.tasks)}; {b.folder} has {_list(b.tasks)}; evaluate both on "
            "the same tasks and splits"
        )
    return [_pair(key, a.tasks[key], b.tasks[key], common) for key in keys]


def _pair(key: Key, a: Answered, b: Answered, common: bool) -> Pair:
    both = sorted(a.lines.keys() & b.lines.keys())
    only = len(a.lines) - len(both), len(b.lines) - len(both)
    if not both:
        raise InputError(f"{_named(key)}: A and B have no row in common; evaluate both on the same data")
    if any(only) and not common:
        raise InputError(
            f"{_named(key)}: the rows differ: {only[0]} only in A, {only[1]} only in B, {len(both)} in both; evaluate "
            "both with the same --limit and --seed, or leave those rows out with --common"
        )
    for name in ("kind", "labels"):
        one, other = a.task[name], b.task[name]
        if (set(one) if isinstance(one, list) else one) != (set(other) if isinstance(other, list) else other):
            raise InputError(f"{_named(key)}: the {name} of A and B differ; they are not the same task")
    lines = [(a.lines[row], b.lines[row]) for row in both]
    # Where each row has its own options, another wording may call the right one by another name.
    if a.task["labels"] is not None or a.task.get("variant") == b.task.get("variant"):
        other = [one["id"] for one, two in lines if set(names_of(one["gold"])) != set(names_of(two["gold"]))]
        if other:
            raise InputError(
                f"{_named(key)}: {len(other)} of {len(lines)} rows have another right answer in B than in A (the first "
                f"is {shown(other[0])}); they are not the same data"
            )
    return Pair(a.task, b.task, lines, _same_texts(a, b, lines))


def _same_texts(a: Answered, b: Answered, lines: list[tuple[Line, Line]]) -> bool:
    """By the fingerprints, which are of all rows in order; else by what texts the lines have."""
    known = [side.task.get("data_fingerprint") for side in (a, b)]
    if None not in known and (known[0] == known[1] or [*a.lines] == [*b.lines]):
        return known[0] == known[1]
    texts = [[tuple(line[name] for name in _TEXTS) for line in side] for side in zip(*lines, strict=True)]
    written = all(any(map(any, side)) for side in texts)
    return texts[0] == texts[1] or not written


def _lines(file: Path, tasks: Mapping[Key, Mapping[str, Any]]) -> dict[Key, dict[str, Line]]:
    found: dict[Key, dict[str, Line]] = {key: {} for key in tasks}
    with file.open(encoding="utf-8", errors="surrogateescape") as text:
        for number, content in enumerate(text, 1):
            where = f"{file}, line {number}"
            try:
                line = json.loads(content)
            except (ValueError, RecursionError) as problem:
                raise InputError(f"{where}: not valid JSON: {problem}") from None
            if wrong := _problem(line, tasks):
                raise InputError(f"{where}: {wrong}; evaluate again")
            rows = found[line["task"], line["split"]]
            if line["id"] in rows:
                same = f"two rows have the id {shown(line['id'])}" if line["id"] else "rows have no ids"
                raise InputError(f"{where}: {same}, so they can't be joined; give every example an id of its own")
            rows[line["id"]] = {**dict.fromkeys(_TEXTS, ""), **line}  # texts were not written by earlier versions
    return found


def _problem(line: Any, tasks: Mapping[Key, Mapping[str, Any]]) -> str | None:
    """What is wrong with a line; None if nothing is."""
    if not isinstance(line, dict):
        return "not a JSON object"
    texts = {name: line.get(name) for name in ("id", "task", "split")} | {name: line.get(name, "") for name in _TEXTS}
    for name, value in texts.items():
        if not isinstance(value, str):
            return f"{name} is {shown(value)}, not a text"
    task = tasks.get((line["task"], line["split"]))
    if task is None:
        return f"results.json has no task {shown(line['task'])} with the split {shown(line['split'])}"
    scores, several = line.get("scores"), task["kind"] == "multi_label"
    if not isinstance(scores, dict) or not all(_is_score(score) for score in scores.values()):
        return "scores is not a table of numbers between 0 and 1"
    if unknown := scores.keys() - set(task["labels"] or scores):
        return f"scores has {shown(min(unknown))}, which is none of the task's labels"
    for name in ("gold", "answer"):
        value = line.get(name)
        right_form = isinstance(value, list if several else str)
        if not right_form or not all(isinstance(one, str) and one in scores for one in names_of(value)):
            return f"{name} is {shown(value)}, {'not a list of options' if several else 'not one of the options'}"
    if not several and line.get("label") != [*scores].index(line["answer"]):
        return "label is not the place of the answer"
    if not isinstance(line.get("correct"), bool):
        return "correct is not true or false"
    same = set(names_of(line["gold"])) == set(names_of(line["answer"]))
    return None if line["correct"] is same else "correct is not what gold and answer say"


def _is_task(task: Mapping[str, Any]) -> bool:
    """Whether an entry of `results.json` says what its lines must look like."""
    kind, labels = str(task.get("kind")), task.get("labels")
    fixed = isinstance(labels, list) and all(isinstance(label, str) for label in labels)
    named = isinstance(task["task"], str) and isinstance(task["split"], str)
    return named and PRIMARY.get(kind) == task["primary"] and (labels is None if kind == "multiple_choice" else fixed)


def _is_score(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1


def _named(key: Key) -> str:
    task, split = (text if text.isprintable() and len(text) <= _LONG else shown(text) for text in key)
    return f"{task} ({split})"


def _list(tasks: Mapping[Key, Answered]) -> str:
    first = ", ".join(_named(key) for key in [*tasks][:5])
    return first if len(tasks) <= 5 else f"{first} and {len(tasks) - 5} more"
