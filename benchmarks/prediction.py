"""Speed and memory of prediction, beside the released code's way, other libraries and the bare encoder.

    python benchmarks/prediction.py

See benchmarks/README.md for what is measured and what it gave.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from _agreement import agreements, check
from _exports import folders
from _figures import markdown, notes, plot, ratios, share_of_peak, side, table
from _names import RELEASED, sides
from _processes import Run, Setup, SideProcess, prepared, started, turned
from _program import (
    BACKBONE,
    RESULTS,
    DataDir,
    MaxLength,
    Model,
    Output,
    SampleTexts,
    Seed,
    Threads,
    check_model,
    chosen,
    console,
    data_folder,
    record,
    write,
)
from _workloads import WORKLOADS, Workload, workload
from rich.console import Console

from unimc.cli import run

SIDES = (
    "ours",
    "ours_stock",
    "ours_dense",
    "ours_packed",
    "ours_one_row",
    "ours_bf16",
    "ours_onnx",
    "ours_onnx_int8",
    *RELEASED,
    "pipeline",
    "gliclass",
    "bare_encoder",
    "bare_encoder_batches",
    "bare_encoder_onednn",
)


def main(
    model: Model = BACKBONE,
    data_dir: DataDir = None,
    sample_texts: SampleTexts = False,
    workloads: Annotated[str, typer.Option(help="What is answered, with commas.")] = ",".join(WORKLOADS),
    sides_: Annotated[str, typer.Option("--sides", help="What is measured beside ours.")] = ",".join(SIDES),
    examples: Annotated[int, typer.Option(help="Examples in a round.", min=2)] = 256,
    rounds: Annotated[int, typer.Option(help="Rounds; in each, every side answers all examples.", min=1)] = 5,
    pairs: Annotated[
        int, typer.Option(help="Pairs of text and option that the pipeline answers in a round, at most.", min=1)
    ] = 2560,
    max_length: MaxLength = 512,
    threads: Threads = 2,
    seed: Seed = 0,
    output: Output = RESULTS / "prediction.json",
) -> None:
    """Measure prediction on the CPU: examples per second, and peak memory above the weights."""
    check_model(model)
    # What the released code's way is held against where ours splits the options into groups.
    names = sides(f"{sides_},ours_one_row" if "released" in sides_ else sides_, SIDES)
    out = console()
    data = None if sample_texts else data_folder(data_dir)
    made = {name: workload(name, examples, seed, data) for name in chosen(workloads, WORKLOADS, "workload")}
    results = record(
        {
            "model": model.name,
            "examples": examples,
            "rounds": rounds,
            "pairs": pairs,
            "max_length": max_length,
            "threads": threads,
            "seed": seed,
        }
    )
    results["workloads"] = {}
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="unimc-benchmark-")))
        warm_up = next(iter(made.values())).examples[:2]
        read, names = folders(model, max_length, names, scratch, out)
        setup = Setup(read, threads, warm_up, {"pairs": pairs})
        processes = started(names, setup, stack, out)
        for name, one in made.items():
            out.print(f"{name}: {len(one.examples)} examples, {one.source}")
            results["workloads"][name] = found = _measured(prepared(processes, one.examples, out), one, rounds, out)
            out.print(table(name, found), *notes(found), sep="\n")
    write(results, output, markdown(results), plot, out)


def _measured(processes: Mapping[str, SideProcess], given: Workload, rounds: int, out: Console) -> dict[str, Any]:
    """One workload on all sides: first the check that they answer alike, which warms them up too, then the rounds."""
    examples = given.examples
    agreement = agreements({name: process.run().scores for name, process in processes.items()})
    check(agreement)
    ours = processes["ours"]
    rates = []
    runs: dict[str, list[Run]] = {name: [] for name in processes}
    for number in range(rounds):
        for name in turned(list(processes), number):
            runs[name].append(processes[name].run())
        rates.append(ours.peak_rates())
        out.print(f"round {number + 1} of {rounds}")
    stages = ours.breakdown(examples)
    total = sum(stages.values())
    found: dict[str, Any] = {
        "examples": len(examples),
        "options": len(examples[0].options),
        "texts": given.source,
        "work": ours.work(examples),
        "peak_operations_per_second": {library: max(one[library] for one in rates) for library in rates[0]},
        "agreement": agreement,
        "sides": {name: {**side(runs[name]), "settings": processes[name].settings()} for name in processes},
        "ratios": {name: ratios(runs["ours"], runs[name]) for name in processes if name != "ours"},
        "breakdown": {stage: round(spent / total, 4) for stage, spent in stages.items()},
    }
    return {**found, "share_of_peak": share_of_peak(found)}


if __name__ == "__main__":
    run(main)
