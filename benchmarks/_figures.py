"""Prediction's figures, its tables and its plot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _agreement import sentences
from _names import TITLES
from _program import measured_on, spelt, spread

if TYPE_CHECKING:
    from _processes import Run
    from rich.table import Table


def side(runs: Sequence[Run]) -> dict[str, Any]:
    """The figures of one side on one workload, from its rounds."""
    peaks = [run.peak for run in runs if run.peak is not None]
    return {
        "examples": runs[0].examples,
        "examples_per_second": spread([run.examples / run.seconds for run in runs]),
        "examples_per_cpu_second": spread([run.examples / run.cpu_seconds for run in runs]),
        "peak_mib": round(max(peaks) / 2**20, 1) if peaks else None,
        "seconds_by_round": [round(run.seconds, 4) for run in runs],
        "cpu_seconds_by_round": [round(run.cpu_seconds, 4) for run in runs],
    }


def ratios(ours: Sequence[Run], theirs: Sequence[Run]) -> dict[str, Any]:
    """How many times as fast ours was, an example, round by round: by the clock on the wall, and by processor time."""

    def of(times: Sequence[float]) -> dict[str, Any]:
        return {**spread(times), "by_round": [round(one, 3) for one in times]}

    pairs = [(our, their, our.examples / their.examples) for our, their in zip(ours, theirs, strict=True)]
    return {
        "time": of([their.seconds / our.seconds * more for our, their, more in pairs]),
        "cpu_time": of([their.cpu_seconds / our.cpu_seconds * more for our, their, more in pairs]),
    }


def share_of_peak(workload: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """By floor: the operations of the encoder for these rows, a second, over the rate of the faster library.

    Time spent on padding, and on anything in the encoder that is no matrix product, lowers it.
    """
    operations, peak = workload["work"]["operations"], max(workload["peak_operations_per_second"].values())
    if operations is None:
        return {}
    return {
        name: spread([operations / seconds / peak for seconds in figures["seconds_by_round"]])
        for name, figures in workload["sides"].items()
        if name.startswith("bare_encoder")
    }


COLUMNS = ("side", "examples/s", "peak, MiB", "ours is faster", "by CPU time")


def table(name: str, workload: Mapping[str, Any]) -> Table:
    """One workload for the terminal."""
    from rich.table import Table

    made = Table(title=f"{name}: {workload['examples']} examples, {workload['options']} options")
    made.caption = "median (min – max) over the rounds; ratios are taken within a round"
    for column in COLUMNS:
        made.add_column(column, justify="left" if column == "side" else "right", no_wrap=True)
    for row in _rows(workload):
        made.add_row(*row)
    return made


def notes(workload: Mapping[str, Any]) -> list[str]:
    """What else was measured, a sentence each."""
    found = []
    counted = workload["work"]
    found.append(f"Our rows: {counted['rows']:,}, of {counted['tokens']:,} tokens.")
    if workload["share_of_peak"]:
        shares = ", ".join(
            f"{TITLES[name]} {100 * one['median']:.0f} % ({100 * one['min']:.0f} – {100 * one['max']:.0f})"
            for name, one in workload["share_of_peak"].items()
        )
        rates = workload["peak_operations_per_second"].items()
        peak = ", ".join(f"{rate / 1e9:.0f} GFLOP/s by {library}" for library, rate in rates)
        found.append(f"Share of this machine's float32 matrix product ({peak}; best of this run): {shares}.")
    found += sentences(workload["agreement"])
    fewer = {name: one["examples"] for name, one in workload["sides"].items() if one["examples"] < workload["examples"]}
    for name, count in fewer.items():
        found.append(f"{TITLES[name]} answered the first {count} examples only.")
    stages = ", ".join(f"{stage} {100 * share:.1f} %" for stage, share in workload["breakdown"].items())
    found.append(f"Where our time goes: {stages}.")
    return found


def markdown(results: Mapping[str, Any]) -> str:
    """What was measured, as the page that stands beside the JSON."""
    lines = [f"{measured_on(results)}; {results['settings']['rounds']} rounds."]
    for name, workload in results["workloads"].items():
        lines += [
            "",
            f"**{name}**: {workload['examples']} examples, {workload['options']} options; texts: {workload['texts']}",
            "",
            f"| {' | '.join(COLUMNS)} |",
            "|---|---:|---:|---:|---:|",
            *(f"| {' | '.join(row)} |" for row in _rows(workload)),
        ]
        for note in notes(workload):
            lines += ["", note]
    return "\n".join(lines) + "\n"


def _rows(workload: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for key, figures in workload["sides"].items():
        times = workload["ratios"].get(key)
        yield (
            TITLES[key],
            spelt(figures["examples_per_second"], 1),
            "not measured" if figures["peak_mib"] is None else f"{figures['peak_mib']:.0f}",
            spelt(times["time"], 2) if times else "",
            spelt(times["cpu_time"], 2) if times else "",
        )


def plot(results: Mapping[str, Any], path: Path) -> None:
    """Examples per second of every side, with the extremes over the rounds."""
    from matplotlib.figure import Figure

    workloads = results["workloads"]
    most = max(len(workload["sides"]) for workload in workloads.values())
    figure = Figure(figsize=(5.2 * len(workloads), 1 + 0.35 * most), layout="constrained")
    axes = figure.subplots(1, len(workloads), squeeze=False)[0]
    for axis, (name, workload) in zip(axes, workloads.items(), strict=True):
        rates = [figures["examples_per_second"] for figures in workload["sides"].values()]
        medians = [rate["median"] for rate in rates]
        errors = [
            [rate["median"] - rate["min"] for rate in rates],
            [rate["max"] - rate["median"] for rate in rates],
        ]
        colours = ["tab:blue" if key.startswith("ours") else "lightgrey" for key in workload["sides"]]
        bars = axis.barh([TITLES[key] for key in workload["sides"]], medians, xerr=errors, color=colours, capsize=3)
        axis.bar_label(bars, labels=[f" {value:.3g}" for value in medians], padding=4)
        axis.margins(x=0.2)
        axis.invert_yaxis()
        axis.set_xlabel("examples per second")
        axis.set_title(f"{name} ({workload['options']} options)")
    figure.savefig(path, dpi=120)
