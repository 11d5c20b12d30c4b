"""The page: static files of our own, read once."""

from __future__ import annotations

from pathlib import Path

_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def files() -> dict[str, tuple[bytes, str]]:
    """Path on the server to content and content type; index.html is "/"."""
    found = {}
    for file in sorted(Path(__file__).parent.iterdir()):
        if file.suffix in _KINDS:
            path = "/" if file.name == "index.html" else f"/static/{file.name}"
            found[path] = (file.read_bytes(), _KINDS[file.suffix])
    return found
