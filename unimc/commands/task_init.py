"""`unimc task init`: a first card for a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from unicodedata import normalize

import typer

from unimc.commands.asked_rows import check_separator
from unimc.example import InputError

if TYPE_CHECKING:
    from converters.drafting.columns import Column
    from converters.drafting.draft import Draft
    from converters.drafting.guesses import Found

_SPLITS = {
    **dict.fromkeys(("train", "training", "训练", "训练集"), "train"),
    **dict.fromkeys(("validation", "valid", "val", "dev", "验证", "验证集", "开发集"), "validation"),
    **dict.fromkeys(("test", "测试", "测试集"), "test"),
}


def init(
    file: Annotated[Path, typer.Argument(help="CSV, TSV, JSON lines, JSON or Parquet; .gz too.", show_default=False)],
    text: Annotated[
        list[str] | None, typer.Option(help="The column that is judged; a second time for the other text of a pair.")
    ] = None,
    label: Annotated[
        str | None, typer.Option(help="The column of labels (or of answers, where rows have options of their own).")
    ] = None,
    options: Annotated[
        list[str] | None,
        typer.Option(help="The column that holds each row's own options; repeated, one column for each option."),
    ] = None,
    question: Annotated[str | None, typer.Option(help="The question to the model; proposed if not given.")] = None,
    language: Annotated[str | None, typer.Option(help="en or zh; told from the script if not given.")] = None,
    name: Annotated[str | None, typer.Option(help="The task's name; the file's if not given.")] = None,
    output: Annotated[Path | None, typer.Option(help="The card's file; NAME.yaml beside FILE if not given.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a card that is there.")] = False,
) -> None:
    """Look at a file and write a first card for it, with comments where you must decide.

    Example: unimc task init reviews.csv --text review --label stars
    """
    from converters import Task, files, names
    from converters.drafting import columns, draft, guesses

    rows = files.read_file(file)
    split, called = _split_and_name(file)
    name = called if name is None else name
    if not name.strip() or "/" in name:
        raise InputError(f"--name {name!r}: a name has no slash and is not empty; use letters, digits and underscores")
    output = output or file.with_name(f"{name}.yaml")
    if output.suffix not in (".yaml", ".yml"):
        raise InputError(f"--output {output}: the name of a card ends in .yaml")
    if output.exists() and not force:
        raise InputError(f"{output} is there already; give another name by --output, or --force to overwrite it")
    found = columns.columns(rows)
    try:
        check_separator(list(found))
    except InputError as problem:
        raise InputError(f"{file}: {problem}") from None
    given = [*(text or ()), *([label] if label is not None else ()), *(options or ())]
    for column in given:
        if column not in found:
            raise InputError(f"{file}: no column {column!r}; the columns are: {', '.join(found)}")
    if len(text or ()) > 2 or len(set(given)) < len(given):
        raise InputError("--text names one or two columns, --label and --options others; for more, edit the card")
    table = files.form(file) in ("csv", "tsv")
    if headless := next((one for one in found.values() if table and one.name in one.counts), None):
        raise InputError(
            f"{file}: the first line seems to be a row, not the columns' names: {headless.name!r} is also among the "
            "values below it; put a line with the names first"
        )
    typer.echo(f"{file}: {len(rows):,} rows; columns: {', '.join(found)}")

    every = list(found.values())
    identity = guesses.id_column([one for one in every if one.name not in given], len(rows))
    taken = {*given, *([identity] if identity else [])}
    if (nested := guesses.nested_options(every)) is not None:
        raise InputError(
            f"{file}: column {nested!r} holds mappings; write this card by hand: `options: {nested}.KEY` and, where "
            "the mapping names the options too, `is: key` in `answer`"
        )
    if not options:
        guessed = guesses.options([one for one in every if one.name not in taken])
        options = [] if label and guesses.only_a_list(guessed, rows, label) else _settle_options(guessed)
    taken |= {*options}
    asks: str | None = None
    texts: Sequence[str] = text or ()
    if options:
        answers = guesses.answer(every, taken)
        label = label if label is not None else _settle("--label", "holds the answers", answers, optional=True)
        asks, about = guesses.question_and_passages(every, {*taken, *filter(None, [label])})
        texts = texts or about
    elif label is None:
        label = _settle("--label", "holds the labels", guesses.label(every, rows, taken), optional=True)
    if not texts and asks is None:
        texts = _settle_texts(guesses.texts(every, {*taken, *filter(None, [label])}))
    parts = [*texts, *filter(None, [asks])]
    language = language or _language([str(row.get(one) or "") for row in rows[:2000] for one in parts], parts)
    every_split = {split: file} | _beside(file, split, [*parts, *options, *filter(None, [label])])
    if len(every_split) > 1:
        by_file = {path: rows if path == file else files.read_file(path) for path in every_split.values()}
        rows = [row for of_one in by_file.values() for row in of_one]
        found = columns.columns(rows)
        # The others have a column of ids too, or none has: rows without one would be errors.
        if identity and not all(identity in row for row in rows):
            identity = None
    order = [one for one in ("train", "validation", "test") if one in every_split]
    first = draft.Draft(
        name=name,
        language=_known_language(language),
        file=", ".join(every_split[one].name for one in order),
        files={one: Path(os.path.relpath(every_split[one], output.parent)).as_posix() for one in order},
        rows=rows,
        columns=found,
        texts=tuple(texts),
        label=label,
        options=tuple(options),
        asks=asks,
        id=identity,
        question=question,
    )
    card = first.text()
    if file.name.split(".")[0].casefold() not in _SPLITS:
        typer.echo(f"  split: {split}, as the file's name tells none (train, validation, test)")
    for line in _said(first, found):
        typer.echo(line)
    if question is None and asks is None and _on_a_terminal():
        asked = typer.prompt("Question to the model", default=first.proposed_question)
        card = replace(first, question=asked).text()
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(card, encoding="utf-8")
    Task.from_file(output)
    if name in names():
        typer.echo(f"note: there is a built-in task {name!r} too; --name gives yours another name")
    flag = "" if label is not None else " --unlabelled"
    typer.echo(
        f"written: {output}\nnext: edit it (question, words of the options), then: unimc task check {output}{flag}"
    )


def _split_and_name(file: Path) -> tuple[str, str]:
    """The split that a file's name tells ("test" if it tells none), and a name for the task."""
    stem = file.name.split(".")[0]
    split = _SPLITS.get(stem.casefold())
    called = stem if split is None else file.absolute().parent.name or stem
    return split or "test", "_".join(called.split()) or "task"


def _beside(file: Path, split: str, needed: Sequence[str]) -> dict[str, Path]:
    """The other splits that lie beside a file named as one (train.csv: test.csv), if they have the columns needed."""
    from converters.files import read_file

    stem, _, ending = file.name.partition(".")
    if stem.casefold() not in _SPLITS:
        return {}
    beside: dict[str, Path] = {}
    for path in sorted(file.parent.iterdir()):
        other, _, suffix = path.name.partition(".")
        there = _SPLITS.get(other.casefold())
        if there is None or there == split or suffix != ending:
            continue
        if there in beside:
            raise InputError(f"{beside[there]} and {path} are both {there}; rename one")
        header = {column for row in read_file(path) for column in row}
        if lacking := [column for column in needed if column not in header]:
            typer.echo(f"  {path.name}: not taken into the card, it has no column {', '.join(lacking)}")
        else:
            beside[there] = path
            typer.echo(f"  {path.name}: taken for the split {there}")
    return beside


def _on_a_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()


def _settle(option: str, what: str, found: Found, *, optional: bool = False) -> str | None:
    """One column of those that fit; asked for if the guess isn't sure."""
    if found.sure:
        return found.columns[0] if found.columns else None
    fit = [*found.columns, *found.others]
    if not _on_a_terminal():
        raise InputError(f"which column {what}? {', '.join(fit)} would do; say it with {option}")
    none = ["none"] if optional else []
    return _asked(f"Which column {what}? ({', '.join([*fit, *none])})", [*fit, *none], none)


def _asked(prompt: str, fit: Sequence[str], none: Collection[str]) -> str | None:
    while True:
        said = str(typer.prompt(prompt))
        if said in fit:
            return None if said in none else said
        typer.echo(f"{said!r} is none of: {', '.join(fit)}")


def _settle_options(found: Found) -> list[str]:
    """The columns of a row's own options; asked for if several hold lists."""
    if found.sure:
        return list(found.columns)
    one = _settle("--options", "holds each row's own options", found, optional=True)
    return [one] if one is not None else []


def _settle_texts(found: Found) -> Sequence[str]:
    if found.sure and found.columns:
        return found.columns
    if not found.others:
        raise InputError("no column holds texts; say with --text which one is judged")
    if not _on_a_terminal():
        raise InputError(f"which column holds the text? {', '.join(found.others)} would do; say it with --text")
    first = _asked(f"Which column holds the text that is judged? ({', '.join(found.others)})", found.others, ())
    rest = [column for column in found.others if column != first]
    second = _asked(
        f"Which one holds the other text of a pair? ({', '.join([*rest, 'none'])})", [*rest, "none"], ["none"]
    )
    return [column for column in (first, second) if column is not None]


def _language(texts: Sequence[str], columns: Sequence[str]) -> str:
    from converters.drafting import guesses

    language, share = guesses.language(texts)
    if language is not None:
        return language
    where = f"of column {' and '.join(columns)}"
    why = f"the texts {where} are in neither script" if share is None else f"{share:.0%} {where} is Chinese"
    if not _on_a_terminal():
        raise InputError(f"the language can't be told: {why}; say it with --language en or --language zh")
    return str(_asked(f"Language ({why}): en or zh?", ["en", "zh"], ()))


def _known_language(language: str) -> str:
    from converters.checks import LANGUAGES

    if language not in LANGUAGES:
        raise InputError(f"--language {language!r}: there are {', '.join(LANGUAGES)}")
    return language


def _said(first: Draft, columns: dict[str, Column]) -> Iterator[str]:
    """What was guessed, and what the user should look at, a line each."""
    if first.asks is not None:
        yield f"  question: column {first.asks}"
    for part, column in zip(("passage", "textb"), first.texts, strict=False):
        yield f"  {part}: column {column}"
    if first.options:
        yield f"  options: {'column ' if len(first.options) == 1 else 'columns '}{', '.join(first.options)}"
        if first.label is None:
            yield "  answer: no column says which option is right; the task is unlabelled"
        else:
            readings = first.readings
            doubt = f"; {len(readings)} readings fit, see the card" if len(readings) > 1 else ""
            yield f"  answer: column {first.label}, read as {readings[0]['is']}{doubt}"
    elif first.label is None:
        yield "  labels: no column looks like one (--label COLUMN names it): write your own options into the card"
    else:
        counts = columns[first.label].counts
        most = ", ".join(f"{value!r} {count:,}" for value, count in counts.most_common(10))
        more = f", … {len(counts) - 10} more" if len(counts) > 10 else ""
        yield f"  labels: column {first.label}, {len(counts)} values: {most}{more}"
        if columns[first.label].numeric:
            yield "  labels: they are numbers; write into the card what each of them means"
        folded = {normalize("NFKC", value).casefold() for value in counts}
        if len(folded) < len(counts):
            yield "  labels: some differ only in capitals or width (Ａ, A); make those that mean the same alike"
    if first.id is not None:
        yield f"  id: column {first.id}"
    yield f"  language: {first.language}"
    for name, blank in first.blank.items():
        yield f"  empty cells: {blank.empty:,} in column {name}; the card leaves these rows out (skip)"
    used = {*first.texts, *first.options, first.label, first.asks, first.id}
    if unused := [name for name in columns if name not in used]:
        yield f"  not used: {', '.join(unused)} (if one of them is the text or the label: --text, --label)"
