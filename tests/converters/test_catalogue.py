"""Every built-in card, offline: complete, of a known family and licence, and its invented row becomes an example."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import converters
from converters.families import FAMILIES
from converters.licences import TERMS, licence_id

CARDS = Path(converters.__file__).parent / "tasks"
NAMES = sorted(path.stem for path in CARDS.glob("*/*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_the_invented_row_becomes_an_example_in_every_wording(name: str) -> None:
    task = converters.get(name)
    assert task.example is not None, "give `example`, an invented row"
    for variant in (None, *task.variants):
        for example, _ in ((found.example, found.merged) for found in task.convert_all(task.example, variant)):
            assert example.right is not None
            if task.kind != "multi_label":
                assert len(example.right) == 1
            words = " ".join([example.question, example.passage, example.textb, *example.options])
            assert not re.search(r"\{\w+\}", words), "a place of a template was not filled"
            assert example.identity


@pytest.mark.parametrize("name", NAMES)
def test_a_card_says_what_a_user_must_know(name: str) -> None:
    task = converters.get(name)
    assert task.family in FAMILIES
    assert licence_id(task.licence) in TERMS, f"licence {task.licence!r} begins with no known id"
    assert task.citation
    assert task.source.get("hub") or task.source.get("folder")
    assert task.split_names, "no labelled split"
    if task.kind != "multiple_choice" or task.family == "nli":
        assert task.variants, "a second wording is missing"


@pytest.mark.parametrize("name", NAMES)
def test_the_language_of_the_wording_is_the_tasks(name: str) -> None:
    task = converters.get(name)
    assert Path(str(task.path)).parent.name == task.language
    assert bool(re.search(r"[一-鿿]", task.question)) == (task.language == "zh") or "{" in task.question
