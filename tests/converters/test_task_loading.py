"""Rows come from the task, from local files, or from the hub, and what is wrong with them is said."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from converters import Task, held_out
from converters.files import count_rows, read_file
from converters.streaming import stream
from unimc import InputError

ROWS = [
    {"正文": "这家店的面很好吃", "标签": "好"},
    {"正文": "等了一小时，汤是冷的", "标签": "坏"},
    {"正文": 'He said "never again", and left', "标签": "坏"},
]


def task(**more: Any) -> Task:
    """A task in Chinese over the columns 正文 and 标签."""
    settings: dict[str, Any] = {
        "name": "餐馆",
        "kind": "classification",
        "language": "zh",
        "passage": "{正文}",
        "labels": {"column": "标签", "values": {"好": "好评", "坏": "差评"}},
    }
    return Task(**{**settings, **more})


def put(path: Path, text: str) -> Path:
    """Write a text file, gzipped if the name says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text.encode("utf-8")
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def lines(rows: Sequence[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    quoted = [",".join('"' + str(value).replace('"', '""') + '"' for value in row.values()) for row in rows]
    return "\n".join([",".join(rows[0]), *quoted]) + "\n"


def as_tsv(rows: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(["\t".join(rows[0]), *("\t".join(map(str, row.values())) for row in rows)]) + "\n"


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("jsonl", lines(ROWS)),
        ("json", json.dumps(ROWS, ensure_ascii=False, indent=1)),
        ("json", lines(ROWS)),
        ("csv", as_csv(ROWS)),
        ("csv", "\ufeff" + as_csv(ROWS)),
        ("tsv", as_tsv(ROWS)),
    ],
)
def test_every_format_gives_the_same_examples(tmp_path: Path, kind: str, content: str, suffix: str) -> None:
    put(tmp_path / f"zh/餐馆/train.{kind}{suffix}", content)
    examples = task().load("train", tmp_path)
    assert [example.passage for example in examples] == [row["正文"] for row in ROWS]
    assert [example.label for example in examples] == [0, 1, 1]
    assert [example.id for example in examples] == ["train/0", "train/1", "train/2"]


def test_parquet_gives_the_same_examples(tmp_path: Path) -> None:
    from datasets import Dataset

    (tmp_path / "a[1]*/zh/餐馆").mkdir(parents=True)
    Dataset.from_list(ROWS).to_parquet(str(tmp_path / "train.parquet"))
    (tmp_path / "train.parquet").rename(tmp_path / "a[1]*/zh/餐馆/train.parquet")
    assert [example.passage for example in task().load("train", tmp_path / "a[1]*")] == [row["正文"] for row in ROWS]


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl"])
def test_texts_stay_as_they_stand_in_the_file(tmp_path: Path, kind: str) -> None:
    rows = [{"a": "007", "b": "NA"}, {"a": "2020-01-01", "b": " null"}, {"a": "1e3", "b": "True"}]
    content = lines(rows) if kind == "jsonl" else as_csv(rows) if kind == "csv" else as_tsv(rows)
    assert read_file(put(tmp_path / f"x.{kind}", content)) == rows


def test_an_empty_line_of_a_single_column_is_an_empty_cell(tmp_path: Path) -> None:
    """As spreadsheets write it; in a table of several columns an empty line is no row."""
    assert read_file(put(tmp_path / "one.csv", "正文\n汤\n\n雨\n\n")) == [{"正文": text} for text in ("汤", "", "雨")]
    assert read_file(put(tmp_path / "two.csv", "a,b\n1,2\n\n3,4\n")) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


@pytest.mark.parametrize("name", ["评论.tsv.csv", "a.jsonl.csv", "UP.CSV", "up.CSV.GZ"])
def test_the_end_of_a_name_tells_the_format_whatever_stands_before(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(b"a,b\n1,2\n") if name.endswith("GZ") else b"a,b\n1,2\n")
    assert read_file(path) == list(stream(path)) == [{"a": "1", "b": "2"}]


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    path = put(tmp_path / "x.jsonl.gz", lines(ROWS))
    assert len(read_file(path)) == 3
    put(path, lines(ROWS[:1]))
    assert len(read_file(path)) == 1


def test_the_folder_may_be_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "elsewhere/train.jsonl", lines(ROWS))
    monkeypatch.setenv("UNIMC_DATA_DIR", str(tmp_path))
    assert len(task(source={"folder": "elsewhere"}).load("train")) == 3


def test_a_card_of_ones_own_names_files_beside_it(tmp_path: Path) -> None:
    put(tmp_path / "mine.csv", "text,label\nit leaks,bad\nit holds,good\n")
    card = put(
        tmp_path / "mine.yaml",
        "name: mine\nlanguage: en\nkind: classification\npassage: '{text}'\nsource: {files: {train: mine.csv}}\n"
        "labels: {column: label, values: {good: it works, bad: it is broken}}\n",
    )
    assert [example.label for example in Task.from_file(card).load("train")] == [1, 0]
    with pytest.raises(InputError, match="no split 'test'; there are: train"):
        Task.from_file(card).load("test")


def test_a_task_may_carry_its_rows() -> None:
    loaded = task(rows={"train": ROWS}).read("train")
    assert (loaded.rows, len(loaded.examples), loaded.merged, loaded.skipped) == (3, 3, 0, 0)


def test_a_limit_draws_rows_by_seed_in_the_files_order() -> None:
    many = task(rows={"train": [{"正文": f"第{number}句", "标签": "好"} for number in range(50)]})
    first = [example.id for example in many.load("train", limit=10)]
    assert first == [example.id for example in many.load("train", limit=10, seed=0)]
    assert first != [example.id for example in many.load("train", limit=10, seed=1)]
    assert first == sorted(first, key=lambda name: int(name.split("/")[1]))
    assert len(many.load("train", limit=500)) == 50
    with pytest.raises(InputError, match="limit is 0"):
        many.load("train", limit=0)


def test_rows_left_out_on_purpose_are_counted() -> None:
    rows = [*ROWS, {"正文": "不清楚", "标签": "-1"}]
    with pytest.raises(InputError, match="skips by the column '标签二', which is not there"):
        task(rows={"train": rows}, skip={"标签二": [-1]}).read("train")
    loaded = task(rows={"train": rows}, skip={"标签": [-1]}).read("train")
    assert (loaded.rows, len(loaded.examples), loaded.skipped) == (4, 3, 1)


def test_merged_rows_are_counted() -> None:
    rows = [{"q": "?", "o": ["x", "x", "y"], "a": 2}, {"q": "?", "o": ["x", "y"], "a": 0}]
    carried = Task(
        name="t",
        kind="multiple_choice",
        question="{q}",
        options="o",
        answer={"column": "a", "is": "index"},
        rows={"test": rows},
    )
    assert carried.read("test").merged == 1


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("train.jsonl", "", "train.jsonl: the file has no rows"),
        ("train.csv", "", "train.csv: the file has no rows"),
        ("train.csv", "正文,标签\n", "train.csv: the file has no rows"),
        ("train.jsonl", '{"正文": "好"}\n', r"from the column '标签', which is not there; the columns are: 正文"),
        ("train.jsonl", '{"标签": "好"}\n', r"train/0 .*no column '正文'; the columns are: 标签"),
        ("train.jsonl", '{"正文": "好", "标签": "好"}\n{"正文": \n', r"train.jsonl, line 2: not valid JSON"),
        ("train.json", '[{"正文": "好"},\n{"正文" "坏"}]', r"train.json, line 2: not valid JSON"),
        (
            "train.jsonl",
            '{"正文": "好"}\n{"正文": ' + "9" * 5000 + "}",
            r"line 2: not valid JSON: a number of too many",
        ),
        ("train.json", "[" * 100_000, r"train.json, line 1: not valid JSON: .*lists in lists too deep"),
        ("train.jsonl", "[1, 2]", "row 0 .* is int, not an object"),
        (
            "train.csv",
            "正文,标签\n好吃,便宜,好\n",
            r"train.csv, line 2: 3 cells for 2 columns \(正文, 标签\).*double quotes",
        ),
        (
            "train.tsv",
            "正文\t标签\n好吃\n",
            r"train.tsv, line 2: 1 cells for 2 columns.*neither a tab nor a line break",
        ),
        (
            "train.csv",
            "正文；标签\n好吃,真的；好\n",
            r"2 cells for 1 columns.*divided by '；': save the file with commas",
        ),
        ("train.csv", '正文,标签\n"好吃,好\n', r"train.csv, line 2: not a valid table"),
        ("train.csv", "正文,正文\n好吃,好\n", "the column '正文' is there twice"),
        ("train.parquet", "no parquet", "train.parquet: not a valid Parquet file"),
        (
            "train.jsonl",
            '{"正文": "好", "标签": "中"}\n',
            r"row train/0 .*'标签' is '中', which is none of the labels \(好, 坏\)",
        ),
        ("train.jsonl", '{"正文": null, "标签": "好"}\n', r"row train/0 .*column '正文' is empty"),
        ("test.jsonl", lines(ROWS), "no split 'train' in .*餐馆; there are: test"),
        ("train.txt", "x", "no split 'train' in .*餐馆; there are: none"),
        ("train.json", '{"text": ["a", "b"], "label": [0, 1]}', "train.json: holds one object, not rows"),
        ("train.json", '{"data": [{"text": "a"}]}', "train.json: holds one object, not rows"),
        ("train.jsonl", '{"正文": "a"}\n{"正文": "b", "正文": "c"}', "line 2: the key '正文' is given twice; keep one"),
        ("train.csv", '正文,标签\n好, "a, b"\n', "a cell in double quotes begins with the quote: remove the blank"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(tmp_path: Path, name: str, content: str, problem: str) -> None:
    put(tmp_path / "zh/餐馆" / name, content)
    with pytest.raises(InputError, match=problem):
        task().load("train", tmp_path)


CHINESE = "编号,标签\n1,好\n2,“这家店的面很好吃，下次还来。”\n"
TRADITIONAL = "編號,標籤\n1,好\n2,「這家店的麵很好吃，下次還來。」\n"


@pytest.mark.parametrize(
    ("encoding", "text", "line"),
    [
        ("GB18030", CHINESE, 1),
        ("GB18030", CHINESE.replace("编号,标签", "id,text"), 2),
        ("Big5", TRADITIONAL, 1),
        ("UTF-16", CHINESE, 1),
        ("UTF-16LE", "\ufeffid,text\n1,the café is closed\n", 1),
        ("UTF-16LE", "id,text\n1,the shop is closed\n", 1),
        ("UTF-16BE", "id,text\n1,the shop is closed\n", 1),
        ("Windows-1252", "id,text\n1,the café is closed\n2,it’s open\n", 2),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_wrong_encoding_is_named_and_the_line_that_converts_it_works(
    tmp_path: Path, encoding: str, text: str, line: int, suffix: str
) -> None:
    path = tmp_path / f"用户 's.v2.csv{suffix}"
    content = text.encode(encoding)
    path.write_bytes(gzip.compress(content) if suffix else content)
    with pytest.raises(
        InputError, match=rf"csv{suffix}, line {line}: cannot be read as UTF-8 text: it looks like"
    ) as e:
        read_file(path)
    said = str(e.value)
    assert "\n" not in said
    assert encoding.removesuffix("LE") in said
    new = path.with_name("用户 's.utf8.v2.csv")
    commands = [["sh", "-c", said.partition("`")[2].partition("`")[0]]] if shutil.which("iconv") else []
    for command in [*commands, [sys.executable, "-c", said.partition("in Python: ")[2]]]:
        subprocess.run(command, check=True)
        assert new.read_text(encoding="utf-8-sig") == text.removeprefix("\ufeff")
        assert len(read_file(new)) == text.count("\n") - 1
        new.unlink()


def test_bytes_in_no_likely_encoding_are_not_given_one(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"id,text\n1,\x81\x8d\xff\x90\n")
    with pytest.raises(InputError, match="line 2: cannot be read as UTF-8 text: its encoding can't be told"):
        read_file(tmp_path / "x.csv")


@pytest.mark.parametrize("damage", [lambda data: data[:-20], lambda data: data[:10] + b"\xff" * 40, lambda _: b"no"])
def test_a_broken_gzip_file_is_said(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(damage(gzip.compress(lines(ROWS).encode())))
    with pytest.raises(InputError, match=r"x\.jsonl\.gz: cannot be read"):
        count_rows(path)
    with pytest.raises(InputError, match=r"x\.jsonl\.gz: cannot be read"):
        read_file(tmp_path / "x.jsonl.gz")


def test_two_files_of_one_split_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "zh/餐馆/train.jsonl", lines(ROWS))
    put(tmp_path / "zh/餐馆/train.csv", as_csv(ROWS))
    with pytest.raises(InputError, match=r"train\.csv and train\.jsonl are both split 'train'"):
        task().load("train", tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no folder .*zh/餐馆; check --data-dir"):
        task().load("train", tmp_path)
    with pytest.raises(InputError, match="itself is not a folder"):
        task().load("train", tmp_path / "nowhere")


def test_rows_without_the_label_column_are_read_when_asked_for(tmp_path: Path) -> None:
    put(tmp_path / "zh/餐馆/train.jsonl", '{"正文": "好吃"}\n')
    assert task().load("train", tmp_path, unlabelled=True)[0].label is None


def test_an_id_given_twice_is_refused() -> None:
    with pytest.raises(InputError, match=r"rows 1 and 2 \(from 0\) both have the id 'train/坏'"):
        task(rows={"train": ROWS}, id="{标签}").load("train")


def test_an_unlabelled_split_is_refused() -> None:
    with pytest.raises(InputError, match="split 'test' has no labels; labelled are: train"):
        task(source={"hub": "someone/something"}, splits={"train": "train", "test": None}).load("test")


def test_an_unlabelled_split_is_read_when_asked_for_and_can_be_held_out(tmp_path: Path) -> None:
    put(tmp_path / "zh/餐馆/train.jsonl", "\n".join(f'{{"正文": "第{n}家好吃", "标签": "好"}}' for n in range(4)))
    put(tmp_path / "zh/餐馆/test.jsonl", '{"正文": "第2家，好吃！"}\n')
    card = task(source={"folder": "zh/餐馆"}, splits={"train": "train", "test": None})
    assert card.load("test", tmp_path, unlabelled=True)[0].label is None
    index = held_out.index([card], tmp_path, None, None)
    assert [bool(found) for found in index.search(card.load("train", tmp_path))] == [True] * 4  # its one labelled split
    copy = tmp_path / "card.yaml"
    copy.write_text(
        "{name: 餐馆, kind: classification, language: zh, passage: '{正文}', source: {folder: zh/餐馆},"
        " splits: {train: train, test: null}, labels: {column: 标签, values: {好: 好评, 坏: 差评}}}",
        encoding="utf-8",
    )
    index = held_out.index([f"{copy}:test"], tmp_path, None, None)
    assert [bool(found) for found in index.search(card.load("train", tmp_path))] == [False, False, True, False]


class TestWithoutLocalFiles:
    """The hub is asked when there is neither a data folder nor the environment variable."""

    @pytest.fixture(autouse=True)
    def _no_folder(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("UNIMC_DATA_DIR", raising=False)

    def test_a_hub_out_of_reach_says_what_to_do(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def unreachable(*_: object, **__: object) -> None:
            raise ConnectionError("no route")

        monkeypatch.setattr("datasets.load_dataset", unreachable)
        with pytest.raises(InputError, match=r"someone/餐馆 .*no route.*--data-dir or set UNIMC_DATA_DIR"):
            task(source={"hub": "someone/餐馆"}, splits={"train": "train"}).load("train")

    def test_rows_of_the_hub_are_limited_and_skipped_like_any(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from datasets import Dataset

        asked: list[object] = []

        def hub(*names: object, split: str) -> Dataset:
            asked.extend([*names, split])
            return Dataset.from_list([*ROWS, {"正文": "不清楚", "标签": "-1"}])

        monkeypatch.setattr("datasets.load_dataset", hub)
        wanted = task(source={"hub": "someone/餐馆", "config": "zh"}, splits={"validation": "dev"}, skip={"标签": [-1]})
        loaded = wanted.read("validation", limit=2)
        assert asked == ["someone/餐馆", "zh", "dev"]
        assert (loaded.rows, len(loaded.examples), loaded.skipped) == (4, 2, 1)

    def test_a_split_of_the_folder_alone_asks_for_the_folder(self) -> None:
        with pytest.raises(
            InputError, match="split 'extra' of task 餐馆 is only read from local files; give --data-dir"
        ):
            task(source={"hub": "someone/餐馆", "folder_splits": ["extra"]}, splits={"train": "train"}).load("extra")

    def test_a_task_without_any_source_asks_for_the_folder(self) -> None:
        with pytest.raises(InputError, match="task 餐馆 is only read from local files"):
            task(splits={"train": "train"}).load("train")


def test_what_is_missing_and_the_word_for_it_are_two_things(tmp_path: Path) -> None:
    """None is a stance too; and null may be skipped without it."""
    own = task(
        labels={"column": "标签", "values": {"None": "没有立场", "for": "支持"}},
        skip={"标签": [None]},
        source={"files": {"train": "a.jsonl"}},
        path=tmp_path / "card.yaml",
    )
    rows = [{"正文": "我赞成", "标签": "for"}, {"正文": "随便", "标签": "None"}, {"正文": "不知道", "标签": None}]
    put(tmp_path / "a.jsonl", lines(rows))
    assert [one.names[one.label or 0] for one in own.load("train")] == ["for", "None"]


def test_a_cell_that_pandas_calls_nan_is_missing_and_no_text(tmp_path: Path) -> None:
    own = task(source={"files": {"train": "a.jsonl"}}, path=tmp_path / "card.yaml")
    put(tmp_path / "a.jsonl", '{"正文": NaN, "标签": "好"}\n')
    with pytest.raises(InputError, match="column '正文' is empty"):
        own.load("train")
