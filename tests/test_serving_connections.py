"""Connections that say nothing, read nothing or are open at the end: none holds the server up."""

from __future__ import annotations

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
import serving
import tiny
from serving import ASKED, JSON

from unimc import InputError, UniMC
from unimc.serving import server


def test_small_answers_are_sent_at_once() -> None:
    """Else every one waits 40 ms for the client's acknowledgement of its head."""
    with server.bound("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("host", ["127..0.0.1", "a" * 64, f"{'a' * 64}.example"])
def test_a_name_that_can_be_no_hosts_is_refused(host: str) -> None:
    with pytest.raises(InputError, match=rf"^can't listen on {host}, port 8000 \(.+\); choose another --port or"):
        server.bound(host, 8000)


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


def posted(address: str, body: bytes) -> tuple[int, bytes]:
    connection = HTTPConnection(urlsplit(address).netloc, timeout=30)
    connection.request("POST", "/classify", body, JSON)
    response = connection.getresponse()
    return response.status, response.read()
