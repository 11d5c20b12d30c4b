"""Too much, too slow, gone again, broken on purpose: the server stays up, bounded, and answers in one line."""

from __future__ import annotations

import asyncio
import json
import math
import random
import socket
import string
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
import serving
import tiny
from fastapi.testclient import TestClient

from unimc import UniMC
from unimc.serving import server
from unimc.serving.app import create_app
from unimc.serving.limits import Limits

ASKED = {"texts": "the soup was cold", "options": ["sport", "food"]}
JSON = {"content-type": "application/json"}


def refusal(response: Any, status: int) -> str:
    assert response.status_code == status, response.text
    (said,) = response.json().values()
    assert said.isprintable()
    return str(said)


# ---- too much


def test_a_body_that_says_it_is_too_large_is_not_read() -> None:
    async def asked() -> tuple[int, bool]:
        read = False

        async def receive() -> dict[str, Any]:
            nonlocal read
            read = True
            return {"type": "http.request", "body": b"", "more_body": True}

        status, _ = await answered(create(body=100), receive, [(b"content-length", b"101")])
        return status, read

    assert asyncio.run(asked()) == (413, False)


def test_a_body_that_does_not_say_is_read_no_further_than_allowed() -> None:
    async def asked() -> tuple[int, int, bytes]:
        sent = 0

        async def receive() -> dict[str, Any]:
            nonlocal sent
            sent += 1000
            return {"type": "http.request", "body": b" " * 1000, "more_body": True}

        status, body = await answered(create(body=10_000), receive)
        return status, sent, body

    status, sent, body = asyncio.run(asked())
    assert (status, sent) == (413, 11_000)
    assert json.loads(body) == {"error": "the body has more than 10,000 bytes; send fewer texts at a time"}


def test_a_body_that_does_not_arrive_is_not_waited_for() -> None:
    async def asked() -> int:
        async def receive() -> dict[str, Any]:
            await asyncio.sleep(60)
            raise AssertionError

        return (await answered(create(seconds=0.5), receive))[0]

    assert asyncio.run(asked()) == 408


def test_a_full_queue_says_when_to_come_again_and_recovers() -> None:
    model = serving.Held()
    with serving.client(model, waiting=3) as client, ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(client.post, "/classify", json=ASKED) for _ in range(3)]
        model.entered.wait(20)
        serving.until(lambda: client.get("/health").json()["waiting"] == 3)
        refused = client.post("/classify", json=ASKED)
        assert "too many requests wait" in refusal(refused, 503)
        assert refused.headers["retry-after"] == "1"
        assert client.get("/health").status_code == 200
        model.free.set()
        assert [one.result(20).status_code for one in waiting] == [200] * 3
        assert client.post("/classify", json=ASKED).status_code == 200


def test_an_answer_that_takes_too_long_is_not_waited_for() -> None:
    model = serving.Held()
    with serving.client(model, seconds=1.0) as client:  # the last one has to be answered within it
        assert "no answer within 1 s" in refusal(client.post("/classify", json=ASKED), 503)
        assert client.get("/health").json() == {"status": "ok", "waiting": 0}
        model.free.set()
        assert client.post("/classify", json=ASKED).status_code == 200


@pytest.mark.parametrize(
    "limits", [{"texts": 0}, {"seconds": -1.0}, {"seconds": math.inf}, {"seconds": math.nan}, {"body": 0}]
)
def test_limits_have_to_allow_something(limits: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"the limit of {next(iter(limits))} is"):
        Limits(**limits)


# ---- broken


def test_a_model_that_fails_is_an_error_without_a_traceback(caplog: pytest.LogCaptureFixture) -> None:
    model = serving.Held()
    model.free.set()
    model.fails = {"the fuse": RuntimeError("secret wires"), "the host": MemoryError()}
    with serving.client(model) as client:
        for text in model.fails:
            assert refusal(client.post("/classify", json={**ASKED, "texts": text}), 500) == (
                "the server failed; its log says why"
            )
        assert client.post("/classify", json=ASKED).status_code == 200
    assert "secret wires" in caplog.text
    assert "the soup" not in caplog.text  # what people ask does not go into logs


def test_scores_that_are_no_numbers_are_an_error_and_never_sent() -> None:
    class Broken(UniMC):
        def predict(self, examples: Any, **_: Any) -> Any:
            nan = float("nan")
            return [
                serving.prediction(one).__class__(one.options, one.names, (nan, nan), (nan, nan), 0, (0,))
                for one in examples
            ]

    with serving.client(Broken(tiny.checkpoint("bert"))) as client:
        refusal(client.post("/classify", json=ASKED), 500)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_worker_shows_in_health() -> None:
    model = serving.Held()
    model.free.set()
    model.fails = {"end": SystemExit()}
    with serving.client(model) as client:
        assert "going down" in refusal(client.post("/classify", json={**ASKED, "texts": "end"}), 503)
        serving.until(lambda: client.get("/health").status_code == 503)
        assert client.get("/health").json()["status"] == "closing"


def test_who_goes_away_is_not_asked_for() -> None:
    model = serving.Held()

    async def asked() -> None:
        app = create_app(model, "tiny", Limits())
        async with app.router.lifespan_context(app):
            first = asyncio.create_task(answered(app, stays("first")))
            await asyncio.to_thread(model.entered.wait, 20)
            gone = asyncio.create_task(answered(app, leaves("gone")))
            status, _ = await gone
            assert status == 499
            model.free.set()
            assert (await first)[0] == 200

    asyncio.run(asked())
    assert model.asked == [["first"]]


# ---- over a socket


def test_small_answers_are_sent_at_once() -> None:
    """Else every one waits 40 ms for the client's acknowledgement of its head."""
    with server.bound("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_connection_that_says_nothing_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "SILENCE", 0.5)
    with serving.running() as (address, _):
        place = (urlsplit(address).hostname, urlsplit(address).port)
        for begun in (b"", b"POST /classify HT", b"GET /health HTTP/1.1\r\nhost: a\r\n\r\nGET /he"):
            with socket.create_connection(place, timeout=20) as one:
                one.sendall(begun)
                received = bytearray()
                try:
                    while more := one.recv(4096):
                        received += more
                except ConnectionResetError:
                    pass
                assert received.startswith(b"HTTP/1.1 200") == begun.startswith(b"GET")


def test_a_reader_that_stops_reading_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large answer that nobody takes does not lie in memory for ever."""

    def small_buffers(host: str, port: int) -> socket.socket:
        made = bound(host, port)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        return made

    class Quick(UniMC):
        def predict(self, examples: Any, **_: Any) -> Any:
            return [serving.prediction(one) for one in examples]

    bound = server.bound
    monkeypatch.setattr(server, "bound", small_buffers)
    body = json.dumps({"texts": ["soup"] * 1000, "options": [f"option {n}" for n in range(20)]}).encode()
    lines = ("POST /classify HTTP/1.1", "host: a", "content-type: application/json", f"content-length: {len(body)}")
    with serving.running(Quick(tiny.checkpoint("bert")), seconds=0.7) as (address, running), socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.settimeout(20)
        one.connect((urlsplit(address).hostname, urlsplit(address).port))
        one.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        serving.until(lambda: running.server_state.connections)
        serving.until(lambda: not running.server_state.connections)
        received = 0
        try:
            while more := one.recv(65536):
                received += len(more)
        except ConnectionResetError:
            pass
    assert received < 100_000


def test_stopping_answers_the_requests_that_wait() -> None:
    model = serving.Held()
    with ThreadPoolExecutor(1) as thread:
        with serving.running(model) as (address, _):
            waits = thread.submit(posted, address, json.dumps(ASKED).encode())
            model.entered.wait(20)
            threading.Timer(0.5, model.free.set).start()
        status, answer = waits.result(20)
    assert status == 200
    assert json.loads(answer)["answer"] in ("sport", "food")


# ---- at random


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with serving.client(texts=4, options=4, text=50, option=20, body=3000) as one:
        yield one


def test_no_malformed_request_makes_the_server_fail(client: TestClient) -> None:
    drawn = random.Random(0)
    counts: dict[int, int] = {}
    for _ in range(2000):
        response = client.post("/classify", content=malformed(drawn), headers=JSON)
        assert response.status_code in (200, 413, 422), response.text
        if response.status_code != 200:
            refusal(response, response.status_code)
        counts[response.status_code] = counts.get(response.status_code, 0) + 1
    assert counts[422] > 1000
    assert client.post("/classify", json=ASKED).status_code == 200


def malformed(drawn: random.Random) -> bytes:
    """A request with something wrong with it: of another form, cut, or with other bytes in it."""
    asked: dict[str, Any] = {**ASKED, "multi_label": drawn.random() < 0.3}
    for _ in range(drawn.randrange(1, 4)):
        asked[drawn.choice([*asked, "question", "language", "threshold", "top_k", "calibration", noise(drawn)])] = (
            value(drawn)
        )
    body = bytearray(json.dumps(asked, ensure_ascii=drawn.random() < 0.5).encode("utf-8", "surrogatepass"))
    kind = drawn.random()
    if kind < 0.2:
        del body[drawn.randrange(len(body)) :]
    elif kind < 0.4:
        for _ in range(drawn.randrange(1, 6)):
            body[drawn.randrange(len(body))] = drawn.randrange(256)
    return bytes(body)


def value(drawn: random.Random, depth: int = 0) -> Any:
    leaves: list[Callable[[], Any]] = [
        lambda: None,
        lambda: drawn.choice([True, False]),
        lambda: drawn.choice([0, -1, 1, 2**63, 10**30, 0.5, 1e308, float("nan"), float("inf")]),
        lambda: noise(drawn),
        lambda: noise(drawn) * drawn.choice([1, 10, 500]),
    ]
    if depth < 3 and drawn.random() < 0.4:
        some = range(drawn.randrange(6))
        if drawn.random() < 0.5:
            return [value(drawn, depth + 1) for _ in some]
        return {noise(drawn): value(drawn, depth + 1) for _ in some}
    return drawn.choice(leaves)()


def noise(drawn: random.Random) -> str:
    letters = [*string.printable, *"汤雨 体育\u200b\u202e\x00\ud800é🍲[MASK]"]
    return "".join(drawn.choices(letters, k=drawn.randrange(8)))


# ---- an app without a server


def create(**limits: Any) -> Any:
    return create_app(UniMC(tiny.checkpoint("bert")), "tiny", Limits(**limits))


async def answered(app: Any, receive: Any, headers: list[tuple[bytes, bytes]] | None = None) -> tuple[int, bytes]:
    """Status and body of the answer to a POST whose body comes from `receive`."""
    messages: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/classify",
        "raw_path": b"/classify",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), *(headers or [])],
    }
    await asyncio.wait_for(app(scope, receive, send), 20)
    return messages[0]["status"], b"".join(message["body"] for message in messages[1:])


def stays(text: str) -> Any:
    messages = [{"type": "http.request", "body": json.dumps({**ASKED, "texts": text}).encode(), "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        return await asyncio.Future()

    return receive


def leaves(text: str) -> Any:
    stay = stays(text)
    asked = 0

    async def receive() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return await stay() if asked == 1 else {"type": "http.disconnect"}

    return receive


def posted(address: str, body: bytes) -> tuple[int, bytes]:
    from http.client import HTTPConnection

    connection = HTTPConnection(urlsplit(address).netloc, timeout=30)
    connection.request("POST", "/classify", body, JSON)
    response = connection.getresponse()
    return response.status, response.read()
