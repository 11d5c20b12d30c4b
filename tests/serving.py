"""A server of the tiny model for tests: in memory, or on a port of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Queue
from threading import Event, Thread
from typing import Any

import tiny
from fastapi.testclient import TestClient

from unimc import MultipleChoiceExample, Prediction, UniMC
from unimc.serving import server
from unimc.serving.app import create_app
from unimc.serving.limits import Limits

ASKED = {"texts": "the soup was cold", "options": ["sport", "food"]}
"""A request that any server answers."""
JSON = {"content-type": "application/json"}


class Held(UniMC):
    """A model that waits before it answers until it is let go, and remembers what it was asked.

    Attributes:
        asked: the passages of each call, in order.
        entered: set as soon as it is asked for the first time.
        free: it answers once this is set.
        fails: raised instead of an answer where a passage is one of these.
    """

    def __init__(self) -> None:
        super().__init__(tiny.checkpoint("bert"))
        self.asked: list[list[str]] = []
        self.entered = Event()
        self.free = Event()
        self.fails: dict[str, BaseException] = {}

    def predict(self, examples: Any, **settings: Any) -> Any:
        self.asked.append([example.passage for example in examples])
        self.entered.set()
        assert self.free.wait(20)
        for example in examples:
            if example.passage in self.fails:
                raise self.fails[example.passage]
        return super().predict(examples, **settings)


def prediction(example: MultipleChoiceExample) -> Prediction:
    """An answer that shows what was asked."""
    return Prediction(example.options, (example.passage,), (1.0,), (0.0,), 0, (0,))


@contextmanager
def client(model: UniMC | None = None, **limits: Any) -> Iterator[TestClient]:
    """Asks an app that runs; what goes wrong in it is an answer, not an exception."""
    app = create_app(model or UniMC(tiny.checkpoint("bert")), "tiny", Limits(**limits))
    with TestClient(app, raise_server_exceptions=False) as one:
        yield one


@contextmanager
def running(model: UniMC | None = None, **limits: Any) -> Iterator[tuple[str, server.Server]]:
    """A real server on a free port; gives its address too."""
    allowed = Limits(**limits)
    app = create_app(model or UniMC(tiny.checkpoint("bert")), "tiny", allowed)
    addresses: Queue[str] = Queue()
    one = server.Server(app, server.bound("127.0.0.1", 0), allowed, addresses.put)
    thread = Thread(target=one.serve_until_stopped)
    thread.start()
    try:
        yield addresses.get(timeout=30), one
    finally:
        one.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def until(holds: Callable[[], Any]) -> None:
    """Waits for what another thread is about to do."""
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def refusal(response: Any, status: int) -> str:
    """What an answer with this status says is wrong."""
    assert response.status_code == status, response.text
    (said,) = response.json().values()
    assert said.isprintable()
    return str(said)
