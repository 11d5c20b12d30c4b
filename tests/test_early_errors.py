"""A mistake in a name or a column is said at once, not after the seconds that it takes to import torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from unimc.cli import main
sys.argv = ["unimc", *sys.argv[1:]]
try:
    main()
except SystemExit as ended:
    print(ended.code, "torch" in sys.modules)
"""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("evaluate --tasks sample_zh_topc", "did you mean 'sample_zh_topic'"),
        ("evaluate --tasks sample_zh_intent:train --variant shrot", "did you mean 'short'"),
        ("evaluate --tasks sample_zh_intent:trian", "trian"),
        ("predict 来信.csv --text 信件 --options 维修,费用", "no column '信件'; the columns are: 编号, 来信"),
        ("predict letters.csv --options repair,fee", "there is no such file"),
    ],
)
def test_a_mistake_that_needs_no_model_is_said_before_torch_is_loaded(words: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "来信.csv").write_text("编号,来信\n1,走廊的灯坏了\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", PROGRAM, *words.split()],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert said in done.stderr
    assert done.stdout.split() == ["2", "False"]
