"""What `unimc serve` gives under load on this machine: requests a second beside batch prediction, delays, memory.

    python benchmarks/serving.py

See benchmarks/README.md for what is measured and what it gave.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, quantiles
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from _program import (
    RESULTS,
    DataDir,
    Output,
    SampleTexts,
    Seed,
    Threads,
    check_model,
    console,
    data_folder,
    environment,
    measured_on,
    numbers,
    record,
    spelt,
    spread,
    write,
)
from _workloads import AG_NEWS, INTENTS, Workload, sample_texts, workload
from rich.console import Console
from stream import SETTLING, slope

from unimc.cli import run
from unimc.example import InputError, MultipleChoiceExample

COLUMNS = ("clients", "requests", "texts/s", "of batch prediction", "p50, ms", "p95, ms", "requests a call")
CLOSE = 1e-4
"""How near a served probability has to be to that of batch prediction."""


@dataclass
class Load:
    """What clients do and find out.

    Attributes:
        asked: the bodies of requests, shared by all clients.
        every: requests between two looks at the server's memory.
        seconds: of each request.
        memory: (requests answered before, resident bytes of the server).
        answered: requests so far, those of earlier loads too.
    """

    asked: Iterator[bytes]
    every: int
    seconds: list[float] = field(default_factory=list)
    memory: list[tuple[int, int]] = field(default_factory=list)
    answered: int = 0


def main(
    model: Annotated[Path | None, typer.Option(help="Folder of a model; a tiny one of random weights if none.")] = None,
    data_dir: DataDir = None,
    sample_texts_: SampleTexts = False,
    clients: Annotated[str, typer.Option(help="How many ask at a time; several numbers with commas.")] = "1,8,64",
    requests: Annotated[int, typer.Option(help="Of one text each, shared equally by the numbers of clients.")] = 10_000,
    texts: Annotated[int, typer.Option(help="Different texts, with a number before each.", min=2)] = 500,
    rounds: Annotated[int, typer.Option(help="Of batch prediction, over all texts.", min=1)] = 3,
    threads: Threads = 2,
    seed: Seed = 0,
    output: Output = RESULTS / "serving.json",
) -> None:
    """Ask a server on this machine from 1, 8 and 64 clients, and hold it against `UniMC.predict`."""
    counts = numbers(clients, "clients")
    each, every = requests // len(counts), max(1, requests // 100)
    if each < 2 * max(counts):
        raise InputError(f"{requests} requests are too few; every client of {max(counts)} needs two at least")
    os.environ.update(environment(threads))  # before anything that starts threads is imported
    import torch

    torch.set_num_threads(threads)
    out = console()
    asked = workload(AG_NEWS, texts, seed, None if sample_texts_ else data_folder(data_dir))
    name = "tiny" if model is None else model.name if model.name != "final" else "/".join(model.parts[-2:])
    results = record(
        {
            **{"model": name, "clients": clients, "requests": each * len(counts), "texts": texts, "rounds": rounds},
            **{"threads": threads, "seed": seed, "every": every},
        }
    )
    results["texts"] = asked.source
    with tempfile.TemporaryDirectory(prefix="unimc-benchmark-") as scratch:
        if model is None:
            from _tiny import save

            save(Path(scratch), [*sample_texts(48), *INTENTS, "what is this text about"])
        else:
            check_model(model)
        folder = model or Path(scratch)
        batch, expected = _batch(folder, asked, rounds)
        results["batch_prediction"] = batch
        out.print(f"batch prediction: {spelt(batch['texts_per_second'], 1)} texts/s")
        with _server(folder, threads) as address:
            results |= asyncio.run(_measured(address, asked, expected, counts, each, every, out))
    for one in results["loads"]:
        one["share"] = one["texts_per_second"] / batch["texts_per_second"]["median"]
    out.print(_page(results))
    write(results, output, _page(results), _plot, out)


def _batch(folder: Path, asked: Workload, rounds: int) -> tuple[dict[str, Any], list[tuple[float, ...]]]:
    """Texts a second of `UniMC.predict` over a list, and the probabilities."""
    from unimc import UniMC

    model = UniMC.from_pretrained(folder, device="cpu")
    rates = []
    model.predict(asked.examples[:8])
    for _ in range(rounds):
        start = time.perf_counter()
        found = model.predict(asked.examples)
        rates.append(len(found) / (time.perf_counter() - start))
    return {"texts_per_second": spread(rates)}, [one.scores for one in found]


@contextmanager
def _server(folder: Path, threads: int) -> Iterator[str]:
    """`unimc serve` as a process of its own; gives its address."""
    command = [sys.executable, "-c", "from unimc.cli import main; main()", "serve", "--port", "0"]
    command += ["--model", str(folder), "--device", "cpu"]
    with subprocess.Popen(
        command, env={**os.environ, **environment(threads)}, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if "http://" not in line:
                raise RuntimeError("the server did not start")
            yield next(word for word in line.split() if word.startswith("http://"))
        finally:
            process.terminate()


async def _measured(
    address: str,
    asked: Workload,
    expected: Sequence[tuple[float, ...]],
    counts: Sequence[int],
    each: int,
    every: int,
    out: Console,
) -> dict[str, Any]:
    """All loads one after the other on one server, whose answers are checked before."""
    largest = await _checked(address, asked, expected)
    if largest > CLOSE:
        raise RuntimeError(f"a served probability differs by {largest:.2g} from that of batch prediction")
    loads: list[dict[str, Any]] = []
    memory: list[tuple[int, int]] = []
    for count in counts:
        before = await _calls(address)
        bodies = (_body(one, number + len(loads) * each) for number, one in zip(range(each), _again(asked.examples)))  # noqa: B905
        load = Load(bodies, every, answered=len(loads) * each)
        start = time.perf_counter()
        await asyncio.gather(*(_client(address, load) for _ in range(count)))
        seconds = time.perf_counter() - start
        after = await _calls(address)
        memory += sorted(load.memory)
        loads.append(
            {
                **{
                    "clients": count,
                    "requests": each,
                    "seconds": round(seconds, 2),
                    "texts_per_second": each / seconds,
                },
                **{"p50_ms": 1000 * _percentile(load.seconds, 50), "p95_ms": 1000 * _percentile(load.seconds, 95)},
                **{"mean_ms": 1000 * fmean(load.seconds), "requests_a_call": each / (after - before)},
            }
        )
        out.print(f"{count} client(s): {each / seconds:.1f} texts/s")
    settled = [one for one in memory if one[0] > SETTLING * each * len(counts)]
    return {
        "largest_difference": largest,
        "loads": loads,
        "memory_bytes": [{"request": request, "resident": level} for request, level in memory],
        "bytes_a_request": slope(settled) if len(settled) > 1 else None,
    }


async def _checked(address: str, asked: Workload, expected: Sequence[tuple[float, ...]]) -> float:
    """Asks every text once, eight at a time; the largest difference of a probability."""
    numbered = iter(list(zip(asked.examples, expected, strict=True)))
    largest = 0.0

    async def client() -> None:
        nonlocal largest
        connection = await _connected(address)
        for example, scores in numbered:
            found = json.loads(await _asked(connection, _body(example, None)))
            largest = max(largest, *(abs(one - other) for one, other in zip(found["scores"], scores, strict=True)))

    await asyncio.gather(*(client() for _ in range(8)))
    return largest


def _again(examples: Sequence[MultipleChoiceExample]) -> Iterator[MultipleChoiceExample]:
    while True:
        yield from examples


def _body(example: MultipleChoiceExample, number: int | None) -> bytes:
    """A request; with a number before its text, so that no text comes twice and what is kept of texts would show."""
    text = example.passage if number is None else f"{number}: {example.passage}"
    options = dict(zip(example.names, example.options, strict=True))
    asked = {"texts": text, "options": options, "question": example.question, "language": example.language}
    return json.dumps(asked, ensure_ascii=False).encode()


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _client(address: str, load: Load) -> None:
    """Asks on, one request after the other over one connection, while there is something to ask."""
    connection = await _connected(address)
    for body in load.asked:
        start = time.perf_counter()
        await _asked(connection, body)
        load.seconds.append(time.perf_counter() - start)
        load.answered += 1
        answered = load.answered  # others answer on while the server is asked how it does
        if answered % load.every == 0:
            page = await _asked(connection, None)
            if (level := _value(page, "process_resident_memory_bytes")) is not None:
                load.memory.append((answered, int(level)))
    connection[1].close()


async def _connected(address: str) -> Connection:
    place = urlsplit(address)
    return await asyncio.open_connection(place.hostname, place.port)


async def _asked(connection: Connection, body: bytes | None) -> bytes:
    """The answer to a request, or the metrics if there is none to ask."""
    reader, writer = connection
    what = "GET /metrics" if body is None else "POST /classify"
    lines = [f"{what} HTTP/1.1", "host: localhost", "content-type: application/json"]
    writer.write("\r\n".join([*lines, f"content-length: {len(body or b'')}", "", ""]).encode() + (body or b""))
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = next(line for line in head.split("\r\n") if line.startswith("content-length:"))
    found = await reader.readexactly(int(length.partition(":")[2]))
    if " 200 " not in head.split("\r\n")[0]:
        raise RuntimeError(f"the server says: {found.decode()}")
    return found


async def _calls(address: str) -> float:
    """How often the server has called its model."""
    connection = await _connected(address)
    found = _value(await _asked(connection, None), "unimc_call_requests_count")
    connection[1].close()
    assert found is not None
    return found


def _value(page: bytes, name: str) -> float | None:
    lines = (line.split() for line in page.decode().splitlines())
    return next((float(line[1]) for line in lines if line[0] == name), None)


def _percentile(values: Sequence[float], percent: int) -> float:
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def _page(results: Mapping[str, Any]) -> str:
    rate = spelt(results["batch_prediction"]["texts_per_second"], 1)
    lines = [
        f"{measured_on(results)}; {results['settings']['rounds']} rounds of batch prediction.",
        "",
        f"`UniMC.predict` over a list: {rate} texts/s ({results['texts']}; median, least and most). Server and clients "
        f"share the machine. Served probabilities differ by {results['largest_difference']:.1g} at most.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|---:" * len(COLUMNS) + "|",
    ]
    for one in results["loads"]:
        cells = (f"{one['clients']}", f"{one['requests']:,}", f"{one['texts_per_second']:.1f}", f"{one['share']:.0%}")
        delays = (f"{one['p50_ms']:.1f}", f"{one['p95_ms']:.1f}", f"{one['requests_a_call']:.1f}")
        lines.append(f"| {' | '.join((*cells, *delays))} |")
    return "\n".join([*lines, "", _memory(results), ""])


def _memory(results: Mapping[str, Any]) -> str:
    samples = results["memory_bytes"]
    if not samples or results["bytes_a_request"] is None:
        return "This system doesn't say how much memory is resident."
    levels = [one["resident"] / 2**20 for one in samples]
    after = levels[int(SETTLING * len(levels)) :]
    return (
        f"Resident memory of the server over {results['settings']['requests']:,} requests: {levels[0]:.1f} MiB after "
        f"the first {samples[0]['request']:,}, {levels[-1]:.1f} MiB at the end, {min(after):.1f} – {max(after):.1f} "
        f"MiB in the last {100 * (1 - SETTLING):.0f} %; slope there {results['bytes_a_request']:+.1f} bytes a request."
    )


def _plot(results: Mapping[str, Any], path: Path) -> None:
    """Rates beside batch prediction, delays, and memory against requests."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.2), layout="constrained")
    rates, delays, memory = figure.subplots(1, 3)
    loads = results["loads"]
    names = [str(one["clients"]) for one in loads]
    bars = rates.bar(names, [one["texts_per_second"] for one in loads], color="tab:blue")
    rates.bar_label(bars, fmt="%.0f")
    rates.axhline(results["batch_prediction"]["texts_per_second"]["median"], color="grey", linestyle="--")
    rates.set_title("texts a second; dashed: batch prediction", fontsize="medium")
    for key, marker in (("p50_ms", "o"), ("p95_ms", "^")):
        delays.plot(names, [one[key] for one in loads], marker=marker, label=key.partition("_")[0])
    delays.set_yscale("log")
    delays.legend()
    delays.set_title("ms a request", fontsize="medium")
    samples = results["memory_bytes"]
    memory.plot([one["request"] for one in samples], [one["resident"] / 2**20 for one in samples])
    if samples:
        memory.set_ylim(0, 1.15 * max(one["resident"] for one in samples) / 2**20)
    memory.set_xlabel("requests answered")
    memory.set_title("resident memory of the server, MiB", fontsize="medium")
    for axis in (rates, delays):
        axis.set_xlabel("clients")
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    run(main)
