"""The published schema of cards accepts what the loader accepts and refuses what it refuses, key by key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import converters
from converters import Task, card, values
from converters.checks import KINDS, LANGUAGES
from converters.template import ColumnPath, Template
from unimc import InputError

FOLDER = Path(converters.__file__).parent
SCHEMA = json.loads((FOLDER / "schema.json").read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(SCHEMA)
CARDS = sorted([*FOLDER.glob("tasks/*/*.yaml"), *FOLDER.glob("samples/*.yaml")])

LABELS = {"column": "label", "values": {"a": "first", "b": "second"}}
CLASSIFICATION: dict[str, Any] = {
    "name": "mine",
    "kind": "classification",
    "language": "en",
    "passage": "{text}",
    "labels": LABELS,
}
CHOICE: dict[str, Any] = {
    "name": "选择",
    "kind": "multiple_choice",
    "language": "zh",
    "question": "{问题}",
    "options": "选项",
    "answer": {"column": "答案", "is": "letter"},
}


def keyed(value: Any) -> Any:
    """As JSON, whose keys are texts: YAML also has numbers and booleans as keys."""
    if isinstance(value, Mapping):
        return {values.key(key): keyed(entry) for key, entry in value.items()}
    return [keyed(entry) for entry in value] if isinstance(value, list) else value


def loads(content: Any, folder: Path) -> bool:
    """Whether the loader takes a card."""
    path = folder / "card.yaml"
    path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    try:
        Task.from_file(path)
    except InputError:
        return False
    return True


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_its_properties_are_the_fields_of_a_task() -> None:
    assert set(SCHEMA["properties"]) == {entry.name for entry in fields(Task) if entry.init} - {"path"}


def test_its_words_are_those_of_the_loader() -> None:
    assert set(SCHEMA["properties"]["kind"]["enum"]) == set(KINDS)
    assert set(SCHEMA["properties"]["language"]["enum"]) == set(LANGUAGES)


def test_every_key_is_described_in_one_line() -> None:
    def properties(schema: Any) -> list[tuple[str, Any]]:
        if isinstance(schema, list):
            return [found for entry in schema for found in properties(entry)]
        if not isinstance(schema, dict):
            return []
        here = list(schema.get("properties", {}).items()) if "additionalProperties" in schema else []
        return here + [found for entry in schema.values() for found in properties(entry)]

    for name, entry in properties(SCHEMA):
        assert entry.get("description"), name
        assert "\n" not in entry["description"]


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_every_card_of_the_package_is_valid(path: Path) -> None:
    errors = [f"{error.json_path}: {error.message}" for error in VALIDATOR.iter_errors(keyed(card.read(path)))]
    assert errors == []


@pytest.mark.parametrize(
    "content",
    [
        CLASSIFICATION,
        CHOICE,
        {**CLASSIFICATION, "kind": "multi_label"},
        {**CLASSIFICATION, "passage": "", "question": "Is {a.b} {{so}}? {list[0]}"},
        {**CLASSIFICATION, "labels": {"column": "y", "values": {0: {"name": "no", "wording": "bad"}, True: "good"}}},
        {**CLASSIFICATION, "variants": {"short": {"question": "短？", "labels": {"a": "one"}}, "same": {}}},
        {**CLASSIFICATION, "source": {"files": {"train": "a.csv", "test": "b.csv"}}, "skip": {"text": ["", None]}},
        {**CLASSIFICATION, "source": {"hub": "someone/something", "config": None}, "splits": {"test": None}},
        {**CLASSIFICATION, "source": {"originals": [{"folder": "x", "files": {"train": ["a.json", "b.json"]}}]}},
        {**CLASSIFICATION, "rows": {"test": [{"text": "it rains", "label": "a"}]}, "source": {}},
        {**CHOICE, "answer": {"column": "答案", "is": "index", "start": 1}, "shuffle": True},
        {**CHOICE, "answer": {"column": "答案", "is": "key", "keys": "选项.编号"}, "options": "选项.内容"},
        {**CHOICE, "options": ["{甲}", "{乙}"], "variants": {"反": {"options": ["{乙}", "{甲}"]}}, "answer": None},
        {key: value for key, value in CHOICE.items() if key != "answer"},
    ],
)
def test_right_cards_are_taken_by_both(content: dict[str, Any], tmp_path: Path) -> None:
    content = {key: value for key, value in content.items() if value is not None}
    assert [error.message for error in VALIDATOR.iter_errors(keyed(content))] == []
    assert loads(content, tmp_path)


WRONG: list[Any] = [
    [],
    "a text",
    {},
    {**CLASSIFICATION, "pasage": "{text}"},
    {**CLASSIFICATION, "path": "x"},
    {key: value for key, value in CLASSIFICATION.items() if key != "language"},
    {key: value for key, value in CLASSIFICATION.items() if key != "labels"},
    {key: value for key, value in CLASSIFICATION.items() if key != "passage"},
    {key: value for key, value in CHOICE.items() if key != "options"},
    {**CLASSIFICATION, "passage": ""},
    {**CLASSIFICATION, "name": ""},
    {**CLASSIFICATION, "name": "a/b"},
    {**CLASSIFICATION, "name": 7},
    {**CLASSIFICATION, "kind": "regression"},
    {**CLASSIFICATION, "language": "de"},
    {**CLASSIFICATION, "language": "中文"},
    {**CLASSIFICATION, "version": "1"},
    {**CLASSIFICATION, "licence": ["MIT"]},
    {**CLASSIFICATION, "question": 7},
    {**CLASSIFICATION, "passage": "{text"},
    {**CLASSIFICATION, "passage": "text}"},
    {**CLASSIFICATION, "passage": "{}"},
    {**CLASSIFICATION, "passage": "{text!r}"},
    {**CLASSIFICATION, "passage": "{text:>10}"},
    {**CLASSIFICATION, "passage": "{list[a]}"},
    {**CLASSIFICATION, "id": 3},
    {**CLASSIFICATION, "options": ["{a}", "{b}"]},
    {**CLASSIFICATION, "answer": {"column": "label", "is": "index"}},
    {**CLASSIFICATION, "shuffle": True},
    {**CLASSIFICATION, "untested": "yes"},
    {**CLASSIFICATION, "row": 3},
    {**CLASSIFICATION, "example": ["text"]},
    {**CLASSIFICATION, "skip": {"label": -1}},
    {**CLASSIFICATION, "skip": ["label"]},
    {**CLASSIFICATION, "splits": {"test": 1}},
    {**CLASSIFICATION, "rows": {"test": [1]}},
    {**CLASSIFICATION, "rows": {"test": [{"text": "x"}]}, "source": {"hub": "a/b"}},
    {**CLASSIFICATION, "labels": ["a", "b"]},
    {**CLASSIFICATION, "labels": {"column": "label"}},
    {**CLASSIFICATION, "labels": {"column": "label", "values": {}}},
    {**CLASSIFICATION, "labels": {"column": "{label}", "values": {"a": "x"}}},
    {**CLASSIFICATION, "labels": {**LABELS, "names": ["a"]}},
    {**CLASSIFICATION, "labels": {"column": "label", "values": {"a": {"name": "x"}}}},
    {**CLASSIFICATION, "labels": {"column": "label", "values": {"a": {"wording": "x", "word": "y"}}}},
    {**CLASSIFICATION, "labels": {"column": "label", "values": {"a": 1}}},
    {**CLASSIFICATION, "labels": {"column": "label", "values": {"a": "{b"}}},
    {**CLASSIFICATION, "variants": {"x": {"labels": {"a": 1}}}},
    {**CLASSIFICATION, "variants": {"x": {"name": "other"}}},
    {**CLASSIFICATION, "variants": {"x": {"options": ["{a}", "{b}"]}}},
    {**CLASSIFICATION, "variants": ["x"]},
    {**CLASSIFICATION, "source": {"file": "a.csv"}},
    {**CLASSIFICATION, "source": {"files": {"train": ["a.csv"]}}},
    {**CLASSIFICATION, "source": {"files": {"train": "a.csv"}, "folder": "en/mine"}},
    {**CLASSIFICATION, "source": {"folder_splits": "train"}},
    {**CLASSIFICATION, "source": {"originals": [{"folder": "x"}]}},
    {**CLASSIFICATION, "source": {"originals": [{"folder": "x", "files": {}}]}},
    {**CLASSIFICATION, "source": {"originals": [{"folder": "x", "files": {"train": 3}}]}},
    {**CLASSIFICATION, "source": {"originals": [{"folder": "x", "files": {"train": "a"}, "suffix": "y"}]}},
    {**CHOICE, "labels": LABELS},
    {**CHOICE, "options": []},
    {**CHOICE, "options": ["{甲}", "{甲}"]},
    {**CHOICE, "options": "{选项}"},
    {**CHOICE, "options": {"甲": "乙"}},
    {**CHOICE, "answer": "答案"},
    {**CHOICE, "answer": {"column": "答案"}},
    {**CHOICE, "answer": {"is": "text"}},
    {**CHOICE, "answer": {"column": "答案", "is": "number"}},
    {**CHOICE, "answer": {"column": "答案", "is": "key"}},
    {**CHOICE, "answer": {"column": "答案", "is": "text", "keys": "选项"}},
    {**CHOICE, "answer": {"column": "答案", "is": "letter", "start": 1}},
    {**CHOICE, "answer": {"column": "答案", "is": "index", "start": "1"}},
    {**CHOICE, "answer": {"column": "答案", "is": "index", "from": 1}},
    {**CHOICE, "variants": {"短": {"labels": {"a": "x"}}}},
]


@pytest.mark.parametrize("content", WRONG, ids=lambda content: json.dumps(content, ensure_ascii=False)[-60:])
def test_wrong_cards_are_refused_by_both(content: Any, tmp_path: Path) -> None:
    assert not VALIDATOR.is_valid(keyed(content))
    assert not loads(content, tmp_path)


@example("{a}}}{{")
@example("{{{标题}}}: {b.c[0]}")
@example("{a[0}")
@given(st.text("ab{}[]0.!: 题\n", max_size=12))
def test_the_pattern_of_a_template_is_the_loaders(text: str) -> None:
    valid = Draft202012Validator(SCHEMA["$defs"]["template"]).is_valid(text)
    try:
        Template.parse(text)
    except InputError:
        assert not valid
    else:
        assert valid


@given(st.text("ab{}[]0.!: 题", max_size=8))
def test_the_pattern_of_a_column_is_the_loaders(text: str) -> None:
    valid = Draft202012Validator(SCHEMA["$defs"]["column"]).is_valid(text)
    try:
        ColumnPath.parse(text)
    except InputError:
        assert not valid
    else:
        assert valid
