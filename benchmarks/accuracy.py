"""What other arithmetic, packing, groups and windows cost in accuracy, on labelled examples.

    python benchmarks/accuracy.py --model runs/unseen_topics/final

See benchmarks/README.md for what is measured and what it gave.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Annotated, Any, Literal

import typer
from _agreement import agreement
from _compared import compared, page, plot, table
from _exports import folders
from _names import TITLES, sides
from _processes import Setup, SideProcess, started
from _program import (
    RESULTS,
    DataDir,
    MaxLength,
    Output,
    Seed,
    Threads,
    check_model,
    console,
    data_folder,
    environment,
    numbers,
    record,
    write,
)

import converters
from converters.folders import splits_on_hand
from unimc.cli import run
from unimc.example import InputError, MultipleChoiceExample

SIDES = ("ours", "ours_stock", "ours_packed", "ours_bf16", "ours_onnx", "ours_onnx_int8")
DRAWS = 3
"""How often each example that is scored alone gets other mates."""


class Given:
    """Labelled examples of a task.

    Args:
        named: `task` or `task:split`; without a split, validation if it is at hand, else train, else another of these.
        data_dir: the data sets' folder.
        limit: the most examples.
        seed: which ones are drawn.

    Raises:
        InputError: if the split is one for testing, or an example hasn't exactly one right option.
    """

    def __init__(self, named: str, data_dir: Path | None, limit: int, seed: int) -> None:
        name, _, split = named.partition(":")
        task = converters.get(name)
        self.task = task.name
        self.split = split or _for_looking(task, data_dir)
        if self.split.startswith("test"):
            raise InputError(f"{named}: choices between ways to run a model are not made on rows for testing")
        self.examples = list(task.read(self.split, data_dir, limit, seed, None).examples)
        if len(self.examples) < 2 or any(len(one.right or ()) != 1 for one in self.examples):
            raise InputError(f"{named}: two examples at least, each with one right option, are needed")

    def result(
        self,
        examples: Sequence[MultipleChoiceExample],
        ways: Mapping[str, Sequence[int]],
        seed: int,
        notes: Sequence[str],
    ) -> dict[str, Any]:
        """What is written of the task."""
        right = [one.right[0] for one in examples if one.right]
        most = max(len(one.options) for one in examples)
        head = {"task": self.task, "split": self.split, "examples": len(examples), "options": most}
        return {**head, "ways": compared(ways, right, seed), "notes": list(notes)}


def _for_looking(task: converters.Task, data_dir: Path | None) -> str:
    there = splits_on_hand(task, data_dir)
    found = sorted((name for name in there if name.startswith(("validation", "train"))), key=_preferred)
    if not found:
        raise InputError(
            f"{task.name}: no split for training or validation is at hand, only {', '.join(there) or 'none'}"
        )
    return found[0]


def _preferred(split: str) -> tuple[bool, bool, str]:
    return split != "validation", split != "train", split


def main(
    model: Annotated[Path, typer.Option(help="Folder of a trained model.")],
    data_dir: DataDir = None,
    tasks: Annotated[
        str, typer.Option(help="Tasks for other arithmetic: name or name:split.")
    ] = "sst2,ag_news,fewclue_eprstmt",
    sides_: Annotated[str, typer.Option("--sides", help="What is compared with ours.")] = ",".join(SIDES),
    many_options: Annotated[str, typer.Option(help="Tasks for groups; '' for none.")] = "banking77",
    groups: Annotated[str, typer.Option(help="Tokens in a row: all in one first, then fewer.")] = "1024,512,256",
    long_passages: Annotated[str, typer.Option(help="Tasks for windows; '' for none.")] = "imdb",
    windows: Annotated[str, typer.Option(help="Tokens in a row: all in one first, then fewer.")] = "512,256,128",
    limit: Annotated[int, typer.Option(help="Examples of a task.", min=2)] = 1000,
    mates: Annotated[int, typer.Option(help="Examples scored alone and beside others; 0 for none.", min=0)] = 64,
    max_length: MaxLength = 512,
    threads: Threads = 2,
    seed: Seed = 0,
    output: Output = RESULTS / "accuracy.json",
) -> None:
    """Compare accuracy and answers on rows for training or validation, never on rows for testing."""
    check_model(model)
    os.environ.update(environment(threads))  # before anything that starts threads is imported
    import torch

    torch.set_num_threads(threads)
    out, data = console(), data_folder(data_dir)
    names, of_groups, of_windows = sides(sides_, SIDES), numbers(groups, "groups"), numbers(windows, "windows")
    arithmetic, many, long = (
        [Given(name.strip(), data, limit, seed) for name in named.split(",") if name.strip()]
        for named in (tasks, many_options, long_passages)
    )
    settings = {"model": model.name, "limit": limit, "mates": mates, "max_length": max_length}
    results = record({**settings, "threads": threads, "seed": seed})
    results |= {"arithmetic": [], "groups": [], "windows": []}

    def keep(section: str, found: dict[str, Any]) -> None:
        results[section].append(found)
        out.print(table(found))

    with tempfile.TemporaryDirectory(prefix="unimc-benchmark-") as scratch, ExitStack() as stack:
        where, names = folders(model, max_length, names if arithmetic else ["ours"], Path(scratch), out)
        if arithmetic:
            processes = started(names, Setup(where, threads, arithmetic[0].examples[:2], {}), stack, out)
            for given in arithmetic:
                keep("arithmetic", _arithmetic(processes, given, mates, seed))
        for given in many:
            keep("groups", _shorter(where["torch"], given, of_groups, _grouped, seed))
        for given in long:
            keep("windows", _shorter(where["torch"], given, of_windows, _windowed, seed))
    write(results, output, page(results), plot, out)


def _arithmetic(processes: Mapping[str, SideProcess], given: Given, mates: int, seed: int) -> dict[str, Any]:
    """Every side on a task."""
    scores = {name: _scores(process, given.examples) for name, process in processes.items()}
    ways = {TITLES[name]: [one.index(max(one)) for one in found] for name, found in scores.items()}
    beside = {name: _beside(process, given.examples, mates, seed) for name, process in processes.items() if mates}
    notes = []
    for name, found in scores.items():
        if name != "ours":
            largest = agreement(scores["ours"], found)["largest_difference"]
            notes.append(f"{TITLES[name]}: largest difference of a probability {largest:.2g}.")
    for name, one in beside.items():
        notes.append(
            f"{TITLES[name]}, an example alone against the same beside {one['mates']} others, {DRAWS} times: largest "
            f"difference of a probability {one['largest']:.2g}, mean {one['mean']:.2g}; other answers {one['changed']} "
            f"of {one['scored']}."
        )
    return {**given.result(given.examples, ways, seed, notes), "mates": beside}


def _scores(process: SideProcess, examples: Sequence[MultipleChoiceExample]) -> list[list[float]]:
    process.prepare(examples)
    return process.run().scores


def _beside(process: SideProcess, examples: Sequence[MultipleChoiceExample], mates: int, seed: int) -> dict[str, Any]:
    """How far the others that are scored in the same call change an example's scores."""
    random = Random(seed)
    order = random.sample(range(len(examples)), len(examples))
    scored = [examples[place] for place in order[: min(mates, len(examples) // 2)]]
    others = [examples[place] for place in order[len(scored) :]]
    alone = [_scores(process, [example])[0] for example in scored]
    differences: list[float] = []
    changed = 0
    for _ in range(DRAWS):
        drawn = random.sample(others, min(len(others), len(scored)))
        found = _scores(process, [*scored, *drawn])[: len(scored)]
        differences += [max(abs(a - b) for a, b in zip(*pair, strict=True)) for pair in zip(alone, found, strict=True)]
        changed += agreement(alone, found)["different_answers"]
    figures = {"largest": max(differences), "mean": fmean(differences), "changed": changed, "scored": len(differences)}
    return {"mates": len(scored) + min(len(others), len(scored)) - 1, **figures}


Answers = dict[str, list[int]]


def _shorter(
    model: Path,
    given: Given,
    lengths: Sequence[int],
    answers: Callable[[Any, int, Sequence[MultipleChoiceExample], bool], tuple[Answers, list[str]]],
    seed: int,
) -> dict[str, Any]:
    """The examples that fit one row of the first length, in rows of that and of the other lengths."""
    from unimc import UniMC

    first, *others = lengths
    unimc = UniMC.from_pretrained(model, device="cpu", max_length=first)
    rows = unimc.encoder.batch(given.examples)
    whole = [one for one, its in zip(given.examples, rows, strict=True) if len(its) == 1 and not its[0].truncated]
    if len(whole) < 2:
        raise InputError(
            f"{given.task}: {len(whole)} of {len(rows)} examples fit one row of {first} tokens; give longer"
        )
    ways, notes = answers(unimc, first, whole, True)
    notes.insert(0, f"{len(whole):,} of {len(rows):,} examples fit one row of {first} tokens; these are compared.")
    for length in others:
        unimc = UniMC.from_pretrained(model, device="cpu", max_length=length)
        more, said = answers(unimc, length, whole, False)
        ways |= more
        notes += said
    return given.result(whole, ways, seed, notes)


def _grouped(
    unimc: Any, length: int, examples: Sequence[MultipleChoiceExample], one_row: bool
) -> tuple[Answers, list[str]]:
    """Options in groups; one row by margins too, which is how groups are compared."""
    found = unimc.predict(list(examples))
    ways = {f"{'one row' if one_row else 'rows'} of {length}": [one.label for one in found]}
    if one_row:
        ways[f"one row of {length}, by margins"] = [one.margins.index(max(one.margins)) for one in found]
    return ways, [_said(f"rows of {length}", found)]


def _windowed(
    unimc: Any, length: int, examples: Sequence[MultipleChoiceExample], one_row: bool
) -> tuple[Answers, list[str]]:
    """A passage cut, and in windows pooled in both ways."""
    if one_row:
        found = unimc.predict(list(examples))
        return {f"one row of {length}": [one.label for one in found]}, []
    ways, notes = {}, []
    pooling: Literal["max", "mean"] | None
    for pooling in (None, "max", "mean"):
        found = unimc.predict(list(examples), windows=pooling)
        name = f"{length}, cut" if pooling is None else f"{length}, windows, {pooling}"
        ways[name] = [one.label for one in found]
        notes.append(_said(name, found))
    return ways, notes


def _said(name: str, found: Sequence[Any]) -> str:
    rows, cut = fmean(one.rows for one in found), sum(one.truncated > 0 for one in found)
    return f"{name}: {rows:.2f} rows an example, {cut:,} examples cut."


if __name__ == "__main__":
    run(main)
