"""`unimc predict`: answers for a whole file, a line each; resumable, and shared by several processes."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from unimc.commands.answered_rows import Columns, answered
from unimc.commands.arguments import AskedQuestion, AskedText, Model, Variant
from unimc.commands.asked_rows import Asked, Check, card_hash, entries_of, released_entries
from unimc.commands.part_files import Part, json_line
from unimc.commands.processes import check_processes
from unimc.example import InputError, shown

if TYPE_CHECKING:
    from unimc.windows import Pooling


def predict(
    file: Annotated[
        Path | None, typer.Argument(help="CSV, TSV, JSON lines, JSON or Parquet.", show_default=False)
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json",
            help="Instead: a file in the released UniMC's form: texta, textb, question, choice; label may be left out.",
            show_default=False,
        ),
    ] = None,
    model: Model = None,
    options: Annotated[
        str | None, typer.Option(help="The candidate answers for every row, separated by commas.", show_default=False)
    ] = None,
    options_file: Annotated[
        Path | None,
        typer.Option(
            help="Instead of --options: a YAML or JSON file of name: wording, or a text file with one option a line.",
            show_default=False,
        ),
    ] = None,
    text: AskedText = None,
    question: AskedQuestion = "",
    task: Annotated[
        str | None,
        typer.Option(help="Instead of --options: a task's name or card, for its wording.", show_default=False),
    ] = None,
    variant: Variant = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="A .jsonl, .csv, .tsv or .parquet file, replaced if it is there; the screen (JSON lines) if not given."
        ),
    ] = None,
    prefix: Annotated[str, typer.Option(help="Goes before the names of the new columns.")] = "",
    language: Annotated[str | None, typer.Option(help="en or zh; told from the script if not given.")] = None,
    multi_label: Annotated[bool, typer.Option("--multi-label", help="Several options, or none, may hold.")] = False,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="With --multi-label: from which probability an option holds; 0.5 if not given. Without: from which "
            "the best option, judged for itself, is the answer, else it is empty; it always is one if not given."
        ),
    ] = None,
    top_k: Annotated[
        int | None,
        typer.Option(
            help="Name so many options in a column `top`, the best first; with --multi-label no more hold either.",
            show_default=False,
            min=1,
        ),
    ] = None,
    calibration: Annotated[
        str | None,
        typer.Option(help="Name of a calibration in the model, as `unimc calibrate` stored it.", show_default=False),
    ] = None,
    windows: Annotated[
        str | None, typer.Option(help="Long texts in overlapping windows, joined by max or mean; cut if not given.")
    ] = None,
    on_error: Annotated[
        str,
        typer.Option(
            help="stop, or skip: a row that can't be asked gets no answer, and the reason in a column `error`."
        ),
    ] = "stop",
    backend: Annotated[str, typer.Option(help="What runs the model: torch or onnx.")] = "torch",
    batch_size: Annotated[int, typer.Option(help="The most rows in a batch.")] = 32,
) -> None:
    """Answer every row of a file.

    The rows come out as they are, with answer, score and all scores behind their columns.

    A run that was broken off goes on where it was; `accelerate launch --no_python unimc predict …` shares the rows
    over processes.

    Example: unimc predict mails.csv --text message --options "delivery,refund" --output answers.csv
    """
    if (file is None) == (json_file is None):
        raise InputError("give one file: FILE with --options or --task, or --json FILE in the released UniMC's form")
    if on_error not in ("stop", "skip"):
        raise InputError(f"--on-error {on_error!r}: give stop or skip")
    columns = Columns(prefix, multi_label, top_k, skips=on_error == "skip")
    # What is wrong with the settings and columns is said at once: before the libraries that take seconds to import,
    # before the model is loaded, and before anything is written; which languages and calibrations the model has is
    # known only then.
    from unimc.answer_rule import AnswerRule
    from unimc.windows import checked_stride

    checked_stride(cast("Pooling | None", windows), None)
    AnswerRule.of(multi_label, threshold, top_k if multi_label else None)
    path = json_file or file
    assert path is not None
    _check_apart(output, (path, options_file, None if task is None else Path(task)))
    asked = Asked(options, options_file, text, question, task, variant, language, multi_label, threshold)
    card = None
    if json_file is None:
        card = asked.card()
        check, make = asked.maker(card)
        # A card tries the first row out in whole; where wrong rows are skipped, that one may be wrong too.
        _check_rows(path, None if columns.skips and task else check, columns)
    else:
        if columns.skips:
            raise InputError("--on-error skip is for FILE; a file in the released UniMC's form is read whole")
        own = {"--options": options, "--options-file": options_file, "--text": text, "--question": question}
        own |= {"--task": task, "--variant": variant}
        if given := next((name for name, value in own.items() if value), None):
            raise InputError(f"{given} has no meaning with --json: its rows say it; leave it out")
    from accelerate import Accelerator

    from unimc import bundled
    from unimc.inference import UniMC
    from unimc.stored_calibration import find

    state = Accelerator()  # of one process too; PartialState alone would not see that several share a CPU
    check_processes(state.num_processes)
    if output is None and state.num_processes > 1:
        raise InputError("--output is missing; several processes can't share the screen")
    model = bundled.named(model)
    loaded = UniMC.from_pretrained(model, device=state.device if backend == "torch" else None, backend=backend)
    found = find(loaded.checkpoint.calibration, calibration) if calibration is not None else None
    rule = AnswerRule.of(multi_label, threshold, top_k if multi_label else None, found)
    entries = (
        entries_of(path, make, loaded.answers, columns.skips) if json_file is None else released_entries(path, language)
    )
    entries = islice(entries, state.process_index, None, state.num_processes)
    if output is None:
        for line in answered(loaded, entries, rule, columns, batch_size, path.name, cast("Pooling | None", windows)):
            sys.stdout.write(json_line(line))
        return
    # What files hold goes with their names: a card, a model or the rows may be others by the time of the next run.
    settings = {
        **{"file": str(path), "rows": _sha256(path), "model": model, "weights": loaded.backend.fingerprint()},
        **{"card": None if card is None else card_hash(card)},
        **{**asdict(asked), "options_file": None if options_file is None else asked.wordings()},
        **{"prefix": prefix, "top_k": top_k, "windows": windows, "on_error": on_error},
        **{"calibration": None if found is None else found.to_dict(), "backend": backend},
    }
    # What ended at a row that can't be asked is gone on from where such rows are skipped.
    stopped = {**settings, "on_error": "stop"}
    part = Part(output, settings, state.process_index, state.num_processes, goes_on_from=stopped)
    if part.done:
        typer.echo(f"going on after {part.done:,} rows of an earlier run", err=True)
    entries = islice(entries, part.done, None)
    part.append(answered(loaded, entries, rule, columns, batch_size, path.name, cast("Pooling | None", windows)))
    state.wait_for_everyone()
    if state.is_main_process:
        rows, counts = part.join([prefix + "truncated", *([prefix + "error"] if columns.skips else [])])
        cut, failed = (*counts, 0)[:2]
        if part.flattened:
            typer.echo(
                f"note: tabs and line breaks in {part.flattened:,} rows became blanks, as TSV can't hold them; CSV can",
                err=True,
            )
        for column in part.as_text:
            typer.echo(f"note: no Parquet type holds all values of the column {shown(column)}; it is text", err=True)
        typer.echo(f"{rows - failed:,} answers written to {output}{_without(failed, columns)}{_cut(cut, columns)}")


def _check_apart(output: Path | None, inputs: Sequence[Path | None]) -> None:
    """Refuses to write over what is read."""
    for path in inputs:
        if output is not None and path is not None and path.exists() and output.resolve() == path.resolve():
            raise InputError(f"--output {output} is a file that is read; give another name")


def _sha256(path: Path) -> str | None:
    if not path.is_file():
        return None  # reading its rows will say so
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _without(failed: int, columns: Columns) -> str:
    if not failed:
        return ""
    rows = "1 row has" if failed == 1 else f"{failed:,} rows have"
    return f"; {rows} none, the column {columns.prefix}error says why"


def _cut(rows: int, columns: Columns) -> str:
    if not rows:
        return ""
    texts = "the text of 1 row was" if rows == 1 else f"the texts of {rows:,} rows were"
    return f"; {texts} too long and cut (the column {columns.prefix}truncated); --windows max reads all of them"


def _check_rows(path: Path, check: Check | None, columns: Columns) -> None:
    """Raise InputError if the file has no rows, its first can't be asked, or a row has a column of a new one's name."""
    from converters.files import form
    from converters.streaming import stream

    number = -1
    for number, row in enumerate(stream(path)):
        taken = [name for name in columns.names if name in row]
        if taken:
            there = f"row {number} (from 0): there is a column {taken[0]!r} already"
            raise InputError(f"{path}: {there}; give another --prefix, as --prefix unimc_")
        try:
            if check is not None and number == 0:
                check(row)
        except InputError as problem:
            raise InputError(f"{path}: row 0 (from 0): {problem}") from None
        if form(path) not in ("json", "jsonl"):
            return  # the rows of a table all have the columns of the first
    if number < 0:
        raise InputError(f"{path}: the file has no rows")
