"""`unimc predict`: a file in, the same rows with their answers out; broken off, shared, in every format."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import launching
import pytest
import terminal

from converters.files import read_file
from converters.streaming import stream
from unimc import InputError
from unimc.calibration import Calibration
from unimc.cli import main
from unimc.commands.options_file import read_options
from unimc.commands.part_files import Part
from unimc.stored_calibration import store

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

    def of(*arguments: object, model: Path | None = None) -> str:
        capsys.readouterr()
        words = ["unimc", "predict", *map(str, arguments), "--model", str(model or launching.sample_model())]
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
        re.sub(r"\r\n|[\t\r\n]", " ", row["留言"]) for row in ROWS
    ]


def test_a_text_keeps_its_other_blanks_in_a_table_of_tabs(tmp_path: Path, run: Run) -> None:
    rows = tmp_path / "a.jsonl"
    text = "　　第一段  有两个空格。\n　　第二段。 "
    rows.write_text(json.dumps({"留言": text}) + "\n", encoding="utf-8")
    assert run(rows, *GIVEN, "--output", tmp_path / "b.tsv").endswith(f"1 answers written to {tmp_path / 'b.tsv'}\n")
    assert [row["留言"] for row in read_file(tmp_path / "b.tsv")] == [text.replace("\n", " ")]


def test_what_is_read_is_not_written_over(mails: Path, run: Run) -> None:
    before = mails.read_bytes()
    assert "is a file that is read; give another name" in run(mails, *GIVEN, "--output", mails)
    released = mails.with_name("r.jsonl")
    released.write_text('{"texta": "a", "choice": ["b", "c"]}\n', encoding="utf-8")
    assert "is a file that is read; give another name" in run("--json", released, "--output", released)
    assert mails.read_bytes() == before


def test_several_answers_or_none(mails: Path, run: Run) -> None:
    said = run(mails, *GIVEN, "--multi-label", "--threshold", "0")
    assert [json.loads(line)["answer"] for line in said.splitlines()] == [["物流", "退款", "账号"]] * 5
    said = run(mails, *GIVEN, "--multi-label", "--threshold", "1")
    assert [json.loads(line)["answer"] for line in said.splitlines()] == [[]] * 5


def test_one_answer_or_none_of_these(mails: Path, tmp_path: Path, run: Run) -> None:
    always, never = (run(mails, *GIVEN, "--threshold", at).splitlines() for at in ("0", "1"))
    for one, none in zip(map(json.loads, always), map(json.loads, never), strict=True):
        assert one["answer"] in ("物流", "退款", "账号")
        assert none == {**one, "answer": None}
    run(mails, *GIVEN, "--threshold", "1", "--output", tmp_path / "none.csv")
    assert [row["answer"] for row in read_file(tmp_path / "none.csv")] == [""] * 5


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_the_best_few_stand_in_a_column_of_their_own(suffix: str, mails: Path, tmp_path: Path, run: Run) -> None:
    output = tmp_path / f"answers.{suffix}"
    run(mails, *GIVEN, "--top-k", "2", "--prefix", "neu_", "--output", output)
    for row in read_file(output):
        scores, top = row["neu_scores"], row["neu_top"]
        if suffix == "csv":
            scores, top = json.loads(scores), json.loads(top)
        assert list(top) == sorted(scores, key=lambda name: -scores[name])[:2]
        assert top[0] == row["neu_answer"]


def test_of_several_labels_no_more_hold_than_asked_for(mails: Path, run: Run) -> None:
    said = run(mails, *GIVEN, "--multi-label", "--threshold", "0", "--top-k", "2")
    for row in map(json.loads, said.splitlines()):
        assert sorted(row["answer"]) == sorted(row["top"])
        assert len(row["top"]) == 2


def test_a_calibration_is_used_where_it_is_asked_for_and_a_part_of_another_is_refused(
    mails: Path, tmp_path: Path, run: Run
) -> None:
    shifted = Calibration(1.0, (("物流", 9.0), ("退款", 0.0), ("账号", 0.0)))
    model, output = tmp_path / "model", tmp_path / "out.jsonl"
    shutil.copytree(launching.sample_model(), model)
    store(model, "邮件", shifted)
    asked = mails, *GIVEN, "--calibration", "邮件"
    assert {json.loads(line)["answer"] for line in run(*asked, model=model).splitlines()} == {"物流"}
    assert run(mails, *GIVEN, model=model) == run(mails, *GIVEN)
    with (
        mock.patch.object(Part, "join", side_effect=KeyboardInterrupt),
        pytest.raises((KeyboardInterrupt, AssertionError)),
    ):
        run(*asked, "--output", output, model=model)
    store(model, "邮件", Calibration(2.0, shifted.bias))
    assert "other settings left" in run(*asked, "--output", output, model=model)


# ---- rows that can't be asked


BROKEN = "编号,留言\n1,你好\n2,\n3,再见\n4,12345\n5,\n"


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_row_that_cannot_be_asked_is_skipped_and_says_why(suffix: str, tmp_path: Path, run: Run) -> None:
    path, output = tmp_path / "broken.csv", tmp_path / f"out.{suffix}"
    path.write_text(BROKEN, encoding="utf-8")
    given = "--text", "留言", "--options", "1,2"
    assert "row 1 (from 0): column '留言' is empty" in run(path, *given, "--output", output)
    assert "or leave such rows out with --on-error skip" in run(path, *given, "--output", output)
    said = run(path, *given, "--output", output, "--on-error", "skip")
    assert said == f"2 answers written to {output}; 3 rows have none, the column error says why\n"
    rows = read_file(output)
    assert [row["编号"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [bool(row["answer"]) for row in rows] == [True, False, True, False, False]
    assert [bool(row["error"]) for row in rows] == [False, True, False, True, True]
    assert "row 1 (from 0): column '留言' is empty" in rows[1]["error"]
    assert "row 3 (from 0): can't tell the language" in rows[3]["error"]
    for column in ("score", "scores", "truncated"):
        assert rows[1][column] in (None, "")


def test_a_row_that_the_model_cannot_be_asked_is_skipped_too(tmp_path: Path, run: Run) -> None:
    """Here options that are the same to its tokenizer."""
    card = tmp_path / "own.yaml"
    card.write_text(
        "{name: own, kind: multiple_choice, language: zh, question: 哪个？, options: 选项,"
        " answer: {column: 答案, is: index}, source: {files: {x: y}}}",
        encoding="utf-8",
    )
    path = tmp_path / "own.jsonl"
    rows = [{"选项": ["对", "错"]}, {"选项": ["龘", "靐"]}, {"选项": ["好", "坏"]}, {"选项": []}]
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    assert "row 3 (from 0)" in run(path, "--task", card)
    found = [json.loads(line) for line in run(path, "--task", card, "--on-error", "skip").splitlines()]
    assert [one["answer"] is None for one in found] == [False, True, False, True]
    assert [one["选项"] for one in found] == [row["选项"] for row in rows]
    assert found[0]["error"] is None
    assert "the same" in found[1]["error"]
    assert "no options" in found[3]["error"]


def test_a_broken_off_run_that_skips_goes_on_to_the_same_file(tmp_path: Path, run: Run) -> None:
    path, whole, again = (tmp_path / name for name in ("broken.csv", "whole.jsonl", "again.jsonl"))
    path.write_text(BROKEN, encoding="utf-8")
    given = path, "--text", "留言", "--options", "1,2", "--on-error", "skip", "--output"
    run(*given, whole)
    for lines in range(6):

        def broken(self: Part, rest: Any, lines: int = lines) -> int:
            with self.path.open("a", encoding="utf-8") as file:
                for _ in range(lines):
                    file.write(json.dumps(next(rest), ensure_ascii=False) + "\n")
            raise KeyboardInterrupt

        with mock.patch.object(Part, "append", broken), pytest.raises((KeyboardInterrupt, AssertionError)):
            run(*given, again)
        run(*given, again)
        assert again.read_bytes() == whole.read_bytes()
        again.unlink()


def test_a_run_that_ended_at_such_a_row_goes_on_where_rows_are_skipped(tmp_path: Path, run: Run) -> None:
    path, whole, again = tmp_path / "broken.csv", tmp_path / "whole.csv", tmp_path / "again.csv"
    path.write_text("编号,留言\n" + "1,你好\n" * 90 + "2,\n3,再见\n", encoding="utf-8")
    given = path, "--text", "留言", "--options", "1,2", "--output"
    assert "row 90 (from 0)" in run(*given, again, "--batch-size", 1)
    assert (part := again.with_name(".again.csv.part-0-of-1")).read_text(encoding="utf-8").count("\n") > 20
    assert "other settings left (on_error, question)" in run(*given, again, "--on-error", "skip", "--question", "?")
    assert part.exists()
    said = run(*given, again, "--on-error", "skip", "--batch-size", 1)
    assert said == f"91 answers written to {again}; 1 row has none, the column error says why\n"
    run(*given, whole, "--on-error", "skip", "--batch-size", 1)
    assert read_file(again) == read_file(whole)


def test_a_run_that_skipped_rows_is_not_gone_on_as_one_that_stops_at_them(tmp_path: Path) -> None:
    kept = Part(tmp_path / "a.csv", {"on_error": "skip"})
    kept.append(iter([{"error": "empty"}]))
    with pytest.raises(InputError, match="other settings left \\(on_error\\)"):
        Part(tmp_path / "a.csv", {"on_error": "stop"}, goes_on_from={"on_error": "stop"})


def test_texts_that_were_cut_are_counted_at_the_end(tmp_path: Path, run: Run) -> None:
    path, output = tmp_path / "long.csv", tmp_path / "out.csv"
    path.write_text("留言\n" + "快递晚了。" * 900 + "\n你好\n", encoding="utf-8")
    said = run(path, "--options", "物流,退款", "--output", output)
    assert said == (
        f"2 answers written to {output}; the text of 1 row was too long and cut (the column truncated); --windows max "
        "reads all of them\n"
    )
    assert [int(row["truncated"]) > 0 for row in read_file(output)] == [True, False]
    said = run(path, "--options", "物流,退款", "--windows", "max", "--output", output)
    assert said == f"2 answers written to {output}\n"
    assert [int(row["truncated"]) for row in read_file(output)] == [0, 0]


def test_a_column_error_of_the_users_own_is_not_taken_for_reasons(tmp_path: Path, run: Run) -> None:
    path, output = tmp_path / "a.csv", tmp_path / "out.csv"
    path.write_text("留言,error\n还没到货,E1\n灯坏了,E2\n", encoding="utf-8")
    assert run(path, *GIVEN, "--output", output) == f"2 answers written to {output}\n"


def test_two_runs_of_one_command_do_not_write_into_one_file(tmp_path: Path) -> None:
    rows = [{"n": str(number)} for number in range(6)]
    first = Part(tmp_path / "a.csv", {})
    begun = iter(rows)
    first.append(iter([next(begun), next(begun)]))
    second = Part(tmp_path / "a.csv", {})
    second.append(iter(rows[second.done : 3]))
    with pytest.raises(InputError, match="another run is writing it; wait for that one, or give another --output"):
        first.append(begun)
    second.append(iter(rows[3:]))
    assert second.join() == (6, [])
    assert [row["n"] for row in read_file(tmp_path / "a.csv")] == list("012345")


def test_a_column_that_is_empty_for_long_keeps_its_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In Parquet, where a column has one."""
    monkeypatch.setattr("unimc.commands.part_files._BATCH", 2)
    part = Part(tmp_path / "a.parquet", {})
    lines = [{"文": "天", "error": None, "scores": {"a": 1.0}}] * 5
    part.append(iter([*lines, {"文": "雨", "error": "为什么", "scores": None}]))
    assert part.join(("error", "scores", "没有")) == (6, [1, 5, 0])
    rows = read_file(tmp_path / "a.parquet")
    assert [row["error"] for row in rows] == [None] * 5 + ["为什么"]
    assert [row["scores"] for row in rows] == [{"a": 1.0}] * 5 + [None]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_rows_of_other_columns_and_halves_of_characters_are_written(suffix: str, tmp_path: Path, run: Run) -> None:
    path, output = tmp_path / "rows.jsonl", tmp_path / f"out.{suffix}"
    rows = [{"文": "天"}, {"文": "雨", "编号": 7, "半": "\ud83d"}, {"文": "雪"}]
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    run(path, "--text", "文", "--options", "天气,饮食", "--output", output)
    found = read_file(output)
    assert [row["文"] for row in found] == ["天", "雨", "雪"]
    assert str(found[1]["编号"]).startswith("7")
    assert found[1]["半"] == ("\ud83d" if suffix == "jsonl" else "\\ud83d")
    assert found[0].get("编号") in (None, "")


# ---- options from a file


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("a.txt", "\ufeff物流\n\n  退款 \n", ["物流", "退款"]),
        ("a.yaml", "物流: 快递的事\n退款:\n", {"物流": "快递的事", "退款": "退款"}),
        ("a.yml", "- yes\n- no\n- 1\n", {"yes": "yes", "no": "no", "1": "1"}),
        ("a.json", '{"a": "sport, and games", "b": "food"}', {"a": "sport, and games", "b": "food"}),
        ("a.json", '["a, b", "c"]', {"a, b": "a, b", "c": "c"}),
    ],
)
def test_options_are_read_from_a_file(name: str, content: str, options: Any, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert read_options(tmp_path / name) == options


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.txt", "\n \n", "the file has no options"),
        ("a.yaml", "", "the file has no options"),
        ("a.yaml", "{}", "the file has no options"),
        ("a.yaml", "物流", "expected a list of options"),
        ("a.yaml", "物流: [快递]", "every option is one text"),
        ("a.yaml", "- 物流: 快递", "every option is one text"),
        ("a.yaml", "物流: 1\n物流: 2", "key '物流' is given twice"),
        ("a.json", '["a", "a"]', "the option 'a' is there twice"),
        ("a.yaml", "物流: {", "not valid YAML"),
    ],
)
def test_a_file_that_holds_no_options_is_said(name: str, content: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=f"{name}.*{problem}"):
        read_options(tmp_path / name)
    with pytest.raises(InputError, match="there is no such file"):
        read_options(tmp_path / "没有.yaml")


def test_a_file_of_options_gives_names_and_wordings(mails: Path, tmp_path: Path, run: Run) -> None:
    options = tmp_path / "labels.yaml"
    options.write_text("物流: 物流\n退款: 退款\n账号: 账号\n", encoding="utf-8")
    same = "--text", "留言", "--options-file", options, "--question", "说的是什么？"
    assert run(mails, *same) == run(mails, *GIVEN)
    options.write_text("a: 快递的事\nb: 退钱的事\n", encoding="utf-8")
    assert {json.loads(line)["answer"] for line in run(mails, *same).splitlines()} <= {"a", "b"}


def test_the_first_rows_only_column_is_that_of_all_rows(tmp_path: Path, run: Run) -> None:
    path = tmp_path / "two.jsonl"
    path.write_text('{"文": "天"}\n{"别的": "雨"}\n', encoding="utf-8")
    said = run(path, "--options", "天气,饮食", "--language", "zh")
    assert "row 1 (from 0): no column '文'; the columns are: 别的" in said


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


@pytest.mark.parametrize(
    ("skip", "text", "problem"),
    [
        ("skip: {留言: ['', 无]},", "", "column '留言' is '', and the card leaves such rows out (skip)"),
        ("skip: {留言: ['', 无]},", "无", "column '留言' is '无', and the card leaves such rows out (skip)"),
        ("", "", "nothing to read in '留言'; give a text"),
        ("", "  ", "nothing to read in '留言'; give a text"),
        ("skip: {编号: ['1']},", "你好", None),  # what the card leaves out for another reason than its text
    ],
)
def test_a_row_without_a_text_gets_no_answer_by_a_card_either(
    skip: str, text: str, problem: str | None, tmp_path: Path, run: Run
) -> None:
    card, path = tmp_path / "card.yaml", tmp_path / "rows.csv"
    card.write_text(
        "{name: mails, kind: classification, language: zh, question: 说什么？, passage: '留言：{留言}',"
        f" source: {{files: {{x: y}}}}, {skip}"
        " labels: {column: 类别, values: {0: {name: 物流, wording: 快递的事}, 1: {name: 账号, wording: 账号的事}}}}",
        encoding="utf-8",
    )
    path.write_text(f"编号,留言\n0,还没到货\n1,{text}\n", encoding="utf-8")
    said = run(path, "--task", card)
    found = [json.loads(line) for line in run(path, "--task", card, "--on-error", "skip").splitlines()]
    assert (problem or "") in said
    assert [one["answer"] is None for one in found] == [False, problem is not None]
    assert problem is None or problem in found[1]["error"]


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
    arguments = ["predict", mails, *GIVEN, "--model", launching.sample_model(), "--output"]
    done = launching.run(str(door), *arguments, tmp_path / "2.csv", processes=2)
    assert done.returncode == 0, done.stderr
    said = terminal.unimc(*arguments, tmp_path / "1.csv")
    assert said.code == 0, said.err
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
        (("{}", "--options", "报修、缴费", "--text", "留言"), "'报修、缴费' is one option; put commas (, or ，)"),
        (("{}", "--options", "物流", "--text", "留言"), "one option is the answer whatever the text says"),
        (("{}", "--options", "物流，退款,物流", "--text", "留言"), "option '物流' is given twice"),
        (("{}", "--options", "物流,,退款", "--text", "留言"), "option 1 is empty"),
        (("{}",), "give either --options or --options-file (with --text), or --task"),
        (("{}", *GIVEN, "--options-file", "x.yaml"), "give either --options or --options-file"),
        (("{}", *GIVEN, "--json", "x.json"), "give one file"),
        (("{}", *GIVEN, "--threshold", "1.5"), "threshold is 1.5; it is a probability, from 0 to 1"),
        (("{}", *GIVEN, "--calibration", "新闻"), "no calibration '新闻' in this checkpoint; there is none"),
        (("{}", "--task", "sample_zh_topic", "--text", "留言"), "--text has no meaning with --task: the card says it"),
        (("{}", "--task", "sample_zh_topic", "--question", "?"), "--question has no meaning with --task"),
        (("{}", "--task", "sample_zh_topic", "--language", "zh"), "--language has no meaning with --task"),
        (("{}", *GIVEN, "--variant", "短"), "--variant has no meaning without --task; leave it out"),
        (("--json", "x.json", "--options", "a,b"), "--options has no meaning with --json: its rows say it"),
        (("{}", *GIVEN, "--windows", "all"), "windows is 'all'; use 'max', 'mean' or None"),
        (("{}", *GIVEN, "--on-error", "ignore"), "--on-error 'ignore': give stop or skip"),
        (("--json", "x.json", "--on-error", "skip"), "--on-error skip is for FILE"),
        (("{}", *GIVEN, "--backend", "tensorflow"), "backend 'tensorflow' is not known"),
        (("{}", *GIVEN, "--output", "answers.xlsx"), "must end in one of .jsonl, .csv, .tsv, .parquet"),
        (("没有.csv", *GIVEN), "没有.csv: there is no such file"),
    ],
)
def test_what_is_asked_wrongly_is_said(arguments: tuple[str, ...], problem: str, mails: Path, run: Run) -> None:
    assert problem in run(*(word.format(mails) for word in arguments))


@pytest.mark.parametrize("options", ["物流", "物流，退款,物流", "物流,,退款"])
def test_options_that_are_no_choice_are_said_before_a_model_is_looked_for(
    options: str, mails: Path, tmp_path: Path, run: Run
) -> None:
    said = run(mails, "--text", "留言", "--options", options, model=tmp_path / "nowhere")
    assert "option" in said
    assert "nowhere" not in said


def test_one_option_is_a_question_where_it_may_be_refused(mails: Path, run: Run) -> None:
    given = mails, "--text", "留言", "--options", "物流"
    for more in (("--threshold", "0.5"), ("--multi-label",)):
        assert len(run(*given, *more).splitlines()) == len(ROWS)


@pytest.mark.parametrize("header", ["编号;留言", "编号；留言", "编号|留言", "编号\t留言"])
@pytest.mark.parametrize("named", [(), ("--text", "留言")])
def test_columns_divided_by_other_marks_than_commas_are_said(
    header: str, named: tuple[str, ...], tmp_path: Path, run: Run
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"{header}\n1{header[2]}还没到货\n", encoding="utf-8")
    said = run(path, *named, "--options", "物流,退款")
    assert f"the header is one column, {header!r}, that {header[2]!r} seems to divide" in said
    assert len(run(path, "--text", header, "--options", "物流,退款").splitlines()) == 1, "named, it is what it is"


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
