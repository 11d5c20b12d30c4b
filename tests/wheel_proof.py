"""Proof that the wheel is whole: built from the sources alone, installed elsewhere, used there from an empty folder.

    python tests/wheel_proof.py build FOLDER     builds it there and checks what it holds
    python tests/wheel_proof.py use PYTHON       uses what is installed in that environment

`make wheel-test` does both with an environment made afresh; tests/test_packaging.py does with one that borrows the
dependencies of the one it runs in, so that it takes seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("unimc", "converters")
SOURCES = (*PACKAGES, "pyproject.toml", "README.md", "LICENSE")
LIMIT = 100_000_000
"""Bytes: what the package index takes in one file."""
CARD = """\
name: borrowed_tools
version: 1
language: en
family: topic
kind: classification
licence: Apache-2.0
source: {files: {test: tools.csv}}
question: "What is lent out here?"
passage: "{note}"
labels:
  column: thing
  values:
    ladder: {name: ladder, wording: "a ladder to climb on"}
    saw: {name: saw, wording: "a saw to cut wood with"}
"""
ONE_AFTER_ANOTHER = """\
import json, sys
from unimc.cli import main
for arguments in json.loads(sys.argv[1]):
    print(end="\\0", flush=True)
    sys.argv = ["unimc", *arguments]
    try:
        main()
    except SystemExit as ended:
        if ended.code:
            raise
"""
ROWS = "note,thing\nI need to reach the roof,ladder\nThe board is too long for the shelf,saw\n借我梯子用一下,ladder\n"


@dataclass(frozen=True)
class Step:
    """A command that was run: what it was, and what it said."""

    command: str
    said: str


def build(folder: Path, isolated: bool = False) -> Path:
    """Builds the wheel from a copy of the sources.

    A copy, because setuptools would find what earlier builds left beside them. Isolated, the build tools are fetched
    as the package index's users get them; otherwise those of this environment are taken.
    """
    with TemporaryDirectory(prefix="unimc-sources-") as scratch:
        for name in SOURCES:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, Path(scratch) / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, scratch)
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
        if not isolated:
            pip.append("--no-build-isolation")
        subprocess.run([*pip, "--wheel-dir", folder, scratch], check=True)
    (wheel,) = folder.glob("unimc-*.whl")
    return wheel


def missing(wheel: Path) -> set[str]:
    """Files of the packages that are not in the wheel: modules, cards, the page, models."""
    there = set(ZipFile(wheel).namelist())
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*"))
    wanted = {str(path.relative_to(ROOT)) for path in files if path.is_file() and "__pycache__" not in path.parts}
    return wanted - there


def foreign(wheel: Path) -> set[str]:
    """What is in the wheel and belongs to neither package nor its own description."""
    homes = {f"{package}/" for package in PACKAGES}
    return {
        name
        for name in ZipFile(wheel).namelist()
        if not any(name.startswith(home) for home in homes) and ".dist-info/" not in name
    }


def borrowing_environment(folder: Path, wheel: Path) -> Path:
    """An environment with the wheel in it that finds everything else where this one has it; its interpreter.

    This one's folder comes after its own, and the links to the checkout there (`.pth` files) are not followed: a path
    named in a `.pth` file is only added.
    """
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    home = next((folder / "lib").glob("python*")) / "site-packages"
    borrowed = {path for path in sys.path if path.endswith(("site-packages", "dist-packages"))}
    (home / "borrowed.pth").write_text("\n".join(sorted(borrowed)) + "\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", "--no-index", wheel], check=True)
    return python


def use(python: Path) -> Iterator[Step]:
    """Uses an installed wheel as somebody would who has never seen the repository, from a folder with their own files.

    Raises:
        AssertionError: if a command fails, or does not do what it should.
    """
    with TemporaryDirectory(prefix="unimc-elsewhere-") as folder:
        yield from _used(_Person(python.absolute(), Path(folder)))


def _used(person: _Person) -> Iterator[Step]:
    where = person.interpret("-c", "import unimc, converters; print(unimc.__file__, converters.__file__)")
    assert str(ROOT / "unimc") not in where.said, where.said
    yield where
    help_ = person.unimc("--help")
    assert "classify" in help_.said
    yield help_
    assert person.interpret("-m", "unimc", "--help").said.partition("\n")[2] == help_.said.partition("\n")[2]
    (person.folder / "tools.csv").write_text(ROWS, encoding="utf-8")
    (person.folder / "borrowed_tools.yaml").write_text(CARD, encoding="utf-8")
    tasks, check, models = person.one_after_another(
        ["tasks", "--language", "zh"], ["task", "check", "borrowed_tools.yaml"], ["models"]
    )
    assert "fewclue_eprstmt" in tasks.said
    yield from (tasks, check, models)
    if "no model is bundled" in models.said:
        return
    asked = ["--question", "What is lent out here?", "--options", "ladder,saw"]
    answer = person.unimc("classify", "I need to reach the roof.", *asked)
    assert "ladder" in answer.said
    yield answer
    yield from person.one_after_another(
        ["classify", "借我梯子用一下。", "--question", "借的是什么？", "--options", "梯子,锯子"],
        ["predict", "tools.csv", "--text", "note", *asked, "--output", "answers.csv"],
        ["evaluate", "--tasks", "borrowed_tools.yaml,sample_zh_topic", "--output", "evaluation"],
    )
    assert (person.folder / "answers.csv").read_text(encoding="utf-8").count("\n") == ROWS.count("\n")
    assert (person.folder / "evaluation" / "results.json").is_file()


@dataclass(frozen=True)
class _Person:
    interpreter: Path
    folder: Path

    def unimc(self, *arguments: str) -> Step:
        return self._run(self.interpreter.parent / "unimc", arguments)

    def interpret(self, *arguments: str) -> Step:
        return self._run(self.interpreter, arguments)

    def one_after_another(self, *commands: list[str]) -> list[Step]:
        """Several commands of `unimc` in one process: most of a command's time is the start of a process."""
        said = self._run(self.interpreter, ("-c", ONE_AFTER_ANOTHER, json.dumps(commands))).said.split("\0")
        return [Step(shlex.join(["unimc", *one]), text) for one, text in zip(commands, said[1:], strict=True)]

    def _run(self, program: Path, arguments: tuple[str, ...]) -> Step:
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "UNIMC", "VIRTUAL"))
        }
        done = subprocess.run(
            [program, *arguments],
            cwd=self.folder,
            env={**kept, "HF_HUB_OFFLINE": "1", "COLUMNS": "100"},
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        command = " ".join([program.name, *arguments])
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return Step(command, done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("build", "use"))
    parser.add_argument("where", type=Path)
    given = parser.parse_args()
    if given.what == "use":
        for step in use(given.where):
            print(f"$ {step.command}\n{step.said}")
        return
    wheel = build(given.where, isolated=True)
    size = wheel.stat().st_size
    if wrong := missing(wheel) | foreign(wheel):
        sys.exit(f"{wheel.name}: not as it should be: {', '.join(sorted(wrong)[:5])}")
    if size >= LIMIT:
        sys.exit(f"{wheel.name} has {size / 1e6:.1f} MB; the package index takes {LIMIT / 1e6:.0f}")
    print(f"{wheel.name}: {size / 1e6:.1f} MB, {len(ZipFile(wheel).namelist())} files")


if __name__ == "__main__":
    main()
