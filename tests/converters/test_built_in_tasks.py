"""Every built-in card is valid and renders; with the real data at hand, it converts that."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

import converters
from converters.template import ColumnPath, Template
from unimc import InputError, MultipleChoiceExample

DATA_SETS = {
    "en": "dream commonsense_qa openbookqa race winogrande cosmos_qa snli multi_nli ag_news sst2 super_glue_cb "
    "super_glue_copa",
    "zh": "c3 fewclue_eprstmt fewclue_tnews",
}
REAL = [name for names in DATA_SETS.values() for name in names.split()]
DATA = Path(os.environ.get("UNIMC_DATA_DIR") or Path(__file__).parents[2].parent / "shared" / "data")


def set_in(row: dict[str, Any], path: ColumnPath, value: Any) -> None:
    """Put a value where a column path points to, making mappings on the way."""
    at = row
    for step in path.steps[:-1]:
        at = at.setdefault(str(step), {})
    at.setdefault(str(path.steps[-1]), value)


def invented_row(task: converters.Task, variant: str | None) -> dict[str, Any]:
    """A row with a text in every column that the card reads."""
    wording = task.wording(variant)
    row: dict[str, Any] = {}
    label = task.label_column
    if task.label_names is not None:
        assert label is not None
        assert task.labels is not None
        value = next(iter(task.labels["values"]))
        set_in(row, label, [value] if task.kind == "multi_label" else value)
    options: list[Template] = []
    if isinstance(wording.options, ColumnPath):
        set_in(row, wording.options, ["a pear", "a plum", "a fig"])
    else:
        options = list(wording.options)
    if task.answer is not None:
        assert label is not None
        kind = task.answer["is"]
        if kind == "key":
            set_in(row, ColumnPath.parse(task.answer["keys"]), ["A", "B", "C"])
        answers = {"index": task.answer.get("start", 0), "letter": "A", "key": "A", "text": "a pear"}
        set_in(row, label, answers[kind])
    for template in [*options, wording.question, wording.passage, wording.textb]:
        for part in template.parts:
            if isinstance(part, ColumnPath):
                set_in(row, part, f"text of {part.text}")
    return row


def test_the_data_sets_of_the_plan_are_there() -> None:
    for language, names in DATA_SETS.items():
        assert set(names.split()) <= set(converters.names(language=language))


def test_names_are_unique_and_equal_the_files() -> None:
    names = converters.names()
    assert len(names) == len(set(names))
    assert [converters.get(name).name for name in names] == names


def test_names_may_be_chosen_by_language_and_family() -> None:
    assert {"snli", "multi_nli", "super_glue_cb"} <= set(converters.names(family="nli"))
    assert "fewclue_tnews" in converters.names(language="zh", family="topic")
    assert not set(converters.names(language="zh")) & set(converters.names(language="en"))


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"language": "zho"}, "no task of language 'zho'; did you mean 'zh'"),
        ({"language": "fr"}, "no task of language 'fr'; there are: en, zh"),
        ({"family": "tpoic"}, "no task of family 'tpoic'; did you mean 'topic'"),
        ({"family": "新闻", "language": "zh"}, "no task of family '新闻'; there are: "),
    ],
)
def test_an_unknown_language_or_family_gets_a_suggestion(given: dict[str, str], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        converters.names(**given)


def test_where_no_task_is_near_the_list_is_referred_to() -> None:
    with pytest.raises(InputError, match="no task '我的任务'; `unimc tasks` lists those there are"):
        converters.get("我的任务")


def test_a_set_whose_validation_rows_are_trained_on_says_so() -> None:
    assert "never reported as zero-shot" in converters.get("cosmos_qa").note


def test_an_unknown_task_gets_a_suggestion() -> None:
    with pytest.raises(InputError, match="no task 'ag_new'; did you mean 'ag_news'"):
        converters.get("ag_new")
    with pytest.raises(InputError, match="there is no such file"):
        converters.get("我的任务.yaml")


@pytest.mark.parametrize("name", converters.names())
def test_a_card_renders_in_every_wording(name: str) -> None:
    task = converters.get(name)
    for variant in (None, *task.variants):
        example = task.convert(invented_row(task, variant), variant=variant)
        assert example.task == name
        assert example.right == (0,)
        assert not re.search(r"[{}]", " ".join([example.question, example.passage, example.textb, *example.options]))


@pytest.mark.parametrize("name", REAL)
def test_a_card_says_where_the_data_comes_from(name: str) -> None:
    task = converters.get(name)
    assert task.licence
    assert task.citation
    assert task.source["hub"]
    assert task.family
    assert task.split_names
    if task.kind == "classification":
        assert task.variants


@pytest.mark.data
@pytest.mark.parametrize("name", REAL)
def test_real_rows_convert(name: str) -> None:
    task = converters.get(name)
    folder = DATA / task.source["folder"]
    if not folder.is_dir():
        pytest.skip(f"no data in {folder}; set UNIMC_DATA_DIR")
    splits = sorted(path.name.split(".")[0] for path in folder.glob("*.jsonl*"))
    assert splits
    for split in splits:
        for variant in (None, *task.variants):
            examples = task.load(split, DATA, limit=200, variant=variant)
            assert len({example.id for example in examples}) == len(examples)
            for example in examples:
                check_real(example)
            if len(examples) > 50:
                assert len({example.label for example in examples}) > 1


def check_real(example: MultipleChoiceExample) -> None:
    """Every example of a real data set is labelled and has something to read."""
    assert example.label is not None
    assert example.question or example.passage
    assert not re.search(r"\{\w+\}", example.question)
