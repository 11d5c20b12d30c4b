"""Where the time of our side goes, stage by stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

from unimc import MultipleChoiceExample, UniMC, encoding, inference, modeling, scoring, tokenization

STAGES: tuple[tuple[Any, str, str], ...] = (
    (tokenization.InertTokenizer, "__call__", "tokenising"),
    (encoding.Encoder, "batch", "laying out rows"),
    (scoring, "packs", "packing"),
    (scoring, "joined", "packing"),
    (scoring, "batches", "making batches"),
    (scoring, "collate", "making batches"),
    (modeling.UniMCModel, "states_at", "encoder"),
    (modeling.UniMCModel, "states_read", "encoder"),
    (modeling.UniMCModel, "logits", "head"),
    (inference, "from_rows", "assembling predictions"),
)
"""Where a function lives, its name, and the stage its own time counts to (without that of the others it calls)."""
REST = "rest"


def breakdown(model: UniMC, examples: Sequence[MultipleChoiceExample]) -> dict[str, float]:
    """Seconds of one pass by stage, the slowest first."""
    clock = _Clock()
    with ExitStack() as patches:
        for owner, name, stage in STAGES:
            patches.enter_context(mock.patch.object(owner, name, clock.timed(getattr(owner, name), stage)))
        with clock.stage(REST):
            model.predict(list(examples))
    return dict(sorted(clock.seconds.items(), key=lambda item: -item[1]))


class _Clock:
    """Counts every moment to the innermost stage that is open."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._open: list[str] = []
        self._since = 0.0

    def timed(self, function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **options: Any) -> Any:
            with self.stage(stage):
                return function(*arguments, **options)

        return wrapper

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._count()
        self._open.append(name)
        try:
            yield
        finally:
            self._count()
            self._open.pop()

    def _count(self) -> None:
        now = time.perf_counter()
        if self._open:
            stage = self._open[-1]
            self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._since
        self._since = now
