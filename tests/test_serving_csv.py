"""The page's reader of tables, run by Node: no browser is needed for what touches no page."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from converters.files import read_file
from unimc.serving import page

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="Node is not installed")
RUN = """
const csv = await import(process.argv[1]);
const text = process.argv[2];
try { console.log(JSON.stringify(csv.table(text, process.argv[3] === "head", (n) => `column ${n}`))); }
catch (error) { console.log(JSON.stringify([error.word, error.values])); }
"""


def table(folder: Path, text: str, head: bool = True) -> Any:
    """What the page reads in a text, or the name and the values of what it says is wrong."""
    module = folder / "csv.mjs"  # by which Node knows that it imports and exports
    module.write_bytes((Path(page.__file__).parent / "csv.js").read_bytes())
    words = [str(NODE), "--input-type=module", "-e", RUN, "--", module.as_uri(), text, "head" if head else "none"]
    return json.loads(subprocess.run(words, capture_output=True, encoding="utf-8", timeout=60, check=True).stdout)


@pytest.mark.parametrize(
    "text",
    [
        "text\na\n\n\nb\n",
        "text\n\nb\n\n\n",
        "text\r\na\r\n\r\nb",
        'text\na\n""\n',
        "a,b\n\n1,2\n\n3,4\n",
        "text\na\n \nb\n",
    ],
)
def test_an_empty_line_is_a_cell_of_one_column_as_it_is_for_unimc_predict(text: str, tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text(text, encoding="utf-8", newline="")
    assert table(tmp_path, text)["rows"] == [list(row.values()) for row in read_file(file)]


def test_without_a_head_empty_lines_around_the_rows_are_none(tmp_path: Path) -> None:
    assert table(tmp_path, "\n\na\n\nb\n\n", head=False) == {"names": ["column 1"], "rows": [["a"], [""], ["b"]]}
    assert table(tmp_path, "\n\n", head=False) == {"names": [], "rows": []}


@pytest.mark.parametrize(("text", "row"), [('x\n\n"open', 3), ('a,b\n\n"open\n\nc', 2)])
def test_a_cell_that_is_never_closed_is_counted_among_the_rows(text: str, row: int, tmp_path: Path) -> None:
    assert table(tmp_path, text) == ["openQuote", {"n": row}]
