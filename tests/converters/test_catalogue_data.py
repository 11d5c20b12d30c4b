"""Every built-in card on the real rows of its data set, where they are on hand."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import converters
from converters.files import SUFFIXES

CARDS = Path(converters.__file__).parent / "tasks"
NAMES = sorted(path.stem for path in CARDS.glob("*/*.yaml"))
DATA = Path(os.environ.get("UNIMC_DATA_DIR") or Path(__file__).parents[3] / "shared" / "data")
ROWS = 500

pytestmark = pytest.mark.data


def splits_on_hand(task: converters.Task) -> list[str]:
    folder = DATA / task.source.get("folder", "")
    if not task.source.get("folder") or not folder.is_dir():
        return []
    names = {path.name.removesuffix(suffix) for path in folder.iterdir() for suffix in SUFFIXES if suffix in path.name}
    unlabelled = {name for name, there in task.splits.items() if there is None}
    return sorted(name for name in names - unlabelled if "." not in name and name != "labels")


@pytest.mark.parametrize("name", NAMES)
def test_real_rows_become_examples(name: str) -> None:
    task = converters.get(name)
    splits = splits_on_hand(task)
    if not splits:
        assert task.untested, f"{name} never met real rows and doesn't say so (`untested: true`)"
        pytest.skip(f"no data in {DATA / task.source.get('folder', '')}; set UNIMC_DATA_DIR")
    assert not task.untested
    assert set(splits) <= set(task.split_names), "a split on hand is not named by the card"
    for split in splits:
        loaded = task.read(split, DATA, limit=ROWS)  # every option given once and not empty, or it raises
        assert loaded.examples
        for example in loaded.examples:
            assert example.right is not None, f"{example.id} has no label"
            assert example.question.strip()
        most = loaded.rows * 0.01 if split.startswith("train") else 0
        assert loaded.skipped <= most or task.note, "rows left out, and no word why (`note`)"
        if len(loaded.examples) > 50:
            assert len({example.names[index] for example in loaded.examples for index in example.right or ()}) > 1


@pytest.mark.parametrize("name", NAMES)
def test_the_invented_row_has_the_real_columns(name: str) -> None:
    task = converters.get(name)
    splits = splits_on_hand(task)
    if not splits:
        pytest.skip("no data")
    from converters.files import read_file

    folder = DATA / task.source["folder"]
    path = next(path for path in folder.iterdir() if path.name.startswith(f"{splits[0]}."))
    assert set(task.example or ()) <= set(read_file(path)[0])
