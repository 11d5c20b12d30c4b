"""Evaluations with answers of our own choice, without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from unimc import MultipleChoiceExample, Prediction
from unimc.evaluation import Evaluation, EvaluationSet, score

TOPICS = ("weather", "sport", "food")


def answer(example: MultipleChoiceExample, given: Mapping[str, float], threshold: float = 0.5) -> Prediction:
    """A prediction with these scores; 0 for options that have none."""
    scores = tuple(given.get(name, 0.0) for name in example.names)
    best = max(range(len(scores)), key=scores.__getitem__)
    held = (best,)
    if example.labels is not None:
        held = tuple(place for place, one in enumerate(scores) if one >= threshold)
    return Prediction(example.options, example.names, scores, scores, best, held, tokens=10)


def evaluation(
    *answered: tuple[EvaluationSet, Sequence[Mapping[str, float]]], name: str = "tiny", **settings: Any
) -> Evaluation:
    """What `evaluate_tasks` would give if a model scored the options of each example so."""
    results = [
        score(task, [answer(one, given) for one, given in zip(task.examples, scores, strict=True)], 2.0, resamples=20)
        for task, scores in answered
    ]
    about = {"name": name, "fingerprint": "a" * 64, "parameters": 1000, "max_length": 128}
    common = {"seed": 0, "resamples": 20, "level": 0.95, "threshold": 0.5, "windows": None, "stride": None}
    run = {"calibration": None, "batch_size": 32, "processes": 1, "device": "cpu", "dtype": "float32"}
    return Evaluation(results, about, {**common, **run, "versions": {"unimc": "0"}, **settings})


def topics(right: Sequence[str], name: str = "topics", labels: Sequence[str] = TOPICS, **changes: Any) -> EvaluationSet:
    """One of a fixed set of labels; the example's text says its number and its label."""
    examples = [
        MultipleChoiceExample(
            labels, "what is it about", f"no {place}: {one}", label=labels.index(one), id=f"t/{place}"
        )
        for place, one in enumerate(right)
    ]
    return replace(EvaluationSet(name, "test", examples, label_names=tuple(labels), language="en"), **changes)


def tags(
    right: Sequence[Sequence[str]], name: str = "标签", labels: Sequence[str] = ("体育", "音乐", "财经")
) -> EvaluationSet:
    """Any number of a fixed set of labels."""
    examples = [
        MultipleChoiceExample(
            labels, "说了什么", f"第{place}条", labels=[labels.index(one) for one in held], id=f"m/{place}"
        )
        for place, held in enumerate(right)
    ]
    return EvaluationSet(name, "test", examples, label_names=tuple(labels), multi_label=True, language="zh")


def riddles(right: Sequence[int], name: str = "riddles") -> EvaluationSet:
    """Every example has three options of its own."""
    examples = [
        MultipleChoiceExample([f"a{place}", f"b{place}", f"c{place}"], f"what is {place}", label=label, id=f"r/{place}")
        for place, label in enumerate(right)
    ]
    return EvaluationSet(name, "test", examples, language="en")


def sure(*names: str, score: float = 0.9) -> dict[str, float]:
    """Scores of an answer."""
    return dict.fromkeys(names, score)
