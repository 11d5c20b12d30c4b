"""What the model reads of a row: the templates of a card, in the default wording or one of its variants."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from converters import card, values
from converters.template import ColumnPath, Row, Template, as_text
from unimc.example import InputError

T = TypeVar("T")

VARIANT_KEYS = ("question", "passage", "textb", "labels", "options")
_LABEL_KEYS = ("column", "values")
_ANSWER_KEYS = ("column", "is", "start", "keys")
_ANSWER_KINDS = ("index", "letter", "text", "key")


def parsed(parse: Callable[[str], T], text: Any, where: str) -> T:
    """`parse(text)`, its error completed by where in the card the text stands."""
    try:
        return parse(text)
    except InputError as problem:
        raise InputError(f"{where}: {problem}") from None


@dataclass(frozen=True, slots=True)
class Labels:
    """The fixed label set of a classification: column values and names, in the card's order."""

    column: ColumnPath
    values: Mapping[Any, int]
    names: tuple[str, ...]
    wordings: tuple[Template, ...]

    @classmethod
    def parse(cls, given: Any, where: str) -> Labels:
        """Read the card's `labels`."""
        section = card.mapping(given, f"{where}: labels")
        card.known_keys(section, _LABEL_KEYS, f"{where}: labels")
        if "column" not in section or not section.get("values"):
            raise InputError(f"{where}: labels needs `column` and `values` (value in the column: wording)")
        column = parsed(ColumnPath.parse, section["column"], f"{where}: labels.column")
        entries = card.mapping(section["values"], f"{where}: labels.values")
        names, wordings = [], []
        for value, entry in entries.items():
            here = f"{where}: labels.values.{values.key(value)}"
            if isinstance(entry, Mapping):
                card.known_keys(entry, ("name", "wording"), here)
                if "wording" not in entry:
                    raise InputError(f"{here}: needs `wording`, what the model reads")
                wording, name = parsed(Template.parse, entry["wording"], here), entry.get("name", value)
            else:
                wording, name = parsed(Template.parse, entry, here), value
            names.append(values.key(name))
            wordings.append(wording)
        for what, texts in (
            ("value", [values.key(value) for value in entries]),
            ("name", names),
        ):
            twice = [text for text in texts if texts.count(text) > 1]
            if twice:
                raise InputError(f"{where}: labels.values: the {what} {twice[0]!r} is there twice")
        places = {value: place for place, value in enumerate(entries)}
        return cls(column, places, tuple(names), _distinct(wordings, f"{where}: labels.values"))

    def place(self, value: Any) -> int:
        """The place of the label that stands as `value` in the column.

        Raises:
            InputError: if it is none of the labels.
        """
        place = values.find(value, self.values)
        if place is None:
            known = [values.key(one) for one in self.values]
            raise InputError(f"column {self.column.text!r} is {value!r}, which is none of the labels ({_some(known)})")
        return place


@dataclass(frozen=True, slots=True)
class Answer:
    """How a row says which of its own options is right."""

    column: ColumnPath
    kind: str
    start: int = 0
    keys: ColumnPath | None = None

    @classmethod
    def parse(cls, given: Any, where: str) -> Answer:
        """Read the card's `answer`."""
        where = f"{where}: answer"
        section = card.mapping(given, where)
        card.known_keys(section, _ANSWER_KEYS, where)
        kind, start = section.get("is"), section.get("start", 0)
        if "column" not in section or kind not in _ANSWER_KINDS:
            raise InputError(f"{where}: needs `column` and `is` ({' | '.join(_ANSWER_KINDS)}), not {kind!r}")
        if (kind == "key") != ("keys" in section):
            raise InputError(f"{where}: `keys` (the list that holds the keys) goes with `is: key`, and only with it")
        if type(start) is not int or (start and kind != "index"):
            raise InputError(f"{where}: `start` is a whole number and goes with `is: index`")
        column = parsed(ColumnPath.parse, section["column"], f"{where}.column")
        keys = parsed(ColumnPath.parse, section["keys"], f"{where}.keys") if kind == "key" else None
        return cls(column, kind, start, keys)

    def place(self, row: Row, options: Sequence[str]) -> int | None:
        """Index of the right option among `options` (before merging); None if the row is unlabelled.

        Raises:
            InputError: if the answer is none of the options.
        """
        value = self.column.get(row) if self.column.present(row) else None
        if value is None:
            return None
        text = values.key(value).strip()
        place: int | None = None
        if self.kind == "index" and text.removeprefix("-").isdecimal():
            place = int(text) - self.start
        elif self.kind == "letter" and len(text) == 1 and text.isascii() and text.isalpha():
            place = ord(text.upper()) - ord("A")
        elif self.kind == "text":
            place = next((index for index, option in enumerate(options) if option.strip() == text), None)
        elif self.keys is not None:
            listed = [values.key(entry) for entry in self.keys.get(row)]
            place = listed.index(text) if text in listed else None
        if place is None or not 0 <= place < len(options):
            what = f"from {self.start}" if self.kind == "index" else self.kind
            raise InputError(
                f"column {self.column.text!r} is {value!r} ({what}), which is none of the row's {len(options)} options"
            )
        return place


@dataclass(frozen=True, slots=True)
class Wording:
    """The templates of one wording: the parts of the text, and the options (fixed labels or the row's own)."""

    question: Template
    passage: Template
    textb: Template
    options: ColumnPath | tuple[Template, ...]

    @classmethod
    def parse(cls, given: Mapping[str, Any], labels: Labels | None, where: str) -> Wording:
        """Read the default wording of a card."""
        texts = {part: parsed(Template.parse, given.get(part, ""), f"{where}: {part}") for part in VARIANT_KEYS[:3]}
        if not any(template.parts for template in texts.values()):
            raise InputError(f"{where}: question, passage and textb are all empty; the model needs something to read")
        options = labels.wordings if labels is not None else _options(given["options"], where)
        return cls(texts["question"], texts["passage"], texts["textb"], options)._reading(where)

    def variant(self, given: Any, labels: Labels | None, where: str) -> Wording:
        """This wording with the parts that a variant names put in their place; the rest stays as it is."""
        section = card.mapping(given, where)
        card.known_keys(section, VARIANT_KEYS, where)
        texts = {
            part: parsed(Template.parse, section[part], f"{where}.{part}")
            for part in VARIANT_KEYS[:3]
            if part in section
        }
        options = self.options
        if "options" in section:
            if labels is not None:
                raise InputError(f"{where}.options: the options of a classification are its labels; name them there")
            options = _options(section["options"], where)
        if "labels" in section:
            if labels is None:
                raise InputError(f"{where}.labels: this kind has no labels; its options are in `options`")
            wordings = list(labels.wordings)
            for value, text in card.mapping(section["labels"], f"{where}.labels").items():
                place = values.find(value, labels.values)
                if place is None:
                    known = [values.key(one) for one in labels.values]
                    raise InputError(f"{where}.labels: no label {value!r}; {card.did_you_mean(value, known)}")
                wordings[place] = parsed(Template.parse, text, f"{where}.labels.{value}")
            options = _distinct(wordings, f"{where}.labels")
        return replace(self, options=options, **texts)._reading(where)

    def _reading(self, where: str) -> Wording:
        """Itself, if it reads a column; every row would otherwise be asked the same."""
        fixed = self.options if isinstance(self.options, tuple) else ()
        texts = (self.question, self.passage, self.textb)
        if not isinstance(self.options, tuple) or any(template.columns for template in (*texts, *fixed)):
            return self
        wide = "; ｛ and ｝ are no braces here, write { and }" if any("｛" in one.text for one in texts) else ""
        raise InputError(
            f"{where}: no column is read, so every row would be asked the same; name the one with the text in braces: "
            f"passage: '{{text}}'{wide}"
        )

    def identity(self, row: Row, fixed_labels: bool) -> tuple[str, ...]:
        """What the columns say by which an item is recognised in another data set, without the words of the card.

        Args:
            row: column -> value.
            fixed_labels: whether the options are labels; columns in their wordings (a hypothesis) count as a second
                text then.

        Returns:
            Passage and second text; or one of them; without both the question, and the row's own options.
        """
        passage, question = self.passage.said(row), self.question.said(row)
        seconds = [self.textb.said(row)]
        if fixed_labels and isinstance(self.options, tuple):
            seconds += dict.fromkeys(template.said(row) for template in self.options)
        second = " ".join(filter(None, seconds))
        texts = tuple(filter(None, (passage, second)))
        if texts:
            return texts
        return tuple(filter(None, (question, *(() if fixed_labels else self.render_options(row)))))

    def render_options(self, row: Row) -> list[str]:
        """The options of a row, repeats included."""
        if isinstance(self.options, tuple):
            return [template.render(row) for template in self.options]
        listed = self.options.get(row)
        if isinstance(listed, str) or not isinstance(listed, Sequence):
            raise InputError(f"column {self.options.text!r} must hold a list of options, not {type(listed).__name__}")
        return [as_text(option, f"{self.options.text}[{index}]") for index, option in enumerate(listed)]


def _options(given: Any, where: str) -> ColumnPath | tuple[Template, ...]:
    where = f"{where}: options"
    if isinstance(given, str):
        return parsed(ColumnPath.parse, given, where)
    if not isinstance(given, Sequence) or not given:
        raise InputError(f"{where}: name the column that holds the list, or give a list of templates")
    return _distinct([parsed(Template.parse, text, f"{where}[{index}]") for index, text in enumerate(given)], where)


def _distinct(templates: Sequence[Template], where: str) -> tuple[Template, ...]:
    """The templates, or InputError if two are the same and no row could tell them apart."""
    texts = [template.text.strip() for template in templates]
    twice = [text for text in texts if texts.count(text) > 1]
    if twice:
        raise InputError(f"{where}: {twice[0]!r} is there twice; every option needs its own words")
    return tuple(templates)


def _some(labels: Sequence[str], shown: int = 20) -> str:
    rest = f", … {len(labels) - shown} more" if len(labels) > shown else ""
    return ", ".join(labels[:shown]) + rest
