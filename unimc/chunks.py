"""Examples in the portions that are read ahead together, so that rows of about one length share a batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from unimc.example import InputError, MultipleChoiceExample, in_order

_BATCHES = 64  # batches' worth of examples that are read ahead and sorted by length together,
_CHARACTERS = 1 << 20  # of as many characters at most: long texts, or many options, become many rows, all held at once


def chunked(examples: Iterable[MultipleChoiceExample], batch_size: int) -> Iterator[list[MultipleChoiceExample]]:
    """The examples in lists for 64 batches, or of fewer long ones; no further is read ahead.

    Raises:
        InputError: at once if they are in no order, and when it is read if one is no example.
    """
    if not in_order(examples):
        raise InputError(f"examples must be a list of MultipleChoiceExample, not {type(examples).__name__}")
    return _chunks(iter(examples), _BATCHES * batch_size)


def _chunks(examples: Iterator[MultipleChoiceExample], most: int) -> Iterator[list[MultipleChoiceExample]]:
    chunk: list[MultipleChoiceExample] = []
    characters = 0
    for number, example in enumerate(examples):
        if not isinstance(example, MultipleChoiceExample):
            kind = type(example).__name__
            raise InputError(f"example {number} is {kind}, not a MultipleChoiceExample; plain texts are for classify")
        chunk.append(example)
        texts = (example.question, example.passage, example.textb, *example.options)
        characters += sum(map(len, texts))
        if len(chunk) == most or characters >= _CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk
