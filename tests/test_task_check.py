"""`unimc task check` converts every row of a card and says all that is wrong, with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from terminal import Said, unimc

from converters import Task, inspection
from unimc import InputError

MAIL = {
    "en": (
        "id,message,label\n"
        '1,"The parcel is late,\nvery late",delivery\n'
        '2,"He said ""never again""",account\n'
        "3,Pay back the jacket,refund\n"
        "4,Where is my box?,delivery\n"
    ),
    "zh": (
        "编号,留言,类别\n"
        '1,"包裹晚了，\n晚了很久",物流\n'
        '2,"他说""再也不来了""",账户\n'
        "3,请退外套的钱,退款\n"
        "4,我的箱子在哪儿？,物流\n"
    ),
}
CARD = {
    "en": {"name": "mail", "text": "message", "label": "label", "values": ["delivery", "account", "refund"]},
    "zh": {"name": "留言", "text": "留言", "label": "类别", "values": ["物流", "账户", "退款"]},
}
BOTH = pytest.mark.parametrize("language", ["en", "zh"])


def card(folder: Path, language: str, content: str | bytes | None = None, **changes: Any) -> Path:
    """A card over a file beside it."""
    words = CARD[language]
    settings: dict[str, Any] = {
        "name": words["name"],
        "kind": "classification",
        "language": language,
        "source": {"files": {"test": "mail.csv"}},
        "question": "What about?" if language == "en" else "关于什么？",
        "passage": f"{{{words['text']}}}",
        "labels": {"column": words["label"], "values": {value: f"{value}!" for value in words["values"]}},
    }
    content = MAIL[language] if content is None else content
    (folder / "mail.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    path = folder / "card.yaml"
    path.write_text(yaml.safe_dump({**settings, **changes}, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def check(path: Path | str, *options: object) -> Said:
    return unimc("task", "check", path, *options)


@BOTH
def test_a_column_to_skip_by_that_is_not_there_is_said(language: str, tmp_path: Path) -> None:
    """As loading says it: what the check calls valid can be trained and evaluated on."""
    text = CARD[language]["text"]
    assert check(card(tmp_path, language, skip={text: [""]})).code in (0, None)
    path = card(tmp_path, language, skip={f"{text}2": [""]})
    said = failed(path)
    assert f"skips by the column '{text}2', which is not there" in said
    declared = Task.from_file(path)
    with pytest.raises(InputError, match="which is not there"):
        declared.load(declared.split_names[0])


def failed(path: Path | str, *options: object) -> str:
    """All that a check says which must fail, on both streams."""
    said = check(path, *options)
    assert said.code == 2
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    return said.out + said.err


# ---- what a good card shows


@BOTH
def test_rows_are_counted_and_the_first_are_shown_in_full(language: str, tmp_path: Path) -> None:
    said = check(card(tmp_path, language))
    assert (said.code, said.err) == (0, "")
    values = CARD[language]["values"]
    assert "rows: 4; skipped on purpose: 0; can't be converted: 0" in said.out
    assert "examples: 4; with an option given twice (merged): 0" in said.out
    assert [line.split() for line in said.out.splitlines() if line.endswith("%")] == [
        [values[0], "2", "50.0%"],
        [values[1], "1", "25.0%"],
        [values[2], "1", "25.0%"],
    ]
    shown = said.out[said.out.index("test/0") :]
    for example in Task.from_file(tmp_path / "card.yaml").load("test")[:3]:
        assert example.question in shown
        assert example.passage in shown
        assert f"✓ {example.options[example.label or 0]}  (name: {example.names[example.label or 0]})" in shown
    assert shown.count("✓") == 3
    assert "test/3" not in shown
    assert "the card is valid, and every row converts" in said.out


def test_as_many_rows_are_shown_as_asked_for(tmp_path: Path) -> None:
    path = card(tmp_path, "en")
    assert check(path, "--rows", 0).out.count("✓") == 0
    assert check(path, "--rows", 4).out.count("✓") == 4


@BOTH
def test_empty_texts_and_the_longest_are_told(language: str, tmp_path: Path) -> None:
    header, *_ = MAIL[language].splitlines()
    value = CARD[language]["values"][0]
    said = check(card(tmp_path, language, f"{header}\n1,{'长' * 50},{value}\n2,,{value}\n3, ,{value}\n"))
    question = "What about?" if language == "en" else "关于什么？"
    assert f"longest text, with the question: {50 + len(question)} characters (test/0)" in said.out
    assert "empty passage: 2" in said.out


@BOTH
def test_a_label_that_no_row_has_is_shown_with_none(language: str, tmp_path: Path) -> None:
    header, first, second, *_ = MAIL[language].splitlines()
    said = check(card(tmp_path, language, "\n".join([header, first, second]) + "\n"))
    assert [CARD[language]["values"][2], "0", "0.0%"] in [line.split() for line in said.out.splitlines()]


def test_every_split_is_converted_or_the_one_named(tmp_path: Path) -> None:
    path = card(tmp_path, "en", source={"files": {"train": "mail.csv", "test": "mail.csv"}})
    assert check(path).out.count("rows: 4;") == 2
    said = check(path, "--split", "train")
    assert said.out.count("rows: 4;") == 1
    assert "train (" in said.out
    assert "no split 'dev'; there are: train, test" in failed(path, "--split", "dev")


@pytest.mark.parametrize("name", ["sample_en_reading", "sample_zh_reading", "sample_en_nli", "sample_zh_intent"])
def test_built_in_tasks_can_be_checked_too(name: str) -> None:
    assert check(name).code == 0


def test_local_folders_are_read(tmp_path: Path) -> None:
    path = card(tmp_path, "en", source={"folder": "mine"}, splits={})
    (tmp_path / "data/mine").mkdir(parents=True)
    (tmp_path / "mail.csv").rename(tmp_path / "data/mine/dev.csv")
    assert "rows: 4;" in check(path, "--data-dir", tmp_path / "data", "--split", "dev").out
    assert "names no split" in failed(path, "--data-dir", tmp_path / "data")


def test_where_the_right_option_stands_is_counted() -> None:
    rows = [{"q": f"riddle {number}", "o": ["a", "b", "b"], "a": 0} for number in range(25)]
    common: dict[str, Any] = {"kind": "multiple_choice", "question": "{q}", "options": "o", "rows": {"test": rows}}
    task = Task(name="t", answer={"column": "a", "is": "index"}, **common)
    found = inspection.inspect(task, "test")
    assert (found.positions, found.option_counts, found.merged) == ({1: 25}, {2: 25}, 25)


def test_a_right_option_always_in_front_is_noted(tmp_path: Path) -> None:
    rows = [{"q": f"riddle {number}", "o": ["a", "b", "c"], "a": 0} for number in range(25)]
    content = {"name": "t", "kind": "multiple_choice", "language": "en", "question": "{q}", "options": "o"}
    content |= {"answer": {"column": "a", "is": "index"}, "rows": {"test": rows}}
    for shuffle, noted in ((False, True), (True, False)):
        (tmp_path / "t.yaml").write_text(json.dumps({**content, "shuffle": shuffle}), encoding="utf-8")
        said = check(tmp_path / "t.yaml")
        assert said.code == 0
        assert ("the right option nearly always stands at the same place" in said.out) is noted


# ---- what is wrong with the rows


@BOTH
def test_a_bom_quotes_and_line_breaks_are_no_problem(language: str, tmp_path: Path) -> None:
    assert check(card(tmp_path, language, MAIL[language].encode("utf-8-sig"))).code == 0


@BOTH
def test_a_template_over_an_absent_column_is_said_once_with_the_columns_there_are(
    language: str, tmp_path: Path
) -> None:
    said = failed(card(tmp_path, language, passage="{mesage}{正闻}"))
    columns = MAIL[language].splitlines()[0].replace(",", ", ")
    assert f"mail.csv, row 0 (from 0): no column 'mesage'; the columns are: {columns} (and 3 more rows)" in said
    assert "4 rows can't be converted" in said
    assert "longest text" not in said  # there is none


@BOTH
def test_a_variant_over_an_absent_column_is_named(language: str, tmp_path: Path) -> None:
    said = failed(card(tmp_path, language, variants={"short": {"passage": "{body}"}}))
    assert "row 0 (from 0) (variant short): no column 'body'" in said


@BOTH
def test_all_label_values_that_the_card_lacks_are_listed_with_counts(language: str, tmp_path: Path) -> None:
    first, second, third = CARD[language]["values"]
    column = CARD[language]["label"]
    said = failed(card(tmp_path, language, labels={"column": column, "values": {second: "x", third: "y"}}))
    assert f"column {column!r} holds values that labels.values of the card lacks" in said
    assert f"{first!r}: 2 rows, the first is row 0 (from 0)" in said
    said = failed(card(tmp_path, language, labels={"column": column, "values": {third: "y", "?": "z"}}))
    assert f"{first!r}: 2 rows, the first is row 0" in said
    assert f"{second!r}: 1 rows, the first is row 1" in said
    assert "3 rows can't be converted" in said


def test_labels_of_several_are_listed_one_by_one() -> None:
    rows = [{"text": "it rains", "y": ["a", "b"]}, {"text": "it snows", "y": ["c", "b"]}, {"text": "sun", "y": []}]
    labels = {"column": "y", "values": {"a": "rain"}}
    task = Task(name="t", kind="multi_label", passage="{text}", labels=labels, rows={"test": rows})
    found = inspection.inspect(task, "test")
    assert {value: (entry.rows, entry.row) for value, entry in found.unknown.items()} == {"b": (2, 0), "c": (1, 1)}
    assert (found.failing, found.converted) == (2, 1)


@BOTH
def test_an_empty_label_cell_is_a_value_that_the_card_lacks(language: str, tmp_path: Path) -> None:
    header, *_ = MAIL[language].splitlines()
    path = card(tmp_path, language, f"{header}\n1,some words,\n")
    assert "'': 1 rows, the first is row 0" in failed(path)
    column = CARD[language]["label"]
    said = check(card(tmp_path, language, f"{header}\n1,some words,\n", skip={column: [""]}))
    assert (said.code, "skipped on purpose: 1" in said.out) == (0, True)


def test_a_null_in_the_text_is_named(tmp_path: Path) -> None:
    path = card(tmp_path, "en", source={}, rows={"test": [{"message": None, "label": "refund"}]})
    assert "rows.test, row 0 (from 0): column 'message' is empty (null)" in failed(path)


def test_an_absent_label_column_is_an_error_unless_the_rows_are_unlabelled(tmp_path: Path) -> None:
    path = card(tmp_path, "en", "id,message\n1,some words\n")
    assert "takes its labels from the column 'label', which is not there; the columns are: id, message" in failed(path)
    said = check(path, "--unlabelled")
    assert said.code == 0
    assert "unlabelled: 1" in said.out
    assert "(unlabelled)" in said.out


def test_an_answer_that_is_no_option_is_named(tmp_path: Path) -> None:
    rows = [{"q": "a riddle", "o": ["x", "y"], "a": "A"}, {"q": "another", "o": ["x", "y"], "a": "C"}]
    content = {"name": "t", "kind": "multiple_choice", "language": "en", "question": "{q}", "options": "o"}
    content |= {"answer": {"column": "a", "is": "letter"}, "rows": {"test": rows}}
    (tmp_path / "t.yaml").write_text(json.dumps(content), encoding="utf-8")
    assert "row 1 (from 0): column 'a' is 'C' (letter), which is none of the row's 2 options" in failed(
        tmp_path / "t.yaml"
    )


def test_an_id_given_twice_is_named(tmp_path: Path) -> None:
    path = card(tmp_path, "en", id="{label}")
    assert "row 3 (from 0): the id 'test/delivery' is that of row 0 too" in failed(path)


def test_only_the_first_of_many_problems_are_said(tmp_path: Path) -> None:
    rows = [{f"c{number}": "x", "label": "refund"} for number in range(9)]
    said = failed(card(tmp_path, "en", source={}, rows={"test": rows}))
    assert said.count("no column 'message'") == 5
    assert "and 4 other problems" in said


# ---- what is wrong with the files


@BOTH
def test_broken_yaml_is_named_by_its_line(language: str, tmp_path: Path) -> None:
    path = card(tmp_path, language)
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[3] = "question: what: now"
    path.write_text("\n".join(lines), encoding="utf-8")
    assert "card.yaml, line 4: not valid YAML" in failed(path)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"pasage": "{text}"}, "unknown key 'pasage'; did you mean 'passage'?"),
        ({"kind": "clasification"}, "unknown kind 'clasification'; did you mean 'classification'?"),
        ({"passage": "{message"}, "passage: template '{message'"),
        ({"passage": "", "question": ""}, "question, passage and textb are all empty"),
        ({"source": {"files": {"test": "post.csv"}}}, "post.csv: there is no such file"),
    ],
)
@BOTH
def test_a_wrong_card_is_said(language: str, changes: dict[str, Any], problem: str, tmp_path: Path) -> None:
    assert problem in failed(card(tmp_path, language, **changes))


def test_a_card_that_is_not_there_is_said(tmp_path: Path) -> None:
    assert "no.yaml: there is no such file" in failed(tmp_path / "no.yaml")
    assert "no task 'sample_en_topics'; did you mean 'sample_en_topic'?" in failed("sample_en_topics")


@BOTH
def test_a_file_in_another_encoding_is_named_with_the_line_that_converts_it(language: str, tmp_path: Path) -> None:
    encoding, name = {"zh": ("gb18030", "GB18030"), "en": ("utf-16", "UTF-16")}[language]
    said = failed(card(tmp_path, language, MAIL[language].encode(encoding)))
    assert f"mail.csv, line 1: cannot be read as UTF-8 text: it looks like {name}; convert it by `iconv" in said


def test_a_cut_quotation_is_named_by_its_line(tmp_path: Path) -> None:
    assert "mail.csv, line 3: not a valid table" in failed(card(tmp_path, "en", 'message,label\na,refund\n"b,refund\n'))
