"""How long one text takes: median, 95th percentile and mean, texts one at a time.

    python benchmarks/latency.py

See benchmarks/README.md for what is measured and what it gave.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import fmean, quantiles
from typing import Annotated, Any

import typer
from _agreement import agreements, check, sentences
from _exports import folders
from _names import OTHER_ARITHMETIC, SAME, TITLES, sides
from _processes import Setup, SideProcess, prepared, started, turned
from _program import (
    BACKBONE,
    RESULTS,
    DataDir,
    MaxLength,
    Model,
    Output,
    SampleTexts,
    Seed,
    check_model,
    chosen,
    console,
    data_folder,
    measured_on,
    numbers,
    record,
    spelt,
    spread,
    write,
)
from _workloads import AG_NEWS, BANKING77, WORKLOADS, Workload, workload
from rich.console import Console
from rich.table import Table

from unimc.cli import run

SIDES = ("ours", "ours_one_row", "ours_bf16", "ours_onnx", "ours_onnx_int8", "pipeline", "gliclass")
COLUMNS = ("side", "texts", "p50, ms", "p95, ms", "mean, ms", "p50 by round, ms")


def main(
    model: Model = BACKBONE,
    data_dir: DataDir = None,
    sample_texts: SampleTexts = False,
    workloads: Annotated[str, typer.Option(help="What is answered, with commas.")] = f"{AG_NEWS},{BANKING77}",
    sides_: Annotated[str, typer.Option("--sides", help="What is measured beside ours.")] = ",".join(SIDES),
    examples: Annotated[int, typer.Option(help="Texts in a round.", min=2)] = 200,
    rounds: Annotated[int, typer.Option(help="Rounds; in each, every side answers all texts.", min=1)] = 3,
    pairs: Annotated[
        int, typer.Option(help="Pairs of text and option that the pipeline answers in a round, at most.", min=1)
    ] = 2560,
    max_length: MaxLength = 512,
    threads: Annotated[str, typer.Option(help="Threads of every side; several numbers with commas.")] = "1,2",
    seed: Seed = 0,
    output: Output = RESULTS / "latency.json",
) -> None:
    """Measure the time of one text on the CPU."""
    check_model(model)
    names, counts = sides(sides_, SIDES), numbers(threads, "threads")
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
            "threads": " and ".join(map(str, counts)),
            "seed": seed,
        }
    )
    results["runs"] = []
    with tempfile.TemporaryDirectory(prefix="unimc-benchmark-") as scratch:
        read, names = folders(model, max_length, names, Path(scratch), out)
        for count in counts:
            with ExitStack() as stack:
                warm_up = next(iter(made.values())).examples[:2]
                processes = started(names, Setup(read, count, warm_up, {"pairs": pairs, "alone": True}), stack, out)
                for name, one in made.items():
                    out.print(f"{name}, {count} thread(s): {len(one.examples)} texts, {one.source}")
                    ready = prepared(processes, one.examples, out, alone=True)
                    found = {"workload": name, "threads": count, **_measured(ready, one, rounds, out)}
                    results["runs"].append(found)
                    out.print(_table(found), *sentences(found["agreement"]), sep="\n")
    write(results, output, _page(results), _plot, out)


def _measured(processes: Mapping[str, SideProcess], given: Workload, rounds: int, out: Console) -> dict[str, Any]:
    """One workload on all sides: the check that they answer alike, then the rounds."""
    checked = [name for name in processes if name in ("ours", *SAME, *OTHER_ARITHMETIC)]
    agreement = agreements({name: processes[name].run().scores for name in checked})
    check(agreement)
    times: dict[str, list[list[float]]] = {name: [] for name in processes}
    for number in range(rounds):
        for name in turned(list(processes), number):
            times[name].append(processes[name].one_by_one())
        out.print(f"round {number + 1} of {rounds}")
    return {
        "options": len(given.examples[0].options),
        "texts": given.source,
        "agreement": agreement,
        "sides": {name: {**_figures(of), "settings": processes[name].settings()} for name, of in times.items()},
    }


def _figures(rounds: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Milliseconds over all texts of all rounds, and the median of each round."""
    found = [1000 * seconds for one in rounds for seconds in one]
    return {
        "texts": len(rounds[0]),
        "p50_ms": _percentile(found, 50),
        "p95_ms": _percentile(found, 95),
        "mean_ms": fmean(found),
        "p50_ms_by_round": spread([1000 * _percentile(one, 50) for one in rounds]),
    }


def _percentile(values: Sequence[float], percent: int) -> float:
    """Between the neighbouring values, where it falls between two."""
    return quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]


def _rows(found: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, figures in found["sides"].items():
        times = (f"{figures[key]:.1f}" for key in ("p50_ms", "p95_ms", "mean_ms"))
        yield TITLES[name], str(figures["texts"]), *times, spelt(figures["p50_ms_by_round"], 1)


def _title(found: Mapping[str, Any]) -> str:
    return f"{found['workload']}: {found['options']} options, {found['threads']} thread(s)"


def _table(found: Mapping[str, Any]) -> Table:
    made = Table(title=_title(found), caption="over all texts of all rounds; the last column: median (min – max)")
    for column in COLUMNS:
        made.add_column(column, justify="left" if column == "side" else "right", no_wrap=True)
    for row in _rows(found):
        made.add_row(*row)
    return made


def _page(results: Mapping[str, Any]) -> str:
    lines = [f"{measured_on(results)}; {results['settings']['rounds']} rounds."]
    for found in results["runs"]:
        lines += ["", f"**{_title(found)}**; texts: {found['texts']}", ""]
        lines += [f"| {' | '.join(COLUMNS)} |", "|---|---:|---:|---:|---:|---:|"]
        lines += [f"| {' | '.join(row)} |" for row in _rows(found)]
        for sentence in sentences(found["agreement"]):
            lines += ["", sentence]
    return "\n".join(lines) + "\n"


def _plot(results: Mapping[str, Any], path: Path) -> None:
    """A panel for each workload and number of threads: the median of each side as a bar, a line to its p95."""
    from matplotlib.figure import Figure

    runs = results["runs"]
    most = max(len(found["sides"]) for found in runs)
    figure = Figure(figsize=(4.6 * len(runs), 1.2 + 0.4 * most), layout="constrained")
    for axis, found in zip(figure.subplots(1, len(runs), squeeze=False)[0], runs, strict=True):
        medians = [one["p50_ms"] for one in found["sides"].values()]
        beyond = [[0.0] * len(medians), [one["p95_ms"] - one["p50_ms"] for one in found["sides"].values()]]
        colours = ["tab:blue" if name.startswith("ours") else "lightgrey" for name in found["sides"]]
        titles = [TITLES[name] for name in found["sides"]]
        bars = axis.barh(titles, medians, xerr=beyond, color=colours, capsize=3)
        axis.bar_label(bars, labels=[f" {value:.3g}" for value in medians], padding=4)
        axis.margins(x=0.2)
        axis.invert_yaxis()
        axis.set_xlabel("ms a text: p50, and p95 as a line")
        axis.set_title(_title(found), fontsize="medium")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    run(main)
