"""A table on the page, in a headless Chromium: read as spreadsheets write it, answered row by row, downloaded."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import serving
import tiny
from browsing import BOTH, NEEDED, SAMPLES, Page
from hypothesis import given, settings
from hypothesis import strategies as st
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from unimc import UniMC

pytestmark = NEEDED


@pytest.fixture(scope="module")
def model() -> UniMC:
    return UniMC(tiny.checkpoint("bert"))


@pytest.fixture(scope="module")
def address(model: UniMC) -> Iterator[str]:
    with serving.running(model, text=300) as (found, _):
        yield found


@BOTH
def test_a_table_is_answered_row_by_row_and_downloaded(
    browser: Any, address: str, model: UniMC, downloads: Path, language: str
) -> None:
    shown = Page(browser, address, language)
    _, question, options = SAMPLES[language]
    shown.put("question-A", question)
    shown.put("options-A", "\n".join(options))
    head = {"en": ["id", "message", "answer"], "zh": ["编号", "留言", "answer"]}[language]
    soup, wall, rain = {
        "en": ("The soup, it was cold", 'the "old" wall', "rain\nand snow"),
        "zh": ("汤，不好", "有“雨”", "足球\n很好"),
    }[language]
    texts = [soup, wall, "", rain]
    texts += ["x" * 301, *(f"{texts[0]} {number}" for number in range(40))]
    rows = [[str(number), text, "old"] for number, text in enumerate(texts)]
    given_table = io.StringIO()
    csv.writer(given_table).writerows([head, *rows])
    browser.execute_script(
        "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))",
        shown["csv"],
        given_table.getvalue(),
    )
    assert Select(shown["column"]).first_selected_option.text == head[1]
    shown["run"].click()
    shown.shown("download").click()
    file = downloads / "unimc.csv"
    shown.until(file.is_file)
    read = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8-sig"), newline="")))
    file.unlink()
    assert list(read[0]) == [*head, "answer_2", "score", "scores", "truncated", "error"]
    for row, text in zip(read, texts, strict=True):
        assert row[head[1]] == text
        if text and len(text) < 301:
            expected = model.classify(text, options, question=question)
            assert row["answer_2"] == expected.answer
            assert float(row["score"]) == pytest.approx(max(expected.scores), abs=1e-4)
            assert list(json.loads(row["scores"])) == options
        else:
            assert row["error"]
            assert row["answer_2"] == ""
    assert len(browser.find_elements(By.CSS_SELECTOR, "#table tbody tr")) == len(texts)
    assert "43" in shown["progress-text"].text
    assert shown.complaints() == []


def test_a_row_that_the_server_refuses_costs_no_other_row_its_answer(browser: Any, address: str) -> None:
    shown = Page(browser, address, "en")
    shown.put("options-A", "1\n2")  # the language of a text that has no letter can't be told
    shown.put("question-A", "")
    shown.put("csv", "text\nthe soup\n1234\nthe rain\n")
    shown["run"].click()
    shown.shown("download")
    answers = [row.text for row in browser.find_elements(By.CSS_SELECTOR, "#table tbody tr")]
    assert "can't tell the language" in answers[1]
    assert all(answers[place].endswith("%") for place in (0, 2))


def test_a_file_as_spreadsheets_in_chinese_write_it_is_read(browser: Any, address: str, tmp_path: Path) -> None:
    shown = Page(browser, address, "zh")
    for encoding in ("utf-8", "utf-8-sig", "gb18030"):
        file = tmp_path / f"{encoding}.csv"
        file.write_text("编号;留言\r\n1;今天的汤不好\r\n", encoding=encoding, newline="")
        shown["file"].send_keys(str(file))
        shown.until(lambda name=file.name: shown["file-name"].text == name)
        assert [option.text for option in Select(shown["column"]).options] == ["编号", "留言"]
        assert ("GB18030" in shown["count"].text) == (encoding == "gb18030")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('id,text\n1,"open', "A quoted cell that begins in row 2 is never closed."),
        ("id,text\n1,a,b", "Row 2 has 3 cells, but there are 2 columns."),
        ("id,text\n", "There are no rows below the column names."),
    ],
)
def test_what_is_no_table_is_said(browser: Any, address: str, table: str, said: str) -> None:
    shown = Page(browser, address, "en")
    shown.put("csv", table)
    assert shown["csv-problem"].text == said
    assert not shown["run"].is_enabled()


cells = st.text(st.sampled_from('ab汤 ,;\t"\n\r'), max_size=5)
tables = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=5)
)


def test_tables_are_read_and_written_like_python_does(browser: Any, address: str) -> None:
    Page(browser, address, "en")

    @given(tables)
    @settings(max_examples=60, deadline=None)
    def alike(rows: list[list[str]]) -> None:
        rows = [["a,b", "a;b", *row] for row in rows]  # with these the separator is told, and no row is an empty line
        written = io.StringIO()
        csv.writer(written, quoting=csv.QUOTE_ALL).writerows(rows)
        read, again = browser.execute_async_script(
            """const [text, rows, done] = arguments;
            import('/static/csv.js').then((csv) => done([csv.parse(text), csv.written(rows[0], rows.slice(1))]))""",
            written.getvalue(),
            rows,
        )
        assert read == rows
        assert list(csv.reader(io.StringIO(again.removeprefix("\ufeff"), newline=""))) == rows

    alike()
