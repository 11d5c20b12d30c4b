"""Options that several commands have, and how the values of options are read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from unimc.example import InputError, shown

Model = Annotated[
    str | None,
    typer.Option(
        help="Folder, hub id or bundled name of the model; the one that comes with unimc if not given.",
        show_default=False,
    ),
]
"""Which model; `bundled.named` says what None is."""

Device = Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1, …; a GPU if there is one, if not given.")]
Backend = Annotated[
    str, typer.Option(help="What runs the model: torch, or onnx for a folder that `unimc export` wrote.")
]
DataDir = Annotated[
    Path | None, typer.Option(help="Folder of local data sets; UNIMC_DATA_DIR if not given, else the hub.")
]
Variant = Annotated[str | None, typer.Option(help="With --task: another wording than the default.")]

# What is asked of a file's rows where no --task says it; all but the label are fields of `asked_rows.Asked`.
AskedOptions = Annotated[
    str | None, typer.Option(help="With FILE: the candidate answers, separated by commas.", show_default=False)
]
AskedOptionsFile = Annotated[
    Path | None, typer.Option(help="Instead of --options: a file, as for `unimc predict`.", show_default=False)
]
AskedText = Annotated[
    str | None, typer.Option(help="With --options: the column that holds the text.", show_default=False)
]
AskedLabel = Annotated[
    str | None, typer.Option(help="With --options: the column that holds the right option's name, or a list.")
]
AskedQuestion = Annotated[str, typer.Option(help="With --options: the instruction.")]
AskedLanguage = Annotated[str | None, typer.Option(help="With --options: en or zh; told from the script without.")]
AskedMultiLabel = Annotated[
    bool, typer.Option("--multi-label", help="With --options: several options, or none, may hold.")
]


_OTHER_MARKS = "、；;|"


def comma_separated(text: str) -> list[str]:
    """The entries of a list written with commas; blanks around them don't count."""
    return [entry.strip() for entry in text.split(",") if entry.strip()]


def named_options(text: str | None) -> list[str]:
    """The options of `--options`, with commas of either keyboard between them.

    Raises:
        InputError: if there is none, or they read as a list with other marks than commas.
    """
    wordings = [option.strip() for option in (text or "").replace("，", ",").split(",")]
    if not any(wordings):
        raise InputError('--options is empty; name the candidate answers, as --options "sports,politics"')
    if len(wordings) == 1 and (mark := next((one for one in _OTHER_MARKS if one in wordings[0]), None)):
        raise InputError(
            f"--options {shown(wordings[0])} is one option; put commas (, or ，) where {shown(mark)} stands to give "
            "several, or name it in a file for --options-file"
        )
    return wordings


def check_choice(options: Sequence[str] | Mapping[str, str], *, alone: bool) -> None:
    """Sees to it, before a model is loaded, that there is something to choose from.

    Args:
        options: the wordings, or name -> wording.
        alone: whether one option is a choice: it may hold or not.

    Raises:
        InputError: if an option is empty or given twice, or it is the only one and must be the answer.
    """
    wordings = list(options.values()) if isinstance(options, Mapping) else list(options)
    if "" in wordings:
        raise InputError(f"option {wordings.index('')} is empty; every option needs a text")
    if twice := next((one for one in wordings if wordings.count(one) > 1), None):
        raise InputError(f"option {shown(twice)} is given twice; every option must be different")
    if len(wordings) == 1 and not alone:
        raise InputError(
            "one option is the answer whatever the text says; give two or more, --multi-label or --threshold"
        )


def check_device(device: str | None) -> None:
    """Raises `InputError` for a device that torch doesn't know or that this machine lacks."""
    if device is None:
        return
    from unimc.backends.device import check_device as check

    try:
        check(device)
    except InputError as error:
        raise InputError(f"--{error}") from error
