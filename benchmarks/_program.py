"""What all programs of this folder share: their options, what they ran on, and how results are written."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from rich.console import Console

from unimc.example import InputError

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
BACKBONE = HERE.parent / "backbones" / "minilm-l6"

Model = Annotated[Path, typer.Option(help="Folder of a model.")]
DataDir = Annotated[
    Path | None, typer.Option(help="Folder of local data sets; UNIMC_DATA_DIR or ../shared/data if not given.")
]
SampleTexts = Annotated[bool, typer.Option("--sample-texts", help="Take the package's own texts.")]
Threads = Annotated[int, typer.Option(help="Threads of every side.", min=1)]
Seed = Annotated[int, typer.Option(help="Which rows are drawn.")]
MaxLength = Annotated[int, typer.Option(help="The most tokens in a row.", min=16)]
Output = Annotated[Path, typer.Option(help="Where the JSON goes; the table and the plot beside it.")]


def console() -> Console:
    """The terminal, wide enough for the tables also in a pipe, where rich takes 80 columns."""
    made = Console(highlight=False)
    made.width = max(made.width, 120)
    return made


def data_folder(given: Path | None) -> Path | None:
    """Where the real data sets are: what was given, UNIMC_DATA_DIR, or ../shared/data; None if there are none."""
    beside = HERE.parents[1] / "shared" / "data"
    named = given or (Path(os.environ["UNIMC_DATA_DIR"]) if os.environ.get("UNIMC_DATA_DIR") else None)
    return named or (beside if beside.is_dir() else None)


def check_model(model: Path) -> None:
    """Says how to get a model if the folder is not there.

    Raises:
        InputError: if it is no folder.
    """
    if not model.is_dir():
        raise InputError(f"{model} is no folder; give --model, or make one: unimc backbone minilm-l6 --output {model}")


def chosen(given: str, known: Sequence[str], what: str) -> list[str]:
    """The names of a comma-separated list, in the order in which they are known.

    Raises:
        InputError: if one is not known, or there is none.
    """
    wanted = [name.strip() for name in given.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        raise InputError(f"{what} {', '.join(map(repr, unknown)) or 'missing'}; choose from {', '.join(known)}")
    return [name for name in known if name in wanted]


def numbers(given: str, what: str) -> list[int]:
    """The whole numbers of a comma-separated list.

    Raises:
        InputError: if something in it is none, or is not positive.
    """
    try:
        found = [int(part) for part in given.split(",")]
    except ValueError:
        raise InputError(f"{what} is {given!r}; give whole numbers with commas between them") from None
    if min(found) < 1:
        raise InputError(f"{what} is {given!r}; every number must be at least 1")
    return found


def environment(threads: int) -> dict[str, str]:
    """Variables of a process that is measured: one number of threads everywhere, and nothing asked of the hub."""
    count = str(threads)
    return {
        "RAYON_NUM_THREADS": count,
        "OMP_NUM_THREADS": count,
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_VERBOSITY": "error",
    }


def record(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The head of every results file."""
    return {
        "format": 1,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        "settings": dict(settings),
    }


def measured_on(results: Mapping[str, Any]) -> str:
    """Machine, versions and threads in one sentence."""
    on, settings = results["machine"], results["settings"]
    found = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    return (
        f"{on['cpu']}, {on['cores']} cores, {on['memory_gib']} GiB, load average {on['load_before']} before the start; "
        f"{found}; {settings['threads']} thread(s) a side; {settings['model']}"
    )


def write(
    results: Mapping[str, Any],
    output: Path,
    page: str,
    plot: Callable[[Mapping[str, Any], Path], None],
    out: Console,
) -> None:
    """Writes the JSON, the page beside it and, where matplotlib is installed, the plot."""
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    output.with_suffix(".md").write_text(page, encoding="utf-8")
    if find_spec("matplotlib") is None:
        out.print("no plot: matplotlib is not installed (pip install 'unimc[plot]')")
    else:
        plot(results, output.with_suffix(".png"))
    out.print(f"written to {output}")


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
    """Of what the figures depend on; what is optional is named where it is installed."""
    found = {"python": platform.python_version()}
    for package in ("unimc", "torch", "transformers", "tokenizers", "numpy"):
        found[package] = version(package)
    for package in ("onnxruntime", "gliclass"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and extremes."""
    return {"median": median(values), "min": min(values), "max": max(values)}


def spelt(values: Mapping[str, float], digits: int) -> str:
    """Median and extremes as a table has them."""
    return f"{values['median']:.{digits}f} ({values['min']:.{digits}f} – {values['max']:.{digits}f})"
