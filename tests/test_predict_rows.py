"""`unimc predict` on rows and runs that are not alike: types, columns, changed cards and models, breaks at the end."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest import mock

import launching
import pyarrow as pa
import pytest
import terminal
from pyarrow import parquet

from converters.files import read_file
from unimc.checkpoint import load
from unimc.commands.part_files import SUFFIXES, Part

Run = Callable[..., str]
CARD = (
    "{name: mails, kind: classification, language: zh, question: 说什么？, passage: '{留言}', source: {files: {x: y}},"
    " labels: {column: 类别, values: {0: {name: 物流, wording: 快递的事}, 1: {name: 账号, wording: 账号的事}}}}"
)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `unimc predict`; what it says: on standard output, and on standard error if it failed or notes something."""
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")

    def of(*arguments: object, model: Path | None = None) -> str:
        said = terminal.unimc("predict", *arguments, "--model", model or launching.sample_model())
        assert said.code in (0, 2)
        return said.out + said.err

    return of


def json_lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def broken_off(run: Run, *arguments: object, model: Path | None = None) -> None:
    """A run that ends before its output is made of its answers."""
    with (
        mock.patch.object(Part, "join", side_effect=KeyboardInterrupt),
        pytest.raises((KeyboardInterrupt, AssertionError)),
    ):
        run(*arguments, model=model)


# ---- a run goes on only with what it began with


def test_a_card_that_was_changed_does_not_go_on_from_the_answers_of_the_old_one(tmp_path: Path, run: Run) -> None:
    mails = json_lines(tmp_path / "mails.jsonl", [{"留言": "还没到货"}, {"留言": "密码忘了"}])
    card, output = tmp_path / "card.yaml", tmp_path / "out.jsonl"
    asked = mails, "--task", card, "--output", output
    card.write_text(CARD, encoding="utf-8")
    broken_off(run, *asked)
    card.write_text(CARD.replace("快递的事", "送货的事"), encoding="utf-8")
    assert "is what a run with other settings left (card); remove it" in run(*asked)
    card.write_text("# 只是一句话\n" + CARD, encoding="utf-8")
    assert "going on after 2 rows" in run(*asked)


def test_a_model_that_was_trained_again_does_not_go_on_from_the_answers_of_the_old_one(
    tmp_path: Path, run: Run
) -> None:
    mails = json_lines(tmp_path / "mails.jsonl", [{"text": "still waiting"}])
    model, output = tmp_path / "model", tmp_path / "out.jsonl"
    asked = mails, "--options", "delivery,password", "--output", output
    shutil.copytree(launching.sample_model(), model)
    broken_off(run, *asked, model=model)
    checkpoint = load(model)
    next(checkpoint.model.parameters()).data.add_(0.01)
    checkpoint.save(model)
    assert "is what a run with other settings left (weights); remove it" in run(*asked, model=model)
    output.with_name(".out.jsonl.part-0-of-1").unlink()
    assert "1 answers written" in run(*asked, model=model)


def test_rows_that_were_changed_do_not_go_on_though_the_file_is_as_long_as_before(tmp_path: Path, run: Run) -> None:
    mails, output = tmp_path / "mails.jsonl", tmp_path / "out.jsonl"
    asked = mails, "--options", "delivery,password", "--output", output
    json_lines(mails, [{"text": "still waiting"}])
    broken_off(run, *asked)
    json_lines(mails, [{"text": "still writing"}])
    assert "is what a run with other settings left (rows); remove it" in run(*asked)


# ---- values that JSON has no form for


@pytest.mark.parametrize("output", [None, *SUFFIXES])
def test_dates_decimals_and_bytes_of_a_parquet_file_come_back_as_text(
    output: str | None, tmp_path: Path, run: Run
) -> None:
    path = tmp_path / "mails.parquet"
    columns = {
        "留言": ["还没到货", "密码忘了"],
        "日": [date(2024, 2, 29), None],
        "时": [datetime(2024, 2, 29, 23, 5), None],
        "区": [datetime(2024, 2, 29, 23, 5, tzinfo=UTC), None],
        "钟": [time(23, 5), None],
        "价": [Decimal("12.50"), None],
        "久": [timedelta(hours=2), None],
        "图": [b"\x00\xff", None],
        "列": [[{"日": date(2024, 2, 29)}], None],
    }
    parquet.write_table(pa.table(columns), path)
    asked = path, "--text", "留言", "--options", "物流,账号"
    if output is None:
        rows: Any = [json.loads(line) for line in run(*asked).splitlines()]
    else:
        assert "2 answers written" in run(*asked, "--output", tmp_path / f"out{output}")
        rows = read_file(tmp_path / f"out{output}")
    said = {
        "日": "2024-02-29",
        "时": "2024-02-29T23:05:00",
        "区": "2024-02-29T23:05:00+00:00",
        "钟": "23:05:00",
        "价": "12.50",
        "久": "2:00:00",
        "图": "AP8=",
        "列": [{"日": "2024-02-29"}],
    }
    found = {column: rows[0][column] for column in said}
    if output in (".csv", ".tsv"):
        found["列"] = json.loads(found["列"])
    assert found == said
    assert all(rows[1][column] in (None, "") for column in said)


# ---- columns that no type of Parquet holds


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([1, "a2", None], ["1", "a2", None]),
        ([1, 2, 3, 4, "五"], ["1", "2", "3", "4", "五"]),  # from the second batch on, as in the next
        ([1, 2, 3, {"a": 1}], ["1", "2", "3", '{"a": 1}']),
        ([{"a": 1}, {"a": 2}, {"a": "三"}], ['{"a": 1}', '{"a": 2}', '{"a": "三"}']),
        ([{}, {}, None], ["{}", "{}", None]),
        ([[{}], []], ["[{}]", "[]"]),
        ([True, 2], ["true", "2"]),
        ([2**70, None], [str(2**70), None]),
        ([2**53 + 1, 7, 0.5], [str(2**53 + 1), "7", "0.5"]),
        ([{str(number): number} for number in range(9)], [f'{{"{number}": {number}}}' for number in range(9)]),
    ],
)
def test_a_column_that_no_type_holds_is_written_as_text(
    values: list[Any], text: list[str | None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unimc.commands.part_files._BATCH", 2)
    monkeypatch.setattr("unimc.commands.part_files._MOST_FIELDS", 8)
    part = Part(tmp_path / "a.parquet", {})
    part.append(iter([{"编号": value, "n": number} for number, value in enumerate(values)]))
    assert part.join() == (len(values), [])
    assert part.as_text == ["编号"]
    assert read_file(tmp_path / "a.parquet") == [{"编号": one, "n": number} for number, one in enumerate(text)]


@pytest.mark.parametrize(
    ("values", "written"),
    [
        ([None, None, None, 1], [None, None, None, 1]),
        ([1, 2, 0.5], [1.0, 2.0, 0.5]),
        ([{"a": 1}, None, {"b": "x"}], [{"a": 1, "b": None}, None, {"a": None, "b": "x"}]),
        ([[], [], ["x"]], [[], [], ["x"]]),
    ],
)
def test_a_column_that_a_type_holds_keeps_it(
    values: list[Any], written: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("unimc.commands.part_files._BATCH", 2)
    part = Part(tmp_path / "a.parquet", {})
    part.append(iter([{"c": value} for value in values]))
    part.join()
    assert part.as_text == []
    assert [row["c"] for row in read_file(tmp_path / "a.parquet")] == written


def test_a_column_that_became_text_is_said(tmp_path: Path, run: Run) -> None:
    rows = json_lines(tmp_path / "rows.jsonl", [{"id": 1, "text": "rain"}, {"id": "a2", "text": "soup"}])
    output = tmp_path / "out.parquet"
    said = run(rows, "--text", "text", "--options", "weather,food", "--output", output)
    assert "note: no Parquet type holds all values of the column 'id'; it is text" in said
    assert [row["id"] for row in read_file(output)] == ["1", "a2"]


# ---- tables


def test_a_tab_in_a_columns_name_becomes_a_blank_as_in_a_cell(tmp_path: Path) -> None:
    part = Part(tmp_path / "a.tsv", {})
    part.append(iter([{"a\tb": "x\ty"}]))
    assert part.join() == (1, [])
    assert read_file(tmp_path / "a.tsv") == [{"a b": "x y"}]


def test_a_lone_carriage_return_does_not_end_a_row(tmp_path: Path) -> None:
    rows = [{"文": "天\r雨", "n": "1"}, {"文": "雪", "n": "2"}]
    part = Part(tmp_path / "a.csv", {})
    part.append(iter(rows))
    assert part.join() == (2, [])
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        assert list(csv.DictReader(file)) == rows


# ---- columns of a new one's name


@pytest.mark.parametrize("skip", [(), ("--on-error", "skip")])
@pytest.mark.parametrize("name", ["answer", "score", "top"])
def test_no_row_loses_a_column_of_its_own_to_a_new_one(
    name: str, skip: tuple[str, ...], tmp_path: Path, run: Run
) -> None:
    rows = json_lines(tmp_path / "rows.jsonl", [{"text": "rain"}, {"text": "soup", name: "mine"}])
    asked = rows, "--text", "text", "--options", "weather,food", "--top-k", 1, *skip
    said = run(*asked, "--output", tmp_path / "out.csv")
    assert f"rows.jsonl: row 1 (from 0): there is a column '{name}' already; give another --prefix" in said
    assert [path.name for path in tmp_path.iterdir()] == ["rows.jsonl"]  # it was said before anything was answered
    found = [json.loads(line) for line in run(*asked, "--prefix", "unimc_").splitlines()]
    assert found[1][name] == "mine"
    assert found[1][f"unimc_{name}"] != "mine"
