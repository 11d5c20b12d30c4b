"""`unimc predict`: a file in, the same rows with their answers out; broken off, shared, in every format."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import launching
import pytest

from converters.files import read_file
from converters.streaming import stream
from unimc import InputError
from unimc.cli import main
from unimc.commands.part_files import Part

Run = Callable[..., str]
ROWS = [
    {"编号": "1", "留言": "快递晚了两周，\n在哪儿？"},
    {"编号": "2", "留言": '灯坏了，"退钱"'},
    {"编号": "3", "留言": "How do I change my password?"},
    {"编号": "4", "留言": "还没到货"},
    {"编号": "5", "留言": "密码忘了"},
]
GIVEN = ("--text", "留言", "--options", "物流,退款，账号", "--question", "说的是什么？")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `unimc predict`; what it says on standard output, or after "error: " if it failed."""
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")

    def of(*arguments: object) -> str:
        capsys.readouterr()
        words = ["unimc", "predict", *map(str, arguments), "--model", str(launching.sample_model())]
        with mock.patch("sys.argv", words), pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        if ended.value.code in (0, None):
            return captured.out
        assert ended.value.code == 2
        return captured.err.removeprefix("error: ").strip()

    return of


@pytest.fixture
def mails(tmp_path: Path) -> Path:
    path = tmp_path / "留言.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, ["编号", "留言"])
        writer.writeheader()
        writer.writerows(ROWS)
    return path


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_every_row_comes_back_with_its_answer(suffix: str, mails: Path, tmp_path: Path, run: Run) -> None:
    output = tmp_path / "new" / f"answers.{suffix}"
    assert run(mails, *GIVEN, "--output", output) == f"5 answers written to {output}\n"
    rows = read_file(output)
    assert [{column: row[column] for column in ROWS[0]} for row in rows] == ROWS
    for row in rows:
        scores = json.loads(row["scores"]) if suffix == "csv" else row["scores"]
        assert max(scores, key=scores.__getitem__) == row["answer"]
        assert set(scores) == {"物流", "退款", "账号"}
    assert [path.name for path in output.parent.iterdir()] == [output.name]


def test_a_table_of_tabs_keeps_a_row_a_line(mails: Path, tmp_path: Path, run: Run) -> None:
    run(mails, *GIVEN, "--output", tmp_path / "answers.tsv")
    assert [row["留言"] for row in read_file(tmp_path / "answers.tsv")] == [
        " ".join(row["留言"].split()) if "\n" in row["留言"] else row["留言"] for row in ROWS
    ]


def test_several_answers_or_none(mails: Path, run: Run) -> None:
    said = run(mails, *GIVEN, "--multi-label", "--threshold", "0")
    assert [json.loads(line)["answer"] for line in said.splitlines()] == [["物流", "退款", "账号"]] * 5
    said = run(mails, *GIVEN, "--multi-label", "--threshold", "1")
    assert [json.loads(line)["answer"] for line in said.splitlines()] == [[]] * 5


def test_a_card_words_the_rows_and_needs_no_labels(mails: Path, tmp_path: Path, run: Run) -> None:
    card = tmp_path / "card.yaml"
    card.write_text(
        "{name: mails, kind: classification, language: zh, question: 说什么？, passage: '{留言}',"
        " source: {files: {x: y}},"
        " labels: {column: 类别, values: {0: {name: 物流, wording: 快递的事}, 1: {name: 账号, wording: 账号的事}}}}",
        encoding="utf-8",
    )
    answers = [json.loads(line) for line in run(mails, "--task", card).splitlines()]
    assert {answer["answer"] for answer in answers} <= {"物流", "账号"}
    assert "task mails has one label a row: leave out --multi-label" in run(mails, "--task", card, "--multi-label")


def test_a_run_that_was_broken_off_goes_on_to_the_same_file(mails: Path, tmp_path: Path, run: Run) -> None:
    whole, again = tmp_path / "whole.jsonl", tmp_path / "again.jsonl"
    run(mails, *GIVEN, "--output", whole)

    def broken(self: Part, lines: Any) -> int:
        with self.path.open("a", encoding="utf-8") as file:
            for _ in range(2):
                file.write(json.dumps(next(lines), ensure_ascii=False) + "\n")
            file.write('{"编号": "3", "留')  # killed within a line
        raise KeyboardInterrupt

    with mock.patch.object(Part, "append", broken), pytest.raises((KeyboardInterrupt, AssertionError)):
        run(mails, *GIVEN, "--output", again)
    assert not again.exists()
    assert "other settings left" in run(mails, *GIVEN, "--output", again, "--prefix", "x_")
    run(mails, *GIVEN, "--output", again)
    assert again.read_bytes() == whole.read_bytes()


@pytest.mark.slow
def test_two_processes_write_the_file_that_one_writes(mails: Path, tmp_path: Path) -> None:
    door = tmp_path / "door.py"
    door.write_text("from unimc.cli import main\nmain()\n", encoding="utf-8")
    for count in (1, 2):
        arguments = [
            "predict",
            mails,
            *GIVEN,
            "--model",
            launching.sample_model(),
            "--output",
            tmp_path / f"{count}.csv",
        ]
        done = launching.run(str(door), *arguments, processes=count)
        assert done.returncode == 0, done.stderr
    one, two = (read_file(tmp_path / f"{count}.csv") for count in (1, 2))
    assert [{**row, "score": "", "scores": ""} for row in one] == [{**row, "score": "", "scores": ""} for row in two]
    for row, other in zip(one, two, strict=True):  # other rows in a batch round the last digits otherwise
        assert json.loads(row["scores"]) == pytest.approx(json.loads(other["scores"]), abs=2e-4)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("{}", "--options", "a,b"), "which column holds the text? give --text, one of: 编号, 留言"),
        (("{}", "--options", "a,b", "--text", "正文"), "row 0 (from 0): no column '正文'; the columns are: 编号, 留言"),
        (("{}", "--options", " , ", "--text", "留言"), "--options is empty"),
        (("{}",), "give either --options (with --text), or --task"),
        (("{}", *GIVEN, "--json", "x.json"), "give one file"),
        (("{}", *GIVEN, "--threshold", "0.5"), "--threshold has a meaning only with --multi-label"),
        (("{}", *GIVEN, "--output", "answers.xlsx"), "must end in one of .jsonl, .csv, .tsv, .parquet"),
        (("没有.csv", *GIVEN), "没有.csv: there is no such file"),
    ],
)
def test_what_is_asked_wrongly_is_said(arguments: tuple[str, ...], problem: str, mails: Path, run: Run) -> None:
    assert problem in run(*(word.format(mails) for word in arguments))


def test_columns_of_the_same_name_and_empty_texts_are_said(mails: Path, tmp_path: Path, run: Run) -> None:
    first = tmp_path / "first.csv"
    run(mails, *GIVEN, "--output", first)
    assert "there is a column 'answer' already; give another --prefix" in run(first, *GIVEN)
    assert json.loads(run(first, *GIVEN, "--prefix", "new_").splitlines()[0])["new_answer"]
    empty = tmp_path / "empty.csv"
    empty.write_text("编号,留言\n1,你好\n2,\n", encoding="utf-8")
    assert "row 1 (from 0): column '留言' is empty; give a text" in run(empty, *GIVEN)


def test_a_language_that_cannot_be_told_is_said_not_guessed(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text("留言\n12345\n", encoding="utf-8")
    given = "--options", "1,2", "--question", "?"
    assert "row 0 (from 0): can't tell the language of '12345" in run(path, *given)
    assert json.loads(run(path, *given, "--language", "zh"))["answer"] in ("1", "2")


# ---- reading row by row


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.json", "a.csv.gz", "a.jsonl.gz"])
def test_a_stream_gives_the_rows_of_the_whole_file(name: str, tmp_path: Path) -> None:
    import gzip

    rows = [{"文": f"第{number}行", "n": str(number)} for number in range(5)]
    if "json" in name:
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        text = f"[{','.join(lines)}]" if name == "a.json" else "\n".join(lines)
    else:
        mark = "\t" if "tsv" in name else ","
        text = "\n".join(mark.join(cells) for cells in (rows[0], *(row.values() for row in rows)))
    content = ("\ufeff" + text).encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert list(stream(path)) == read_file(path) == rows


def test_a_stream_reads_no_further_than_it_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n{"a": 2}\nnot JSON\n', encoding="utf-8")
    rows = stream(path)
    assert [next(rows), next(rows)] == [{"a": 1}, {"a": 2}]
    with pytest.raises(InputError, match=r"a.jsonl, line 3: not valid JSON"):
        next(rows)


def test_a_stream_says_what_a_whole_reading_says(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("文,标签\n天气很好,甲\n".encode("gb18030"))
    with pytest.raises(InputError, match="it looks like GB18030") as streamed:
        list(stream(path))
    with pytest.raises(InputError) as whole:
        read_file(path)
    assert str(streamed.value) == str(whole.value)
