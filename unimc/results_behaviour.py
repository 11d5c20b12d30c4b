"""How models behave beyond their accuracy: order of the options, wordings, calibration, speed; tables of the page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from unimc.results_files import Entry, Model, Training, Value
from unimc.results_tables import Key, examples_of, shown, table, task_names
from unimc.sections import in_nats, percent, signed


def order_table(models: Sequence[Model]) -> list[str]:
    """How many answers changed when options were shuffled."""
    rows, names = [], task_names(models)
    for model in models:
        by_key: dict[Key, list[Entry]] = {}
        for training in model.trainings:
            for entry in training.robustness:
                by_key.setdefault(entry.key, []).append(entry)
        for key, entries in by_key.items():
            found = [entry.task["order"] for entry in entries if entry.task.get("order")]
            if found:
                times = " / ".join(dict.fromkeys(str(one["shuffles"]) for one in found))
                asked = sum(one["asked"] for one in found)
                changed = sum(one["changed"] for one in found)
                largest = max(one["largest_change"] for one in found)
                rows.append(
                    [names[key], model.name, examples_of(entries), times, f"{changed:,} of {asked:,}", f"{largest:.1e}"]
                )
    return table(["task", "model", "examples", "orders", "changed answers", "largest change of a score"], rows)


def wordings_table(models: Sequence[Model]) -> list[str]:
    """What other wordings than the default give."""
    rows, names = [], task_names(models)
    for model in models:
        for key, (count, each) in _wordings(model).items():
            default, others = each["default"], {name: value for name, value in each.items() if name != "default"}
            spread = max(each.values()) - min(each.values())
            change = fmean(value - default for value in others.values())
            said = ", ".join(f"{name} {percent(value)}" for name, value in others.items())
            rows.append([names[key], model.name, f"{count:,}", percent(default), said, percent(spread), signed(change)])
    columns = ["task", "model", "examples", "default", "other wordings", "spread", "mean change"]
    return table(columns, rows)


def _wordings(model: Model) -> dict[Key, tuple[int, dict[str, float]]]:
    """Task -> examples and each wording's figure, where there are the default and others; of the most examples.

    Of several trainings the mean of those that were asked in other wordings too, in the wordings that they share: the
    figures of a row are then of the same trainings.
    """
    found: dict[tuple[Key, int], list[dict[str, float]]] = {}
    for training in model.trainings:
        own: dict[tuple[Key, int], dict[str, float]] = {}
        for key, count, wording, value in _asked(training):
            if value is not None:
                own.setdefault((key, count), {}).setdefault(wording, value)
        for place, each in own.items():
            if len(each) > 1 and "default" in each:
                found.setdefault(place, []).append(each)
    whole: dict[Key, tuple[int, dict[str, float]]] = {}
    for (key, count), trainings in found.items():
        shared = [name for name in trainings[0] if all(name in each for each in trainings)]
        if len(shared) > 1 and (key not in whole or count > whole[key][0]):
            whole[key] = count, {name: fmean(each[name] for each in trainings) for name in shared}
    return whole


def _asked(training: Training) -> Iterator[tuple[Key, int, str, float | None]]:
    """Every wording that was asked alone, and nothing else done to it: task, examples, wording, figure."""
    for entry in [*training.entries, *training.robustness]:
        if entry.task.get("calibration") is not None or entry.results.get("windows") is not None or entry.threshold:
            continue
        each = (entry.task.get("wordings") or {}).get("each", {})
        for wording, figure in each.items():
            yield entry.key, entry.task["examples"], wording, figure["value"]
        if not each and "figures" in entry.task:
            wording = entry.task.get("variant") or "default"
            yield entry.key, entry.task["examples"], wording, entry.figure()["value"]


def trust_table(models: Sequence[Model]) -> list[str]:
    """Calibration error and log-loss, as the model gives them and calibrated."""
    rows, names = [], task_names(models)
    for model in models:
        for key in dict.fromkeys(entry.key for entry in model.entries()):
            after = [found.task for one in model.trainings if (found := one.calibrated(key)) is not None]
            before = [entry.task["figures"] for entry in model.headlines(key) if not entry.task.get("calibration")]
            before = before or [task["calibration"].get("before", {}) for task in after]
            cells = [
                shown(Value.of(one[name] for one in side if name in one), form)
                for side in (before, [task["figures"] for task in after])
                for name, form in (("ece", percent), ("log_loss", in_nats))
            ]
            if set(cells) != {"–"}:
                rows.append([names[key], model.name, *cells])
    return table(["task", "model", "ece", "log-loss", "ece, calibrated", "log-loss, calibrated"], rows)


def speed_table(models: Sequence[Model]) -> list[str]:
    """Examples a second, of all tasks and of the slowest and the fastest."""
    rows = []
    for model in models:
        by_run: dict[str, list[Entry]] = {}
        for entry in model.entries():
            if entry.task.get("seconds"):
                by_run.setdefault(_run(entry.results), []).append(entry)
        for run, entries in by_run.items():
            counts = [_times_asked(entry.task) for entry in entries]
            seconds = [entry.task["seconds"] for entry in entries]
            rates = [count / second for count, second in zip(counts, seconds, strict=True)]
            extremes = f"{min(rates):.1f}–{max(rates):.1f}" if len(rates) > 1 else ""
            rows.append(
                [
                    model.name,
                    run,
                    f"{sum(counts):,}",
                    f"{sum(seconds):,.0f}",
                    f"{sum(counts) / sum(seconds):.1f}",
                    extremes,
                ]
            )
    return table(["model", "run", "examples", "seconds", "examples a second", "by task"], rows)


def _times_asked(task: Mapping[str, Any]) -> int:
    """Examples; each counts once in every wording that it was asked in."""
    return int(task["examples"]) * len((task.get("wordings") or {}).get("each", [None]))


def _run(results: Mapping[str, Any]) -> str:
    about = [results.get("backend"), results.get("device"), results.get("dtype")]
    batch = f"batches of {results['batch_size']}" if "batch_size" in results else None
    processes = results.get("processes", 1)
    several = f"{processes} processes" if processes != 1 else None
    return ", ".join(str(one) for one in [*about, batch, several] if one)
