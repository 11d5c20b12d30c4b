"""What stands around every request: headers that keep a browser strict, counts, and no traceback for anybody."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, MutableMapping
from logging import getLogger
from time import perf_counter
from typing import Any

from unimc.serving.metrics import Metrics

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Nothing from elsewhere, nothing inline, and no text that a script could make into HTML."""
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
_HEADERS = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
_log = getLogger(__name__)


class Guard:
    """The outermost layer of the app.

    Args:
        app: what it stands around.
        metrics: told of every answer.
        paths: that the server has; others are counted together.
        model: the path whose time is kept.
    """

    def __init__(self, app: App, *, metrics: Metrics, paths: Collection[str], model: str) -> None:
        self._app = app
        self._metrics = metrics
        self._paths = paths
        self._model = model

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request, or what else a server says to an app."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        start, status = perf_counter(), 0

        async def guarded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_HEADERS]
            await send(message)

        try:
            await self._app(scope, receive, guarded)
        except Exception:
            _log.exception("a request to %s failed", scope["path"] if scope["path"] in self._paths else "another path")
            if not status:
                await _failure(guarded)
        path = scope["path"] if scope["path"] in self._paths else "other"
        self._metrics.answered(path, status, perf_counter() - start, model=path == self._model)
        return None


async def _failure(send: Send) -> None:
    body = json.dumps({"error": "the server failed; its log says why"}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 500, "headers": headers})
    await send({"type": "http.response.body", "body": body})
