"""Too much, too slow, gone again, broken on purpose: the server stays up, bounded, and answers in one line."""

from __future__ import annotations

import asyncio
import json
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import serving
import tiny
from serving import ASKED, refusal

from unimc import UniMC
from unimc.serving.app import create_app
from unimc.serving.limits import Limits

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


def test_who_goes_away_while_sending_is_no_failure_of_the_server(caplog: pytest.LogCaptureFixture) -> None:
    async def half() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    messages = [{"type": "http.request", "body": b"{", "more_body": True}]
    app = create_app(serving.Held(), "tiny", Limits())

    async def asked() -> int:
        async with app.router.lifespan_context(app):
            return (await answered(app, half))[0]

    assert asyncio.run(asked()) == 499
    assert not caplog.records


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
