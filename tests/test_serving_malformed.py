"""Requests that are broken at random: each is refused in one line, and the server goes on."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import serving
from fastapi.testclient import TestClient
from serving import ASKED, JSON, refusal


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
