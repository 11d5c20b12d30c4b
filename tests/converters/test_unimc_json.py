"""The released UniMC's JSON form is read as it is, and what we write in it comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from converters.unimc_json import read, write
from unimc import InputError, MultipleChoiceExample

ROW = {
    "texta": "这家店的面条很好吃，下次还来。",
    "textb": "",
    "question": "评价如何？",
    "choice": ["好", "坏"],
    "answer": "好",
    "label": 0,
    "id": 7,
}


def file(folder: Path, *rows: Any) -> Path:
    path = folder / "reviews.json"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return path


def test_a_row_becomes_an_example(tmp_path: Path) -> None:
    (example,) = read(file(tmp_path, ROW))
    assert example == MultipleChoiceExample(
        ["好", "坏"], "评价如何？", ROW["texta"], label=0, task="reviews", id="7", language="zh"
    )


def test_the_language_is_told_by_the_script_or_given(tmp_path: Path) -> None:
    english = {**ROW, "texta": "Lovely noodles.", "question": "How is it?", "choice": ["good", "bad"], "id": 8}
    rows = file(tmp_path, ROW, english, {**english, "language": "zh", "id": 9})
    assert [example.language for example in read(rows)] == ["zh", "en", "zh"]
    assert [example.language for example in read(rows, "en")] == ["en", "en", "zh"]


def test_several_labels_and_none_at_all(tmp_path: Path) -> None:
    unlabelled = {key: value for key, value in ROW.items() if key not in ("label", "answer", "id")}
    rows = file(tmp_path, unlabelled, {**unlabelled, "labels": [1, 0]}, {**unlabelled, "labels": []})
    assert [example.right for example in read(rows)] == [None, (0, 1), ()]


def test_a_choice_given_twice_becomes_one_right_if_any_copy_is(tmp_path: Path) -> None:
    (example,) = read(file(tmp_path, {**ROW, "choice": ["坏", "好", "坏 "], "answer": "坏", "label": 2}))
    assert (example.options, example.label) == (("坏", "好"), 0)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"text": "x"}, "`choice` must be a list of texts, not None; keys of the row: text"),
        ({**ROW, "choice": "好,坏"}, "`choice` must be a list of texts"),
        ({**ROW, "label": 2}, "label 2 is no place in `choice`"),
        ({**ROW, "label": "0"}, "label '0' is no place in `choice`"),
        ({**ROW, "labels": 1}, "`labels` must be a list"),
        ({**ROW, "texta": "", "question": ""}, "both empty"),
        ({**ROW, "label": 0, "answer": ROW["choice"][1]}, "make them one (labels count from 0)"),
        ({**ROW, "texta": 5}, "`texta` must be a text, not 5"),
        ({**ROW, "identity": "面条"}, "identity must be a list of strings"),
        ({**ROW, "names": ["好"]}, "`names` must be a list with one name for each of the 2 choices"),
    ],
)
def test_a_row_of_another_form_is_named(row: dict[str, Any], problem: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"reviews.json: row 1 \(from 0\)") as caught:
        read(file(tmp_path, {**ROW, "id": 1}, row))
    assert problem in str(caught.value)


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    examples = [
        MultipleChoiceExample(["a", "b"], "Which?", "one\ntwo", "three", label=1, names=["A", "B"], id="x"),
        MultipleChoiceExample(["甲", "乙"], "哪个？", labels=[0, 1], id="y", language="zh"),
        MultipleChoiceExample(["甲", "乙"], "哪个？", labels=[], id="z", language="zh"),
    ]
    path = tmp_path / "out.jsonl"
    write(examples, path)
    again = read(path)
    assert [(one.options, one.names, one.passage, one.textb, one.right, one.language) for one in again] == [
        (one.options, one.names, one.passage, one.textb, one.right, one.language) for one in examples
    ]


def test_an_item_written_is_recognised_as_the_same(tmp_path: Path) -> None:
    one = MultipleChoiceExample(["可以推断出：他在家"], "推断？", "灯亮着。", label=0, identity=["灯亮着。", "他在家"])
    write([one], tmp_path / "out.jsonl")
    (again,) = read(tmp_path / "out.jsonl")
    assert again.fingerprint == one.fingerprint


def test_an_id_of_null_is_none(tmp_path: Path) -> None:
    assert [one.id for one in read(file(tmp_path, {**ROW, "id": None}, {**ROW, "id": None}))] == ["0", "1"]
