"""The chain of the house: a module imports only from those that stand before it (DESIGN, section 7)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

CHAIN = (
    "identity",
    "example",
    "tokenization",
    "budget",
    "windows",
    "encoding",
    "attention",
    "randomness",
    "corruption",
    "answers",
    "bundled",
    "vocabulary",
    "structured_attention",
    "last_layer",
    "backbones",
    "modeling",
    "objectives",
    "collation",
    "packing",
    "seen",
    "entry",
    "pretrained",
    "checkpoint",
    "averaging",
    "packed_file",
    "pypi_backbones",
    "calibration",
    "stored_calibration",
    "answer_rule",
    "prediction",
    "ensemble",
    "texts",
    "backends",
    "scoring",
    "chunks",
    "runoff",
    "judging",
    "inference",
    "hierarchy",
    "prompt_template",
    "demonstrations",
    "decomposition",
    "outcomes",
    "metrics",
    "evaluation_set",
    "figures",
    "reliability",
    "sizes",
    "inert",
    "comparison",
    "document",
    "document_markdown",
    "document_html",
    "sections",
    "confusion",
    "mistakes",
    "cost",
    "fonts",
    "plots",
    "pronoun_bias",
    "training_record",
    "model_card",
    "hub",
    "report",
    "results",
    "answering",
    "evaluation",
    "robustness",
    "results_reading",
    "results_files",
    "results_tables",
    "results_behaviour",
    "results_picture",
    "results_page",
    "pairing",
    "paired_figures",
    "gains",
    "paired_report",
    "sampling",
    "training_set",
    "progress",
    "run_folder",
    "training_config",
    "accelerator",
    "optimization",
    "training",
    "cloze",
    "adaptation",
    "adapters",
    "serving",
    "cli",
    "__main__",
    "commands",
)
"""Modules and packages of `unimc` from left to right; a new one is put where it belongs. Within a package all is free.

`cli` loads the commands by their names, so it imports none of them; their doors run through it.
"""

BOTH_ROOMS = ("commands", "cli")
"""The only ones that know the converters too."""


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def stage(path: Path) -> str:
    """The module or package of `unimc` that a file belongs to."""
    return path.relative_to(ROOT / "unimc").with_suffix("").parts[0]


def imports(path: Path) -> Iterator[str]:
    """Full names of what a file imports, anywhere in it: `from unimc import checkpoint` is "unimc.checkpoint"."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])
            whole = base if node.level else node.module or ""
            yield from (f"{whole}.{alias.name}" for alias in node.names)


def imported(path: Path, package: str) -> set[str]:
    """The modules just below a package that a file imports."""
    return {f"{name}.".split(".")[1] for name in imports(path) if name.split(".")[0] == package}


INSIDE = [path for path in modules("unimc") if path.parent != ROOT / "unimc" or path.name != "__init__.py"]


@pytest.mark.parametrize("path", INSIDE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_from_its_left(path: Path) -> None:
    here = stage(path)
    assert here in CHAIN, f"put {here!r} into CHAIN where it belongs"
    left = {*CHAIN[: CHAIN.index(here)], "__version__"}
    if (ROOT / "unimc" / here).is_dir():
        left.add(here)
    assert imported(path, "unimc") - left == set()


@pytest.mark.parametrize("path", INSIDE, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_commands_know_the_converters(path: Path) -> None:
    if stage(path) not in BOTH_ROOMS:
        assert imported(path, "converters") == set()


@pytest.mark.parametrize("path", modules("converters"), ids=lambda path: str(path.relative_to(ROOT)))
def test_converters_know_nothing_of_unimc_but_the_example(path: Path) -> None:
    assert imported(path, "unimc") <= {"example"}
    assert not {name.partition(".")[0] for name in imports(path)} & {"torch", "transformers"}


def test_the_package_itself_imports_nothing_when_imported() -> None:
    """Its names resolve on first use; type checkers read the rest."""
    tree = ast.parse((ROOT / "unimc" / "__init__.py").read_text(encoding="utf-8"))
    at_once = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert {node.module for node in at_once if isinstance(node, ast.ImportFrom)} <= {
        "__future__",
        "importlib",
        "typing",
    }
    assert not [node for node in at_once if isinstance(node, ast.Import)]


def test_imports_of_every_form_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the tests above can fail."""
    monkeypatch.setattr("test_import_direction.ROOT", tmp_path)
    (tmp_path / "unimc" / "commands").mkdir(parents=True)
    path = tmp_path / "unimc" / "commands" / "one.py"
    path.write_text(
        "import unimc.cli\nfrom unimc import budget\nfrom unimc.answers import Answers\nfrom ..example import X\n"
        "def f():\n    from . import two\n    import torch\n",
        encoding="utf-8",
    )
    assert imported(path, "unimc") == {"cli", "budget", "answers", "example", "commands"}
