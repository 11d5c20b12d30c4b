"""benchmarks/serving.py runs, and what it checks holds; nothing is said about time, which depends on the machine."""

from __future__ import annotations

import json
from pathlib import Path

import measuring
import pytest


@pytest.mark.slow
def test_every_number_of_clients_is_measured_on_a_server_that_answers_like_predict(tmp_path: Path) -> None:
    path = tmp_path / "serving.json"
    sizes = ("--clients", "1,2", "--requests", 40, "--texts", 4, "--rounds", 1, "--threads", 1)
    done = measuring.here("serving", "--sample-texts", *sizes, "--output", path)
    assert done.code == 0, done.err
    made = json.loads(path.read_text(encoding="utf-8"))
    assert [(one["clients"], one["requests"]) for one in made["loads"]] == [(1, 20), (2, 20)]
    assert all(0 < one["p50_ms"] <= one["p95_ms"] for one in made["loads"])
    assert made["largest_difference"] < 1e-4
    assert [sample["request"] for sample in made["memory_bytes"]] in ([], list(range(1, 41)))
    assert path.with_suffix(".md").stat().st_size
    assert path.with_suffix(".png").stat().st_size


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--requests", "100"], "100 requests are too few"),
        (["--clients", "none"], "clients is 'none'; give whole numbers with commas between them"),
        (["--model", "nothing/here"], "nothing/here is no folder"),
    ],
    ids=str,
)
def test_what_cannot_be_measured_is_said_in_one_line(options: list[str], said: str) -> None:
    done = measuring.here("serving", *options)
    assert done.code == 2
    assert done.err.startswith("error: ")
    assert said in done.err
