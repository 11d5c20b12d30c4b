"""Names of tasks and their cards: the built-in ones below this folder, and any YAML file of a user's."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from converters.card import did_you_mean
from converters.checks import LANGUAGES
from converters.hub_files import PREFIX, fetch
from converters.task import Task
from unimc.example import InputError

_HERE = Path(__file__).parent


@cache
def _cards() -> dict[str, Path]:
    """Name -> card of every built-in task; only the folders are listed, nothing is parsed."""
    files = [*sorted(_HERE.glob("tasks/*/*.yaml")), *sorted(_HERE.glob("samples/*.yaml"))]
    cards: dict[str, Path] = {}
    for path in files:
        if cards.setdefault(path.stem, path) != path:
            raise InputError(f"{path}: the task name {path.stem!r} is taken by {cards[path.stem]}")
    return cards


@cache
def _built_in(name: str) -> Task:
    task = Task.from_file(_cards()[name])
    if task.name != name:
        raise InputError(f"{_cards()[name]}: name: {task.name!r} must equal the file's name, {name!r}")
    return task


def names(language: str | None = None, family: str | None = None) -> list[str]:
    """Names of the built-in tasks, sorted; of one language or family only, if given.

    Raises:
        InputError: if no task is of that language or family.
    """
    if language is None and family is None:
        return sorted(_cards())
    tasks = [_built_in(name) for name in sorted(_cards())]
    families = {task.family for task in tasks}
    for kind, wanted, known in (("language", language, LANGUAGES), ("family", family, families)):
        if wanted is not None and wanted not in known:
            raise InputError(f"no task of {kind} {wanted!r}; {did_you_mean(wanted, known)}")
    return [task.name for task in tasks if language in (None, task.language) and family in (None, task.family)]


def get(name: str | Path | Task) -> Task:
    """A built-in task by its name, or any by its YAML file; a `Task` is returned as it is.

    The file is one here, or one in a data set repository of the hub: `hf://OWNER/REPO[@REVISION]/path/to/card.yaml`.

    Raises:
        InputError: if there is no such task or file, or the card is not valid.
    """
    if isinstance(name, Task):
        return name
    if not isinstance(name, str | Path):
        raise InputError(f"a task is a name, a YAML file or a Task, not {name!r}")
    if str(name) in _cards():
        return _built_in(str(name))
    if str(name).startswith(PREFIX):
        return Task.from_file(fetch(str(name)))
    path = Path(name)
    if path.suffix in (".yaml", ".yml") or path.is_file():
        return Task.from_file(path)
    hint = did_you_mean(name, _cards(), "`unimc tasks` lists those there are")
    raise InputError(f"no task {str(name)!r}; {hint} (a task of your own: give its YAML file)")
