"""Templates of cloze prompts: a text with places for an example's columns, one mask, and trigger pieces.

`{passage} It was {mask}.` (Schick and Schütze 2021, arXiv 2001.07676). The words of a template and of an example are
mere text: only `{mask}` makes a mask.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from string import Formatter
from typing import Literal

from unimc.example import InputError, shown

COLUMNS = ("passage", "textb", "question")
"""What of an example a template can name."""
_MASK, _TRIGGER = "mask", "trigger"
_SPELT = ("[MASK]", "<mask>", "[mask]")
"""How masks are written elsewhere; here they would be mere text."""

Kind = Literal["text", "column", "mask", "trigger"]


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a template.

    Attributes:
        kind: what it is.
        text: the words, the column's name, or the trigger piece; "" for the mask.
        glued: whether no space stands before it: "was{mask}" has no piece in common with "was {mask}" in vocabularies
            that tell the two apart, and Chinese has no spaces at all.
    """

    kind: Kind
    text: str = ""
    glued: bool = False


@dataclass(frozen=True)
class Template:
    """A text with `{passage}`, `{textb}`, `{question}`, one `{mask}` and any number of `{trigger}`.

    The mask may stand anywhere (`新闻：{mask}。{passage}` as well as `{passage} It was {mask}.`). It stands for a label
    word, whatever the number of its pieces. `{{` and `}}` are braces.

    Args:
        text: the template.
        triggers: the pieces, as the vocabulary spells them, that stand at the `{trigger}`s, in this order.

    Raises:
        InputError: if there is no mask or more than one, no column, a column is unknown or there twice, the triggers
            don't match their places, or braces don't match.
    """

    text: str
    triggers: tuple[str, ...] = ()
    parts: tuple[Part, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise InputError(f"a template is a text, not {shown(self.text)}; put it in quotes")
        object.__setattr__(self, "triggers", _strings(self.triggers))
        object.__setattr__(self, "parts", tuple(self._parsed()))
        self._check()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it reads, in its order."""
        return tuple(part.text for part in self.parts if part.kind == "column")

    @property
    def mask(self) -> Part:
        """Its mask."""
        return next(part for part in self.parts if part.kind == "mask")

    def with_triggers(self, triggers: Sequence[str]) -> Template:
        """The same with other trigger pieces."""
        return Template(self.text, tuple(triggers))

    def with_places(self, count: int, triggers: Sequence[str]) -> Template:
        """This template, if it has `{trigger}`s, with these pieces in them; else with `count` places before its mask.

        (AutoPrompt's own template is `{passage} [T] … [T] {mask}.`, Shin et al. 2020, arXiv 2010.15980.)
        """
        if self.triggers:
            return self.with_triggers(triggers[: len(self.triggers)])
        before, mask, after = self.text.partition("{mask}")
        gap = " " if not before or before[-1].isspace() else ""  # the mask stays glued to what it was glued to
        return Template(f"{before}{('{trigger}' + gap) * count}{mask}{after}", tuple(triggers[:count]))

    def _parsed(self) -> list[Part]:
        parts: list[Part] = []
        before = " "  # the character before a part; a row's first part stands as if after a space
        left = list(self.triggers)
        try:
            pieces = list(Formatter().parse(self.text))
        except ValueError as problem:
            raise self._error(f"{problem}; write {{{{ and }}}} for braces in the text") from None
        for literal, name, spec, conversion in pieces:
            if literal:
                if words := literal.strip():
                    parts.append(Part("text", words, glued=not (literal[0].isspace() or before.isspace())))
                before = literal[-1]
            if name is None:
                continue
            if spec or conversion:
                raise self._error(f"{{{name}}} may not have a format or a conversion")
            glued = not before.isspace()
            before = "}"
            if name == _MASK:
                parts.append(Part("mask", glued=glued))
            elif name == _TRIGGER:
                parts.append(Part("trigger", left.pop(0) if left else "", glued))
            elif name in COLUMNS:
                parts.append(Part("column", name, glued))
            else:
                known = (*COLUMNS, _MASK, _TRIGGER)
                near = get_close_matches(name, known, n=1)
                hint = f"did you mean {{{near[0]}}}?" if near else "there are " + ", ".join(f"{{{o}}}" for o in known)
                raise self._error(f"there is no {{{name}}}; {hint}")
        return parts

    def _check(self) -> None:
        masks = sum(part.kind == "mask" for part in self.parts)
        if not masks:
            spelt = next((word for word in _SPELT if word in self.text), None)
            hint = f"write {{mask}} for {spelt}" if spelt else "write {mask} where the label's word is to stand"
            raise self._error(f"it has no mask; {hint}, as in '{{passage}} It was {{mask}}.'")
        if masks > 1:
            raise self._error("it has several {mask}; write one, a word of several pieces gets its masks by itself")
        if not self.columns:
            raise self._error("it reads nothing of the example; name a column, as in '{passage} It was {mask}.'")
        if len(set(self.columns)) < len(self.columns):
            raise self._error("it names a column twice; name it once")
        places = sum(part.kind == "trigger" for part in self.parts)
        if places != len(self.triggers):
            raise self._error(f"it has {places} {{trigger}} and {len(self.triggers)} triggers; give one for each")

    def _error(self, problem: str) -> InputError:
        return InputError(f"template {shown(self.text)}: {problem}")


def _strings(triggers: object) -> tuple[str, ...]:
    if isinstance(triggers, str) or not isinstance(triggers, Sequence):
        raise InputError(f"triggers must be a list of pieces, not {shown(triggers)}")
    if odd := [one for one in triggers if not isinstance(one, str) or not one]:
        raise InputError(f"triggers must be pieces of the vocabulary, not {shown(odd[0])}; put them in quotes")
    return tuple(triggers)
