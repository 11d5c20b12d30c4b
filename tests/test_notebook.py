"""The notebook runs from its first cell to its last, without Jupyter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import documented
import pytest

from unimc import bundled
from unimc.example import InputError

NOTEBOOKS = sorted((Path(__file__).parents[1] / "docs" / "notebooks").glob("*.ipynb"))


def cells(path: Path, kind: str) -> list[str]:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == kind]


def asks_another_process(code: str) -> bool:
    return "subprocess" in code


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_cell_runs(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one namespace, in order; a stand-in for a missing bundled model is not there for other processes."""
    try:
        bundled.default()
        left_out = set()
    except InputError:
        left_out = {code for code in cells(path, "code") if asks_another_process(code)}
    documented.default_model(path.read_text(encoding="utf-8"), tmp_path / "models", monkeypatch)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for number, code in enumerate(cells(path, "code"), start=1):
        if code not in left_out:
            exec(compile(code, f"{path.name}, cell {number}", "exec"), names)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_carries_no_output_of_somebodys_machine(path: Path) -> None:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert notebook["nbformat"] == 4
    for cell in notebook["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_heading_is_in_both_languages(path: Path) -> None:
    headings = [line for text in cells(path, "markdown") for line in text.splitlines() if line.startswith("#")]
    assert headings
    assert all(" · " in heading for heading in headings)
