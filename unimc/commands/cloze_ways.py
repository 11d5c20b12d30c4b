"""The ways of `unimc cloze`: a prompt as it is given, and what is made of it with texts or a few labelled rows."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from unimc.example import MultipleChoiceExample

if TYPE_CHECKING:
    from unimc.cloze import Cloze
    from unimc.cloze.autoprompt import AutoPromptConfig

GIVEN = "given"
WAYS = {
    "calibrated": "the prior of content-free texts taken off",
    "kpt": "related words, refined on texts without labels",
    "words": "label words searched with labelled rows",
    "autoprompt": "trigger pieces searched with labelled rows",
}


@dataclass(frozen=True)
class Resources:
    """What the ways may use besides the prompt.

    Attributes:
        texts: rows whose labels are not read, of the task's training split.
        labelled: rows to search with, and others to choose by.
        example: any example of the task, for content-free ones.
        related: label -> related words of a user's list; None for the model's own vocabulary.
        size: label words that a search or the vocabulary gives a label.
        search: how triggers are searched.
        say: tells the user how far it is.
    """

    texts: Sequence[MultipleChoiceExample]
    labelled: Sequence[Sequence[MultipleChoiceExample]]
    example: MultipleChoiceExample
    related: Mapping[str, Sequence[str]] | None
    size: int
    search: AutoPromptConfig
    say: Callable[[str], None]


@dataclass(frozen=True)
class Way:
    """What a way made of the prompt, from how many rows, in how many seconds, and what it has to say about it."""

    name: str
    cloze: Cloze
    labelled: int = 0
    unlabelled: int = 0
    seconds: float = 0.0
    about: dict[str, Any] = field(default_factory=dict)


def made(name: str, cloze: Cloze, resources: Resources) -> Way:
    """The prompt as a way changes it."""
    started = time.perf_counter()
    way = _MAKERS[name](cloze, resources)
    return replace(way, seconds=time.perf_counter() - started)


def _calibrated(cloze: Cloze, resources: Resources) -> Way:
    from unimc.calibration import content_free_examples

    return Way("calibrated", cloze.calibrated(content_free_examples(resources.example)))


def _kpt(cloze: Cloze, resources: Resources) -> Way:
    from unimc.cloze.related import refined
    from unimc.cloze.vocabulary import neighbours

    related = resources.related if resources.related is not None else neighbours(cloze, resources.size * 10)
    found = refined(cloze, related, resources.texts)
    about = {name: getattr(found, name) for name in ("given", "unknown", "rare", "irrelevant")}
    resources.say(
        f"kpt: {found.given:,} related words ({found.unknown:,} more unknown to the vocabulary), less {found.rare:,} "
        f"rare and {found.irrelevant:,} irrelevant ones"
    )
    return Way("kpt", found.cloze, unlabelled=len(resources.texts), about=about)


def _words(cloze: Cloze, resources: Resources) -> Way:
    from unimc.cloze.search import found_words

    rows = resources.labelled[0]
    found = found_words(cloze, rows, size=resources.size)
    for label, words in list(found.prompt.verbalizer.words.items())[:10]:
        resources.say(f"words: {label}: {', '.join(words)}")
    return Way("words", found, labelled=len(rows))


def _autoprompt(cloze: Cloze, resources: Resources) -> Way:
    from unimc.cloze.autoprompt import Swap, search

    rows, held = resources.labelled

    def after(swap: Swap) -> None:
        if swap.accepted or not swap.iteration:
            resources.say(
                f"autoprompt: {swap.iteration:3d}  loss {swap.loss:.4f}, to choose by {swap.validation:.4f}  "
                f"{' '.join(swap.triggers)}"
            )

    found = search(cloze, rows, resources.search, validation=held, after=after)
    about = {
        "iterations": resources.search.iterations,
        "candidates": resources.search.candidates,
        "beam": resources.search.beam,
        "objective": resources.search.objective,
        "accepted": sum(swap.accepted for swap in found.history),
        "rows_read": found.forward_rows,
        "loss": [found.history[0].loss, found.history[-1].loss],
    }
    return Way("autoprompt", found.cloze, labelled=len(rows) + len(held), about=about)


_MAKERS: dict[str, Callable[[Any, Resources], Way]] = {
    "calibrated": _calibrated,
    "kpt": _kpt,
    "words": _words,
    "autoprompt": _autoprompt,
}
