"""Speed and memory of prediction, beside the released code's way and the zero-shot pipeline of transformers.

    python benchmarks/prediction.py

See benchmarks/README.md for what is measured and what it gave.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from _figures import breakdown_table, machine, markdown, plot, ratios, side, table, versions
from _processes import Run, SideProcess
from _workloads import data_folder, workloads
from rich.console import Console

from unimc.cli import run
from unimc.example import InputError, MultipleChoiceExample

if TYPE_CHECKING:
    from _sides import Scores

HERE = Path(__file__).resolve().parent
ORDER = ("ours", "released", "released_no_grad", "pipeline", "bare_encoder")
SAME = ("released", "released_no_grad")
"""Sides that have to give our probabilities."""
TOLERANCE = 1e-4


def main(
    model: Annotated[Path, typer.Option(help="Folder of a model.")] = HERE.parent / "backbones" / "minilm-l6",
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder of local data sets; UNIMC_DATA_DIR or ../shared/data if not given.")
    ] = None,
    sample_texts: Annotated[bool, typer.Option("--sample-texts", help="Take the package's own texts.")] = False,
    examples: Annotated[int, typer.Option(help="Examples in a round.", min=2)] = 256,
    rounds: Annotated[int, typer.Option(help="Rounds; in each, every side answers all examples.", min=1)] = 5,
    threads: Annotated[int, typer.Option(help="Threads of every side.", min=1)] = 2,
    seed: Annotated[int, typer.Option(help="Which rows are drawn.")] = 0,
    output: Annotated[Path, typer.Option(help="Where the JSON goes; the table and the plot beside it.")] = HERE
    / "results"
    / "prediction.json",
) -> None:
    """Measure prediction on the CPU: examples per second, and peak memory above the weights."""
    if not model.is_dir():
        raise InputError(f"{model} is no folder; give --model, or make one: unimc backbone minilm-l6 --output {model}")
    # Children inherit these: as many threads for the tokenizers as for PyTorch, and nothing asked of the hub.
    os.environ.update(
        RAYON_NUM_THREADS=str(threads), OMP_NUM_THREADS=str(threads), HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error"
    )
    os.environ.pop("TOKENIZERS_PARALLELISM", None)
    console = Console()
    console.width = max(console.width, 120)  # also in a pipe, where rich takes 80
    made, source = workloads(examples, seed, None if sample_texts else data_folder(data_dir))
    results: dict[str, Any] = {
        "format": 1,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        "settings": {
            "model": model.name,
            "texts": source,
            "examples": examples,
            "rounds": rounds,
            "threads": threads,
            "seed": seed,
        },
        "workloads": {},
    }
    with ExitStack() as stack:
        folder = _whole(model, Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="unimc-benchmark-"))))
        warm_up = made["ag_news"][:2]
        sides = {name: stack.enter_context(SideProcess(name, folder, threads, warm_up)) for name in ORDER}
        for name, chosen in made.items():
            results["workloads"][name] = found = _measured(sides, chosen, rounds, console)
            console.print(table(name, found), breakdown_table(name, found["breakdown"]))
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    output.with_suffix(".md").write_text(markdown(results), encoding="utf-8")
    if find_spec("matplotlib") is None:
        console.print("no plot: matplotlib is not installed (pip install 'unimc[plot]')")
    else:
        plot(results, output.with_suffix(".png"))
    console.print(f"written to {output}")


def _whole(model: Path, into: Path) -> Path:
    """A folder that all sides read the same weights from: a bare encoder's fresh head is drawn once, here."""
    import torch

    from unimc.checkpoint import load

    torch.manual_seed(0)
    load(model).save(into)
    return into


def _measured(
    sides: Mapping[str, SideProcess], examples: Sequence[MultipleChoiceExample], rounds: int, console: Console
) -> dict[str, Any]:
    """One workload on all sides: first the check that they answer alike, which warms them up too, then the rounds."""
    first: dict[str, Run] = {}
    for name, process in sides.items():
        process.prepare(examples)
        first[name] = process.run()
    check = {name: _difference(first["ours"].scores, first[name].scores, name) for name in SAME}
    runs: dict[str, list[Run]] = {name: [] for name in sides}
    names = list(sides)
    for number in range(rounds):
        turn = number % len(names)
        for name in [*names[turn:], *names[:turn]]:
            runs[name].append(sides[name].run())
        console.print(f"round {number + 1} of {rounds}", highlight=False)
    stages = sides["ours"].breakdown(examples)
    total = sum(stages.values())
    return {
        "examples": len(examples),
        "options": len(examples[0].options),
        "largest_difference_in_probability": check,
        "sides": {name: {**side(runs[name]), "settings": sides[name].settings()} for name in sides},
        "ratios": {name: ratios(runs["ours"], runs[name]) for name in sides if name != "ours"},
        "breakdown": {stage: round(spent / total, 4) for stage, spent in stages.items()},
    }


def _difference(ours: Scores, theirs: Scores, name: str) -> float:
    """The largest difference of any probability; an error if it is too large, or one answer differs."""
    largest = 0.0
    for number, (our, their) in enumerate(zip(ours, theirs, strict=True)):
        largest = max(largest, *(abs(a - b) for a, b in zip(our, their, strict=True)))
        if largest > TOLERANCE or our.index(max(our)) != their.index(max(their)):
            raise RuntimeError(f"example {number}: ours gives {our}, {name} gives {their}; nothing is timed")
    return largest


if __name__ == "__main__":
    run(main)
