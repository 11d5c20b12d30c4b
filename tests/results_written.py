"""Results files of invented evaluations, for the page about several models, and its tables read back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from converters import suites
from unimc import results_files, results_page

FIVE, FEWCLUE = (asdict(suites.get(name)) for name in ("english_five", "fewclue"))
SUITE = {
    "name": "two",
    "title": "Two tasks",
    "language": "zh",
    "source": "A paper, in per cent.",
    "tasks": {"晴": "天气:test", "b": "task_b:validation"},
    "published": [
        {"model": "Big", "parameters": "11B", "setting": "zero-shot", "figures": {"晴": 50, "b": 61}},
        {"model": "Middle", "parameters": "110M", "setting": "zero-shot", "figures": {"晴": 50, "b": 60}},
        {"model": "Taught", "parameters": "22M", "setting": "few-shot", "figures": {"晴": 90, "b": 90}},
        {"model": "Nobody knows", "parameters": None, "setting": "zero-shot", "figures": {"晴": 40}},
    ],
}


def task(name: str, accuracy: float = 0.5, split: str = "test", **changes: Any) -> dict[str, Any]:
    """A task's entry as an evaluation writes it."""
    return {
        "task": name,
        "split": split,
        "variant": None,
        "language": "zh",
        "figures": {
            "accuracy": {"value": accuracy, "low": accuracy - 0.02, "high": accuracy + 0.02},
            "macro_f1": {"value": accuracy - 0.1, "low": None, "high": None},
            "ece": {"value": 0.1, "low": None, "high": None},
            "log_loss": {"value": 0.7, "low": None, "high": None},
        },
        "primary": "accuracy",
        "chance": 0.25,
        "majority": 0.3,
        "wordings": None,
        "calibration": None,
        "seen": {"status": "unseen", "rows": 0, "of": {}},
        "examples": 1200,
        "seconds": 60.0,
        "data_fingerprint": f"texts of {name}",
        **changes,
    }


def evaluation(
    *tasks: Mapping[str, Any], name: str = "runs/ours/final", weights: str = "a" * 64, **changes: Any
) -> Any:
    trained = [{"task": "t", "split": "train", "rows": 1500}]
    model = {"name": name, "fingerprint": weights, "parameters": 22_700_000, "max_length": 512, "trained_on": trained}
    rest = {"seed": 0, "resamples": 1000, "windows": None, "device": "cpu", "dtype": "float32", "batch_size": 32}
    return {"format": 1, "model": model, **rest, "versions": {"unimc": "0.1.0"}, "tasks": list(tasks), **changes}


def robustness(*tasks: Mapping[str, Any], **changes: Any) -> Any:
    return evaluation(*tasks, kind="robustness", **changes)


def written(folder: Path, *found: Any) -> list[str]:
    """Files of evaluations; their paths."""
    paths = []
    for number, results in enumerate(found):
        path = folder / str(number) / ("robustness.json" if results.get("kind") else "results.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(results, ensure_ascii=False), encoding="utf-8")
        paths.append(str(path))
    return paths


def page(folder: Path, *found: Any, suite: Mapping[str, Any] = SUITE) -> str:
    return results_page.page(results_files.read(written(folder, *found)), [suite], "Results", {})


def tables(text: str) -> list[list[list[str]]]:
    """The Markdown tables of a page as rows of cells, headings first; every table must be whole."""
    found: list[list[list[str]]] = []
    inside = False
    for line in text.splitlines():
        if line.startswith("|"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if not inside:
                found.append([])
            found[-1].append(cells)
        else:
            assert not (inside and line), "a table ends with an empty line"
        inside = line.startswith("|")
    for one in found:
        assert len({len(row) for row in one}) == 1, one
        assert all(re.fullmatch(r"---:?", cell) for cell in one[1])
        assert len(one) > 2, "a table without rows"
    return [[one[0], *one[2:]] for one in found]


def section(text: str, title: str) -> list[list[str]]:
    """The first table under a heading."""
    (after,) = re.findall(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    return tables(after)[0]


def all_of(suite: Mapping[str, Any], name: str = "ours") -> Any:
    named = [one.rpartition(":") for one in suite["tasks"].values()]
    return evaluation(*(task(of, 0.6, split, language=suite["language"]) for of, _, split in named), name=name)
