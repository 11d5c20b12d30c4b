"""The page of benchmarks/few_shot.py says of every cell what the draws gave, and leaves out what was not run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from unimc import InputError
from unimc.adaptation import AdaptConfig

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import _few_shot_page

    yield _few_shot_page
    sys.modules.pop("_few_shot_page")


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    before = set(sys.modules)
    import few_shot

    yield few_shot
    for name in ("few_shot", "_few_shot_page", "_first_prompt", "_program"):
        if name not in before:
            sys.modules.pop(name, None)


def cell(strategy: str, k: int, draw: int, value: float, **changes: Any) -> dict[str, Any]:
    own = {"trained": 2_000, "parameters": 100_000, "bytes": 9_000, "steps": 60, "seconds": 30.0, "memory": 2**30}
    found = {
        "strategy": strategy,
        "task": "fewclue_notes",
        "k": k,
        "draw": draw,
        "value": value,
        "stopped": "all steps",
    }
    return {**found, **own, **changes}


CELLS = [
    cell("zero-shot", 0, 0, 0.5),
    cell("lora", 8, 0, 0.7),
    cell("lora", 8, 1, 0.8, stopped="seconds"),
    cell("prompt-tuning", 8, 0, 0.49),
    cell("prompt-tuning", 8, 1, 0.52),
    cell("p-tuning", 8, 0, 0.3),
    cell("p-tuning", 8, 1, 0.4),
]


def results(cells: list[dict[str, Any]]) -> dict[str, Any]:
    return {"settings": {"tasks": ["fewclue_notes", "other"], "about": "two draws"}, "cells": cells}


def test_mean_and_deviation_and_what_is_away_from_zero_shot(page: Any) -> None:
    lines = page.page(results(CELLS), None).splitlines()
    assert "| zero-shot | 0 | 50.0 |  |" in lines
    assert "| lora | 8 | 75.0 ± 7.1 ▲ |  |" in lines
    assert "| prompt-tuning | 8 | 50.5 ± 2.1 |  |" in lines
    assert "| p-tuning | 8 | 35.0 ± 7.1 ▼ |  |" in lines


def test_what_it_took_counts_the_runs_that_time_ended(page: Any) -> None:
    (line,) = [line for line in page.page(results(CELLS), None).splitlines() if line.startswith("| lora | 8 | 2,000")]
    assert line == "| lora | 8 | 2,000 | 2.00% | 0.01 MB | 60 | 30 | 1 of 2 | 1,024 MiB |"


def test_without_zero_shot_nothing_is_marked(page: Any) -> None:
    assert "| lora | 8 | 75.0 ± 7.1 |  |" in page.page(results(CELLS[1:]), None).splitlines()


def test_memory_that_could_not_be_measured_is_left_empty(page: Any) -> None:
    text = page.page(results([cell("lora", 8, 0, 0.7, memory=None)]), None)
    assert "| 0 of 1 |  |" in text


def test_published_figures_stand_below_ours(page: Any, tmp_path: Path) -> None:
    path = tmp_path / "published.csv"
    path.write_text(
        "model,parameters,setting,notes,average\nsome model,100M,few-shot,61.5,61.5\nother,,zero-shot,40,40\n",
        encoding="utf-8",
    )
    text = page.page(results(CELLS), path)
    assert "| some model 100M, published (few-shot) | | 61.5 |  |" in text
    assert "other, published" not in text


HOW = {"steps": 120}
WEIGHTS = {"runs/mine/final": "abc"}


def line(program: Any, **changes: Any) -> dict[str, Any]:
    rates = program._rates(AdaptConfig("lora"))
    own = {"base": "runs/mine/final", "weights": "abc", "how": HOW, "rates": rates}
    return {"task": "notes", "strategy": "lora", **own, **changes}


def test_a_half_written_line_is_done_again_and_spoils_none_after_it(program: Any, tmp_path: Path) -> None:
    lines, cell = tmp_path / "cells.jsonl", line(program)
    whole = json.dumps(cell) + "\n"
    lines.write_text(whole + whole[:20], encoding="utf-8")
    assert program._read(lines, HOW, AdaptConfig(), WEIGHTS) == [cell]
    assert lines.read_text(encoding="utf-8") == whole


@pytest.mark.parametrize(
    "changes", [{"how": {"steps": 60}}, {"rates": {"rate": 1.0}}, {"rates": None}, {"weights": "abd"}]
)
def test_cells_of_other_settings_are_not_taken_for_those_asked(
    changes: dict[str, Any], program: Any, tmp_path: Path
) -> None:
    """Nor those of a version in which a strategy had other rates, or of a base that was trained anew since."""
    lines = tmp_path / "cells.jsonl"
    lines.write_text(json.dumps(line(program, **changes)) + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="name another folder by --work"):
        program._read(lines, HOW, AdaptConfig(), WEIGHTS)


def test_a_rate_is_given_to_what_trains_weights(program: Any) -> None:
    given = AdaptConfig(rate=5e-5)
    assert program._rates(program._configured("fine-tuning", given))["rate"] == 5e-5
    assert program._rates(program._configured("p-tuning-v2", given))["rate"] == 0


@pytest.mark.parametrize(
    ("way", "parts"),
    [
        ("lora", ("lora", None, 1)),
        ("prompt-tuning@96", ("prompt-tuning", 96, 1)),
        ("lora*4", ("lora", None, 4)),
        ("p-tuning@8*2", ("p-tuning", 8, 2)),
    ],
)
def test_a_strategy_with_its_prompt_and_folds(way: str, parts: tuple[str, int | None, int], program: Any) -> None:
    assert program._parts(way) == parts


@pytest.mark.parametrize("way", ["lora*x", "lora*4@8", "@4", "lora*"])
def test_what_is_no_strategy_is_said(way: str, program: Any) -> None:
    with pytest.raises(InputError, match="is not understood; give NAME, NAME@TOKENS"):
        program._parts(way)
