"""Counts and times of a server in the text format of Prometheus, version 0.0.4."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from threading import Lock

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64)


class Histogram:
    """How often values fell below each of some bounds."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, value: float) -> None:
        """Counts a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self, name: str) -> Iterator[str]:
        """As Prometheus reads it: every bucket with all below it."""
        below = list(accumulate(self._counts))
        for bound, count in zip([*map(str, self._bounds), "+Inf"], below, strict=True):
            yield f'{name}_bucket{{le="{bound}"}} {count}'
        yield f"{name}_sum {self._sum:.6g}"
        yield f"{name}_count {below[-1]}"


class Metrics:
    """What a server did since it started; safe to be told by several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._requests: defaultdict[tuple[str, int], int] = defaultdict(int)
        self._seconds = Histogram(_SECONDS)
        self._call_seconds = Histogram(_SECONDS)
        self._call_requests = Histogram(_SIZES)
        self._call_texts = Histogram(_SIZES)

    def answered(self, path: str, status: int, seconds: float, *, model: bool) -> None:
        """A request was answered.

        Args:
            path: a path that the server has; never what a client made up, since each makes a line.
            status: of the answer.
            seconds: that it took.
            model: whether it is one of those whose time is kept.
        """
        with self._lock:
            self._requests[path, status] += 1
            if model:
                self._seconds.add(seconds)

    def called(self, requests: int, texts: int, seconds: float) -> None:
        """The model answered a portion."""
        with self._lock:
            self._call_seconds.add(seconds)
            self._call_requests.add(requests)
            self._call_texts.add(texts)

    def page(self, waiting: int) -> str:
        """All of it, with the number of requests that wait now."""
        with self._lock:
            lines = ["# HELP unimc_requests_total Requests answered.", "# TYPE unimc_requests_total counter"]
            for (path, status), count in sorted(self._requests.items()):
                lines.append(f'unimc_requests_total{{path="{path}",status="{status}"}} {count}')
            for name, what, histogram in (
                ("unimc_request_seconds", "Time of a request to /classify.", self._seconds),
                ("unimc_call_seconds", "Time of a call of the model.", self._call_seconds),
                ("unimc_call_requests", "Requests that shared a call of the model.", self._call_requests),
                ("unimc_call_texts", "Texts in a call of the model.", self._call_texts),
            ):
                lines += [f"# HELP {name} {what}", f"# TYPE {name} histogram", *histogram.lines(name)]
        lines += ["# HELP unimc_waiting Requests that wait for the model.", "# TYPE unimc_waiting gauge"]
        lines.append(f"unimc_waiting {waiting}")
        if (memory := resident_bytes()) is not None:
            name = "process_resident_memory_bytes"
            lines += [f"# HELP {name} Resident memory size in bytes.", f"# TYPE {name} gauge", f"{name} {memory}"]
        return "\n".join([*lines, ""])


def resident_bytes() -> int | None:
    """Memory of this process that is in use now; None where the system has no /proc."""
    status = Path("/proc/self/status")
    if not status.is_file():
        return None
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024
