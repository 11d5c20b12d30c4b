"""Running the app: a socket, a greeting, an orderly end, and no patience with connections that do nothing."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

import uvicorn

from unimc.example import InputError
from unimc.serving.limits import Limits

CONNECTIONS = 512
"""At a time; more are answered with 503."""
SILENCE = 10.0
"""Seconds until a connection without a whole request is cut: so long may the head of one take."""


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        InputError: if the address can't be had.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        made = socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:
        # `create_server` says the address again; a name that is not found has a reason of its own.
        if isinstance(error, UnicodeError):  # of the codec for names in other scripts
            reason: object = "a part of the name, between dots, is empty or too long"
        else:
            reason = error.strerror if isinstance(error, socket.gaierror) else os.strerror(error.errno or 0)
        raise InputError(f"can't listen on {host}, port {port} ({reason}); choose another --port or --host") from None
    # Head and body of an answer are written apart: without this the second waits 40 ms for the client's nod. asyncio
    # sets it for sockets of its own making only; accepted ones have it from here.
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


class Server(uvicorn.Server):
    """Serves an app, with an eye on connections: uvicorn waits for heads of requests and for readers without end.

    Args:
        app: an ASGI app.
        listening: where.
        limits: what may be asked.
        ready: called with the address as soon as requests are answered.
    """

    def __init__(self, app: Any, listening: socket.socket, limits: Limits, ready: Callable[[str], None]) -> None:
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            lifespan="on",
            log_level="error",  # requests are counted in /metrics; a client can't fill the log
            access_log=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=int(limits.seconds) + 1,
        )
        super().__init__(config)
        self._listening = listening
        self._busy = 1.5 * limits.seconds
        self._ready = ready
        self._since: dict[Any, tuple[object, float]] = {}

    def serve_until_stopped(self) -> None:
        """Answers until Ctrl+C, SIGTERM or `should_exit`; requests that wait are then still answered."""
        with suppress(KeyboardInterrupt):  # which uvicorn raises again when all is done
            self.run(sockets=[self._listening])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, and says so."""
        await super().startup(sockets)
        for one in sockets or ():
            host, port = one.getsockname()[:2]
            self._ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second; once a second the connections are looked at."""
        if counter % 10 == 0:
            self._cut(monotonic())
        return await super().on_tick(counter)

    def _cut(self, now: float) -> None:
        seen: dict[Any, tuple[object, float]] = {}
        connections: list[Any] = list(self.server_state.connections)
        for connection in connections:
            cycle = connection.cycle
            # A request that is answered, and read by its client, makes room for the next.
            idle = cycle is None or (cycle.response_complete and not connection.transport.get_write_buffer_size())
            state = (id(cycle), idle)
            before, since = self._since.get(connection, (state, now))
            since = since if before == state else now
            if now - since > (SILENCE if idle else self._busy):
                connection.transport.abort()
            else:
                seen[connection] = (state, since)
        self._since = seen
