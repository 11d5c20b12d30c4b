"""Medians, ratios, the table, the plot, and what the figures were measured on."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _processes import Run
    from rich.table import Table

TITLES = {
    "ours": "ours: UniMC.predict",
    "released": "(a) the released code's way",
    "released_no_grad": "(a') the same, under no_grad",
    "pipeline": "(b) zero-shot pipeline",
    "bare_encoder": "floor: bare encoder",
}


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and extremes."""
    return {"median": median(values), "min": min(values), "max": max(values)}


def side(runs: Sequence[Run]) -> dict[str, Any]:
    """The figures of one side on one workload, from its rounds."""
    peaks = [run.peak for run in runs if run.peak is not None]
    return {
        "examples_per_second": spread([run.examples / run.seconds for run in runs]),
        "examples_per_cpu_second": spread([run.examples / run.cpu_seconds for run in runs]),
        "peak_mib": round(max(peaks) / 2**20, 1) if peaks else None,
        "seconds_by_round": [round(run.seconds, 4) for run in runs],
        "cpu_seconds_by_round": [round(run.cpu_seconds, 4) for run in runs],
    }


def ratios(ours: Sequence[Run], theirs: Sequence[Run]) -> dict[str, Any]:
    """How many times as fast ours was, round by round: by the clock on the wall, and by processor time."""

    def of(times: Sequence[float]) -> dict[str, Any]:
        return {**spread(times), "by_round": [round(one, 3) for one in times]}

    pairs = list(zip(ours, theirs, strict=True))
    return {
        "time": of([their.seconds / our.seconds for our, their in pairs]),
        "cpu_time": of([their.cpu_seconds / our.cpu_seconds for our, their in pairs]),
    }


def machine() -> dict[str, Any]:
    """Processor, cores and memory, and how busy the machine was when this was called."""
    name = platform.processor() or platform.machine()
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        lines = cpus.read_text().splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    posix = hasattr(os, "sysconf")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if posix else None
    return {
        "cpu": name,
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1) if memory else None,
        "system": platform.platform(),
        "load_before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def versions() -> dict[str, str]:
    """Of what the figures depend on."""
    packages = ("unimc", "torch", "transformers", "tokenizers", "numpy")
    return {"python": platform.python_version(), **{package: version(package) for package in packages}}


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


def markdown(results: Mapping[str, Any]) -> str:
    """What was measured, as the page that stands beside the JSON."""
    on, settings = results["machine"], results["settings"]
    lines = [
        f"{on['cpu']}, {on['cores']} cores, {on['memory_gib']} GiB, load average {on['load_before']} before the start; "
        f"{', '.join(f'{name} {number}' for name, number in results['versions'].items())}; {settings['threads']} "
        f"thread(s) a side, {settings['rounds']} rounds; {settings['model']}; texts: {settings['texts']}.",
    ]
    for name, workload in results["workloads"].items():
        stages = ", ".join(f"{stage} {100 * share:.1f} %" for stage, share in workload["breakdown"].items())
        lines += [
            "",
            f"**{name}**: {workload['examples']} examples, {workload['options']} options",
            "",
            f"| {' | '.join(COLUMNS)} |",
            "|---|---:|---:|---:|---:|",
            *(f"| {' | '.join(row)} |" for row in _rows(workload)),
            "",
            f"Where our time goes: {stages}.",
        ]
    return "\n".join(lines) + "\n"


def _rows(workload: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for key, figures in workload["sides"].items():
        times = workload["ratios"].get(key)
        yield (
            TITLES[key],
            _spread(figures["examples_per_second"], 1),
            "not measured" if figures["peak_mib"] is None else f"{figures['peak_mib']:.0f}",
            _spread(times["time"], 2) if times else "",
            _spread(times["cpu_time"], 2) if times else "",
        )


def _spread(values: Mapping[str, float], digits: int) -> str:
    return f"{values['median']:.{digits}f} ({values['min']:.{digits}f} – {values['max']:.{digits}f})"


def breakdown_table(name: str, shares: Mapping[str, float]) -> Table:
    """Where our time goes."""
    from rich.table import Table

    made = Table(title=f"{name}: where our time goes")
    made.add_column("stage")
    made.add_column("share", justify="right")
    for stage, share in shares.items():
        made.add_row(stage, f"{100 * share:.1f} %")
    return made


def plot(results: Mapping[str, Any], path: Path) -> None:
    """Examples per second of every side, with the extremes over the rounds."""
    from matplotlib.figure import Figure

    workloads = results["workloads"]
    figure = Figure(figsize=(5.2 * len(workloads), 3), layout="constrained")
    axes = figure.subplots(1, len(workloads), squeeze=False)[0]
    for axis, (name, workload) in zip(axes, workloads.items(), strict=True):
        rates = [figures["examples_per_second"] for figures in workload["sides"].values()]
        medians = [rate["median"] for rate in rates]
        errors = [
            [rate["median"] - rate["min"] for rate in rates],
            [rate["max"] - rate["median"] for rate in rates],
        ]
        colours = ["tab:blue" if key == "ours" else "lightgrey" for key in workload["sides"]]
        bars = axis.barh([TITLES[key] for key in workload["sides"]], medians, xerr=errors, color=colours, capsize=3)
        axis.bar_label(bars, labels=[f" {value:.0f}" for value in medians], label_type="center")
        axis.invert_yaxis()
        axis.set_xlabel("examples per second")
        axis.set_title(f"{name} ({workload['options']} options)")
    figure.savefig(path, dpi=120)
