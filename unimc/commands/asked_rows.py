"""The rows of a user's file as examples: by options named in the command, or by a task's card."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unimc.commands.arguments import check_several, comma_separated
from unimc.commands.options_file import read_options
from unimc.example import InputError, MultipleChoiceExample, shown

if TYPE_CHECKING:
    from converters import Task
    from unimc.answers import Answers
    from unimc.texts import Options

Check = Callable[[Mapping[str, Any]], object]
"""Tries the first row out."""
Make = Callable[[Mapping[str, Any], int, "Answers"], list[MultipleChoiceExample]]
"""The examples of a row: the row, its number, and which languages the model has answers for."""


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
        """The options of every row."""
        if self.options_file is not None:
            return read_options(self.options_file)
        found = comma_separated((self.options or "").replace("，", ","))
        if not found:
            raise InputError('--options is empty; name the candidate answers, as --options "sports,politics"')
        check_several(found)
        return found

    def _of_card(self, task: str | Task) -> tuple[Check, Make]:
        import converters

        card = converters.get(task)
        if self.multi_label != (card.kind == "multi_label"):
            there = "may hold several labels: give" if card.kind == "multi_label" else "has one label a row: leave out"
            raise InputError(f"task {card.name} {there} --multi-label")
        card.wording(self.variant)

        def convert(row: Mapping[str, Any], number: int, _: Answers | None = None) -> list[MultipleChoiceExample]:
            return [found.example for found in card.convert_all(row, self.variant, "", number)]

        return lambda row: convert(row, 0), convert


def card_hash(card: Task) -> str:
    """SHA-256 over what a card declares, wherever it lies."""
    declared = [(field.name, getattr(card, field.name)) for field in fields(card) if field.init]
    return hashlib.sha256(repr([one for one in declared if one[0] != "path"]).encode(errors="replace")).hexdigest()


def text_column(row: Mapping[str, Any], named: str | None) -> str:
    """The column that holds the text: the one named, or the only one.

    Raises:
        InputError: if it is not there, or none is named where there are several.
    """
    columns = list(row)
    if named is None and len(columns) == 1:
        return columns[0]
    there = ", ".join(column if len(column) <= 80 else shown(column) for column in columns)
    if named is None:
        raise InputError(f"which column holds the text? give --text, one of: {there}")
    if named not in row:
        raise InputError(f"no column {named!r}; the columns are: {there}")
    return named
