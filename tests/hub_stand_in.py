"""A hub on this machine: it takes what is pushed, and gives it back to whoever asks for it by its id."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_ofthestandin"


@dataclass
class StandIn:
    """What the hub holds, and what it was asked.

    Attributes:
        address: where it answers.
        files: for each repository, its files.
        made: what was said when repositories were made.
        messages: of the commits.
        asked: method and path of every request.
    """

    address: str = ""
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    made: list[dict[str, Any]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)


@contextmanager
def running(answering: type[Handler] | None = None) -> Iterator[StandIn]:
    """Starts one that answers by this class, and ends it."""
    hub = StandIn()

    answers = type("Answers", (answering or Handler,), {"state": hub})

    server = ThreadingHTTPServer(("127.0.0.1", 0), answers)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    state: StandIn
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Says nothing."""

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length) if length else self._chunks()
        self.state.asked.append(f"POST {self.path}")
        if self.headers.get("authorization") != f"Bearer {TOKEN}":
            self._answer(401, {"error": "Invalid username or password."})
        elif self.path == "/api/repos/create":
            asked = json.loads(body)
            self.state.made.append(asked)
            name = "/".join(filter(None, [asked.get("organization"), asked["name"]]))
            self.state.files.setdefault(name, {})
            self._answer(200, {"url": f"{self.state.address}/{name}", "name": name, "id": name})
        elif self.path == "/api/validate-yaml":
            self._answer(200, {"errors": [], "warnings": []})
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/main", self.path):
            files = [{**one, "uploadMode": "regular", "shouldIgnore": False} for one in json.loads(body)["files"]]
            self._answer(200, {"files": files})
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", self.path):
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "header":
                    self.state.messages.append(line["value"]["summary"])
                elif line["key"] == "file":
                    content = base64.b64decode(line["value"]["content"])
                    self.state.files[found[1]][line["value"]["path"]] = content
            self._answer(200, {"commitOid": COMMIT, "commitUrl": f"{self.state.address}/{found[1]}/commit/{COMMIT}"})
        else:
            self._answer(404, {"error": "not here"})

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.state.asked.append(f"{self.command} {self.path}")
        path = self.path.partition("?")[0]
        if found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)", path):
            content = self.state.files.get(found[1], {}).get(found[2])
            if content is None:
                self._answer(404, {"error": "no such file"}, {"X-Error-Code": "EntryNotFound"})
            else:
                tag = {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
                self._send(200, content, tag)
        elif found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/[^/]+(/.+)?", path):
            held = self.state.files.get(found[1], {})
            if found[2] or not held:  # there are no folders within a model
                self._answer(404, {"error": "no such folder"}, {"X-Error-Code": "EntryNotFound"})
            else:
                self._answer(200, [_entry(name, content) for name, content in held.items()])
        elif (found := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/.*)?", path)) and found[1] in self.state.files:
            siblings = [{"rfilename": name} for name in self.state.files[found[1]]]
            self._answer(200, {"id": found[1], "modelId": found[1], "sha": COMMIT, "siblings": siblings, "tags": []})
        else:
            self._answer(404, {"error": "not here"}, {"X-Error-Code": "RepoNotFound"})

    def _chunks(self) -> bytes:
        parts = []
        while self.headers.get("transfer-encoding") == "chunked":
            size = int(self.rfile.readline().split(b";")[0], 16)
            parts.append(self.rfile.read(size))
            self.rfile.readline()
            if not size:
                break
        return b"".join(parts)

    def _answer(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        self._send(status, json.dumps(body).encode(), {"Content-Type": "application/json", **(headers or {})})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _entry(name: str, content: bytes) -> dict[str, Any]:
    return {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
