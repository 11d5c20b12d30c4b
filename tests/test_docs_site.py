"""The documentation as a site: whole, in two languages, and asking nothing of other servers."""

from __future__ import annotations

import json
import os
import re
import runpy
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import documented
import pytest
import tiny
import yaml

from converters import Mixture
from unimc import UniMC, bundled
from unimc.commands import configuration
from unimc.commands.run_config import RunConfig
from unimc.example import InputError

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
NEEDED = ("mkdocs", "material", "mkdocstrings")
BOTH = pytest.mark.parametrize("language", ["en", "zh"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it: a page left out of the navigation or a dead link would be an error."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        pytest.skip(f"no {', '.join(missing)}: pip install -e '.[dev]'")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.slow
def test_every_page_is_built(site: Path) -> None:
    assert {path.stem for path in PAGES} <= {path.stem for path in site.glob("*.html")}


@pytest.mark.slow
def test_no_page_loads_anything_from_another_server(site: Path) -> None:
    """Links for readers may lead anywhere; scripts, styles, fonts and pictures are the site's own."""
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        loads = re.findall(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?([^\"'\s>]+)", text)
        loads += re.findall(r"<link\b[^>]*\bhref=[\"']?([^\"'\s>]+)", text)
        assert [one for one in loads if re.match(r"(https?:)?//", one)] == [], page.name
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(\s*[\"']?(?:https?:)?//", style.read_text(encoding="utf-8")), style.name


@pytest.mark.slow
def test_a_page_is_in_its_own_language_and_leads_to_its_twin(site: Path) -> None:
    for page in PAGES:
        chinese = page.name.endswith(".zh.md")
        text = (site / f"{page.stem}.html").read_text(encoding="utf-8")
        assert f'<html lang="{"zh" if chinese else "en"}"' in text, page.name
        assert (">学习<" in re.sub(r"\s", "", text)) == chinese, page.name
        twin = page.name.replace(".zh.md", ".md") if chinese else page.name.replace(".md", ".zh.md")
        if (DOCS / twin).is_file():
            assert re.search(rf"href=\"(?:\./)?{re.escape(twin.removesuffix('.md'))}\.html\" hreflang", text), page.name


@pytest.mark.slow
def test_the_search_knows_both_languages(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    texts = " ".join(entry["text"] for entry in index["docs"])
    assert "held out" in texts
    assert "选项" in texts


def test_nothing_of_a_text_is_lost_as_if_it_were_markup() -> None:
    for page in PAGES:
        plain = re.sub(r"`[^`]*`", "", FENCE.sub("", page.read_text(encoding="utf-8")))
        assert not re.search(r"</?(?:s|mask|pad|unk)>", plain), f"{page.name}: put it into backquotes"


def test_both_languages_have_the_first_pages() -> None:
    for name in ("index", "how-it-works", "tasks", "training", "few-shot", "footguns"):
        assert {f"{name}.md", f"{name}.zh.md"} <= {page.name for page in PAGES}


def test_every_page_is_in_the_navigation_of_its_language() -> None:
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    english, chinese = yaml.safe_load(text)["nav"]
    for page in PAGES:
        where = chinese if page.name.endswith(".zh.md") else english
        assert page.name in json.dumps(where, ensure_ascii=False), page.name


@BOTH
def test_the_picture_is_what_the_encoder_and_the_mask_give(language: str) -> None:
    """Drawn again by its program, it is the same; and its white squares are the pairs that can't see each other."""
    program = runpy.run_path(str(DOCS / "figures" / "sequence.py"))
    encoder = UniMC(tiny.checkpoint("bert")).encoder
    drawn = program["drawn"](encoder, language)
    row = encoder(program["EXAMPLES"][language])
    sizes = [row.option_ids.count(number) for number in (1, 2, 3)]
    assert drawn.count('fill="#fff" stroke="#e3e8eb"') == sum(sizes) ** 2 - sum(size**2 for size in sizes) + 1
    assert drawn.count("O-MASK</text>") == 6  # three down the side, three across the top
    try:
        encoder = program["load_encoder"](bundled.default())
    except InputError:
        pytest.skip("no model is bundled in this checkout: the picture's own row can't be made")
    path = DOCS / "figures" / program["FILES"][language]
    assert program["drawn"](encoder, language) == path.read_text(encoding="utf-8"), "run docs/figures/sequence.py"


@pytest.mark.parametrize("page", ["training.md", "training.zh.md"])
def test_a_configuration_that_is_shown_is_valid(page: str, tmp_path: Path) -> None:
    (shown,) = [body for kind, body in FENCE.findall((DOCS / page).read_text(encoding="utf-8")) if kind == "yml"]
    path = tmp_path / "my_run.yaml"
    path.write_text(shown, encoding="utf-8")
    recipe = configuration.build(RunConfig, configuration.read(path))
    assert Mixture.from_mapping(recipe.mixture).parts
    assert recipe.backbone == bundled.DEFAULT


@pytest.mark.parametrize("page", ["training.md", "training.zh.md"])
def test_every_key_of_a_mixture_that_is_shown_is_one(page: str) -> None:
    rows = [line.split("|")[1] for line in (DOCS / page).read_text(encoding="utf-8").splitlines() if line[:3] == "| `"]
    keys = {key for cell in rows for key in re.findall(r"`(\w+)`", cell)} - {"from"}
    assert keys <= set(Mixture.__dataclass_fields__)


@pytest.mark.parametrize(("page", "rows"), [("index.md", "messages.csv"), ("index.zh.md", "新留言.csv")])
def test_the_quick_start_runs(page: str, rows: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files typed in, its programs and commands one after the other; with the bundled model where there is one.

    Not run: what installs, serves, or changes the shell.
    """
    text = (DOCS / page).read_text(encoding="utf-8")
    documented.default_model(text, tmp_path / "models", monkeypatch)
    monkeypatch.chdir(tmp_path)
    for kind, body in FENCE.findall(text):
        if kind in ("csv", ""):
            Path(rows if kind == "csv" else "labels.yaml").write_text(body, encoding="utf-8")
        elif kind == "python":
            exec(compile(body, page, "exec"), {})
        else:
            for line in body.splitlines():
                if line.startswith("unimc ") and line.split()[1] not in ("serve", "--install-completion"):
                    documented.run(shlex.split(line))
    written = {path.name for path in tmp_path.glob("*.csv")} - {rows}
    assert len(written) == 2
    for name in written:
        lines = (tmp_path / name).read_text(encoding="utf-8").splitlines()
        assert len(lines) == 5
        assert "answer,score" in lines[0]


@pytest.mark.parametrize("page", ["how-it-works.md", "how-it-works.zh.md"])
def test_the_program_on_how_it_works_runs(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    documented.default_model(text, tmp_path / "models", monkeypatch)
    shown: dict[str, Any] = {}
    for kind, body in FENCE.findall(text):
        if kind == "python":
            exec(compile(body, page, "exec"), shown)
    assert sum(shown["found"].scores) == pytest.approx(1)
