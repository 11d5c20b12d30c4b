"""The server: paths, what they take, what they give."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.requests import ClientDisconnect

from unimc import __version__
from unimc.example import InputError
from unimc.prediction import Prediction
from unimc.serving import metrics as counting
from unimc.serving.asked import Examples
from unimc.serving.batching import Batcher, ClosedError
from unimc.serving.guard import Guard
from unimc.serving.limits import Limits
from unimc.serving.mistakes import read
from unimc.serving.page import files
from unimc.serving.schema import Answer, Asked, Health, ModelInfo, Models, Problem, request_model

if TYPE_CHECKING:
    from unimc.inference import UniMC

CLASSIFY = "/classify"
_RETRY = {"retry-after": "1"}
_GRACE = 30.0
"""Seconds in which requests that wait are answered when the server goes down."""


class RefusedError(Exception):
    """A request that is not answered, and why."""

    def __init__(self, status: int, line: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(line)
        self.status = status
        self.headers = headers or {}


class Service:
    """A model and all that stands between it and the requests.

    Args:
        model: what answers.
        name: what it is called.
        limits: what may be asked.
        batch_size: the most rows in a batch.
    """

    def __init__(self, model: UniMC, name: str, limits: Limits, batch_size: int) -> None:
        self.model = model
        self.limits = limits
        self.metrics = counting.Metrics()
        self.batcher = Batcher(model, batch_size=batch_size, observe=self.metrics.called)
        self.form = request_model(limits, model.answers.languages, list(model.checkpoint.calibration))
        self.info = ModelInfo(
            name=name,
            languages=list(model.answers.languages),
            parameters=model.backend.parameters,
            max_length=model.encoder.max_length,
            device=model.backend.device,
            dtype=model.backend.dtype,
            calibrations=list(model.checkpoint.calibration),
        )
        self._inside = 0
        # Reading a large request and writing its answer take a while, in which others are to be answered. One thread:
        # several would take turns with this one for longer, and finish no earlier.
        self._aside = ThreadPoolExecutor(1, thread_name_prefix="unimc-asked")

    async def classify(self, request: Request) -> bytes:
        """The answer to a request, as JSON.

        Raises:
            RefusedError: if it is too much, too slow, or there are too many.
            InputError: if it is wrong.
        """
        if self._inside >= self.limits.waiting:
            raise RefusedError(503, "too many requests wait; try again in a second", _RETRY)
        self._inside += 1
        try:
            body = await self._body(request)
            aside = asyncio.get_running_loop().run_in_executor
            asked, examples = await aside(self._aside, self._read, body)
            found = await self._answered(request, examples)
            return await aside(self._aside, _written, asked, examples, found)
        finally:
            self._inside -= 1

    def _read(self, body: bytes) -> tuple[Asked, Examples]:
        asked = read(self.form, body)
        return asked, Examples.of(asked, self.model, self.limits)

    async def _body(self, request: Request) -> bytes:
        """The body, of which never more is read than is allowed, nor longer."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise RefusedError(415, "the body must be JSON; send it with the header content-type: application/json")
        most = self.limits.body
        too_large = RefusedError(
            413, f"the body has more than {most:,} bytes; send fewer texts at a time", {"connection": "close"}
        )
        said = request.headers.get("content-length", "0")
        if said.isdecimal() and int(said[:20]) > most:
            raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(self.limits.seconds / 10):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > most:
                        raise too_large
        except ClientDisconnect:
            raise RefusedError(499, "the client went away") from None
        except TimeoutError:
            raise RefusedError(
                408, "the body took too long to arrive; send it again", {"connection": "close"}
            ) from None
        return bytes(body)

    async def _answered(self, request: Request, examples: Examples) -> list[Prediction]:
        try:
            waiting = self.batcher.submit(examples.examples, multi_label=examples.rule.multi_label)
        except ClosedError:
            raise RefusedError(503, "the server is going down; try again later", _RETRY) from None
        answer = asyncio.wrap_future(waiting)
        gone = asyncio.ensure_future(_gone(request))
        either: set[asyncio.Future[Any]] = {answer, gone}
        try:
            await asyncio.wait(either, timeout=self.limits.seconds, return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            if gone.done():
                raise RefusedError(499, "the client went away")  # read by nobody but the metrics
            raise RefusedError(503, f"no answer within {self.limits.seconds:g} s; send fewer texts at a time", _RETRY)
        except ClosedError:
            raise RefusedError(503, "the server is going down; try again later", _RETRY) from None
        finally:
            gone.cancel()
            answer.cancel()


def _written(asked: Asked, examples: Examples, found: list[Prediction]) -> bytes:
    # Each by itself: while one is written, no other thread runs.
    each = [json.dumps(one.to_dict(), ensure_ascii=False, allow_nan=False) for one in examples.answers(found)]
    return (each[0] if isinstance(asked.texts, str) else f"[{', '.join(each)}]").encode()


async def _gone(request: Request) -> None:
    """Returns when the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


def create_app(model: UniMC, name: str, limits: Limits | None = None, *, batch_size: int = 32) -> FastAPI:
    """The app for an ASGI server.

    Args:
        model: what answers.
        name: what it is called.
        limits: what may be asked; the default ones if None.
        batch_size: the most rows in a batch.
    """
    service = Service(model, name, limits or Limits(), batch_size)

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        service.batcher.start()
        yield
        await asyncio.to_thread(service.batcher.close, _GRACE)

    # The pages that FastAPI would make of the description take scripts from elsewhere.
    app = FastAPI(
        title="unimc",
        version=__version__,
        description="Zero-shot classification: texts, and options that each of them is judged by.",
        docs_url=None,
        redoc_url=None,
        lifespan=running,
    )
    _add_errors(app)
    _add_paths(app, service)
    page = files()
    for path, (content, kind) in page.items():
        app.add_api_route(path, _constant(content, kind), include_in_schema=False, methods=["GET", "HEAD"])
    paths = {CLASSIFY, "/health", "/metrics", "/models", "/openapi.json", *page}
    app.add_middleware(Guard, metrics=service.metrics, paths=paths, model=CLASSIFY)
    return app


def _add_errors(app: FastAPI) -> None:
    """One JSON line for whatever goes wrong."""

    @app.exception_handler(RefusedError)
    async def refused(_: Request, error: RefusedError) -> Response:
        return JSONResponse({"error": str(error)}, error.status, error.headers)

    @app.exception_handler(InputError)
    async def wrong(_: Request, error: InputError) -> Response:
        return JSONResponse({"error": str(error)}, 422)

    @app.exception_handler(404)
    async def not_found(_: Request, __: Exception) -> Response:
        return JSONResponse({"error": f"there is nothing here; ask {CLASSIFY}, or see /openapi.json"}, 404)

    @app.exception_handler(405)
    async def not_allowed(_: Request, error: Any) -> Response:
        allowed = error.headers.get("Allow", "")
        return JSONResponse({"error": f"this method is not for this path; use {allowed}"}, 405, error.headers)


def _add_paths(app: FastAPI, service: Service) -> None:
    problems = {
        408: "The body took too long to arrive.",
        413: "The body is too large.",
        415: "The body is not called JSON.",
        422: "Something is wrong with what is asked.",
        500: "The server failed.",
        503: "Too many requests wait, or the answer took too long; Retry-After says when to try again.",
    }

    @app.post(
        CLASSIFY,
        summary="Which option fits a text",
        response_model=None,
        responses={
            200: {"model": Answer | list[Answer], "description": "For one text its answer, for a list a list."},
            **{status: {"model": Problem, "description": what} for status, what in problems.items()},
        },
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": service.form.model_json_schema()}},
            }
        },
    )
    async def classify(request: Request) -> Response:
        return Response(await service.classify(request), media_type="application/json")

    @app.get("/health", summary="Whether the server answers", response_model=Health, responses={503: {"model": Health}})
    async def health() -> Response:
        waits, state = len(service.batcher), service.batcher.open
        answer = Health(status="ok" if state else "closing", waiting=waits)
        return JSONResponse(answer.model_dump(), 200 if state else 503)

    @app.get("/models", summary="What answers here")
    async def models() -> Models:
        return Models(models=[service.info], limits=asdict(service.limits))

    @app.get(
        "/metrics",
        summary="Counts and times for Prometheus",
        response_model=None,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def metrics() -> Response:
        return Response(service.metrics.page(len(service.batcher)), media_type=counting.CONTENT_TYPE)


def _constant(content: bytes, kind: str) -> Callable[[], Awaitable[Response]]:
    async def constant() -> Response:
        return Response(content, media_type=kind)

    return constant
