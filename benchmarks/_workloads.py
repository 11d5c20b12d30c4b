"""The examples that the benchmarks answer."""

from __future__ import annotations

import os
from itertools import cycle, islice
from pathlib import Path

import converters
from unimc.example import MultipleChoiceExample

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


def data_folder(given: Path | None) -> Path | None:
    """Where the real data sets are: what was given, UNIMC_DATA_DIR, or ../shared/data; None if there are none."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    named = given or (Path(os.environ["UNIMC_DATA_DIR"]) if os.environ.get("UNIMC_DATA_DIR") else None)
    return named or (beside if beside.is_dir() else None)


def workloads(count: int, seed: int, data_dir: Path | None) -> tuple[dict[str, list[MultipleChoiceExample]], str]:
    """The same texts with AG News' four options and with twenty topics.

    Args:
        count: how many texts.
        seed: which ones are drawn.
        data_dir: the data sets' folder; None takes the package's own sample texts, over and over.

    Returns:
        The examples by workload, and where the texts come from.
    """
    task = converters.get("ag_news")
    if data_dir is not None:
        loaded = task.read("test", data_dir, count, seed, None)
        texts, source = [example.passage for example in loaded.examples], "AG News, test split"
    else:
        task_of_ours = converters.get("sample_en_topic")
        texts = list(islice(cycle(example.passage for example in task_of_ours.load("test")), count))
        source = "sample_en_topic, repeated"
    four = [task.convert({"text": text, "label": 0}) for text in texts]
    twenty = [MultipleChoiceExample(TOPICS, "What is this text about?", text) for text in texts]
    return {"ag_news": four, "twenty_options": twenty}, source
