"""Whether memory stays where it is while a stream of rows is answered.

    python benchmarks/stream.py

See benchmarks/README.md for what is measured and what it gave.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Annotated, Any

import typer
from _processes import memory
from _program import RESULTS, Output, Seed, Threads, check_model, console, environment, measured_on, record, write
from _workloads import INTENTS, sample_texts

from unimc.cli import run
from unimc.example import InputError, MultipleChoiceExample

EVERY = 1000
"""Rows between two looks at the memory."""
SETTLING = 0.2
"""Share of the rows, the first ones, that the slope leaves out: buffers and caches fill there."""


def main(
    model: Annotated[Path | None, typer.Option(help="Folder of a model; a tiny one of random weights if none.")] = None,
    rows: Annotated[int, typer.Option(help="Rows of the stream.", min=10)] = 100_000,
    every: Annotated[int, typer.Option(help="Rows between two looks at the memory.", min=1)] = EVERY,
    threads: Threads = 2,
    seed: Seed = 0,
    output: Output = RESULTS / "stream.json",
) -> None:
    """Answer a stream of rows lazily, and look at the resident memory on the way."""
    if rows < 10 * every:
        raise InputError(
            f"{rows} rows are too few to look at the memory every {every}; give ten times as many at least"
        )
    os.environ.update(environment(threads))  # before anything that starts threads is imported
    import torch

    torch.set_num_threads(threads)
    out = console()
    name = "tiny" if model is None else model.name
    results = record({"model": name, "rows": rows, "every": every, "threads": threads, "seed": seed})
    with tempfile.TemporaryDirectory(prefix="unimc-benchmark-") as scratch:
        if model is None:
            from _tiny import save

            save(Path(scratch), [*sample_texts(48), *INTENTS, "what does the customer want number"])
        else:
            check_model(model)
        results |= _measured(model or Path(scratch), rows, every, seed)
    out.print(_page(results))
    write(results, output, _page(results), _plot, out)


def _measured(model: Path, rows: int, every: int, seed: int) -> dict[str, Any]:
    """Rows a second, and the memory after every so many rows."""
    from unimc import UniMC

    unimc = UniMC.from_pretrained(model, device="cpu")
    samples: list[tuple[int, int | None]] = []
    start = time.perf_counter()
    for number, _ in enumerate(unimc.predict(_stream(rows, seed)), start=1):
        if number % every == 0:
            samples.append((number, memory("VmRSS")))
    seconds = time.perf_counter() - start
    if number != rows:
        raise RuntimeError(f"{rows} rows went in and {number} answers came out")
    known = [(row, level) for row, level in samples if level is not None]
    return {
        "seconds": round(seconds, 2),
        "rows_per_second": rows / seconds,
        "memory_bytes": [{"row": row, "resident": level} for row, level in known],
        "bytes_a_row": slope([one for one in known if one[0] > SETTLING * rows]) if known else None,
    }


def _stream(rows: int, seed: int) -> Iterator[MultipleChoiceExample]:
    """Rows made as they are asked for: texts of many lengths, and in every second row an option that no other has.

    What a program remembers of texts that it saw would grow with those.
    """
    random = Random(seed)
    texts = sample_texts(48)
    for number in range(rows):
        passage = " ".join(random.choices(texts, k=random.choice((1, 1, 1, 2, 4))))
        options = random.sample(INTENTS, k=random.choice((2, 4, 8)))
        if number % 2:
            options[0] = f"{options[0]}, number {number}"
        yield MultipleChoiceExample(tuple(options), "What does the customer want?", f"{number}: {passage}")


def slope(points: list[tuple[int, int]]) -> float:
    """Of the line through the points with the least squares."""
    rows = [row for row, _ in points]
    levels = [level for _, level in points]
    middle, level = sum(rows) / len(rows), sum(levels) / len(levels)
    spread = sum((row - middle) ** 2 for row in rows)
    return sum((row - middle) * (one - level) for row, one in points) / spread


def _page(results: Mapping[str, Any]) -> str:
    settings = results["settings"]
    found = f"{settings['rows']:,} rows in {results['seconds']:,.0f} s: {results['rows_per_second']:,.0f} rows/s. "
    if results["bytes_a_row"] is None:
        found += "This system doesn't say how much memory is resident."
    else:
        levels = [sample["resident"] / 2**20 for sample in results["memory_bytes"]]
        after = levels[int(SETTLING * len(levels)) :]
        found += (
            f"Resident memory: {levels[0]:.1f} MiB after {settings['every']:,} rows, {levels[-1]:.1f} MiB at the end, "
            f"{min(after):.1f} – {max(after):.1f} MiB over the last {100 * (1 - SETTLING):.0f} %; "
            f"slope there {results['bytes_a_row']:+.2f} bytes a row."
        )
    return f"{measured_on(results)}.\n\n{found}\n"


def _plot(results: Mapping[str, Any], path: Path) -> None:
    """Resident memory against rows."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axis = figure.subplots()
    samples = results["memory_bytes"]
    axis.plot([sample["row"] for sample in samples], [sample["resident"] / 2**20 for sample in samples])
    axis.axvspan(0, SETTLING * results["settings"]["rows"], color="lightgrey", alpha=0.5, label="not in the slope")
    if samples:
        axis.set_ylim(0, 1.15 * max(sample["resident"] for sample in samples) / 2**20)
    axis.set_xlabel("rows answered")
    axis.set_ylabel("resident memory, MiB")
    axis.legend(loc="lower right")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    run(main)
