"""Other prompts for the same examples: demonstrations before the passage, other wordings, and label by label.

    python benchmarks/several_prompts.py

Nothing is trained. Rows for testing are refused, tasks that the model was trained on too, unless they are named by
--seen. See docs/few-shot.md for what it gave.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any

import typer
from _program import (
    RESULTS,
    DataDir,
    MaxLength,
    Seed,
    Threads,
    check_model,
    console,
    data_folder,
    environment,
    numbers,
    record,
)
from _several_prompts_page import page, table, title

import converters
from converters.folders import splits_on_hand
from unimc.cli import run
from unimc.example import InputError, MultipleChoiceExample

if TYPE_CHECKING:
    from unimc import Prediction, UniMC
    from unimc.evaluation_set import EvaluationSet

TASKS = (
    "sst2:validation,ag_news:train_from_dev,fewclue_eprstmt:validation_few_all,fewclue_tnews:validation_few_all,"
    "go_emotions:validation"
)
METRICS = {"classification": ("accuracy",), "multi_label": ("micro_f1", "mean_average_precision")}
"""What is measured; without a threshold too where several labels may hold, as one way may need another."""
DRAWS = 3
"""Draws of demonstrations whose answers are averaged."""


@dataclass(frozen=True)
class Given:
    """A task's rows.

    Attributes:
        evaluation: the rows measured on, in all their wordings.
        labelled: the rows that demonstrations are made of; () where several labels may hold.
        of: where those come from.
        head: what is written of them.
    """

    evaluation: EvaluationSet = field(repr=False)
    labelled: Sequence[MultipleChoiceExample] = field(repr=False)
    of: str
    head: Mapping[str, Any]


@dataclass(frozen=True)
class Way:
    """One way to ask.

    Attributes:
        answers: to each example.
        shown: how many demonstrations each of them had; () where there are none.
        wanted: how many each should have had.
    """

    answers: Sequence[Prediction] = field(repr=False)
    shown: Sequence[int] = ()
    wanted: int = 0


def main(
    model: Annotated[Path | None, typer.Option(help="Folder of a trained model; the bundled one if not given.")] = None,
    tasks: Annotated[str, typer.Option(help="Tasks of fixed labels, each as name:split.")] = TASKS,
    seen: Annotated[
        str, typer.Option(help="Tasks among them that may be measured though the model was trained on them.")
    ] = "go_emotions",
    shots: Annotated[int, typer.Option(help="Labelled rows of each label that demonstrations come from.", min=1)] = 16,
    per_label: Annotated[str, typer.Option(help="How many of each label are shown, where they fit.")] = "1,2",
    limit: Annotated[int, typer.Option(help="The most rows measured on of a task.", min=2)] = 500,
    data_dir: DataDir = None,
    max_length: MaxLength = 512,
    threads: Threads = 1,
    seed: Seed = 0,
    output: Annotated[Path, typer.Option(help="Where the JSON goes; the table beside it.")] = RESULTS
    / "several_prompts.json",
) -> None:
    """Ask the same rows in several ways, and measure what each changes against asking once, without labels."""
    if model is not None:
        check_model(model)
    os.environ.update(environment(threads))  # before anything that starts threads is imported
    import torch

    from unimc import UniMC

    torch.set_num_threads(threads)
    counts, out, data = numbers(per_label, "--per-label"), console(), data_folder(data_dir)
    asked = UniMC.from_pretrained(model, max_length=max_length, device="cpu")
    allowed = {one.strip() for one in seen.split(",")}
    given = [
        _given(asked, named.strip(), allowed, data, limit, shots, seed) for named in tasks.split(",") if named.strip()
    ]
    settings = {"model": "the bundled model" if model is None else f"{model.parent.name}/{model.name}", "limit": limit}
    settings |= {"shots": shots, "per_label": counts, "max_length": max_length, "threads": threads, "seed": seed}
    results = {**record(settings), "tasks": []}
    for one in given:
        out.print(f"{title(one.head)} …")
        results["tasks"].append({**one.head, "ways": _measured(one.evaluation, _ways(asked, one, counts, seed), seed)})
        out.print(table(results["tasks"][-1]))
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    output.with_suffix(".md").write_text(page(results), encoding="utf-8")
    out.print(f"written to {output}")


def _given(model: UniMC, named: str, allowed: set[str], data: Path | None, limit: int, shots: int, seed: int) -> Given:
    """The rows of a task that the model did not see.

    Raises:
        InputError: if the split is missing or for testing, the model was trained on the task, or each row has its own
            options.
    """
    from unimc.adaptation import draw
    from unimc.evaluation_set import EvaluationSet
    from unimc.seen import seen as seen_before

    name, _, split = named.partition(":")
    if not split or split.startswith("test"):
        raise InputError(f"{named}: name a split for training or validation, as in sst2:validation")
    task = converters.get(name)
    if task.label_names is None:
        raise InputError(f"{named}: each row has its own options; demonstrations and label by label need fixed labels")
    checkpoint = model.checkpoint
    examples = task.load(split, data, limit, seed)
    before = seen_before(task.name, examples, checkpoint.trained_on, checkpoint.training_texts)
    if before.status == "seen" and task.name not in allowed:
        raise InputError(f"{named}: the model was trained on it; take another task, or name it by --seen")
    trained = set().union(*(known.view("uint64").tolist() for known in checkpoint.training_texts.values()))
    kept = {one.id for one in examples if one.fingerprint not in trained}
    wordings = {
        variant: [one for one in task.load(split, data, limit, seed, variant) if one.id in kept]
        for variant in task.variants
    }
    several = task.kind == "multi_label"
    rows = [one for one in examples if one.id in kept]
    evaluation = EvaluationSet(task.name, split, rows, task.label_names, several, wordings={} if several else wordings)
    labelled: Sequence[MultipleChoiceExample] = ()
    source = split.replace("validation", "train", 1)
    source = source if source in splits_on_hand(task, data) else split
    if not several:
        apart = {one.fingerprint for one in rows}
        drawn = {"seed": seed, "held_out": 0.0, "label_names": task.label_names}
        labelled = draw(task.load(source, data, None, seed), shots, **drawn, apart_from=apart).training
    head = {"task": task.name, "split": split, "kind": task.kind, "examples": len(rows)}
    head |= {"labels": len(task.label_names), "left_out": len(examples) - len(rows), "trained_on": before.status}
    return Given(evaluation, labelled, source, {**head, "labelled": len(labelled), "labelled_from": source})


def _ways(model: UniMC, given: Given, counts: Sequence[int], seed: int) -> dict[str, Way]:
    """The answers by the name of each way; first those that the others are held against."""
    from unimc.decomposition import label_by_label
    from unimc.demonstrations import Choice, Demonstrations
    from unimc.ensemble import averaged

    rows, several = given.evaluation.examples, given.evaluation.multi_label
    found = {"all labels at once" if several else "zero-shot": Way(model.predict(rows, multi_label=several))}
    first = next(iter(found.values()))

    def with_demonstrations(choice: Choice, count: int, number: int) -> Way:
        show = Demonstrations(given.labelled, model.encoder, per_label=count, choice=choice, seed=seed + number)
        labels = {one.names[one.label] for one in given.labelled if one.label is not None}
        return Way(model.predict(show(rows)), [len(show.shown(one)) for one in rows], count * len(labels))

    def mean(ways: Sequence[Way]) -> Way:
        answers = zip(*(way.answers for way in ways), strict=True)
        return replace(ways[0], answers=[averaged(one) for one in answers])

    if given.labelled:
        for count in counts:
            found[f"{count} drawn a label"] = with_demonstrations("random", count, 0)
        for count in counts:
            found[f"{count} nearest a label"] = with_demonstrations("nearest", count, 0)
        more = [with_demonstrations("random", counts[0], number) for number in range(1, DRAWS)]
        one = found[f"{counts[0]} drawn a label"]
        found[f"{counts[0]} drawn a label, mean of {DRAWS} draws"] = mean([one, *more])
    if given.evaluation.wordings:
        others = [Way(model.predict(examples)) for examples in given.evaluation.wordings.values()]
        found[f"mean of its {len(others) + 1} wordings"] = mean([first, *others])
    found["label by label"] = Way(label_by_label(model, rows, multi_label=several))
    return found


def _measured(evaluation: EvaluationSet, ways: Mapping[str, Way], seed: int) -> list[dict[str, Any]]:
    """Each way's figures, with intervals, and how much higher they are than those of the first, with theirs."""
    from unimc import metrics
    from unimc.figures import Judged, figure

    judged = {name: Judged.of(evaluation, way.answers) for name, way in ways.items()}
    first = next(iter(judged.values()))
    several = evaluation.multi_label
    label: Callable[[Prediction], object] = (lambda one: set(one.labels)) if several else (lambda one: one.label)
    base = next(iter(ways.values())).answers
    found = []
    for name, way in ways.items():
        one = judged[name]
        values = {}
        for each in METRICS[evaluation.kind]:
            metric = metrics.get(each)
            own = figure(evaluation, one, each, seed=seed, resamples=metrics.RESAMPLES)
            sides = [(side.given(metric), side.gold) for side in (one, first)]
            low, high = metric.interval_of_difference(*sides, num_labels=evaluation.num_labels, seed=seed)
            gain = own.value - figure(evaluation, first, each, seed=seed, resamples=0).value
            values[each] = {"figure": own.to_dict(), "gain": {"value": gain, "low": low, "high": high}}
        found.append(
            {
                "way": name,
                **values,
                "changed": sum(label(a) != label(b) for a, b in zip(way.answers, base, strict=True)),
                "shown": fmean(way.shown) if way.shown else None,
                "fewer": sum(count < way.wanted for count in way.shown),
                "none": sum(not count for count in way.shown),
                "tokens": fmean(answer.tokens for answer in way.answers),
                "cut": sum(answer.truncated > 0 for answer in way.answers),
            }
        )
    return found


if __name__ == "__main__":
    run(main)
