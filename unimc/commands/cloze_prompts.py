"""What `unimc cloze` is given: a prompt from a file or from options, related words, and a few labelled rows."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from converters import card
from unimc.example import InputError, MultipleChoiceExample, shown

if TYPE_CHECKING:
    from unimc.cloze import ClozePrompt


def given_prompt(
    path: Path | None, template: str | None, words: str | None, scoring: str | None, names: tuple[str, ...] | None
) -> ClozePrompt:
    """The prompt of a file, with what the options say in its place.

    Args:
        path: the file.
        template: a template.
        words: label words as `--words` writes them.
        scoring: how words of several pieces are scored.
        names: the labels, once they are known: they are the words if none are given.

    Raises:
        InputError: if there is no template, or a part of it is wrong.
    """
    from unimc.cloze import ClozePrompt

    if path is None and template is None:
        raise InputError(
            "no prompt; give --prompt FILE (see configs/cloze), or --template '{passage} It was {mask}.' "
            "with --words 'positive=great; negative=terrible'"
        )
    entry: dict[str, Any] = dict(card.read(path)) if path is not None else {}
    changed = {"template": template, "words": parsed_words(words) if words is not None else None, "scoring": scoring}
    entry |= {key: value for key, value in changed.items() if value is not None}
    if template is not None:
        entry.pop("triggers", None)  # they belong to the file's template
    if template is not None or words is not None:
        entry.pop("prior", None)
    return ClozePrompt.from_dict(entry, str(path) if path is not None else "--template and --words", names)


def parsed_words(text: str) -> dict[str, list[str]]:
    """`label=word,word; label=word`, with Chinese commas and semicolons too."""
    found: dict[str, list[str]] = {}
    for entry in text.replace("；", ";").replace("，", ",").split(";"):
        if not entry.strip():
            continue
        label, equals, words = entry.partition("=")
        listed = [word.strip() for word in words.split(",") if word.strip()]
        if not equals or not label.strip() or not listed:
            raise InputError(f"--words: {shown(entry.strip())} is not label=word,word; entries are separated by ;")
        if label.strip() in found:
            raise InputError(f"--words: label {shown(label.strip())} is given twice")
        found[label.strip()] = listed
    return found


def fitted(prompt: ClozePrompt, names: Sequence[str], task: str, where: str) -> ClozePrompt:
    """The prompt with its labels in the task's order.

    Raises:
        InputError: if it has words for what is no label of the task, or none for one that is.
    """
    from unimc.cloze import Verbalizer

    words = prompt.verbalizer.words
    for label in words:
        if label not in names:
            raise InputError(f"{where}: {task} has no label {shown(label)}; {card.did_you_mean(label, names)}")
    if lacking := [name for name in names if name not in words]:
        raise InputError(f"{where}: no words for label {shown(lacking[0])} of {task}; give one or more")
    return replace(prompt, verbalizer=Verbalizer({name: words[name] for name in names}), task=task)


def related_words(path: Path) -> dict[str, list[str]]:
    """A YAML file of label: [word, word].

    Raises:
        InputError: if it is anything else.
    """
    found = {}
    for label, words in card.read(path).items():
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise InputError(
                f"{path}: {shown(label)} must be a list of words, in quotes where YAML reads them otherwise"
            )
        found[str(label)] = list(words)
    return found


def drawn(
    examples: Sequence[MultipleChoiceExample],
    shots: int,
    seed: int,
    where: str,
    *,
    times: int = 1,
    apart_from: Container[int] = (),
) -> list[list[MultipleChoiceExample]]:
    """Examples drawn by the seed, so many of every label: `times` lists without an example in common.

    The first list is what `unimc adapt --k SHOTS` adapts to in its draw 0, so that the two can be compared.

    Args:
        examples: labelled examples of a task with fixed labels.
        shots: of every label, in each list.
        seed: of the draw.
        where: they are from, for errors.
        times: how many lists.
        apart_from: fingerprints of the examples that are measured on; none of the same texts is drawn.

    Raises:
        InputError: if a label has too few.
    """
    from unimc.adaptation import draw

    names = examples[0].names if examples else ()
    found = draw(examples, times * shots, seed=seed, held_out=0, label_names=names, apart_from=apart_from)
    by_label: dict[str, list[MultipleChoiceExample]] = {name: [] for name in names}
    for example in found.training:
        if example.label is not None:
            by_label[example.names[example.label]].append(example)
    for name, there in by_label.items():
        if len(there) < times * shots:
            raise InputError(
                f"{where} has {len(there)} rows of label {shown(name)}, {times * shots} are wanted; lower --shots"
            )
    return [
        [example for there in by_label.values() for example in there[number * shots : (number + 1) * shots]]
        for number in range(times)
    ]
