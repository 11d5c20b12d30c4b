"""What an evaluation measures: labelled examples of one task, in one wording or several."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from unimc.example import InputError, MultipleChoiceExample

PRIMARY = {"classification": "accuracy", "multiple_choice": "accuracy", "multi_label": "micro_f1"}
"""The figure of each kind of task that its baselines belong to."""
DEFAULT = "default"
"""What the wording without a name is called."""


@dataclass(frozen=True)
class EvaluationSet:
    """Labelled examples of one task, and what is said about them in the results.

    Args:
        name: of the task.
        split: where the examples come from.
        examples: the examples, every one with its label.
        label_names: the fixed label set, None where every example has its own options. Answers are then compared by
            option name, so options may stand in any order; without it by index.
        multi_label: whether several labels, or none, may hold; needs `label_names`.
        language, family, source, variant: of the task and its wording, for the results.
        wordings: the same examples in other wordings, by the wordings' names: every example is asked in all of them,
            and the answers are averaged.

    Raises:
        InputError: if there is no example, one has no label or too many, an option is not in the label set, or the
            wordings don't ask about the same options.
    """

    name: str
    split: str
    examples: list[MultipleChoiceExample] = field(repr=False)
    label_names: tuple[str, ...] | None = None
    multi_label: bool = False
    language: str = ""
    family: str = ""
    source: str = ""
    variant: str | None = None
    wordings: Mapping[str, list[MultipleChoiceExample]] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not self.examples:
            raise self._error("no examples; nothing can be measured")
        if self.multi_label and self.label_names is None:
            raise self._error("multi_label needs label_names, the labels that F1 is averaged over")
        if self.label_names is not None and len(set(self.label_names)) < len(self.label_names):
            raise self._error("label_names has a name twice")
        for number, example in enumerate(self.examples):
            where = f"example {example.id or number}"
            if example.right is None:
                raise self._error(f"{where} has no label; evaluate on a labelled split")
            if example.label is None and not self.multi_label:
                raise self._error(f"{where} has several labels (`labels`); set multi_label, or give one `label`")
            unknown = set(example.names).difference(self.label_names or example.names)
            if unknown:
                raise self._error(f"{where} has the option {min(unknown)!r}, which is not among the task's labels")
        for wording, examples in self.wordings.items():
            self._check_wording(wording, examples)

    @property
    def kind(self) -> str:
        """What is measured: "classification" (fixed labels), "multiple_choice" (own options) or "multi_label"."""
        if self.multi_label:
            return "multi_label"
        return "multiple_choice" if self.label_names is None else "classification"

    @property
    def num_labels(self) -> int:
        """Size of the label set; the most options of an example where each has its own."""
        return len(self.label_names or max((example.options for example in self.examples), key=len))

    @property
    def first(self) -> str:
        """Name of the wording of `examples`."""
        return self.variant or DEFAULT

    @property
    def asked(self) -> dict[str, EvaluationSet]:
        """Each wording by its name as a set of its own, `first` first."""
        alone = {self.first: replace(self, wordings={})}
        for wording, examples in self.wordings.items():
            alone[wording] = replace(self, examples=examples, wordings={}, variant=wording)
        return alone

    @cached_property
    def index(self) -> dict[str, int]:
        """Label name -> its place in the label set; empty without one."""
        return {name: place for place, name in enumerate(self.label_names or ())}

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all that the model reads and what is right, in order."""
        digest = hashlib.sha256()
        for example in [*self.examples, *(one for examples in self.wordings.values() for one in examples)]:
            texts = [example.question, example.passage, example.textb, example.language]
            row = [example.id, *texts, example.options, example.names, example.right]
            digest.update(json.dumps(row, ensure_ascii=True).encode() + b"\n")
        return digest.hexdigest()

    def _check_wording(self, wording: str, examples: list[MultipleChoiceExample]) -> None:
        both = f"the wordings {self.first!r} and {wording!r} can't be averaged"
        if wording == self.first:
            raise self._error(f"the wording {wording!r} is given twice")
        if [example.id for example in examples] != [example.id for example in self.examples]:
            raise self._error(f"{both}: they are not of the same examples in the same order")
        for number, (one, other) in enumerate(zip(self.examples, examples, strict=True)):
            where = f"example {one.id or number}"
            odd = sorted(set(one.names) ^ set(other.names))
            if odd:
                only = self.first if odd[0] in one.names else wording
                raise self._error(
                    f"{both}: in {where} only {only!r} has an option named {odd[0]!r}; wordings share their options' "
                    f"names, leave one of them out"
                )
            if _right_names(one) != _right_names(other):
                raise self._error(f"{both}: they call other options of {where} right")

    def _error(self, problem: str) -> InputError:
        return InputError(f"{self.name} ({self.split}): {problem}")


def _right_names(example: MultipleChoiceExample) -> set[str] | None:
    return None if example.right is None else {example.names[index] for index in example.right}
