"""What is on record of a model's training, told for its card: its runs in their order, what was kept out, the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unimc.inert import markdown
from unimc.sections import line

Run = Mapping[str, Any]
"""The resolved configuration of a training, `{"average": models, "stages": their numbers}`, or `{"adapted": how}`."""
_COLUMNS = ("task", "split", "language", "rows")


def told(runs: Sequence[Run], entry: Mapping[str, Any]) -> str:
    """The training in Markdown, a paragraph for each thing known of it.

    Args:
        runs: the first one first; none if they aren't on hand.
        entry: the content of the model's `unimc.json`.
    """
    parts = [*_told_each(runs), *_held_out(runs)]
    if versions := entry.get("versions"):
        parts.append("Versions: " + ", ".join(f"{name} {version}" for name, version in versions.items()) + ".")
    parts += _data(entry.get("trained_on", []))
    return "\n\n".join(parts) or "Not on record."


def _told_each(runs: Sequence[Run]) -> list[str]:
    """A sentence for each run, in which those before it are known."""
    parts: list[str] = []
    stage = means = 0
    for run in runs:
        if "average" in run:
            parts.append(_averaged(run, means, told_before=bool(parts)))
            means += 1
        elif "adapted" in run:
            parts.append(_adapted(run["adapted"]))
        else:
            # What is averaged comes from one backbone: a run that starts there is no stage of those before it.
            stage = 1 if run.get("backbone") == runs[0].get("backbone") else stage + 1
            parts.append(_trained(run, stage, once_more=bool(parts)))
    return parts


def _trained(run: Run, stage: int, *, once_more: bool) -> str:
    how = run.get("training", {})
    loss = how.get("loss", {})
    weights = ", ".join(f"{name[2:]} {loss[name]:g}" for name in ("w_mlm", "w_omlm", "w_op") if name in loss)
    start = f"Then, stage {stage}"
    if stage == 1:
        start = f"From the backbone `{_last(run.get('backbone', ''))}`" + (" once more" if once_more else "")
    return (
        f"{start}: seed {how.get('seed')}, {how.get('epochs')} epoch(s), {_step(how)}, learning rate "
        f"{how.get('learning_rate')}, rows of {how.get('max_length')} tokens at most, weights of the losses: "
        f"{weights or 'not on record'}."
    )


def _step(how: Mapping[str, Any]) -> str:
    """How much a step holds, as far as it is on record: the number of processes isn't."""
    most = [
        f"{how[key]:,} {what}" for key, what in (("batch_size", "examples"), ("max_tokens", "tokens")) if how.get(key)
    ]
    if not most:
        return "micro-batches of a size not on record"
    several = f", {how['accumulation']} of them a step on each process" if (how.get("accumulation") or 1) > 1 else ""
    return f"micro-batches of at most {' and '.join(most)}{several}"


def _averaged(run: Run, means: int, *, told_before: bool) -> str:
    """A mean, after so many others: of stages by their numbers, where they are on record and tell them apart."""
    of, stages = len(run["average"]), run.get("stages", ())
    if not told_before:
        return f"The mean of the weights of {of} models, of whose training there is no more on record than follows."
    if of == means:
        return f"Then the mean of these {of} means."
    if len(set(stages)) == of:
        return f"Then the mean of the weights of stages {', '.join(map(str, stages[:-1]))} and {stages[-1]}."
    return f"Then the mean of the weights of {of} of these."


def _adapted(how: Mapping[str, Any]) -> str:
    """How an adapter was made; how many rows of what, the table of the training data says."""
    tuned = how.get("tuned", {})
    if not tuned.get("steps"):
        return f"Then adapted ({how.get('strategy')}), without any training."
    return f"Then adapted ({how.get('strategy')}): {tuned['steps']} steps, of which {tuned.get('kept')} were kept."


def _held_out(runs: Sequence[Run]) -> list[str]:
    """What every one of the trainings kept out."""
    names = [run.get("mixture", {}).get("held_out") or [] for run in runs if not {"average", "adapted"} & run.keys()]
    everywhere = [name for name in names[0] if all(name in others for others in names)] if names else []
    return [f"Held out, with every row that overlaps them: {', '.join(everywhere)}."] if everywhere else []


def _data(trained_on: Sequence[Mapping[str, Any]]) -> list[str]:
    """The rows of each task, in a table."""
    if not trained_on:
        return []
    total = sum(row.get("rows") or 0 for row in trained_on)
    tasks = len({row.get("task") for row in trained_on})
    table = [line(_COLUMNS), line(["---", "---", "---", "---:"])]
    table += [line([markdown(str(row.get(key, ""))) for key in _COLUMNS]) for row in trained_on]
    return [f"{total:,} examples of {tasks} tasks:", "\n".join(table)]


def _last(path: str) -> str:
    """The last part of a path or hub id: a card doesn't tell what a machine's folders are called."""
    return path.rstrip("/").rpartition("/")[2]
