"""The rows of a user's file as examples: by options named in the command, or by a task's card."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unimc.commands.arguments import check_choice, named_options
from unimc.commands.options_file import read_options
from unimc.example import InputError, MultipleChoiceExample, shown

if TYPE_CHECKING:
    from converters import Task
    from unimc.answers import Answers
    from unimc.texts import Options

_SEPARATORS = (";", "\t", "|", ",", "，", "；")  # the last two as a Chinese keyboard writes them
Check = Callable[[Mapping[str, Any]], object]
"""Tries the first row out."""
Entry = tuple[Mapping[str, Any], MultipleChoiceExample | InputError]
"""A row of the file and the example made of it, or why none can be."""
Make = Callable[[Mapping[str, Any], int, "Answers"], list[MultipleChoiceExample]]
"""The examples of a row: the row, its number, and which languages the model has answers for."""


class LeftOutError(InputError):
    """A row that its card says to skip."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of every row, as the options of a command say it."""

    options: str | None = None
    options_file: Path | None = None
    text: str | None = None
    question: str = ""
    task: str | None = None
    variant: str | None = None
    language: str | None = None
    multi_label: bool = False
    threshold: float | None = None

    def card(self) -> Task | None:
        """The card of the task that is named, if one is.

        Raises:
            InputError: if it can't be had.
        """
        import converters

        return None if self.task is None else converters.get(self.task)

    def maker(self, card: Task | None = None) -> tuple[Check, Make]:
        """What tries a row out and what makes examples of it: a task's card, or the options that were given.

        Args:
            card: what `card` gave, where that was asked already: on the hub a card may change in between.

        Raises:
            InputError: if the options contradict each other, or the task or a file can't be had.
        """
        if sum(given is not None for given in (self.options, self.options_file, self.task)) != 1:
            raise InputError("give either --options or --options-file (with --text), or --task")
        of_card = {"--text": self.text, "--question": self.question, "--language": self.language}
        refuse_given({"--variant": self.variant} if self.task is None else of_card, with_task=self.task is not None)
        if self.task is not None:
            return self._of_card(self.task if card is None else card)
        from unimc.texts import examples_of

        options = self.wordings()
        column = self.text

        def make(row: Mapping[str, Any], number: int, answers: Answers) -> list[MultipleChoiceExample]:
            nonlocal column
            column = text_column(row, column)  # the first row's only column is that of all rows
            words = row[column]
            if not isinstance(words, str) or not words.strip():
                problem = "empty" if words is None or isinstance(words, str) else shown(words)
                raise InputError(f"column {shown(column)} is {problem}; give a text")
            made = examples_of([words], options, self.question, self.language, answers)
            return [replace(one, id=str(number)) for one in made]

        return lambda row: text_column(row, self.text), make

    def wordings(self) -> Options:
        """The options of every row.

        Raises:
            InputError: if there are none, or they can't be told apart or chosen from, whatever the row.
        """
        found = named_options(self.options) if self.options_file is None else read_options(self.options_file)
        check_choice(found, alone=self.multi_label or self.threshold is not None)
        return found

    def _of_card(self, task: str | Task) -> tuple[Check, Make]:
        import converters

        card = converters.get(task)
        if self.multi_label != (card.kind == "multi_label"):
            there = "may hold several labels: give" if card.kind == "multi_label" else "has one label a row: leave out"
            raise InputError(f"task {card.name} {there} --multi-label")
        wording = card.wording(self.variant)
        templates = (wording.question, wording.passage, wording.textb)
        read = {column for template in templates for column in template.columns}

        def convert(row: Mapping[str, Any], number: int, _: Answers | None = None) -> list[MultipleChoiceExample]:
            for column in sorted(read & card.skip.keys() & row.keys()):
                if card.skips(column, row[column]):
                    raise LeftOutError(
                        f"column {shown(column)} is {shown(row[column])}, and the card leaves such rows out (skip)"
                    )
            made = [found.example for found in card.convert_all(row, self.variant, "", number)]
            if card.row is None and read and not any(template.said(row) for template in templates):
                raise InputError(f"nothing to read in {', '.join(map(shown, sorted(read)))}; give a text")
            return made

        return lambda row: convert(row, 0), convert


def card_hash(card: Task) -> str:
    """SHA-256 over what a card declares, wherever it lies."""
    declared = [(field.name, getattr(card, field.name)) for field in fields(card) if field.init]
    return hashlib.sha256(repr([one for one in declared if one[0] != "path"]).encode(errors="replace")).hexdigest()


def refuse_given(options: Mapping[str, object], *, with_task: bool) -> None:
    """Raises `InputError` for an option that was given where it would say nothing."""
    if given := next((name for name, value in options.items() if value), None):
        why = "with --task: the card says it" if with_task else "without --task"
        raise InputError(f"{given} has no meaning {why}; leave it out")


def check_separator(columns: Sequence[str]) -> None:
    """Raises `InputError` for a lone column that reads as several with other marks between them than commas."""
    mark = next((one for one in _SEPARATORS if len(columns) == 1 and one in columns[0]), None)
    if mark is not None:
        want = "save it with commas" if mark != "\t" else "name it .tsv"
        raise InputError(f"the header is one column, {columns[0]!r}, that {mark!r} seems to divide; {want}")


def text_column(row: Mapping[str, Any], named: str | None) -> str:
    """The column that holds the text: the one named, or the only one.

    Raises:
        InputError: if it is not there, or none is named where there are several.
    """
    columns = list(row)
    if named not in row:
        check_separator(columns)
    if named is None and len(columns) == 1:
        return columns[0]
    there = ", ".join(column if len(column) <= 80 else shown(column) for column in columns)
    if named is None:
        raise InputError(f"which column holds the text? give --text, one of: {there}")
    if named not in row:
        raise InputError(f"no column {named!r}; the columns are: {there}")
    return named


def entries_of(path: Path, make: Make, answers: Answers, skips: bool) -> Iterator[Entry]:
    """The rows of a file with the examples made of them; a row may become several.

    Args:
        path: the file.
        make: what makes examples of a row.
        answers: which languages the model has answers for.
        skips: whether a row of which none can be made comes with the reason instead.

    Raises:
        InputError: if none can be made of a row, and such rows are not skipped.
    """
    from converters.streaming import stream

    for number, row in enumerate(stream(path)):
        try:
            made = make(row, number, answers)
        except InputError as problem:
            where = f"{path}: row {number} (from 0): {problem}"
            if not skips:
                raise InputError(f"{where}; or leave such rows out with --on-error skip") from None
            yield row, InputError(where)
        else:
            for example in made:
                yield row, example


def released_entries(path: Path, language: str | None) -> Iterator[Entry]:
    """The examples of a file in the released UniMC's form, each with its id for a row."""
    from converters import unimc_json

    for example in unimc_json.read(path, language):
        yield {"id": example.id}, example
