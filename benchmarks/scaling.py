"""What an answer costs against the number of options, and against the length of the passage.

    python benchmarks/scaling.py

See benchmarks/README.md for what is measured and what it gave.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from _exports import folders
from _names import TITLES, sides
from _processes import Setup, SideProcess, prepared, started, turned
from _program import (
    BACKBONE,
    RESULTS,
    MaxLength,
    Model,
    Output,
    Seed,
    Threads,
    check_model,
    console,
    measured_on,
    numbers,
    record,
    spelt,
    spread,
    write,
)
from _workloads import asked, many_options, passages
from rich.console import Console
from rich.table import Table

from unimc.cli import run
from unimc.example import MultipleChoiceExample

SIDES = ("ours", "ours_dense", "ours_windows", "ours_one_row", "ours_bf16", "ours_onnx", "ours_onnx_int8", "pipeline")
OPTIONS, TOKENS = "options", "passage tokens"
OF_OPTIONS = ("ours", "ours_dense", "ours_bf16", "ours_onnx", "ours_onnx_int8", "pipeline")
"""Sides for the number of options; there no passage is too long for a row."""
QUESTION = "What does the customer want?"
HEAD = {OPTIONS: "options", TOKENS: "tokens of the passage"}


def main(
    model: Model = BACKBONE,
    sides_: Annotated[str, typer.Option("--sides", help="What is measured beside ours.")] = "ours_windows,pipeline",
    options: Annotated[str, typer.Option(help="Numbers of options.")] = "2,4,8,16,32,64,128,250,500",
    tokens: Annotated[str, typer.Option(help="Lengths of passages, in tokens.")] = "32,64,128,256,512,1024,2048,4096",
    passage: Annotated[int, typer.Option(help="Tokens of the passage under the numbers of options.", min=8)] = 64,
    few: Annotated[int, typer.Option(help="Options under the lengths of passages.", min=2)] = 4,
    examples: Annotated[int, typer.Option(help="Texts a round and point.", min=1)] = 8,
    rounds: Annotated[int, typer.Option(help="Rounds a point.", min=1)] = 3,
    longest: Annotated[
        float, typer.Option(help="A side whose round takes longer than so many seconds goes no further.", min=0)
    ] = 30,
    max_length: MaxLength = 512,
    threads: Threads = 2,
    seed: Seed = 0,
    output: Output = RESULTS / "scaling.json",
) -> None:
    """Measure the cost of options and of tokens on the CPU."""
    check_model(model)
    names, counts, lengths = sides(sides_, SIDES), numbers(options, "options"), numbers(tokens, "tokens")
    out = console()
    settings = {"model": model.name, "options": counts, "tokens": lengths, "passage": passage, "few": few}
    settings |= {"examples": examples, "rounds": rounds, "longest": longest, "max_length": max_length}
    results = record({**settings, "threads": threads, "seed": seed, "texts": "sample_en_topic, joined and cut"})
    with tempfile.TemporaryDirectory(prefix="unimc-benchmark-") as scratch, ExitStack() as stack:
        read, names = folders(model, max_length, names, Path(scratch), out)
        made: dict[str, dict[int, list[MultipleChoiceExample]]] = {OPTIONS: {}, TOKENS: {}}
        fixed = passages(read["torch"], passage, examples, seed)
        for count in counts:
            made[OPTIONS][count] = asked(fixed, many_options(count), QUESTION)
        for length in lengths:
            texts = passages(read["torch"], length, examples, seed)
            made[TOKENS][length] = asked(texts, many_options(few), QUESTION)
        processes = started(names, Setup(read, threads, asked(fixed[:1], many_options(2), QUESTION), {}), stack, out)
        results["curves"] = {
            OPTIONS: _curve(_only(processes, OF_OPTIONS), made[OPTIONS], OPTIONS, rounds, longest, out),
            TOKENS: _curve(processes, made[TOKENS], TOKENS, rounds, longest, out),
        }
    for name, curve in results["curves"].items():
        out.print(_table(name, curve))
    write(results, output, _page(results), _plot, out)


def _only(processes: Mapping[str, SideProcess], wanted: Sequence[str]) -> dict[str, SideProcess]:
    return {name: process for name, process in processes.items() if name in wanted}


def _curve(
    processes: Mapping[str, SideProcess],
    points: Mapping[int, list[MultipleChoiceExample]],
    what: str,
    rounds: int,
    longest: float,
    out: Console,
) -> dict[str, Any]:
    """Milliseconds an example at each point, of every side, in rounds that begin with another side each time.

    A side whose round took longer than `longest` seconds is measured at no further point: that is in its `stopped`.
    """
    going, last = dict(processes), max(points)
    curve: dict[str, Any] = {name: {"points": [], "stopped": None} for name in processes}
    for point, examples in sorted(points.items()):
        ready = prepared(going, examples, out)
        for process in ready.values():
            process.run()  # a warm-up
        times: dict[str, list[float]] = {name: [] for name in ready}
        for number in range(rounds if ready else 0):
            for name in turned(list(ready), number):
                measured = ready[name].run()
                times[name].append(measured.seconds)
        for name, seconds in times.items():
            cost = spread([1000 * one / len(examples) for one in seconds])
            curve[name]["points"].append({"at": point, "ms": cost})
            if max(seconds) > longest and point != last:
                curve[name]["stopped"] = point
                del going[name]
                out.print(f"{name} stops at {point} {what}: a round takes {max(seconds):.0f} s")
        out.print(f"{point} {what}: " + ", ".join(f"{name} {min(times[name]):.2f} s" for name in times))
    return curve


def _rows(curve: Mapping[str, Any]) -> Iterator[list[str]]:
    by_side = {name: {point["at"]: point["ms"] for point in one["points"]} for name, one in curve.items()}
    for at in sorted({at for points in by_side.values() for at in points}):
        yield [f"{at:,}", *(spelt(points[at], 1) if at in points else "stopped" for points in by_side.values())]


def _table(name: str, curve: Mapping[str, Any]) -> Table:
    made = Table(title=f"ms an example against {HEAD[name]}", caption="median (min – max) over the rounds")
    for column in (name, *(TITLES[side] for side in curve)):
        made.add_column(column, justify="right")
    for row in _rows(curve):
        made.add_row(*row)
    return made


def _page(results: Mapping[str, Any]) -> str:
    settings = results["settings"]
    lines = [f"{measured_on(results)}; {settings['rounds']} rounds of {settings['examples']} texts a point."]
    for name, curve in results["curves"].items():
        head = [HEAD[name], *(TITLES[side] for side in curve)]
        lines += ["", f"**Milliseconds an example against {HEAD[name]}**", "", f"| {' | '.join(head)} |"]
        lines += ["|---:" * len(head) + "|", *(f"| {' | '.join(row)} |" for row in _rows(curve))]
        stopped = [(side, one["stopped"]) for side, one in curve.items() if one["stopped"] is not None]
        for side, at in stopped:
            lines += ["", f"{TITLES[side]} goes no further than {at:,}: a round took over {settings['longest']:g} s."]
    lines += [
        "",
        f"A passage too long for a row of {settings['max_length']} tokens is cut by ours, and by the pipeline at the "
        "encoder's positions; windows read all of it.",
    ]
    return "\n".join(lines) + "\n"


def _plot(results: Mapping[str, Any], path: Path) -> None:
    """Two panels on logarithmic axes, the extremes over the rounds as a band."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    settings = results["settings"]
    titles = {OPTIONS: f"passage of {settings['passage']} tokens", TOKENS: f"{settings['few']} options"}
    sides = dict.fromkeys(side for curve in results["curves"].values() for side in curve)
    colours = {side: f"C{place}" for place, side in enumerate(sides)}  # the same in both panels
    for axis, (name, curve) in zip(figure.subplots(1, 2), results["curves"].items(), strict=True):
        for side, one in curve.items():
            at = [point["at"] for point in one["points"]]
            low, mid, high = ([point["ms"][key] for point in one["points"]] for key in ("min", "median", "max"))
            axis.plot(at, mid, marker="o", label=TITLES[side], color=colours[side])
            axis.fill_between(at, low, high, alpha=0.2, color=colours[side])
        axis.set_xscale("log", base=2)
        axis.set_yscale("log")
        ticks = sorted({point["at"] for one in curve.values() for point in one["points"]})
        axis.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axis.minorticks_off()
        axis.set_xlabel(HEAD[name])
        axis.set_ylabel("ms an example")
        axis.set_title(titles[name])
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    run(main)
