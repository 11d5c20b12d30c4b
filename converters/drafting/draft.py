"""A first card for a file of rows that nobody has described yet, as YAML with comments where a person must decide."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from converters import values
from converters.drafting import guesses
from converters.drafting.columns import Column
from converters.drafting.words import FAMILIES, QUESTIONS, WORDS
from converters.template import Row
from unimc.example import InputError

PLACEHOLDER = "EDIT"
"""What the words of an option begin with that nobody has written yet; a check of the card refuses them."""

_UNSEEN = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


@dataclass(frozen=True)
class Draft:
    """What a first card will say.

    Args:
        name: of the task.
        language: "en" or "zh".
        file: the file that was looked at, for people.
        files: split -> file, as seen from the card's folder.
        rows: the rows of the file.
        columns: its columns, counted.
        texts: the column that is judged, or two.
        label: the column of labels, or with `options` that of the answers; None if there is none.
        options: the column that holds each row's own options, or one column for each option; () = fixed labels.
        asks: the column that holds each row's question.
        id: the column that numbers the rows.
        question: the instruction; a first proposal in the task's language if None.

    Raises:
        InputError: if a column can't be named in a card, or its labels can't be told apart.
    """

    name: str
    language: str
    file: str
    files: Mapping[str, str]
    rows: Sequence[Row]
    columns: Mapping[str, Column]
    texts: tuple[str, ...]
    label: str | None = None
    options: tuple[str, ...] = ()
    asks: str | None = None
    id: str | None = None
    question: str | None = None

    def __post_init__(self) -> None:
        for name in (*self.texts, *self.options, *filter(None, (self.label, self.asks, self.id))):
            if not self.columns[name].addressable:
                raise InputError(
                    f"{self.file}: a card can't name the column {name!r} (braces, brackets, colons, exclamation marks "
                    "and a blank at its start have a meaning there); rename it in the file"
                )
        if self.label is not None and not self.options:
            wordings(self.columns[self.label], self.file)

    @property
    def kind(self) -> str:
        """The card's `kind`."""
        if self.options:
            return "multiple_choice"
        return "multi_label" if self.label is not None and self.columns[self.label].lists else "classification"

    @property
    def family(self) -> str:
        """The family that the label column's name tells; "" if it doesn't."""
        named = (self.label or "").casefold()
        return next((family for family, names in FAMILIES.items() if named in names), "")

    @property
    def proposed_question(self) -> str:
        """A first question, in the task's language."""
        kinds = QUESTIONS[self.language]
        for key in ("pair" if len(self.texts) > 1 else "", self.kind, self.family):
            if key and key in kinds:
                return kinds[key]
        return kinds[""]

    @property
    def blank(self) -> dict[str, Column]:
        """The columns that a row can't do without, of which some cells are blank."""
        needed = [*self.texts[:1], *filter(None, (self.asks, self.label))]
        return {name: self.columns[name] for name in needed if self.columns[name].empty}

    @property
    def readings(self) -> list[Mapping[str, Any]]:
        """How the answer column may be read; see `guesses.answer_rules`."""
        if not self.options or self.label is None:
            return []
        listed = [self._options_of(row) for row in self.rows]
        return guesses.answer_rules(self.rows, self.label, listed)

    def _options_of(self, row: Row) -> list[str]:
        if len(self.options) > 1:
            return [values.key(row.get(name)) for name in self.options]
        return [values.key(entry) for entry in row.get(self.options[0]) or ()]

    def text(self) -> str:
        """The card.

        Raises:
            InputError: if the answers fit none of the rows' options.
        """
        words = WORDS[self.language]
        lines = [
            f"# {_one_line(words['head'].format(file=self.file, rows=len(self.rows)))}",
            f"name: {quoted(self.name)}",
            "version: 1",
            f"language: {self.language}",
            *([f"family: {self.family}"] if self.family else []),
            f"kind: {self.kind}",
            f"licence: not stated  # {words['licence']}",
            "source:",
            f"  files:  # {words['files']}",
            *(f"    {split}: {quoted(file)}" for split, file in self.files.items()),
        ]
        asked = f"{{{self.asks}}}" if self.asks is not None else None
        if asked is not None and self.question is None:
            lines.append(f"question: {quoted(asked)}")
        else:
            question = escaped(self.question) if self.question is not None else self.proposed_question
            lines.append(f"question: {quoted(question)}  # {words['question']}")
        lines += [
            f"{part}: {quoted(f'{{{name}}}')}" for part, name in zip(("passage", "textb"), self.texts, strict=False)
        ]
        lines += self._own_options(words) if self.options else self._labels(words)
        if self.blank:
            lines.append("skip:")
            for name, column in self.blank.items():
                blanks = ", ".join("null" if blank is None else quoted(blank) for blank in column.blanks)
                lines.append(f"  {quoted(name)}: [{blanks}]  # {words['skip'].format(count=column.empty)}")
        if self.id is not None:
            lines.append(f"id: {quoted(f'{{{self.id}}}')}")
        return "\n".join(lines) + "\n"

    def _labels(self, words: Mapping[str, str]) -> list[str]:
        if self.label is None:
            return [
                "labels:",
                f"  column: label  # {words['no_labels']}",
                f"  values:  # {words['fill']}",
                *(f"    option_{number}: {quoted(words['option'].format(number=number))}" for number in (1, 2)),
            ]
        column = self.columns[self.label]
        lines = [
            "labels:",
            f"  column: {quoted(self.label)}",
            f"  values:  # {words['numbers' if column.numeric else 'values']}",
        ]
        for value, wording in wordings(column, self.file).items():
            count = words["count"].format(count=column.counts[value])
            lines.append(f"    {quoted(value)}: {quoted(escaped(wording))}  # {count}")
        return lines

    def _own_options(self, words: Mapping[str, str]) -> list[str]:
        if len(self.options) == 1:
            lines = [f"options: {quoted(self.options[0])}"]
        else:
            lines = [f"options: [{', '.join(quoted(f'{{{name}}}') for name in self.options)}]"]
        if self.label is None:
            return [*lines, f"# {words['no_answer']}"]
        found = self.readings
        if not found:
            raise InputError(
                f"{self.file}: column {self.label!r} doesn't say which of a row's options is right: its values "
                f"({_some(self.columns[self.label].counts)}) are not in every row an option's text, letter or index; "
                "name the column that says it with --label"
            )
        rules = [
            ", ".join(f"{key}: {quoted(str(entry))}" for key, entry in one.items() if key != "column") for one in found
        ]
        rules = [rule.replace('"', "") for rule in rules]
        said = f"  # {words['answer'].format(rules=' | '.join(rules))}" if len(found) > 1 else ""
        return [*lines, f"answer: {{column: {quoted(self.label)}, {rules[0]}}}{said}"]


def wordings(column: Column, where: str) -> dict[str, str]:
    """Label -> a first wording: the value made readable, the commonest label first.

    Raises:
        InputError: if there are too many labels, or two of them differ in nothing that can be read.
    """
    if column.distinct > guesses.MOST_LABELS:
        raise InputError(
            f"{where}: column {column.name!r} has {column.distinct:,} different values, which are no labels; name the "
            "label column with --label"
        )
    long = next((value for value in column.counts if len(value) > 150), None)
    if long is not None:
        raise InputError(f"{where}: column {column.name!r} holds texts ({long[:40]!r} …), not labels; see --label")
    stripped = Counter(value.strip() for value in column.counts)
    for text, times in stripped.items():
        if times > 1:
            same = [value for value in column.counts if value.strip() == text]
            raise InputError(
                f"{where}: column {column.name!r} has the labels {' and '.join(map(repr, same))}, which differ only in "
                "blanks; make them one in the file"
            )
    plain = {value: readable(value) for value in column.counts}
    twice = Counter(plain.values())
    return {value: plain[value] if twice[plain[value]] == 1 else value for value, _ in column.counts.most_common()}


def readable(value: str) -> str:
    """A label as words: underscores and line breaks become spaces."""
    return " ".join(value.replace("_", " ").split()) or value


def escaped(text: str) -> str:
    """A text as a template that gives it again."""
    return text.replace("{", "{{").replace("}", "}}")


def quoted(text: str) -> str:
    """A text as YAML, always in double quotes: `no`, `1` and `a: b` stay texts."""
    return _UNSEEN.sub(lambda char: f"\\u{ord(char[0]):04x}", json.dumps(text, ensure_ascii=False))


def _one_line(text: str) -> str:
    return " ".join(_UNSEEN.sub("", text).split())


def _some(counts: Counter[str]) -> str:
    return ", ".join(repr(value[:20]) for value, _ in counts.most_common(5))
