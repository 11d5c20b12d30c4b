"""`unimc predict`: answers for a whole file, a line each; resumable, and shared by several processes."""

from __future__ import annotations

import json
import sys
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unimc.commands.arguments import comma_separated
from unimc.example import InputError, MultipleChoiceExample

if TYPE_CHECKING:
    from unimc.answers import Answers
    from unimc.prediction import Prediction

Pair = tuple[Mapping[str, Any], MultipleChoiceExample]
"""A row of the file and the example made of it."""
Check = Callable[[Mapping[str, Any]], object]
Make = Callable[[Mapping[str, Any], int, "Answers"], list[MultipleChoiceExample]]


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
    model: Annotated[str, typer.Option(help="Folder or hub id of the model.", show_default=False)] = "",
    options: Annotated[
        str | None, typer.Option(help="The candidate answers for every row, separated by commas.", show_default=False)
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="With --options: the column that holds the text.", show_default=False)
    ] = None,
    question: Annotated[str, typer.Option(help="With --options: the instruction.")] = "",
    task: Annotated[
        str | None,
        typer.Option(help="Instead of --options: a task's name or card, for its wording.", show_default=False),
    ] = None,
    variant: Annotated[str | None, typer.Option(help="With --task: another wording than the default.")] = None,
    output: Annotated[
        Path | None, typer.Option(help="A .jsonl, .csv, .tsv or .parquet file; JSON lines on the screen if not given.")
    ] = None,
    prefix: Annotated[str, typer.Option(help="Goes before the names of the new columns.")] = "",
    language: Annotated[str | None, typer.Option(help="en or zh; told from the script if not given.")] = None,
    multi_label: Annotated[bool, typer.Option("--multi-label", help="Several options, or none, may hold.")] = False,
    threshold: Annotated[
        float | None, typer.Option(help="With --multi-label: from which probability an option holds; 0.5 if not given.")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="The most rows in a batch.")] = 32,
) -> None:
    """Answer every row of a file: its columns, with answer, score and all scores behind them.

    A run that was broken off goes on where it was; `accelerate launch` shares the rows over processes.

    Example: unimc predict mails.csv --text message --options "delivery,refund" --model runs/quickstart_en/final
    """
    if not model:
        raise InputError("no model; name a folder or a hub id with --model")
    if (file is None) == (json_file is None):
        raise InputError("give one file: FILE with --options or --task, or --json FILE in the released UniMC's form")
    if threshold is not None and not multi_label:
        raise InputError("--threshold has a meaning only with --multi-label")
    from accelerate import Accelerator

    from unimc.inference import UniMC

    state = Accelerator()  # of one process too; PartialState alone would not see that several share a CPU
    if output is None and state.num_processes > 1:
        raise InputError("--output is missing; several processes can't share the screen")
    # What is wrong with the columns is said before the model is loaded; which languages it has is known only then.
    path = json_file or file
    assert path is not None
    if json_file is not None:
        pairs = _released(json_file, language)
        loaded = UniMC.from_pretrained(model, device=state.device)
    else:
        check, make = _maker(options, text, question, task, variant, language, multi_label)
        _check_first(path, check, prefix)
        loaded = UniMC.from_pretrained(model, device=state.device)
        pairs = _pairs(path, make, loaded.answers)
    pairs = islice(pairs, state.process_index, None, state.num_processes)
    if output is None:
        for line in _answered(loaded, pairs, prefix, multi_label, threshold, batch_size, path.name):
            sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
        return
    from unimc.commands.part_files import Part

    settings = {
        **{"file": str(path), "bytes": path.stat().st_size if path.is_file() else None, "model": model},
        **{"options": options, "text": text, "question": question, "task": task, "variant": variant},
        **{"prefix": prefix, "language": language, "multi_label": multi_label, "threshold": threshold},
    }
    part = Part(output, settings, state.process_index, state.num_processes)
    if part.done:
        typer.echo(f"going on after {part.done:,} rows of an earlier run", err=True)
    pairs = islice(pairs, part.done, None)
    part.append(_answered(loaded, pairs, prefix, multi_label, threshold, batch_size, path.name))
    state.wait_for_everyone()
    if state.is_main_process:
        typer.echo(f"{part.join():,} answers written to {output}")


def _answered(
    model: Any,
    pairs: Iterator[Pair],
    prefix: str,
    multi_label: bool,
    threshold: float | None,
    batch_size: int,
    name: str,
) -> Iterator[dict[str, Any]]:
    """The rows with their answers behind them, read ahead no further than the model does."""
    from tqdm import tqdm

    waiting: deque[Mapping[str, Any]] = deque()

    def examples() -> Iterator[MultipleChoiceExample]:
        for row, example in pairs:
            waiting.append(row)
            yield example

    answers = model.predict(examples(), multi_label=multi_label, threshold=threshold, batch_size=batch_size)
    for answer in tqdm(answers, desc=name, unit="row", disable=None, mininterval=0.5):
        yield {**waiting.popleft(), **_columns(answer, prefix, multi_label)}


def _columns(answer: Prediction, prefix: str, multi_label: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "answer": [answer.names[label] for label in answer.labels] if multi_label else answer.answer,
        "score": round(answer.scores[answer.label], 4),
        "scores": {name: round(score, 4) for name, score in zip(answer.names, answer.scores, strict=True)},
        "truncated": answer.truncated,
    }
    return {prefix + name: value for name, value in found.items()}


_NEW = ("answer", "score", "scores", "truncated")


def _check_first(path: Path, check: Check, prefix: str) -> None:
    """Raise InputError if the file has no rows, or its columns are not as they must be."""
    from converters.streaming import stream

    first = next(stream(path), None)
    if first is None:
        raise InputError(f"{path}: the file has no rows")
    taken = [prefix + name for name in _NEW if prefix + name in first]
    if taken:
        raise InputError(f"{path}: there is a column {taken[0]!r} already; give another --prefix, as --prefix unimc_")
    try:
        check(first)
    except InputError as problem:
        raise InputError(f"{path}: row 0 (from 0): {problem}") from None


def _pairs(path: Path, make: Make, answers: Answers) -> Iterator[Pair]:
    """The rows of a file with the examples made of them; a row may become several."""
    from converters.streaming import stream

    for number, row in enumerate(stream(path)):
        try:
            made = make(row, number, answers)
        except InputError as problem:
            raise InputError(f"{path}: row {number} (from 0): {problem}") from None
        for example in made:
            yield row, example


def _released(path: Path, language: str | None) -> Iterator[Pair]:
    from converters import unimc_json

    for example in unimc_json.read(path, language):
        yield {"id": example.id}, example


def _maker(
    options: str | None,
    text: str | None,
    question: str,
    task: str | None,
    variant: str | None,
    language: str | None,
    multi_label: bool,
) -> tuple[Check, Make]:
    """What tries a row out and what makes examples of it: a task's card, or the options that were given."""
    if (options is None) == (task is None):
        raise InputError("give either --options (with --text), or --task")
    if task is not None:
        import converters

        card = converters.get(task)
        if multi_label != (card.kind == "multi_label"):
            there = "may hold several labels: give" if card.kind == "multi_label" else "has one label a row: leave out"
            raise InputError(f"task {card.name} {there} --multi-label")
        card.wording(variant)

        def convert(row: Mapping[str, Any], number: int, _: Answers | None = None) -> list[MultipleChoiceExample]:
            return [found.example for found in card.convert_all(row, variant, "", number)]

        return lambda row: convert(row, 0), convert
    from unimc.texts import examples_of

    wordings = comma_separated((options or "").replace("，", ","))
    if not wordings:
        raise InputError('--options is empty; name the candidate answers, as --options "sports,politics"')

    def make(row: Mapping[str, Any], number: int, answers: Answers) -> list[MultipleChoiceExample]:
        column = _text_column(row, text)
        words = row[column]
        if not isinstance(words, str) or not words.strip():
            raise InputError(f"column {column!r} is {'empty' if words in ('', None) else repr(words)}; give a text")
        return [replace(one, id=str(number)) for one in examples_of([words], wordings, question, language, answers)]

    return lambda row: _text_column(row, text), make


def _text_column(row: Mapping[str, Any], named: str | None) -> str:
    columns = list(row)
    if named is None and len(columns) == 1:
        return columns[0]
    if named is None:
        raise InputError(f"which column holds the text? give --text, one of: {', '.join(columns)}")
    if named not in row:
        raise InputError(f"no column {named!r}; the columns are: {', '.join(columns)}")
    return named
