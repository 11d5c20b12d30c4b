"""Where an option stands says nothing about whether it is right, and right stays right by its text."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

import converters
from converters import Mixture, card
from converters.folders import row_counts
from unimc import MultipleChoiceExample

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("UNIMC_DATA_DIR") or ROOT.parent / "shared" / "data")
SAMPLES = [name for name in converters.names() if converters.get(name).rows]
MIXTURES = sorted((ROOT / "configs" / "mixtures").glob("*.yaml"))


def telling_positions(examples: Iterable[MultipleChoiceExample]) -> list[str]:
    """Positions that are right clearly more often than chance, for each number of options.

    The margin is 4.5 standard deviations: by chance less than one in 100,000.
    """
    places: dict[int, Counter[int]] = {}
    for example in examples:
        if example.label is not None and len(example.options) > 1:
            places.setdefault(len(example.options), Counter())[example.label] += 1
    found = []
    for count, right in places.items():
        total, chance = right.total(), 1 / count
        limit = total * chance + 4.5 * math.sqrt(total * chance * (1 - chance)) + 1
        found += [f"{place} of {count}: {n} of {total}" for place, n in right.items() if n > limit]
    return found


def test_the_measure_sees_a_source_that_puts_the_right_answer_first() -> None:
    first = [MultipleChoiceExample(["a", "b", "c"], "?", str(number), label=0) for number in range(60)]
    assert telling_positions(first) == ["0 of 3: 60 of 60"]
    even = [MultipleChoiceExample(["a", "b", "c"], "?", str(number), label=number % 3) for number in range(60)]
    assert telling_positions(even) == []


def test_a_task_that_shuffles_puts_the_right_answer_anywhere() -> None:
    rows = [
        {"question": f"哪个是{number}？", "right": f"对{number}", "wrong": [f"错{number}", f"误{number}"]}
        for number in range(300)
    ]
    task = converters.Task(
        name="t",
        kind="multiple_choice",
        language="zh",
        question="{question}",
        options=["{right}", "{wrong[0]}", "{wrong[1]}"],
        answer={"column": "right", "is": "text"},
        shuffle=True,
        rows={"train": rows},
    )
    examples = task.load("train")
    assert telling_positions(examples) == []
    for example, row in zip(examples, rows, strict=True):
        assert example.options[example.label or 0] == row["right"]
    again = task.convert({**rows[7], "wrong": rows[7]["wrong"][::-1]})
    assert again.options == examples[7].options  # the order depends on the texts alone, not on the source's order


@pytest.mark.parametrize("name", SAMPLES)
def test_positions_in_a_mixture_of_our_own_rows_tell_nothing(name: str) -> None:
    split = converters.get(name).split_names[0]
    assert telling_positions(Mixture([{"task": name, "split": split}]).examples()) == []


@pytest.mark.data
@pytest.mark.parametrize("path", MIXTURES, ids=lambda path: path.stem)
def test_positions_in_the_mixtures_of_real_rows_tell_nothing(path: Path) -> None:
    given = card.read(path)
    entries = [{"task": entry} if isinstance(entry, str) else dict(entry) for entry in given["tasks"]]
    there = [entry for entry in entries if row_counts(converters.get(entry["task"]), DATA)]
    if not there:
        pytest.skip(f"no data in {DATA}; set UNIMC_DATA_DIR")
    for entry in there:
        entry["cap"] = 500
    mixture = Mixture.from_mapping(
        {**given, "tasks": there, "data_dir": DATA, "size": None, "sampling": "proportional"}
    )
    by_task: dict[str, list[MultipleChoiceExample]] = {}
    for example in mixture.examples():
        by_task.setdefault(example.task, []).append(example)
    assert {task: said for task, examples in by_task.items() if (said := telling_positions(examples))} == {}
    for task, examples in by_task.items():
        check_by_text(converters.get(task), entries, examples)


def check_by_text(
    task: converters.Task, entries: list[dict[str, object]], examples: list[MultipleChoiceExample]
) -> None:
    """What is right in the mixture is, by its words, what is right in the row as its card alone converts it."""
    split = next(str(entry.get("split", "train")) for entry in entries if entry["task"] == task.name)
    plain = {example.id: example for example in task.load(split, DATA, limit=500)}
    for example in examples:
        source = plain[example.id.split("#")[0]]
        right = {example.options[index] for index in example.right or ()}
        assert right == {source.options[index] for index in source.right or ()}
        assert set(zip(example.options, example.names, strict=True)) <= set(
            zip(source.options, source.names, strict=True)
        )
