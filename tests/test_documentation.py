"""What the documentation shows is true: commands parse, Python compiles, cards are valid, the quickstart runs."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import launching
import pytest
import terminal
import tiny
import typer
import yaml
from launching import ROOT

import converters
from converters import Mixture, Task
from unimc.answers import Answers
from unimc.checkpoint import Checkpoint
from unimc.cli import COMMANDS, add
from unimc.commands import configuration
from unimc.commands.run_config import RunConfig
from unimc.modeling import UniMCModel

PAGES = (
    "README.md",
    "README.zh.md",
    "CONTRIBUTING.md",
    *(str(p.relative_to(ROOT)) for folder in ("benchmarks", "docs") for p in sorted(ROOT.glob(f"{folder}/*.md"))),
)
IN_BOTH_LANGUAGES = [(page, page.replace(".md", ".zh.md")) for page in PAGES if page.replace(".md", ".zh.md") in PAGES]
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
    add(app, name)
    command = typer.main.get_command(app)
    if hasattr(command, "resolve_command"):  # a command with subcommands of its own
        arguments = [name, *arguments]
    while hasattr(command, "resolve_command"):
        context = command.make_context(name, arguments[:1])
        _, command, arguments = command.resolve_command(context, arguments)
    if arguments != ["--help"]:
        command.make_context(name, arguments)


@pytest.mark.parametrize(("page", "command"), commands(), ids=lambda value: value.replace(" ", "_")[:70])
def test_every_command_in_the_documentation_parses(page: str, command: str) -> None:
    words = shlex.split(command)
    while words and "=" in words[0]:
        words = words[1:]  # FOO=bar in front of a command
    if words[:2] == ["accelerate", "launch"] or words[0] == "torchrun":
        started = (place for place, word in enumerate(words) if word.endswith(".py") or word == "unimc")
        words = words[next(started) :]
    if words[0] == "python":
        words = words[1:]
    first = words[0]
    if first == "unimc":
        if words[1:2] == ["task"] and len(words) == 3:  # the bare name of a command below `task`
            parse("task", [words[2], "--help"])
        elif len(words) > 2 and not words[1].startswith("-"):
            parse(words[1], words[2:])
        else:  # the bare name of a command
            assert words[1:] in (["--help"], ["--install-completion"]) or words[1] in COMMANDS
    elif first in ("train.py", "evaluate.py"):
        if len(words) > 1:
            parse(Path(first).stem, words[1:])
        if "--config" in words:
            assert (ROOT / words[words.index("--config") + 1]).is_file()
    elif first == "make":
        targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
        assert {word for word in words[1:] if "=" not in word and not word.startswith("-")} <= set(targets)
    elif first.endswith(".py"):
        assert (ROOT / first).is_file(), f"{page}: {first} is not there"
    else:
        assert first in ("pip", "pytest", "pre-commit", "-m", ".", "git", "printf"), (
            f"{page}: unknown command {first!r}"
        )


def test_a_command_with_an_unknown_option_would_be_noticed() -> None:
    with pytest.raises(Exception, match="No such option"):
        parse("tasks", ["--tongue", "zh"])
    with pytest.raises(Exception, match="No such option"):
        parse("task", ["init", "mail.csv", "--lable", "y"])
    with pytest.raises(Exception, match="No such command"):
        parse("task", ["initial", "mail.csv"])


@pytest.mark.parametrize(("page", "body"), blocks("python"), ids=lambda value: value[:20])
def test_every_python_block_compiles(page: str, body: str) -> None:
    compile(body, page, "exec")


@pytest.mark.parametrize(("page", "body"), blocks("yaml"), ids=lambda value: value[:20])
def test_every_card_in_the_documentation_is_valid(page: str, body: str, tmp_path: Path) -> None:
    path = tmp_path / f"{yaml.safe_load(body)['name']}.yaml"
    path.write_text(body, encoding="utf-8")
    task = Task.from_file(path)
    assert task.split_names, page
    for split in task.rows:
        assert task.load(split)


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_every_configuration_is_valid_and_names_tasks_that_exist(path: Path) -> None:
    recipe = configuration.build(RunConfig, configuration.read(path))
    mixture = Mixture.from_mapping(recipe.mixture)
    assert mixture.parts
    for entry in recipe.validation.tasks:
        assert converters.get(entry if isinstance(entry, str) else entry["task"])


@pytest.mark.parametrize("page", PAGES)
def test_every_table_has_a_head(page: str) -> None:
    """Without one its lines are text, and no column says what it is."""
    lines = FENCE.sub("", (ROOT / page).read_text(encoding="utf-8")).splitlines()
    for before, line, after in zip(["", *lines], lines, [*lines[1:], ""], strict=False):
        if line.startswith("|") and not before.startswith("|"):
            assert re.fullmatch(r"(\|\s*:?-+:?\s*)+\|", after), line


@pytest.mark.parametrize("pages", IN_BOTH_LANGUAGES, ids=lambda pages: pages[0])
def test_both_languages_of_a_page_show_the_same_things(pages: tuple[str, str]) -> None:
    for kind in ("bash", "python", "yaml", "toml", "csv", ""):
        english, chinese = ([body.count("\n") for page, body in blocks(kind) if page == one] for one in pages)
        assert english == chinese, kind
    texts = [(ROOT / page).read_text(encoding="utf-8") for page in pages]
    for form in (r"^#+ ", r"^\| "):
        assert len({len(re.findall(form, text, re.MULTILINE)) for text in texts}) == 1, form


@pytest.mark.parametrize("page", ["docs/tasks.md", "docs/tasks.zh.md"])
def test_the_tutorial_on_tasks_does_what_it_shows(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files, typed in, become the card that is shown, and what the commands say is what is printed there."""
    monkeypatch.chdir(tmp_path)
    shown = {kind: [body for where, body in blocks(kind) if where == page] for kind in ("csv", "yaml", "bash", "")}
    name = "mail" if page == "docs/tasks.md" else "liuyan"
    (tmp_path / name).mkdir()
    for split, body in zip(("train", "test"), shown["csv"], strict=True):
        (tmp_path / name / f"{split}.csv").write_text(body, encoding="utf-8")
    said = terminal.unimc(*shlex.split(shown["bash"][0])[1:])
    card = tmp_path / name / f"{name}.yaml"
    assert said.out == shown[""][0]
    assert card.read_text(encoding="utf-8") == shown["yaml"][0]
    card.write_text(shown["yaml"][1], encoding="utf-8")
    check = next(body for body in shown["bash"] if "unimc task check" in body)
    said = terminal.unimc(*shlex.split(check)[1:])
    assert said.code == 0
    assert shown[""][1] in said.out


@pytest.mark.parametrize("page", ["docs/tasks.md", "docs/tasks.zh.md"])
def test_the_tutorial_on_tasks_explains_every_key(page: str) -> None:
    schema = json.loads((ROOT / "converters/schema.json").read_text(encoding="utf-8"))
    rows = [line.split("|")[1] for line in (ROOT / page).read_text(encoding="utf-8").splitlines() if line[:3] == "| `"]
    assert set(schema["properties"]) <= {key for cell in rows for key in re.findall(r"`(\w+)`", cell)}


@pytest.mark.parametrize(("page", "rows"), [("docs/prediction.md", "mails.csv"), ("docs/prediction.zh.md", "留言.csv")])
def test_the_page_on_prediction_runs(page: str, rows: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files typed in, then its programs and commands one after the other, by a tiny model that knows its words.

    Not run: what needs data sets, installs, starts several processes, or writes a model.
    """
    monkeypatch.chdir(tmp_path)
    text = (ROOT / page).read_text(encoding="utf-8")
    (folder,) = set(re.findall(r"runs/quickstart_\w+/final", text))
    save_model_that_knows(text, Path(folder))
    shown: dict[str, object] = {}
    for kind, body in FENCE.findall(text):
        if kind in ("csv", ""):
            Path(rows if kind == "csv" else "labels.yaml").write_text(body, encoding="utf-8")
        elif kind == "python" and "onnx" not in body:
            exec(compile(body, page, "exec"), shown)
        elif kind == "bash" and "onnx" not in body:
            for line in body.splitlines():
                if line.startswith("unimc ") and "DATA" not in line and "unimc bundle" not in line:
                    said = terminal.unimc(*shlex.split(line)[1:])
                    assert said.code == 0, f"{line}: {said.err}"
    assert {"model", "read", "none", "leaf", "answers", "sorter"} <= set(shown)


def save_model_that_knows(text: str, folder: Path) -> None:
    """A tiny BERT whose vocabulary is the words and characters of a text."""
    words = sorted({"yes", "no", *re.findall(r"[a-z]+", text.lower())})
    tokenizer = tiny.wordpiece(words=words, han="".join(sorted({"是", "非", *re.findall(r"[^\x00-\x7f]", text)})))
    backbone = tiny.new_backbone("bert", vocab_size=len(tokenizer))
    Checkpoint(UniMCModel(backbone), tokenizer, Answers.look_up(tokenizer), tiny.POSITIONS).save(folder)


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
