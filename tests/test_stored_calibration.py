"""The calibrations of a checkpoint's folder: kept by name, in one step, and nothing else there changes."""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import pytest
import tiny

from unimc import InputError
from unimc.calibration import Calibration
from unimc.checkpoint import load
from unimc.stored_calibration import find, store

SINGLE = Calibration(1.5, (("体育", 0.25), ("food", -0.5)))
SEVERAL = Calibration(0.5, None, "multi", (("体育", 0.25), ("food", 0.75)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tiny.checkpoint("bert").save(tmp_path)
    return tmp_path


def test_what_is_stored_is_found_by_its_name(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    store(folder, "新闻", SINGLE)
    store(folder, "default", SINGLE)
    store(folder, "default", SEVERAL)  # over the one before
    stored = load(folder).calibration
    assert (find(stored, "新闻"), find(stored, "default")) == (SINGLE, SEVERAL)
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert {name for name in before if before[name] != after[name]} == {"unimc.json"}
    assert after.keys() == before.keys()
    one, other = (json.loads(content["unimc.json"]) for content in (before, after))
    assert {**one, "calibration": None} == {**other, "calibration": None}


def test_a_name_that_is_not_there_lists_those_that_are(folder: Path) -> None:
    store(folder, "新闻", SINGLE)
    store(folder, "default", SINGLE)
    with pytest.raises(InputError, match="no calibration 'news' in this checkpoint; there are: 新闻, default"):
        find(load(folder).calibration, "news")
    with pytest.raises(InputError, match=r"no calibration 'defalt' in this checkpoint; did you mean 'default'\?"):
        find(load(folder).calibration, "defalt")
    with pytest.raises(InputError, match="there is none; `unimc calibrate` fits one"):
        find({}, "default")


def test_an_entry_of_an_older_version_is_for_one_label() -> None:
    assert find({"default": {"temperature": 2.0, "bias": None}}, "default") == Calibration(2.0)


def test_a_released_model_has_no_such_file_yet_and_opens_as_before(folder: Path) -> None:
    (folder / "unimc.json").unlink()
    before = load(folder)
    store(folder, "default", SINGLE)
    after = load(folder)
    assert find(after.calibration, "default") == SINGLE
    assert (after.answers, after.max_length) == (before.answers, before.max_length)


def test_a_write_that_fails_leaves_the_old_file_whole(folder: Path) -> None:
    store(folder, "default", SINGLE)
    with mock.patch.object(Path, "replace", side_effect=OSError), pytest.raises(OSError):
        store(folder, "default", SEVERAL)
    assert find(load(folder).calibration, "default") == SINGLE
    assert not [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_hub_id_is_no_folder_to_write_into(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder here; calibrations are written into one"):
        store(tmp_path / "someone" / "model", "default", SINGLE)
