"""Files that are broken, empty, of another encoding or full of strange texts, through `unimc predict FILE`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import launching
import pytest

from unimc import UniMC
from unimc.cli import main

Ask = Callable[..., Any]
BIG = "雨" * 333_333  # a megabyte


@pytest.fixture
def ask(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Ask:
    """`unimc predict` over a file of this content: its answers, or its one line of error."""
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")

    def of(name: str, content: str | bytes, *arguments: str) -> list[dict[str, Any]] | str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        words = ["unimc", "predict", str(path), "--model", str(launching.sample_model()), "--options", "good,bad"]
        capsys.readouterr()
        with mock.patch("sys.argv", [*words, *arguments]), pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        if ended.value.code in (0, None):
            assert printed.err == ""
            return [json.loads(line) for line in printed.out.splitlines()]
        assert (ended.value.code, printed.out) == (2, "")
        (line,) = printed.err.splitlines()
        assert len(line) < 1000  # of another encoding it says the command that converts it
        assert line.startswith("error: ")
        return line.removeprefix("error: ").replace(str(path), name)

    return of


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.csv", "", "the file has no rows"),
        ("a.csv", "\n\r\n", "the file has no rows"),
        ("a.csv", "正文", "the file has no rows"),
        ("a.tsv", "text\n", "the file has no rows"),
        ("a.jsonl", "\ufeff\n", "the file has no rows"),
        ("a.csv.gz", b"text", "cannot be read: Not a gzipped file"),
        ("a.jsonl", '{"文": "汤"}\n{"文": null}\n', "row 1 (from 0): column '文' is empty; give a text"),
        ("a.jsonl", '{"text": NaN}', "row 0 (from 0): column 'text' is empty; give a text"),
        ("a.jsonl", '{"text": 7}', "row 0 (from 0): column 'text' is 7; give a text"),
        ("a.jsonl", '{"text": "\\ud83d"}', "row 0 (from 0): example text 0: passage holds half of a character"),
        ("a.jsonl", '["soup"]', "row 0 (from 0) is list, not an object (column: value)"),
        ("a.jsonl", '{"文": "汤"}\n{"文本": "雨"}', "row 1 (from 0): no column '文'; the columns are: 文本"),
        ("a.jsonl", f'{{"text": ["{BIG}"]}}', "row 0 (from 0): column 'text' is ['雨雨雨"),
        (
            "a.jsonl",
            f'{{"{BIG}": 1, "b": 2}}',
            "row 0 (from 0): which column holds the text? give --text, one of: '雨雨",
        ),
        ("a.jsonl", '{"text": ' + "9" * 5000 + "}", "line 1: not valid JSON: a number of too many digits"),
        ("a.jsonl", "[" * 100_000, "line 1: not valid JSON"),
        ("a.csv", "正文\n汤\n\n雨\n", "row 1 (from 0): column '正文' is empty; give a text"),
        ("a.parquet", b"PAR1", "not a valid Parquet file: "),
        ("a.csv", 'text\n"soup\nrain\n', "line 3: not a valid table: unexpected end of data"),
        ("a.csv", "a,,\n1,2,3\n", "line 1: the column '' is there twice"),
    ],
)
def test_a_broken_file_is_said_with_its_place(name: str, content: str | bytes, problem: str, ask: Ask) -> None:
    assert ask(name, content).removeprefix(name).lstrip(":, ").startswith(problem)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("id,正文\n1,汤\n2,好,不好\n", "a.csv, line 3: 3 cells for 2 columns (id, 正文)"),
        ("id,正文\n1,汤\n\n2\n", "a.csv, line 4: 1 cells for 2 columns (id, 正文)"),
        (
            "正文,id\n今天,冷,1\n",
            "a.csv, line 2: 3 cells for 2 columns (正文, id); put a text that holds a comma in double",
        ),
    ],
)
def test_a_ragged_row_is_said_not_filled_up(content: str, problem: str, ask: Ask) -> None:
    assert ask("a.csv", content, "--text", "正文").startswith(problem)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("汤很好喝", "GB18030"),
        ("湯很好喝", "Big5"),
        ("a café", "Windows-1252"),
        ("rain", "UTF-16"),
        ("雨", "UTF-16"),
        ("rain", "UTF-16LE"),
        ("rain", "UTF-16BE"),
    ],
)
def test_another_encoding_is_named(text: str, encoding: str, ask: Ask) -> None:
    said = ask("a.csv", f"text\n{text}\n".encode(encoding))
    assert said.startswith("a.csv, line ")
    assert f"cannot be read as UTF-8 text: it looks like {encoding}" in said


def test_bytes_that_are_no_text_are_said_to_be_none(ask: Ask) -> None:
    assert "its encoding can't be told" in ask("a.csv", bytes(range(256)))


@pytest.mark.parametrize("text", ["\0\0", "\u200b"])
def test_a_row_of_which_nothing_can_be_read_is_said(text: str, ask: Ask) -> None:
    said = ask("a.csv", f"text\nrain\n{text}\n", "--language", "en")
    assert said.startswith("example 1: its texts have no tokens in this vocabulary")


@pytest.mark.parametrize(
    "texts",
    [
        ["so\0up", "\0雨", "\x1b[31mrain\x07", "\u202erain\u200b"],
        ["😀 👩‍👩‍👧", "مطر 雨 rain дождь", "[MASK] </s> <mask>", "\ufeff好"],
        ["x" * 1_000_000, BIG, "rain"],
    ],
    ids=["control characters", "mixed scripts", "a megabyte"],
)
def test_every_row_of_a_strange_file_keeps_its_answer(texts: list[str], ask: Ask) -> None:
    rows = [{"编号": number, "正文": text} for number, text in enumerate(texts)]
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    found = ask("a.jsonl", lines, "--text", "正文", "--language", "zh")
    assert [(row["编号"], row["正文"]) for row in found] == list(enumerate(texts))
    model = UniMC.from_pretrained(launching.sample_model(), language="zh")
    for row, alone in zip(found, model.classify(texts, ["good", "bad"]), strict=True):
        assert row["scores"] == pytest.approx(dict(zip(alone.names, alone.scores, strict=True)), abs=2e-4)
        assert row["truncated"] == alone.truncated


def test_rows_that_are_skipped_leave_the_others_their_answers(ask: Ask) -> None:
    texts = ["rain", "", "雨", None, "\0\0", "the soup was cold", ["rain"], "好", 7, "late"]
    lines = "\n".join(json.dumps({"编号": number, "正文": text}) for number, text in enumerate(texts))
    found = ask("a.jsonl", lines, "--text", "正文", "--language", "zh", "--on-error", "skip", "--batch-size", "2")
    assert [row["编号"] for row in found] == list(range(len(texts)))
    good = [0, 2, 5, 7, 9]
    assert [row["编号"] for row in found if row["answer"]] == good
    assert [row["编号"] for row in found if not row["error"]] == good
    model = UniMC.from_pretrained(launching.sample_model(), language="zh")
    for at, alone in zip(good, model.classify([texts[at] for at in good], ["good", "bad"]), strict=True):
        assert found[at]["scores"] == pytest.approx(dict(zip(alone.names, alone.scores, strict=True)), abs=2e-4)


def test_half_of_a_character_comes_back_as_it_was(ask: Ask) -> None:
    (found,) = ask("a.jsonl", '{"编号": "\\ud83d", "正文": "雨"}', "--text", "正文")
    assert found["编号"] == "\ud83d"
