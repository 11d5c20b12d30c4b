"""One child process a side, alive over all rounds and idle while another is timed; its peak memory is its own."""

from __future__ import annotations

import multiprocessing
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from unimc.example import InputError, MultipleChoiceExample

if TYPE_CHECKING:
    from _sides import Scores

_CONTEXT = multiprocessing.get_context("spawn")
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


class SideProcess:
    """A side in a process of its own.

    Args:
        name: one of `SIDES`.
        folder: the checkpoint.
        threads: of PyTorch.
        warm_up: the few examples that are answered before the memory level is taken.
    """

    def __init__(self, name: str, folder: Path, threads: int, warm_up: Sequence[MultipleChoiceExample]) -> None:
        self.name = name
        self._connection, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=_serve, args=(theirs, name, folder, threads, warm_up), daemon=True)
        self._process.start()
        theirs.close()

    def __enter__(self) -> Self:
        self._receive()  # ready
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._process.join()

    def prepare(self, examples: Sequence[MultipleChoiceExample]) -> None:
        """Takes a workload; whatever the side doesn't want timed is done now."""
        self._ask("prepare", examples)

    def run(self) -> Run:
        """Answers the prepared workload once."""
        run: Run = self._ask("run", None)
        return run

    def breakdown(self, examples: Sequence[MultipleChoiceExample]) -> dict[str, float]:
        """Seconds by stage of one pass (of our side)."""
        seconds: dict[str, float] = self._ask("breakdown", examples)
        return seconds

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
        if kind == "input_error":
            raise InputError(answer)
        if kind == "error":
            raise RuntimeError(f"{self.name} failed in its process:\n{answer}")
        return answer


def _serve(
    connection: Connection, name: str, folder: Path, threads: int, warm_up: Sequence[MultipleChoiceExample]
) -> None:
    """The child: makes the side, then does what it is asked until the other end closes."""
    try:
        _answer_requests(connection, name, folder, threads, warm_up)
    except EOFError:
        return
    except InputError as error:
        connection.send(("input_error", str(error)))
    except Exception:
        connection.send(("error", traceback.format_exc()))


def _answer_requests(
    connection: Connection, name: str, folder: Path, threads: int, warm_up: Sequence[MultipleChoiceExample]
) -> None:
    import torch
    from _sides import SIDES, Ours

    torch.set_num_threads(threads)
    side = SIDES[name](folder)
    with torch.no_grad():  # weights that are mapped from the file count as loaded, not as used later
        for parameter in side.model.parameters():
            parameter.sum()
    run, examples = side.prepared(warm_up), len(warm_up)
    run()
    level = _memory("VmRSS")
    connection.send(("ready", None))
    while True:
        what, argument = connection.recv()
        if what == "prepare":
            run, examples = side.prepared(argument), len(argument)
            connection.send(("done", None))
        elif what == "run":
            connection.send(("done", _measured(run, examples, level)))
        elif what == "settings":
            connection.send(("done", side.settings()))
        elif what == "breakdown" and isinstance(side, Ours):
            from _breakdown import breakdown

            connection.send(("done", breakdown(side.unimc, argument)))
        else:
            raise ValueError(f"{name} knows no {what!r}")


def _measured(run: Callable[[], Scores], examples: int, level: int | None) -> Run:
    if level is not None:
        _CLEAR.write_text("5")  # sets the peak back to the present
    start, cpu_start = time.perf_counter(), time.process_time()
    scores = run()
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    peak = _memory("VmHWM")
    above = peak - level if peak is not None and level is not None else None
    return Run(scores, seconds, cpu_seconds, above, examples)


def _memory(field: str) -> int | None:
    """Bytes of resident memory ("VmRSS") or its peak ("VmHWM"); None on systems without /proc."""
    if not _STATUS.exists():
        return None
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024
