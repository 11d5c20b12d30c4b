"""One child process a side, alive over all rounds and idle while another is timed; its peak memory is its own."""

from __future__ import annotations

import multiprocessing
import os
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from _names import LeftOut
from _program import environment
from rich.console import Console

from unimc.example import InputError, MultipleChoiceExample

if TYPE_CHECKING:
    from _sides import Scores

_CONTEXT = multiprocessing.get_context("spawn")
_WARM_UP = 8
"""Examples that are answered once before examples are timed one at a time."""
_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Run:
    """One pass over a workload.

    Attributes:
        scores: probabilities of every example, in the options' order.
        seconds: wall time.
        cpu_seconds: processor time of all threads, which doesn't count waiting for other programs.
        peak: bytes above the level after loading and warming up; None where the system doesn't say (not Linux).
        examples: how many were answered.
    """

    scores: Scores
    seconds: float
    cpu_seconds: float
    peak: int | None
    examples: int


@dataclass(frozen=True)
class Setup:
    """What a side's process is started with.

    Attributes:
        folders: the checkpoint and its exports, by kind.
        threads: of PyTorch and of the tokenizers.
        warm_up: the few examples that are answered before the memory level is taken.
        options: of the side (`_sides.made`).
    """

    folders: dict[str, Path]
    threads: int
    warm_up: Sequence[MultipleChoiceExample]
    options: dict[str, Any]


class SideProcess:
    """A side in a process of its own.

    Args:
        name: of the side.
        setup: what it starts with.

    Raises:
        LeftOut: on entering, if what the side needs is not there.
    """

    def __init__(self, name: str, setup: Setup) -> None:
        self.name = name
        self._connection, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=_serve, args=(theirs, name, setup), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        try:
            self._receive()  # ready
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._process.join()

    def prepare(self, examples: Sequence[MultipleChoiceExample], *, alone: bool = False) -> None:
        """Takes a workload; whatever the side doesn't want timed is done now.

        Args:
            examples: the examples.
            alone: whether they will be answered one at a time.

        Raises:
            LeftOut: if the side has nothing to say about them.
        """
        self._ask("prepare_alone" if alone else "prepare", examples)

    def run(self) -> Run:
        """Answers the prepared workload once."""
        run: Run = self._ask("run", None)
        return run

    def one_by_one(self) -> list[float]:
        """Seconds for each example of the workload, which was prepared to be answered one at a time."""
        seconds: list[float] = self._ask("one_by_one", None)
        return seconds

    def breakdown(self, examples: Sequence[MultipleChoiceExample]) -> dict[str, float]:
        """Seconds by stage of one pass (of our side)."""
        seconds: dict[str, float] = self._ask("breakdown", examples)
        return seconds

    def work(self, examples: Sequence[MultipleChoiceExample]) -> dict[str, Any]:
        """Rows, tokens and operations that the examples take (of our side); see `_work.work`."""
        counted: dict[str, Any] = self._ask("work", examples)
        return counted

    def peak_rates(self) -> dict[str, float]:
        """Operations a second of a matrix product, the best of several; see `_work.peak_rates`."""
        rates: dict[str, float] = self._ask("peak_rates", None)
        return rates

    def settings(self) -> dict[str, Any]:
        """What the side settled on."""
        settings: dict[str, Any] = self._ask("settings", None)
        return settings

    def _ask(self, what: str, argument: object) -> Any:
        self._connection.send((what, argument))
        return self._receive()

    def _receive(self) -> Any:
        try:
            kind, answer = self._connection.recv()
        except EOFError:
            self._process.join()
            raise RuntimeError(f"{self.name}: its process ended with code {self._process.exitcode}") from None
        if kind == "left_out":
            raise LeftOut(answer)
        if kind == "input_error":
            raise InputError(answer)
        if kind == "error":
            raise RuntimeError(f"{self.name} failed in its process:\n{answer}")
        return answer


def started(names: Sequence[str], setup: Setup, stack: ExitStack, out: Console) -> dict[str, SideProcess]:
    """The sides' processes, all of them started at once; those that can't be measured here are left out and named."""
    processes = {name: SideProcess(name, setup) for name in names}
    ready = {}
    for name, process in processes.items():
        try:
            ready[name] = stack.enter_context(process)
        except LeftOut as reason:
            out.print(f"{name} is left out: {reason}")
    return ready


def prepared(
    sides: dict[str, SideProcess], examples: Sequence[MultipleChoiceExample], out: Console, *, alone: bool = False
) -> dict[str, SideProcess]:
    """The sides that take these examples; the others are named."""
    ready = {}
    for name, process in sides.items():
        try:
            process.prepare(examples, alone=alone)
        except LeftOut as reason:
            out.print(f"{name} is left out here: {reason}")
        else:
            ready[name] = process
    return ready


def turned(names: Sequence[str], number: int) -> list[str]:
    """The order of a round: every round begins with another side."""
    turn = number % len(names)
    return [*names[turn:], *names[:turn]]


def _serve(connection: Connection, name: str, setup: Setup) -> None:
    """The child: makes the side, then does what it is asked until the other end closes."""
    os.environ.update(environment(setup.threads))  # before anything that starts threads is imported
    os.environ.pop("TOKENIZERS_PARALLELISM", None)
    try:
        _answer_requests(connection, name, setup)
    except (EOFError, BrokenPipeError):
        return
    except LeftOut as reason:
        connection.send(("left_out", str(reason)))
    except InputError as error:
        connection.send(("input_error", str(error)))
    except Exception:
        connection.send(("error", traceback.format_exc()))


def _answer_requests(connection: Connection, name: str, setup: Setup) -> None:
    import torch
    from _sides import made

    torch.set_num_threads(setup.threads)
    side = made(name, setup.folders, **setup.options)
    with torch.no_grad():  # weights that are mapped from the file count as loaded, not as used later
        for parameter in () if side.model is None else side.model.parameters():
            parameter.sum()
    level, run, examples = None, None, 0
    alone: list[Callable[[], Scores]] = []
    try:
        run, examples = side.prepared(setup.warm_up)
        run()
    except LeftOut:
        pass  # of the first workload only, perhaps
    level = memory("VmRSS")
    connection.send(("ready", None))
    while True:
        what, argument = connection.recv()
        answer: Any = None
        try:
            if what.startswith("prepare"):
                side.settle(argument)
            if what == "prepare":
                run, examples = side.prepared(argument)
            elif what == "prepare_alone":
                run, examples = side.prepared(argument)
                alone = [side.prepared([example])[0] for example in argument[:examples]]
                for one in alone[:_WARM_UP]:
                    one()
            elif what == "run":
                assert run is not None
                answer = _measured(run, examples, level)
            elif what == "one_by_one":
                answer = list(map(_seconds, alone))
            else:
                answer = _asked(side, what, argument)
        except LeftOut as reason:
            connection.send(("left_out", str(reason)))
        else:
            connection.send(("done", answer))


def _asked(side: Any, what: str, argument: Any) -> Any:
    """What only some sides can be asked."""
    if what == "settings":
        return side.settings()
    if what == "breakdown":
        from _breakdown import breakdown

        return breakdown(side.unimc, argument)
    if what == "work":
        from _work import work

        return work(side.unimc, argument)
    if what == "peak_rates":
        from _work import peak_rates

        return peak_rates()
    raise ValueError(f"nothing is known of {what!r}")


def _measured(run: Callable[[], Scores], examples: int, level: int | None) -> Run:
    if level is not None:
        _CLEAR.write_text("5")  # sets the peak back to the present
    start, cpu_start = time.perf_counter(), time.process_time()
    scores = run()
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    peak = memory("VmHWM")
    above = peak - level if peak is not None and level is not None else None
    return Run(scores, seconds, cpu_seconds, above, examples)


def _seconds(run: Callable[[], Scores]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def memory(field: str) -> int | None:
    """Bytes of resident memory ("VmRSS") or its peak ("VmHWM"); None on systems without /proc."""
    if not _STATUS.exists():
        return None
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024
