"""What the documentation shows is true: commands parse, Python compiles, cards are valid, the quickstart runs."""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from pathlib import Path

import launching
import pytest
import typer
import yaml
from launching import ROOT

import converters
from converters import Mixture, Task
from unimc.cli import COMMANDS
from unimc.commands import configuration
from unimc.commands.run_config import RunConfig

PAGES = (
    "README.md",
    "README.zh.md",
    "CONTRIBUTING.md",
    *(f"benchmarks/{p.name}" for p in ROOT.glob("benchmarks/*.md")),
)
CONFIGURATIONS = sorted((ROOT / "configs").glob("*.yaml"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[tuple[str, str]]:
    """(page, text) of every fenced block in a language."""
    pages = {page: (ROOT / page).read_text(encoding="utf-8") for page in PAGES}
    return [(page, body) for page, text in pages.items() for kind, body in FENCE.findall(text) if kind == language]


def commands() -> list[tuple[str, str]]:
    """(page, command) of every line in a shell block, and of every inline `unimc …` or `python …`."""
    found = [
        (page, line.split(" #")[0].strip())
        for language in ("bash", "sh")
        for page, body in blocks(language)
        for line in body.replace("\\\n", " ").splitlines()
        if line.strip()
    ]
    for page in PAGES:
        text = FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))
        found += [(page, code) for code in re.findall(r"`((?:unimc|python|accelerate launch|make) [^`]+)`", text)]
    return [(page, command) for page, command in found if "…" not in command and "..." not in command]


def parse(name: str, arguments: list[str]) -> None:
    """Lets the command line parser of a subcommand read its arguments, without running it."""
    app = typer.Typer()
    app.command(name)(getattr(import_module(f"unimc.commands.{name}"), name))
    typer.main.get_command(app).make_context(name, arguments)


@pytest.mark.parametrize(("page", "command"), commands(), ids=lambda value: value.replace(" ", "_")[:70])
def test_every_command_in_the_documentation_parses(page: str, command: str) -> None:
    words = shlex.split(command)
    while words and "=" in words[0]:
        words = words[1:]  # FOO=bar in front of a command
    if words[:2] == ["accelerate", "launch"]:
        words = words[next(place for place, word in enumerate(words) if word.endswith(".py")) :]
    if words[0] == "python":
        words = words[1:]
    first = words[0]
    if first == "unimc":
        if len(words) > 2 and not words[1].startswith("-"):
            parse(words[1], words[2:])
        else:  # the bare name of a command
            assert words[1:] == ["--help"] or words[1] in COMMANDS
    elif first in ("train.py", "evaluate.py"):
        if len(words) > 1:
            parse(Path(first).stem, words[1:])
        if "--config" in words:
            assert (ROOT / words[words.index("--config") + 1]).is_file()
    elif first == "make":
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert {word for word in words[1:] if "=" not in word and not word.startswith("-")} <= set(targets)
    elif first.endswith(".py"):
        assert (ROOT / first).is_file(), f"{page}: {first} is not there"
    else:
        assert first in ("pip", "pytest", "pre-commit", "-m", ".", "git"), f"{page}: unknown command {first!r}"


def test_a_command_with_an_unknown_option_would_be_noticed() -> None:
    with pytest.raises(Exception, match="No such option"):
        parse("tasks", ["--tongue", "zh"])


@pytest.mark.parametrize(("page", "body"), blocks("python"), ids=lambda value: value[:20])
def test_every_python_block_compiles(page: str, body: str) -> None:
    compile(body, page, "exec")


@pytest.mark.parametrize(("page", "body"), blocks("yaml"), ids=lambda value: value[:20])
def test_every_card_in_the_documentation_is_valid(page: str, body: str, tmp_path: Path) -> None:
    path = tmp_path / f"{yaml.safe_load(body)['name']}.yaml"
    path.write_text(body, encoding="utf-8")
    assert Task.from_file(path).label_names, page


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_every_configuration_is_valid_and_names_tasks_that_exist(path: Path) -> None:
    recipe = configuration.build(RunConfig, configuration.read(path))
    mixture = Mixture.from_mapping(recipe.mixture)
    assert mixture.parts
    for entry in recipe.validation.tasks:
        assert converters.get(entry if isinstance(entry, str) else entry["task"])


def test_both_languages_of_the_readme_show_the_same_things() -> None:
    for kind in ("bash", "python", "yaml", ""):
        english, chinese = (
            [body.count("\n") for page, body in blocks(kind) if page == readme]
            for readme in ("README.md", "README.zh.md")
        )
        assert english == chinese, kind


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_quickstart_runs_at_reduced_size(language: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same files and commands as `make quickstart`, from a tiny backbone, for two steps."""
    config = ROOT / "configs" / ("quickstart.yaml" if language == "en" else "quickstart_zh.yaml")
    run = tmp_path / "run"
    settings = [f"backbone={launching.sample_model()}", f"output={run}", "training.max_steps=2", "mixture.cap=8"]
    overrides = [word for setting in [*settings, "training.max_length=128"] for word in ("--set", setting)]
    assert launching.here("train.py", "--config", config, *overrides) == 0
    held_out = configuration.read(config)["mixture"]["held_out"]
    done = launching.here(
        "evaluate.py", "--model", run / "final", "--tasks", ",".join(held_out), "--output", run / "evaluation"
    )
    assert done == 0
    said = capsys.readouterr().out
    assert all(task in said for task in held_out)
    assert (run / "evaluation/results.json").is_file()
