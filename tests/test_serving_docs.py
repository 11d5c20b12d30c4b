"""What docs/serving.md and its Chinese sister show is true: every request is answered, every figure is the default."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from inspect import signature
from pathlib import Path
from urllib.request import urlopen

import pytest
import serving
import tiny

from unimc import UniMC
from unimc.answers import Answers
from unimc.checkpoint import Checkpoint
from unimc.commands.serve import serve
from unimc.modeling import UniMCModel
from unimc.serving.schema import Answer, Asked

ROOT = Path(__file__).parents[1]
PAGES = pytest.mark.parametrize("page", ["docs/serving.md", "docs/serving.zh.md"])


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Of a server whose tiny model knows the characters of the page."""
    tokenizer = tiny.wordpiece(
        han="".join(sorted({"是", "非", *re.findall(r"[^\x00-\x7f]", text("docs/serving.zh.md"))}))
    )
    backbone = tiny.new_backbone("bert", vocab_size=len(tokenizer))
    model = UniMC(Checkpoint(UniMCModel(backbone), tokenizer, Answers.look_up(tokenizer), tiny.POSITIONS))
    with serving.running(model) as (found, _):
        yield found


def blocks(page: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", text(page), re.MULTILINE | re.DOTALL)


@PAGES
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_request_that_is_shown_is_answered(page: str, address: str) -> None:
    lines = "".join(blocks(page, "console")).splitlines()
    assert len(lines) == 5
    for line in lines:
        words = shlex.split(line.removeprefix("$ ").replace("http://127.0.0.1:8000", address))
        done = subprocess.run([*words, "-sf"], capture_output=True, encoding="utf-8", timeout=30, check=True)
        if "classify" in line:
            asked = json.loads(words[-1])
            found = json.loads(done.stdout)
            found = [found] if isinstance(asked["texts"], str) else found
            assert [one["names"] for one in found] == [list(asked["options"])] * len(found)


@PAGES
def test_the_program_that_is_shown_prints_answers(page: str, address: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = blocks(page, "python")[0].replace("http://127.0.0.1:8000", address)
    exec(compile(code, page, "exec"), {})
    assert len(capsys.readouterr().out.splitlines()) == 2


@PAGES
def test_every_limit_and_field_stands_there_as_it_is(page: str) -> None:
    limits = dict(re.findall(r"^\| `(--max-[\w-]+)` \| ([\d,]+) \|", text(page), re.MULTILINE))
    defaults = {
        f"--{name.replace('_', '-')}": f"{parameter.default:,.0f}"
        for name, parameter in signature(serve).parameters.items()
        if name.startswith("max_")
    }
    assert limits == defaults
    assert set(re.findall(r"^\| `(\w+)` \| \S", text(page), re.MULTILINE)) >= set(Asked.model_fields)


@PAGES
def test_every_metric_that_is_shown_is_there(page: str, address: str) -> None:
    told = urlopen(f"{address}/metrics", timeout=30).read().decode()
    rows = [line for line in text(page).splitlines() if line.startswith(("| `unimc_", "| `process_"))]
    shown = {name for line in rows for name in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert shown == set(re.findall(r"^# TYPE (\w+)", told, re.MULTILINE))


@PAGES
def test_the_answer_that_is_shown_has_all_fields(page: str) -> None:
    (shown,) = blocks(page, "json")
    assert list(json.loads(shown)) == list(Answer.model_fields)
