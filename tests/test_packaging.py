"""What the package says of itself (dependencies, data files, constraints, version) is what its files need."""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest
import wheel_proof
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import unimc

ROOT = Path(__file__).parents[1]
PACKAGES = ("unimc", "converters")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
USED = ("plot", "trackers", "onnx", "adapt", "serve")
"""The extras of users: not those of people who work on the project."""
# Distributions whose module has another name.
DISTRIBUTIONS = {"sklearn": "scikit-learn", "yaml": "pyyaml"}
NEEDED_UNSEEN = {
    "sentencepiece": "transformers reads the vocabulary of ALBERT, XLM-R and DeBERTa checkpoints with it",
}


def requirements(extras: bool) -> dict[str, Requirement]:
    """The declared runtime requirements by name, with those of every extra if asked."""
    lines = list(PROJECT["project"]["dependencies"])
    if extras:
        lines += [line for extra in PROJECT["project"]["optional-dependencies"].values() for line in extra]
    return {canonicalize_name(Requirement(line).name): Requirement(line) for line in lines}


@cache
def imported() -> dict[str, set[str]]:
    """Third-party distributions imported anywhere in the packages, and the files that import them."""
    found: dict[str, set[str]] = {}
    for file in (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                modules = [node.module or ""]
            else:
                continue
            for top in {module.partition(".")[0] for module in modules} - {*sys.stdlib_module_names, *PACKAGES}:
                name = canonicalize_name(DISTRIBUTIONS.get(top, top))
                found.setdefault(name, set()).add(str(file.relative_to(ROOT)))
    return found


def test_every_import_is_declared() -> None:
    """A user's install has what our modules import: as a dependency, or as an extra other than `dev`."""
    extras = PROJECT["project"]["optional-dependencies"]
    for_users = {canonicalize_name(Requirement(line).name) for name in extras if name != "dev" for line in extras[name]}
    declared = requirements(extras=False).keys() | for_users
    assert {name: files for name, files in imported().items() if name not in declared} == {}


def test_every_runtime_dependency_is_imported() -> None:
    assert requirements(extras=False).keys() - imported().keys() - NEEDED_UNSEEN.keys() == set()


def test_the_constraints_pin_every_declared_dependency_within_its_range() -> None:
    lines = (ROOT / "constraints" / "cpu.txt").read_text(encoding="utf-8").splitlines()
    pins = dict(re.fullmatch(r"([\w.-]+)==([\w.!-]+)", line).groups() for line in lines if line and line[0] != "#")
    pins = {canonicalize_name(name): version for name, version in pins.items()}
    for name, requirement in requirements(extras=True).items():
        assert name in pins, f"{name} has no line in constraints/cpu.txt: make constraints"
        assert requirement.specifier.contains(pins[name]), f"{requirement} does not admit {pins[name]}"


def test_the_lowest_versions_are_the_bounds_that_are_declared() -> None:
    """Of everything that users install, extras included; a bound below what another dependency asks for is raised."""
    lines = (ROOT / "constraints" / "lowest.txt").read_text(encoding="utf-8").splitlines()
    pins = {canonicalize_name(line.partition("==")[0]): line.partition("==")[2] for line in lines if "==" in line}
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = [*PROJECT["project"]["dependencies"], *(line for name in USED for line in extras[name])]
    for requirement in map(Requirement, wanted):
        name = canonicalize_name(requirement.name)
        assert requirement.specifier.contains(pins[name]), f"{requirement} does not admit {pins[name]}: renew it"


def test_the_workflow_runs_what_there_is() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8"))["jobs"]
    said = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for command in said:
        if command.startswith("make "):
            assert re.search(rf"^{command.split()[1]}:", makefile, re.MULTILINE), command
        for file in re.findall(r"\b(?:tests|constraints)/[\w.]+", command):
            assert (ROOT / file).is_file(), file
    lowest = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert jobs["test"]["strategy"]["matrix"]["python"][0] == lowest


def audit(folder: Path, said: str, code: int) -> subprocess.CompletedProcess[str]:
    """`make audit` in an environment that is up to date, whose pip-audit says this and ends with this code."""
    tool = folder / "bin" / "pip-audit"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit {code}\n", encoding="utf-8")
    tool.chmod(0o755)
    for stamp in ("bin/python", ".unimc-runtime", ".unimc-dev"):
        (folder / stamp).touch()
    return subprocess.run(
        ["make", "audit", f"VENV={folder}"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize(
    ("said", "code", "audited"),
    [
        ("No known vulnerabilities found", 0, True),
        ("Found 1 known vulnerability in 1 package", 1, True),
        ("ERROR:pip_audit._cli:Dependency not found on PyPI and could not be audited: absl-py (2.5.1)", 1, False),
        ("requests.exceptions.ProxyError: Max retries exceeded with url: /pypi/absl-py/2.5.1/json", 1, False),
    ],
)
def test_an_audit_that_could_not_read_the_advisories_says_so_and_fails(
    said: str, code: int, audited: bool, tmp_path: Path
) -> None:
    done = audit(tmp_path, said, code)
    assert (done.returncode != 0) == (code != 0)
    assert said in done.stdout + done.stderr
    assert ("NOT AUDITED" in done.stderr) != audited


def test_the_version_is_a_release_number() -> None:
    assert str(Version(unimc.__version__)) == unimc.__version__


def test_the_changelog_knows_the_version() -> None:
    assert f"## [{unimc.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_data_file_is_package_data(package: str) -> None:
    """Task cards, samples and `py.typed` reach the wheel, also from folders that are no packages of their own."""
    patterns = PROJECT["tool"]["setuptools"]["package-data"]
    homes = [file.parent for file in (ROOT / package).rglob("__init__.py")]
    packed = {file for home in homes for pattern in patterns["*"] for file in home.glob(pattern)}
    packed |= {file for pattern in patterns.get(package, ()) for file in (ROOT / package).glob(pattern)}
    data = {
        file
        for file in (ROOT / package).rglob("*")
        if file.is_file() and file.suffix not in {".py", ".pyc"} and "__pycache__" not in file.parts
    }
    assert data - packed == set()
    assert ROOT / package / "py.typed" in packed


@pytest.mark.parametrize("module", ["unimc", "converters", "unimc.cli"])
def test_importing_stays_light(module: str) -> None:
    """Importing loads none of the heavy libraries, so that `unimc --help` answers at once."""
    heavy = ["torch", "transformers", "datasets", "evaluate", "sklearn", "matplotlib", "accelerate"]
    code = f"import sys, {module}; print(*sorted(set({heavy}) & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_console_command_exists() -> None:
    home, _, name = PROJECT["project"]["scripts"]["unimc"].partition(":")
    assert callable(getattr(import_module(home), name))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel_proof.build(tmp_path_factory.mktemp("wheel"))


@pytest.mark.slow
def test_the_wheel_holds_both_packages_and_nothing_else(wheel: Path) -> None:
    assert wheel_proof.missing(wheel) == set()
    assert wheel_proof.foreign(wheel) == set()


@pytest.mark.slow
def test_the_package_index_takes_the_wheel(wheel: Path) -> None:
    assert wheel.stat().st_size < wheel_proof.LIMIT


@pytest.mark.slow
def test_the_installed_wheel_works_from_an_empty_folder(wheel: Path, tmp_path: Path) -> None:
    """The dependencies are those of this environment; `make wheel-test` installs them too."""
    python = wheel_proof.borrowing_environment(tmp_path / "environment", wheel)
    commands = [step.command for step in wheel_proof.use(python)]
    if not any("evaluate" in command for command in commands):
        pytest.skip("no model is bundled in this checkout: the commands that ask one were not run")


def test_the_package_is_a_program_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "unimc", "tasks", "--help"], capture_output=True, text=True, check=True
    )
    assert "python -m unimc tasks" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_that_completes_commands_in_a_shell_is_printed_without_torch(shell: str) -> None:
    code = (
        f"import sys; from unimc.cli import main; sys.argv = ['unimc', '--show-completion', '{shell}']\n"
        "try: main()\nexcept SystemExit as ended: assert not ended.code\n"
        "assert not {'torch', 'transformers', 'datasets', 'numpy'} & sys.modules.keys()"
    )
    # Typer's own switch: take the shell that is named, not the one that the tests happen to run in.
    named = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **named}, capture_output=True, text=True, check=True
    )
    assert "_UNIMC_COMPLETE" in done.stdout


def completions(line: str) -> list[str]:
    """What bash is offered at the end of a line."""
    words = line.split(" ")
    asking = {"_UNIMC_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    code = (
        "import sys; from unimc.cli import main; sys.argv = ['unimc']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "assert not {'torch', 'transformers', 'datasets', 'numpy'} & sys.modules.keys()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **asking}, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("unimc cla", ["classify"]),
        ("unimc predict --opt", ["--options", "--options-file"]),
        ("unimc task ch", ["check"]),
    ],
)
def test_a_shell_completes_commands_and_options(line: str, offered: list[str]) -> None:
    assert completions(line) == offered
