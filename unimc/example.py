"""The multiple-choice example: the one form that every task is brought into before the model sees it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from operator import index

from unimc.identity import normalised, text_hash


class InputError(ValueError):
    """Something the user gave is wrong; the message says what, where and what to do.

    The command line prints these as one line and exits with code 2, without a traceback.
    """


_SHOWN = 80
"""Characters of a value that a message shows."""


def shown(value: object) -> str:
    """A value as a message says it: its repr in one line, and of a long one the beginning.

    A message stays readable so whatever was given: a megabyte of text, a number of 5000 digits, a table.
    """
    if isinstance(value, str):
        whole = str.__repr__(value[: _SHOWN + 1])  # numpy's strings have another repr
    else:
        try:
            whole = " ".join(repr(value).split())
        except ValueError:  # an integer of more digits than Python writes out
            whole = f"a very long {type(value).__name__}"
    return whole if len(whole) <= _SHOWN + 2 else f"{whole[:_SHOWN]}…"


def in_order(values: object) -> bool:
    """Whether a value can be read item by item, in an order that the results can follow.

    A set has none; of a mapping or a table the keys or the columns would be read; one string or bytes is one item.
    """
    if isinstance(values, str | bytes | bytearray | Mapping | Set) or getattr(values, "ndim", 1) != 1:
        return False
    return isinstance(values, Iterable)


def whole_number(name: str, value: object) -> int:
    """The integer that a setting is, numpy's and torch's included; never 1.0, "1" or True.

    Raises:
        InputError: if it is no integer.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        return index(value)  # type: ignore[arg-type]
    except TypeError:
        raise InputError(f"{name} must be a whole number, not {shown(value)}") from None


@dataclass(frozen=True, slots=True)
class MultipleChoiceExample:
    """One question with its options, as the model reads it (UniMC, section 3.1).

    Args:
        options: the candidate answers, in the words that the model reads. Their order is kept.
        question: the instruction. It may be empty if `passage` or `textb` is not.
        passage: the text judged. It may be empty if `question` is not.
        textb: a second text (a hypothesis, the other sentence of a pair).
        label: index of the one right option; None if unknown or if `labels` is used.
        labels: indices of the right options where several may hold, `()` if none does; None for single-label examples.
        names: what the user gets back for each option; the options themselves by default.
        task: name of the task that made the example.
        id: identifies the example within its task. Everything random about it (corruption, shuffling) follows from
            the seed, the epoch and this, so it should be unique.
        language: which pair of answer pieces the model is read with ("en", "zh").
        identity: the texts by which the item is recognised in another data set, whatever its wording there (`key`);
            by default the passage and the second text, without both the question and the options.

    Raises:
        InputError: if an option is missing, empty or given twice, a label is out of range, both kinds of label are
            given, or there is nothing to read.
    """

    options: tuple[str, ...]
    question: str = ""
    passage: str = ""
    textb: str = ""
    label: int | None = None
    labels: tuple[int, ...] | None = None
    names: tuple[str, ...] = ()
    task: str = ""
    id: str = ""
    language: str = "en"
    identity: tuple[str, ...] = ()

    def __init__(
        self,
        options: Sequence[str],
        question: str = "",
        passage: str = "",
        textb: str = "",
        label: int | None = None,
        labels: Sequence[int] | None = None,
        names: Sequence[str] | None = None,
        task: str = "",
        id: str = "",
        language: str = "en",
        identity: Sequence[str] = (),
    ) -> None:
        # Written out because the arguments are wider than the fields: any sequence in, tuples kept.
        put = object.__setattr__
        texts = {"task": task, "id": id, "language": language}
        texts |= {"question": question, "passage": passage, "textb": textb}
        for field, text in texts.items():
            put(self, field, text)
        for field, text in texts.items():
            self._text(field, text)
        put(self, "options", self._strings("options", options))
        put(self, "names", self._strings("names", names) if names is not None else self.options)
        put(self, "identity", self._strings("identity", identity))
        put(self, "label", self._index(label) if label is not None else None)
        put(self, "labels", self._indices(labels) if labels is not None else None)
        self._check()

    @property
    def right(self) -> tuple[int, ...] | None:
        """Indices of the right options: of the one label or of all `labels`; None if the example is unlabelled."""
        if self.labels is not None:
            return self.labels
        return None if self.label is None else (self.label,)

    @property
    def key(self) -> str:
        """What the item is, normalised: equal for two examples that ask about the same texts (`recognised_by`)."""
        return normalised(self.recognised_by)

    @property
    def recognised_by(self) -> tuple[str, ...]:
        """`identity`, or what stands for it by default."""
        texts = self.identity or tuple(text for text in (self.passage, self.textb) if text.strip())
        return texts or (self.question, *self.options)

    @property
    def fingerprint(self) -> int:
        """64-bit hash of `key`."""
        return text_hash(self.key)

    def taking(self, places: Sequence[int]) -> MultipleChoiceExample:
        """The example with the options at `places`, in that order. What it is recognised by stays what it was.

        Raises:
            InputError: if a right option is not among them.
        """
        new = {old: place for place, old in enumerate(places)}
        if left_out := set(self.right or ()) - new.keys():
            raise self.error(f"the right option {shown(self.options[min(left_out)])} would be left out")
        return replace(
            self,
            options=tuple(self.options[place] for place in places),
            names=tuple(self.names[place] for place in places),
            label=None if self.label is None else new[self.label],
            labels=None if self.labels is None else tuple(sorted(new[label] for label in self.labels)),
            identity=self.recognised_by,
        )

    def error(self, problem: str) -> InputError:
        """An `InputError` about this example that says which one it is."""
        where = " ".join(word for word in (self.task, self.id) if isinstance(word, str) and word)
        if not where.isprintable() or len(where) > _SHOWN:
            where = shown(where)
        return InputError(f"example {where}: {problem}" if where else problem)

    def _strings(self, field: str, values: Sequence[str]) -> tuple[str, ...]:
        if isinstance(values, str):
            raise self.error(f"{field} must be a list of strings, not one string; write [{shown(values)}]")
        if not in_order(values):
            raise self.error(f"{field} must be a list of strings, not {type(values).__name__}")
        strings = tuple(values)
        for position, value in enumerate(strings):
            self._text(f"{field}[{position}]", value)
        return strings

    def _text(self, field: str, text: object) -> None:
        if not isinstance(text, str):
            raise self.error(f"{field} must be a string, not {type(text).__name__}")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise self.error(
                f"{field} holds half of a character ({text[error.start]!r}); read its source with the right encoding"
            ) from None

    def _indices(self, values: Sequence[int]) -> tuple[int, ...]:
        if isinstance(values, Mapping) or not (in_order(values) or isinstance(values, Set)):
            raise self.error(f"labels must be a list of indices, not {shown(values)}; use label for one right option")
        return tuple(map(self._index, values))

    def _index(self, value: object) -> int:
        try:
            return whole_number("label", value)
        except InputError:
            raise self.error(
                f"label {shown(value)} is not an index; give the right option's position, from 0"
            ) from None

    def _check(self) -> None:
        if not self.options:
            raise self.error("no options; give at least one candidate answer")
        for field, values in (("option", self.options), ("name", self.names)):
            if (twice := _twice(values)) is not None:
                raise self.error(f"{field} {shown(twice)} is given twice; every {field} must be different")
        for position, option in enumerate(self.options):
            if not option.strip():
                raise self.error(f"option {position} is empty; every option needs a text")
        if len(self.names) != len(self.options):
            raise self.error(f"{len(self.names)} names for {len(self.options)} options; give one name for each option")
        if not (self.question.strip() or self.passage.strip() or self.textb.strip()):
            raise self.error("question and passage are both empty; the model needs something to read")
        if self.label is not None and self.labels is not None:
            raise self.error("both label and labels are given; use label for one right option, labels for several")
        for right in self.right or ():
            if not 0 <= right < len(self.options):
                raise self.error(f"label {shown(right)} is out of range; there are {len(self.options)} options, from 0")
        if self.labels is not None and len(set(self.labels)) < len(self.labels):
            raise self.error(f"labels {shown(self.labels)} name an option twice")


def _twice(values: Sequence[str]) -> str | None:
    """The first value that came before."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            return value
        seen.add(value)
    return None
