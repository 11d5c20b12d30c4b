"""`unimc serve` from a shell: starts, says where, answers, ends in order; says in one line why it can't start."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import launching
import pytest
import terminal

from unimc.commands import serve
from unimc.serving import server


@contextmanager
def started(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command as a process, and its address."""
    code = "from unimc.cli import main; main()"
    command = [sys.executable, "-c", code, "serve", "--model", str(folder), "--port", "0", *options]
    with subprocess.Popen(
        command, env=launching.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            found = re.search(r"answers at (http://\S+) \(Ctrl\+C ends it\)", line)
            assert found, process.stderr and process.stderr.read()
            yield process, found[1]
        finally:
            process.kill()


def posted(address: str, asked: object) -> tuple[int, object]:
    request = Request(f"{address}/classify", json.dumps(asked).encode(), {"content-type": "application/json"})
    try:
        with urlopen(request, timeout=30) as response:
            return response.status, json.load(response)
    except HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_it_answers_within_its_limits_and_ends_in_order(bert_folder: Path, ending: signal.Signals) -> None:
    with started(bert_folder, "--max-texts", "2", "--max-options", "3", "--language", "en") as (process, address):
        assert address.startswith("http://127.0.0.1:")
        asked = {"texts": ["the soup was cold", "汤"], "options": ["sport", "食物"]}
        status, found = posted(address, asked)
        assert status == 200
        assert [one["names"] for one in found] == [["sport", "食物"]] * 2
        assert posted(address, {**asked, "texts": ["a"] * 3})[0] == 422
        told = json.load(urlopen(f"{address}/models", timeout=30))
        assert (told["limits"]["texts"], told["limits"]["options"]) == (2, 3)
        assert told["models"][0]["name"] == "/".join(bert_folder.parts[-2:])
        process.send_signal(ending)
        said = process.communicate(timeout=30)
        assert process.returncode == (0 if ending is signal.SIGINT else -signal.SIGTERM)
        assert "Traceback" not in "".join(said)


def test_a_port_that_is_taken_is_said_before_the_model_is_read() -> None:
    with server.bound("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        said = terminal.unimc("serve", "--model", "no/such/folder", "--port", str(port))
    assert said.code == 2
    assert said.err == (
        f"error: can't listen on 127.0.0.1, port {port} (Address already in use); choose another --port or --host\n"
    )


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--host", "no.such.host.invalid"], "error: can't listen on no.such.host.invalid, port 0"),
        (["--max-texts", "0"], "error: the limit of texts is 0; it must be more than 0"),
        (["--max-seconds", "inf"], "error: the limit of seconds is inf; it must be more than 0, and a number"),
        (["--max-seconds", "-1"], "error: the limit of seconds is -1.0; it must be more than 0"),
        (["--model", "no/such/folder"], "error: 'no/such/folder' is neither a folder here nor a model"),
        (["--device", "abacus"], "error: --device 'abacus' can't be used here"),
        (["--backend", "abacus"], "error: backend 'abacus' is not known; use 'torch' or 'onnx'"),
    ],
    ids=str,
)
def test_what_stops_it_from_starting_is_said_in_one_line(bert_folder: Path, options: list[str], problem: str) -> None:
    said = terminal.unimc("serve", "--model", str(bert_folder), "--port", "0", *options)
    assert said.code == 2
    assert said.err.startswith(problem)
    assert said.err.count("\n") == 1


def test_a_missing_extra_is_named(bert_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "find_spec", lambda name: None if name == "uvicorn" else object())
    said = terminal.unimc("serve", "--model", str(bert_folder))
    assert said.code == 2
    assert said.err == "error: serving needs uvicorn: pip install 'unimc[serve]'\n"
