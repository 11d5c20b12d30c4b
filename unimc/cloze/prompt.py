"""A cloze prompt: template, label words and how they are scored, as a small mapping in a YAML file holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, get_args

from unimc.cloze.template import Template
from unimc.cloze.verbalizer import Verbalizer
from unimc.example import InputError, shown

Scoring = Literal["parallel", "left_to_right"]
"""How a word of several pieces is scored: all its pieces at once over as many masks, or one after the other."""
Average = Literal["probability", "log_probability"]
"""How a label's words become one score: the mean of their probabilities, or of the logarithms."""
_KEYS = ("task", "template", "triggers", "words", "scoring", "average", "prior", "variant", "note")


@dataclass(frozen=True)
class ClozePrompt:
    """What is asked and how it is read; the same for every model.

    A word's score is its mean log-probability over its pieces, so that words of one piece and of several compare.

    Attributes:
        template: the template.
        verbalizer: the label words.
        scoring: "parallel" reads all pieces of a word at as many masks in one row, which all words of that length
            share. "left_to_right" gives the pieces before the one that is read and masks those after it, a row for
            every different beginning (the pseudo-log-likelihood within a word of Kauf and Ivanova 2023, arXiv
            2305.10588). The former is the default: it costs the same for two words and for two thousand, and a word
            whose first piece gives away its second has no advantage.
        average: over a label's words.
        prior: word -> its score without any text, which is subtracted (contextual calibration); None for none.
        task: name of the task that it is for, if it says so.
        variant: name of the task's wording whose passage, textb and question it reads; "" for the default.
    """

    template: Template
    verbalizer: Verbalizer
    scoring: Scoring = "parallel"
    average: Average = "probability"
    prior: Mapping[str, float] | None = None
    task: str = ""
    variant: str = ""

    def __post_init__(self) -> None:
        for name, known in (("scoring", get_args(Scoring)), ("average", get_args(Average))):
            if (value := getattr(self, name)) not in known:
                raise InputError(f"{name} is {shown(value)}; it must be one of {', '.join(known)}")
        for name in ("task", "variant"):
            if not isinstance(value := getattr(self, name), str):
                raise InputError(f"{name} is {shown(value)}; it must be a name")
        if self.prior is None:
            return
        words = [word for words in self.verbalizer.words.values() for word in words]
        if not isinstance(self.prior, Mapping):
            raise InputError(f"prior is {shown(self.prior)}; it must hold a number for every word, or be left out")
        if lacking := [word for word in words if word not in self.prior]:
            raise InputError(f"prior must hold a number for every word; {shown(lacking[0])} has none")
        for word, value in self.prior.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < float("inf"):
                raise InputError(f"prior of {shown(word)} is {shown(value)}; it must be a number")

    @classmethod
    def from_dict(cls, given: Any, where: str, names: tuple[str, ...] | None = None) -> ClozePrompt:
        """What a YAML file says.

        Args:
            given: its mapping: `template`, `words` (label -> word or words) and, if wanted, `triggers`, `scoring`,
                `average`, `prior`, `task`, `note`.
            where: the file, for errors.
            names: the labels, whose names are the words if the mapping gives none.

        Raises:
            InputError: for an unknown or missing key, or a wrong value.
        """
        if not isinstance(given, Mapping):
            raise InputError(
                f"{where}: a cloze prompt is a mapping (template: …, words: …), not {type(given).__name__}"
            )
        for key in given:
            if key not in _KEYS:
                near = get_close_matches(str(key), _KEYS, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(_KEYS)}"
                raise InputError(f"{where}: unknown key {shown(key)}; {hint}")
        if "template" not in given:
            raise InputError(f"{where}: the key `template` is missing; write template: '{{passage}} It was {{mask}}.'")
        if "words" not in given and not names:
            raise InputError(f"{where}: the key `words` is missing; write words: {{good: [great], bad: [terrible]}}")
        try:
            return cls(
                template=Template(given["template"], given.get("triggers", ())),
                verbalizer=Verbalizer(given["words"]) if "words" in given else Verbalizer.of_names(names or ()),
                scoring=given.get("scoring", "parallel"),
                average=given.get("average", "probability"),
                prior=given.get("prior"),
                task=given.get("task", ""),
                variant=given.get("variant", ""),
            )
        except InputError as problem:
            raise InputError(f"{where}: {problem}") from None

    def to_dict(self) -> dict[str, Any]:
        """As `from_dict` reads it."""
        entry: dict[str, Any] = {name: getattr(self, name) for name in ("task", "variant") if getattr(self, name)}
        entry["template"] = self.template.text
        if self.template.triggers:
            entry["triggers"] = list(self.template.triggers)
        entry["words"] = {label: list(words) for label, words in self.verbalizer.words.items()}
        entry |= {"scoring": self.scoring, "average": self.average}
        if self.prior is not None:
            entry["prior"] = dict(self.prior)
        return entry
