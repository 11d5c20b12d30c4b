"""What a card may say, and how a mistake in it is reported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from converters import Task
from converters.template import Template
from converters.values import find
from unimc import InputError

CARD = """\
name: weather
language: en
kind: classification
question: "What is the weather like?"
passage: "{text}"
labels:
  column: label
  values:
    0: {name: sunny, wording: "the sun shines"}
    1: {name: wet, wording: "it rains"}
"""

KARTE = """\
name: 天气
language: zh
kind: classification
question: "天气怎么样？"
passage: "{正文}"
labels:
  column: 标签
  values: {晴: "出太阳", 雨: "下雨"}
"""


def write(folder: Path, text: str, name: str = "card.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_importing_converters_loads_neither_torch_nor_datasets() -> None:
    code = "import sys, converters; converters.names(); print({'torch', 'datasets', 'pandas'} & set(sys.modules))"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("template", "row", "text"),
    [
        ("{a} and {b.c}", {"a": "x", "b": {"c": "y"}}, "x and y"),
        ("{a[1]}", {"a": ["x", "y"]}, "y"),
        ("{a.b[0].c}", {"a": {"b": [{"c": "deep"}]}}, "deep"),
        ("{{{a}}}", {"a": "x"}, "{x}"),
        ("{lines}", {"lines": ["one", "two"]}, "one\ntwo"),
        ("{n} {f}", {"n": 3, "f": 0.5}, "3 0.5"),
        ("{正文}。", {"正文": "今天下雨"}, "今天下雨。"),
        ("{a.b}", {"a.b": "a dotted name"}, "a dotted name"),
        ("{two words}", {"two words": "x"}, "x"),
        ("{a}", {"a": "{b} [MASK] %s"}, "{b} [MASK] %s"),
    ],
)
def test_a_template_takes_columns_keys_and_places(template: str, row: dict[str, object], text: str) -> None:
    assert Template.parse(template).render(row) == text


@pytest.mark.parametrize(
    "template", ["{a!r}", "{a:>9999999}", "{a:{b}}", "{}", "{a", "a}", "{a[b]}", "{a..b}", "{a.}", "{ }"]
)
def test_a_template_takes_nothing_else(template: str) -> None:
    with pytest.raises(InputError, match=r"template|not a column"):
        Template.parse(template)


@pytest.mark.parametrize("template", ["{a.__class__}", "{a.upper}", "{a[0]}"])
def test_a_template_never_reaches_into_a_text(template: str) -> None:
    with pytest.raises(InputError, match="there is no"):
        Template.parse(template).render({"a": "x"})


def test_a_column_that_is_not_there_is_named_beside_those_that_are() -> None:
    with pytest.raises(InputError, match="no column '标题'; the columns are: 正文, 标签"):
        Template.parse("{标题}").render({"正文": "下雨", "标签": "雨"})


def test_an_empty_value_is_an_error() -> None:
    with pytest.raises(InputError, match="column 'a' is empty"):
        Template.parse("{a}").render({"a": None})


@pytest.mark.parametrize(
    ("value", "keys", "found"),
    [
        ("no", (True, False), False),
        ("True", (True, False), True),
        (True, ("no", "yes"), "yes"),
        ("1", (0, 1), 1),
        (1.0, (0, 1), 1),
        (True, (0, 1), None),
        ("Yes", ("no", "yes"), None),
        ("雨", ("晴", "雨"), "雨"),
    ],
)
def test_values_match_as_text_and_words_for_booleans_match_booleans(
    value: object, keys: tuple[object, ...], found: object
) -> None:
    assert find(value, {key: key for key in keys}) is found


def test_a_card_is_read(tmp_path: Path) -> None:
    task = Task.from_file(write(tmp_path, CARD))
    assert (task.name, task.label_names) == ("weather", ("sunny", "wet"))


def test_a_card_in_chinese_is_read(tmp_path: Path) -> None:
    task = Task.from_file(write(tmp_path, KARTE))
    example = task.convert({"正文": "带伞吧", "标签": "雨"})
    assert (example.options, example.names, example.label) == (("出太阳", "下雨"), ("晴", "雨"), 1)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("question:", "qestion:", "unknown key 'qestion'; did you mean 'question'"),
        ("kind: classification", "kind: clasification", "kind: unknown kind 'clasification'; did you mean"),
        ("language: en", "language: fr", "language: unknown language 'fr'"),
        ("name: weather\n", "", "the key `name` is missing"),
        ("name: weather", "name: 7", "name: must be a text"),
        ("  column: label\n", "", "labels needs `column` and `values`"),
        ("  column: label", "  colum: label", "labels: unknown key 'colum'; did you mean 'column'"),
        ("name: wet", "name: sunny", "labels.values: the name 'sunny' is there twice"),
        ("it rains", "the sun shines", "labels.values: 'the sun shines' is there twice"),
        ("    1: {", "    0: {", "line 10: key 0 is given twice; keep one"),
        ("{text}", "{text", "passage: template '{text'"),
        ('"{text}"', "{text}", "passage: a template is a text"),
        ('"{text}"', "[", "not valid YAML"),
        ('"{text}"', "text", "no column is read, so every row would be asked the same"),
        ('"{text}"', "｛text｝", "no column is read.* ｛ and ｝ are no braces here"),
        ("labels:", "variants: {a: {passage: x}}\nlabels:", "variants.a: no column is read"),
        ("kind: classification", "kind: multiple_choice", "options: missing; kind multiple_choice needs it"),
        ("kind: classification", "kind: classification\noptions: x", "options: kind classification has no options"),
        ("kind: classification", "kind: classification\nsource: {folder: ../x}", "'../x' leaves the data folder"),
        (
            "kind: classification",
            "kind: classification\nsource: {originals: [{folder: x, files: {test: /etc/passwd}}]}",
            "'/etc/passwd' leaves the data folder",
        ),
        ("kind: classification", "kind: classification\nsource: {hubb: x}", "source: unknown key 'hubb'; did you mean"),
        ("kind: classification", "kind: classification\nskip: {label: 3}", "skip.label: must be a list"),
        ("kind: classification", "kind: classification\nrows: {train: [x]}", r"rows.train\[0\]: must be a mapping"),
        ("labels:", "variants: {a: {questoin: b}}\nlabels:", "variants.a: unknown key 'questoin'; did you mean"),
        ("labels:", "variants: {a: {labels: {2: b}}}\nlabels:", "variants.a.labels: no label 2"),
        ("labels:", "variants: {a: {labels: {0: it rains}}}\nlabels:", "variants.a.labels: 'it rains' is there twice"),
    ],
)
def test_a_mistake_in_a_card_is_reported_with_the_file_and_the_key(
    tmp_path: Path, old: str, new: str, problem: str
) -> None:
    assert old in CARD
    with pytest.raises(InputError, match=problem) as caught:
        Task.from_file(write(tmp_path, CARD.replace(old, new, 1)))
    assert str(caught.value).startswith(str(tmp_path / "card.yaml"))


def test_a_lone_label_is_refused_where_one_is_to_be_chosen(tmp_path: Path) -> None:
    lone = CARD[: CARD.index("    1: {")]
    with pytest.raises(InputError, match="a single label is the answer whatever the text says"):
        Task.from_file(write(tmp_path, lone))
    assert Task.from_file(write(tmp_path, lone.replace("kind: classification", "kind: multi_label"))).label_names


def test_a_label_is_called_as_it_is_written(tmp_path: Path) -> None:
    """YAML 1.1 makes True of yes and 8 of 010; a label that JSON has as a boolean is found all the same."""
    values = "values: {yes: it is, no: it is not, 010: it may be, 2024-05-01: it was}"
    card = CARD[: CARD.index("  values:")] + f"  {values}\n"
    task = Task.from_file(write(tmp_path, card))
    assert task.label_names == ("yes", "no", "010", "2024-05-01")
    assert task.convert({"text": "a", "label": False}).label == 1


def test_a_mistake_in_a_chinese_card_is_reported_likewise(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"labels\.values: '下雨' is there twice"):
        Task.from_file(write(tmp_path, KARTE.replace("出太阳", "下雨"), "天气.yaml"))


@pytest.mark.parametrize("content", [b"- a\n- b\n", b"", b"\xff\xfe\xff", b"a: !!python/object/apply:os.getcwd []\n"])
def test_a_file_that_is_no_card_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "card.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"card\.yaml"):
        Task.from_file(path)


def test_an_answer_needs_what_belongs_to_it() -> None:
    for answer in (
        {"column": "a", "is": "indx"},
        {"column": "a", "is": "key"},
        {"column": "a", "is": "text", "start": 1},
    ):
        with pytest.raises(InputError, match="task t: answer"):
            Task(name="t", kind="multiple_choice", question="{q}", options="o", answer=answer)


BOMB = "a0: &a0 [甲, 乙]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (BOMB, "its aliases stand for too many entries"),
        ("a: &a [1, *a]\n", "an alias stands for what it is part of"),
        ("a: " + "[" * 5000 + "]" * 5000, "stand in one another too deep"),
    ],
)
def test_a_text_made_to_cost_memory_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=problem) as caught:
        Task.from_file(path)
    assert len(str(caught.value)) < 300


def test_an_alias_is_read_as_what_it_stands_for(tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    path.write_text(CARD.replace('"{text}"', '&text "{text}"') + "textb: *text\n", encoding="utf-8")
    assert Task.from_file(path).textb == "{text}"
