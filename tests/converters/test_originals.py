"""Data sets as their authors publish them: the same rows as from the hub and from our own layout."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import converters
from converters import originals, rows
from converters.registry import names
from unimc.example import InputError

WITH_ORIGINALS = [name for name in names() if converters.get(name).source.get("originals")]
OF_ROWS = [
    (name, number, split)
    for name in WITH_ORIGINALS
    for number, original in enumerate(converters.get(name).source["originals"])
    if "reader" not in original
    for split in original["files"]
]
C3 = [
    [
        ["女：车票买好了吗？", "男：买好了，晚上八点的。"],
        [
            {"question": "他们要做什么？", "choice": ["坐车", "看电影"], "answer": "坐车"},
            {"question": "几点出发？", "choice": ["六点", "七点", "八点"], "answer": "八点"},
        ],
        "7-12",
    ]
]
CHID = [
    {
        "content": ["雨停了，孩子们#idiom000010#地跑出去。", "账目#idiom000011#，他#idiom000012#地查了三遍。"],
        "candidates": ["一丝不苟", "兴高采烈", "井井有条"],
    }
]
CHID_ANSWERS = {"#idiom000010#": 1, "#idiom000011#": 2, "#idiom000012#": 0}


def written(path: Path, row: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, list(row))
            table.writeheader()
            table.writerow(row)
    else:
        path.write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")


@pytest.mark.parametrize(("name", "number", "split"), OF_ROWS)
def test_a_card_reads_the_files_that_it_names(name: str, number: int, split: str, tmp_path: Path) -> None:
    task = converters.get(name)
    assert task.example is not None
    original = task.source["originals"][number]
    written(tmp_path / original["folder"] / original["files"][split], task.example)
    [found] = task.load(split, data_dir=tmp_path)
    wanted = task.convert(task.example)
    assert (found.options, found.passage, found.right) == (wanted.options, wanted.passage, wanted.right)


def test_the_folders_of_one_card_are_different() -> None:
    # The first folder that is there is the one that is read, so a second entry for it would never be.
    for name in WITH_ORIGINALS:
        folders = [original["folder"] for original in converters.get(name).source["originals"]]
        assert len(folders) == len(set(folders)), name


def test_every_question_of_c3_becomes_a_row_with_its_own_context() -> None:
    found = originals.read("c3", [C3, C3])
    assert len(found) == 4
    assert found[1] == {
        "id": "7-12",
        "context": ["女：车票买好了吗？", "男：买好了，晚上八点的。"],
        "question": "几点出发？",
        "choice": ["六点", "七点", "八点"],
        "answer": "八点",
    }


def test_c3_without_answers_is_unlabelled() -> None:
    asked = [[["今天下雨。"], [{"question": "天气怎么样？", "choice": ["下雨", "晴天"]}], "1"]]
    assert converters.get("c3").convert(originals.read("c3", [asked])[0]).right is None


def test_c3_is_read_from_both_of_its_files(tmp_path: Path) -> None:
    for part in "dm":
        path = tmp_path / "c3_public" / f"{part}-train.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(C3, ensure_ascii=False), encoding="utf-8")
    found = converters.get("c3").load("train", data_dir=tmp_path)
    assert [example.names[example.label or 0] for example in found] == ["坐车", "八点", "坐车", "八点"]


def test_every_blank_of_chid_becomes_an_example_that_shows_only_itself(tmp_path: Path) -> None:
    folder = tmp_path / "chid_public"
    written(folder / "dev.json", CHID[0])
    written(folder / "dev_answer.json", CHID_ANSWERS)
    found = converters.get("clue_chid").load("validation", data_dir=tmp_path)
    assert [example.passage for example in found] == [
        "雨停了，孩子们____地跑出去。",
        "账目____，他……地查了三遍。",
        "账目……，他____地查了三遍。",
    ]
    assert [example.options[example.label or 0] for example in found] == ["兴高采烈", "井井有条", "一丝不苟"]
    assert len({example.id for example in found}) == 3


def test_chid_gives_the_same_from_the_files_and_in_both_forms_of_the_hub() -> None:
    [row] = originals.read("chid", [CHID, [CHID_ANSWERS]])
    assert originals.read("chid", [CHID, CHID_ANSWERS]) == [row]  # an object over many lines is not in a list
    of_lists = {key: [answer[key] for answer in row["answers"]] for key in ("text", "candidate_id")}
    assert rows.get("idiom_blanks")({**row, "answers": of_lists}) == rows.get("idiom_blanks")(row)


def test_chid_without_answers_is_unlabelled() -> None:
    found = converters.get("clue_chid").convert_all(originals.read("chid", [CHID])[0])
    assert [one.example.right for one in found] == [None, None, None]


def test_answers_of_another_split_are_refused() -> None:
    with pytest.raises(InputError, match="the answers lack #idiom000010#"):
        originals.read("chid", [CHID, [{"#idiom000099#": 0}]])


@pytest.mark.parametrize(("reader", "content"), [("c3", [{"question": "？"}]), ("chid", [["文"]])])
def test_a_file_of_another_form_is_refused(reader: str, content: Any) -> None:
    with pytest.raises(InputError, match="every"):
        originals.read(reader, [content])


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("c3", [[["他坐车来的。"], [{"question": "怎么来的？", "answer": "坐车"}], "1"]], "KeyError: 'choice'"),
        ("c3", [[["他坐车来的。"], ["怎么来的？"], "1"]], "AttributeError"),
    ],
)
def test_what_the_authors_would_not_have_written_is_said_with_the_file(
    name: str, content: Any, problem: str, tmp_path: Path
) -> None:
    task = converters.get(name)
    original = task.source["originals"][0]
    for file in (
        original["files"]["train"] if isinstance(original["files"]["train"], list) else [original["files"]["train"]]
    ):
        path = tmp_path / original["folder"] / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    with pytest.raises(InputError, match=f"not of the form in which the authors publish {name} .{problem}"):
        task.load("train", data_dir=tmp_path)


def test_an_unknown_reader_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'chid'"):
        originals.read("chidd", [])


@pytest.mark.parametrize(
    ("name", "column", "on_the_hub"),
    [("ocnli", "label", 2), ("cmnli", "label", 0), ("clue_cluewsc", "label", 1), ("clue_tnews", "label", 3)],
)
def test_the_hubs_class_numbers_mean_the_authors_words(name: str, column: str, on_the_hub: int) -> None:
    task = converters.get(name)
    assert task.example is not None
    assert task.convert({**task.example, column: on_the_hub}).label == task.convert(task.example).label
    assert task.convert({**task.example, column: -1}).right is None


def test_a_pronoun_that_does_not_stand_where_the_row_says_is_an_error() -> None:
    task = converters.get("fewclue_cluewsc")
    assert task.example is not None
    moved = {**task.example, "target": {**task.example["target"], "span2_index": 2}}
    with pytest.raises(InputError, match="does not stand at character 2"):
        task.convert(moved)
