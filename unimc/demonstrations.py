"""Demonstrations: labelled examples shown before the passage, as text (Brown et al. 2020, arXiv 2005.14165).

For masked language models as Gao, Fisch and Chen (2021, arXiv 2012.15723, section 6) have them: some of every label,
the nearest texts or drawn ones. Beyond the paper of UniMC, whose model never saw any: whether they help is to be
measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from heapq import nsmallest
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from unimc import prompt_template
from unimc.encoding import Encoder
from unimc.example import InputError, MultipleChoiceExample, shown, whole_number
from unimc.randomness import generator

Choice = Literal["random", "nearest"]
_CHOICES = ("random", "nearest")
_GRAMS = (1, 3)
"""Characters of what texts are compared by: words of Chinese and stems of English, without a list of either."""


@dataclass(frozen=True, slots=True)
class Form:
    """How demonstrations are written.

    Attributes:
        line: one of them, with `{text}` and `{answer}`.
        passage: the passage asked about, with `{passage}`.
        between: what stands between them.

    Raises:
        InputError: if a template has no such place, or others.
    """

    line: str
    passage: str
    between: str = " "

    def __post_init__(self) -> None:
        for needed in ("text", "answer"):
            prompt_template.check(self.line, ("text", "answer"), needed=needed, what="the line of a demonstration")
        prompt_template.check(self.passage, ("passage",), needed="passage", what="the form of the passage")

    def written(self, lines: Sequence[tuple[str, str]], passage: str) -> str:
        """The passage with so many (text, answer) before it."""
        said = [self.line.format(text=text, answer=answer) for text, answer in lines]
        return self.between.join([*said, self.passage.format(passage=passage)])


FORMS = {
    "en": Form('({answer}: "{text}")', "{passage}"),
    "zh": Form("（{answer}：“{text}”）", "{passage}", between=""),
}
"""By language; for others the caller gives one. Asides, because five forms were tried on 80 rows of two training splits
and this one moved the answers least for the worse."""


class Demonstrations:
    """Shows every example some labelled ones: `demonstrations(examples)` gives the examples with a longer passage.

    Each label is shown equally often, as far as it has examples. If all of them don't fit the row beside what is asked,
    every label is shown once less, down to none at all: the passage asked about, the question and the options are cut
    no more than they were, and take no more rows. An example is never shown its own text. What is shown depends
    neither on the order of the options nor on that of the labelled examples. Everything else about an example stays:
    its id, its names and labels, and the texts that it is recognised by.

    Args:
        labelled: examples with one right option, of the same labels as those asked about.
        encoder: of the model that is asked (`model.encoder`): it knows how much fits.
        per_label: of each label so many, where they fit.
        choice: "random": drawn by (seed, the example's id), shown in a drawn order; "nearest": those whose texts are
            most like the example's (cosine of tf-idf over groups of one to three characters, weighed on the labelled
            texts), the nearest last.
        seed: of the draw.
        form: how they are written; by the example's language if None.

    Raises:
        InputError: if there is no labelled example, one has no right option, several or no text, or a setting is wrong.
    """

    def __init__(
        self,
        labelled: Iterable[MultipleChoiceExample],
        encoder: Encoder,
        *,
        per_label: int = 1,
        choice: Choice = "random",
        seed: int = 0,
        form: Form | None = None,
    ) -> None:
        if whole_number("per_label", per_label) < 1:
            raise InputError(f"per_label is {shown(per_label)}; it must be at least 1")
        if choice not in _CHOICES:
            raise InputError(f"choice is {shown(choice)}; use 'random' or 'nearest'")
        self.encoder, self.per_label, self.seed, self.form = encoder, per_label, whole_number("seed", seed), form
        once = {(_answer(one), one.key): one for one in labelled}
        if not once:
            raise InputError("no labelled examples; demonstrations are made of them")
        # Sorted, so that a draw is of the examples and not of the order in which they came.
        self._labelled = [once[key] for key in sorted(once)]
        self._keys = [one.key for one in self._labelled]
        self._places: dict[str, list[int]] = {}
        for place, one in enumerate(self._labelled):
            self._places.setdefault(_answer(one), []).append(place)
        self._similarity = _Similarity([_text(one) for one in self._labelled]) if choice == "nearest" else None

    def __call__(self, examples: Iterable[MultipleChoiceExample]) -> list[MultipleChoiceExample]:
        """The examples with their demonstrations, in the same order; the same object where none fits.

        Raises:
            InputError: if an example has no passage, none of its options is the label of a labelled example, there is
                no form for its language, or its options don't fit a row.
        """
        return [self._with(one, self._shown(one)) for one in examples]

    def shown(self, example: MultipleChoiceExample) -> list[MultipleChoiceExample]:
        """The labelled examples that an example is shown, in their order; [] where none fits.

        Raises:
            InputError: as a call.
        """
        return [self._labelled[place] for place in self._shown(example)]

    def _shown(self, example: MultipleChoiceExample) -> list[int]:
        if not example.passage.strip():
            raise example.error("no passage; demonstrations stand before one")
        offered = [name for name in example.names if name in self._places]
        if not offered:
            raise example.error(
                f"none of its options is the label of a labelled example: these are {_some(self._places)}; "
                "demonstrations are of the same labels"
            )
        weights = self._weights(example)
        ranked = {
            name: nsmallest(
                self.per_label,
                (place for place in self._places[name] if self._keys[place] != example.key),
                key=lambda place: (-weights[place], place),
            )
            for name in offered
        }
        before = self._taken(example)
        for count in range(self.per_label, 0, -1):
            places = [place for found in ranked.values() for place in found[:count]]
            places.sort(key=lambda place: (weights[place], -place))
            if self._taken(self._with(example, places)) == before:
                return places
        return []

    def _weights(self, example: MultipleChoiceExample) -> NDArray[np.float64]:
        """(labelled,): the heaviest are shown, the heaviest last."""
        if self._similarity is not None:
            return self._similarity(_text(example))
        return generator(self.seed, 0, "demonstrations", f"{example.task}/{example.id}").random(len(self._labelled))

    def _with(self, example: MultipleChoiceExample, places: Sequence[int]) -> MultipleChoiceExample:
        form = self.form or FORMS.get(example.language)
        if form is None:
            raise example.error(f"no form of demonstrations for the language {shown(example.language)}; give form=")
        if not places:
            return example
        wordings = dict(zip(example.names, example.options, strict=True))
        lines = [(_text(one), wordings[_answer(one)]) for one in (self._labelled[place] for place in places)]
        return replace(example, passage=form.written(lines, example.passage), identity=example.recognised_by)

    def _taken(self, example: MultipleChoiceExample) -> tuple[int, int]:
        """Rows that an example takes, and tokens cut from all of them."""
        rows = self.encoder.rows(example)
        return len(rows), sum(row.truncated for row in rows)


class _Similarity:
    """How much a text is like each of some texts."""

    def __init__(self, texts: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        self._vectors = TfidfVectorizer(analyzer="char", ngram_range=_GRAMS)
        self._known = self._vectors.fit_transform(texts)

    def __call__(self, text: str) -> NDArray[np.float64]:
        """(texts,): cosines, from 0 to 1."""
        found: NDArray[np.float64] = (self._known @ self._vectors.transform([text]).T).toarray().ravel()
        return found


def _answer(example: MultipleChoiceExample) -> str:
    """Name of the right option."""
    if example.right is None or len(example.right) != 1:
        raise example.error(f"{len(example.right or ())} right options; a demonstration has one")
    if not _text(example):
        raise example.error("no passage; a demonstration is a text with its label")
    return example.names[example.right[0]]


def _text(example: MultipleChoiceExample) -> str:
    """What is shown of an example: its passage, of a pair both texts."""
    return " / ".join(text.strip() for text in (example.passage, example.textb) if text.strip())


def _some(names: Iterable[str]) -> str:
    first, *more = sorted(names)
    return ", ".join([shown(first), *map(shown, more[:2]), *(["…"] if len(more) > 2 else [])])
