"""The examples that the benchmarks answer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import NamedTuple

import converters
from unimc.example import InputError, MultipleChoiceExample

TOPICS = (
    "elections and government",
    "war and armed conflict",
    "crime and the courts",
    "diplomacy between states",
    "football",
    "tennis and golf",
    "motor racing",
    "the Olympic games",
    "banking and the stock market",
    "oil and energy prices",
    "mergers and company results",
    "jobs and wages",
    "computers and software",
    "the internet and telephones",
    "space and astronomy",
    "medicine and health",
    "the environment and weather",
    "travel and aviation",
    "film, music and television",
    "schools and universities",
)
"""Twenty topics in words of our own."""

ACTS = (
    "asking for the price of",
    "sending back",
    "a repair that is late for",
    "cancelling the order of",
    "changing the colour of",
    "a fault that was found in",
    "getting the papers of",
)
THINGS = (
    "a bicycle",
    "a garden chair",
    "an electric kettle",
    "a pair of glasses",
    "a winter coat",
    "a washing machine",
    "a violin",
    "a tent for two",
    "a set of knives",
    "a child's bed",
    "a wall clock",
)
INTENTS = tuple(f"{act} {thing}" for act in ACTS for thing in THINGS)
"""77 intents of our own, for a shop's customer service: as many as banking77 has, and about as long."""

AG_NEWS, BANKING77, TWENTY = "ag_news", "banking77", "twenty_options"
WORKLOADS = (AG_NEWS, BANKING77, TWENTY)
SAMPLE = "sample_en_topic"


class Workload(NamedTuple):
    """Examples that are answered together, and where their texts come from."""

    examples: list[MultipleChoiceExample]
    source: str


def workload(name: str, count: int, seed: int, data_dir: Path | None) -> Workload:
    """One workload: AG News' texts with its four options or with twenty topics, or banking77's with its 77.

    Args:
        name: one of `WORKLOADS`.
        count: how many texts.
        seed: which ones are drawn.
        data_dir: the data sets' folder; None takes the package's own sample texts, over and over (and 77 intents of
            our own).
    """
    if name == BANKING77:
        return _banking77(count, seed, data_dir)
    task = converters.get(AG_NEWS)
    if data_dir is not None:
        texts = [example.passage for example in task.read("test", data_dir, count, seed, None).examples]
        source = "AG News, test split"
    else:
        texts, source = sample_texts(count), f"{SAMPLE}, repeated"
    if name == AG_NEWS:
        return Workload([task.convert({"text": text, "label": 0}) for text in texts], source)
    return Workload(asked(texts, TOPICS, "What is this text about?"), source)


def _banking77(count: int, seed: int, data_dir: Path | None) -> Workload:
    if data_dir is not None:
        loaded = converters.get(BANKING77).read("test", data_dir, count, seed, None)
        return Workload(list(loaded.examples), "banking77, test split")
    return Workload(asked(sample_texts(count), INTENTS, "What does the customer want?"), f"{SAMPLE}, repeated")


def asked(texts: Sequence[str], options: Sequence[str], question: str) -> list[MultipleChoiceExample]:
    """The same question and options for each text."""
    return [MultipleChoiceExample(tuple(options), question, text) for text in texts]


def sample_texts(count: int) -> list[str]:
    """The package's own texts, from the first again where more are wanted."""
    return list(islice(cycle(example.passage for example in converters.get(SAMPLE).load("test")), count))


def many_options(count: int) -> tuple[str, ...]:
    """Different options of our own, of three to seven words.

    Raises:
        InputError: if more are wanted than there are.
    """
    days = ("on Monday", "on Tuesday", "on Wednesday", "on Thursday", "on Friday", "on Saturday", "on Sunday")
    made = tuple(f"{act} {thing} {day}" for day in days for act in ACTS for thing in THINGS)
    if count > len(made):
        raise InputError(f"{count} options are wanted; there are {len(made)}")
    return made[:count]


def passages(model: Path, tokens: int, count: int, seed: int) -> list[str]:
    """Texts of exactly so many tokens: sample texts in an order of their own each, joined and cut.

    Args:
        model: a folder with the tokenizer that counts.
        tokens: of each passage.
        count: how many passages.
        seed: of the orders.
    """
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    texts = sample_texts(48)
    found = []
    for number in range(count):
        random = Random(f"{seed}/{number}")
        words: list[str] = []
        offsets: list[tuple[int, int]] = []
        while len(offsets) < tokens:
            words.append(random.choice(texts))
            joined = " ".join(words)
            offsets = tokenizer(joined, add_special_tokens=False, return_offsets_mapping=True, verbose=False)[
                "offset_mapping"
            ]
        found.append(joined[: offsets[tokens - 1][1]])
    return found
