"""What each part of the method is worth at the size of minilm-l6: runs that lack one, beside runs that lack none.

    python benchmarks/ablations.py

See docs/models.md for what it gave. Every run is a process of its own; what is there already is not run again.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import sqrt
from os import environ
from pathlib import Path
from statistics import mean, stdev
from typing import Annotated, Any

import typer
from _ablated import VARIANTS
from _program import (
    BACKBONE,
    HERE,
    RESULTS,
    DataDir,
    Output,
    Threads,
    check_model,
    chosen,
    console,
    data_folder,
    environment,
    measured_on,
    numbers,
    record,
    write,
)
from scipy.stats import t

from unimc.cli import run
from unimc.example import InputError

MIXTURE = HERE.parent / "configs" / "models" / "mixtures" / "english_zero_shot.yaml"


def main(
    variants: Annotated[str, typer.Option(help="Which variants, with commas between them.")] = ",".join(VARIANTS),
    seeds: Annotated[str, typer.Option(help="Seeds of the runs, with commas between them.")] = "1,2,3",
    examples: Annotated[int, typer.Option(help="Training examples of a run.", min=100)] = 8000,
    limit: Annotated[int, typer.Option(help="The most rows of a development task.", min=10)] = 300,
    backbone: Annotated[Path, typer.Option(help="Folder to start from.")] = BACKBONE,
    mixture: Annotated[Path, typer.Option(help="What to train on.")] = MIXTURE,
    data_dir: DataDir = None,
    work: Annotated[Path, typer.Option(help="Folder for the runs.")] = Path("runs/ablations"),
    at_once: Annotated[int, typer.Option(help="Runs at the same time.", min=1)] = 1,
    threads: Threads = 1,
    output: Output = RESULTS / "ablations.json",
) -> None:
    """Train every variant with every seed, and compare them on the development tasks."""
    data = data_folder(data_dir)
    if data is None:
        raise InputError("the data sets are needed here; give --data-dir, or set UNIMC_DATA_DIR")
    check_model(backbone)
    names = chosen(variants, list(VARIANTS), "--variants")
    work.mkdir(parents=True, exist_ok=True)
    results = record(
        {
            "model": backbone.name,
            "mixture": mixture.stem,
            "examples": examples,
            "limit": limit,
            "seeds": numbers(seeds, "--seeds"),
            "threads": threads,
        }
    )
    _check_settings(
        work,
        {"model": str(backbone.resolve()), "mixture": str(mixture.resolve()), "examples": examples, "limit": limit},
    )
    out = console()

    def one(job: tuple[str, int]) -> None:
        name, seed = job
        there = work / f"{name}_{seed}_{examples}.json"
        if there.exists():
            return
        arguments = [name, seed, there, backbone, mixture, data, examples, limit, "--threads", threads]
        program = [sys.executable, str(HERE / "_ablated.py"), *map(str, arguments)]
        with there.with_suffix(".log").open("w") as log:
            made = subprocess.run(program, env={**environ, **environment(threads)}, stdout=log, stderr=log, check=False)
        if made.returncode:
            raise InputError(f"{name}, seed {seed} failed; see {log.name}")
        out.print(f"{name}, seed {seed}: {100 * _mean(json.loads(there.read_text())):.1f} %")

    with ThreadPoolExecutor(at_once) as pool:
        # Seed by seed, so that an interrupted program leaves whole comparisons.
        list(pool.map(one, [(name, seed) for seed in results["settings"]["seeds"] for name in names]))
    results["runs"] = [
        json.loads((work / f"{name}_{seed}_{examples}.json").read_text())
        for name in names
        for seed in results["settings"]["seeds"]
    ]
    results["variants"] = {name: _figures(results["runs"], name) for name in names}
    out.print(_page(results))
    write(results, output, _page(results), _plot, out)


def _check_settings(work: Path, settings: dict[str, Any]) -> None:
    """What runs in a folder have in common: those of other settings would be taken for these."""
    noted = work / "settings.json"
    if noted.exists() and (before := json.loads(noted.read_text(encoding="utf-8"))) != settings:
        raise InputError(f"{work} holds runs with other settings ({before}); choose another --work")
    noted.write_text(json.dumps(settings) + "\n", encoding="utf-8")


def _mean(result: Mapping[str, Any]) -> float:
    """Mean accuracy over the development tasks."""
    return mean(one["correct"] / one["examples"] for one in result["tasks"].values())


def _figures(runs: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """Of one variant over its seeds; differences are taken between runs of one seed."""
    own = [run for run in runs if run["variant"] == name]
    whole = {run["seed"]: _mean(run) for run in runs if run["variant"] == "whole"}
    gaps = [_mean(run) - whole[run["seed"]] for run in own if run["seed"] in whole]
    changed = [one["changed_by_order"] / one["examples"] for run in own for one in run["tasks"].values()]
    return {
        "mean": mean(map(_mean, own)),
        "half_width": _half_width([_mean(run) for run in own]),
        "by_seed": [_mean(run) for run in own],
        "gap": mean(gaps) if gaps and name != "whole" else None,
        "gap_half_width": _half_width(gaps) if name != "whole" else None,
        "changed_by_order": mean(changed),
        "tasks": {
            task: mean(run["tasks"][task]["correct"] / run["tasks"][task]["examples"] for run in own)
            for task in own[0]["tasks"]
        },
        "seconds": mean(run["seconds"] for run in own),
    }


def _half_width(values: Sequence[float]) -> float | None:
    """Half the 95 % interval of a mean, by Student's t: these are few seeds."""
    if len(values) < 2:
        return None
    return float(t.ppf(0.975, len(values) - 1)) * stdev(values) / sqrt(len(values))


def _page(results: Mapping[str, Any]) -> str:
    settings, figures = results["settings"], results["variants"]
    tasks = list(next(iter(figures.values()))["tasks"])
    lines = [
        f"{measured_on(results)}. {settings['examples']:,} examples of {settings['mixture']} a run, seeds "
        f"{', '.join(map(str, settings['seeds']))}; at most {settings['limit']} rows of a development task. Accuracy "
        "in per cent, mean over the seeds; the difference with its 95 % interval (Student's t over the seeds).",
        "",
        "| variant | mean | difference | answers that another order of the options changes | "
        + " | ".join(tasks)
        + " |",
        "|---|---:|---:|---:|" + "---:|" * len(tasks),
    ]
    for name, one in figures.items():
        gap = "" if one["gap"] is None else f"{100 * one['gap']:+.1f}"
        if one["gap_half_width"] is not None:
            gap += f" ± {100 * one['gap_half_width']:.1f}"
        cells = [VARIANTS[name].title, f"{100 * one['mean']:.1f}", gap, f"{100 * one['changed_by_order']:.1f}"]
        lines.append(f"| {' | '.join([*cells, *(f'{100 * value:.1f}' for value in one['tasks'].values())])} |")
    return "\n".join(lines) + "\n"


def _plot(results: Mapping[str, Any], path: Path) -> None:
    """Mean accuracy of each variant with its interval, and a dot for each seed."""
    from matplotlib.figure import Figure

    figures = results["variants"]
    figure = Figure(figsize=(7, 1.2 + 0.4 * len(figures)), layout="constrained")
    axis = figure.subplots()
    for place, one in enumerate(figures.values()):
        axis.plot(
            [100 * value for value in one["by_seed"]], [place] * len(one["by_seed"]), "o", color="tab:blue", alpha=0.5
        )
        bar = None if one["half_width"] is None else 100 * one["half_width"]
        axis.errorbar(100 * one["mean"], place, xerr=bar, fmt="|", color="black", markersize=14, capsize=3, lw=1)
    if "whole" in figures:
        axis.axvline(100 * figures["whole"]["mean"], color="lightgrey", zorder=0)
    axis.set_yticks(range(len(figures)), [VARIANTS[name].title for name in figures])
    axis.invert_yaxis()
    axis.set_xlabel("mean accuracy on the development tasks, per cent\na dot is a seed, a bar the mean's 95 % interval")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    run(main)
