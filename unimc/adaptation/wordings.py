"""Several wordings of a task: other words in every epoch while adapting, weights for their answers after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unimc.adaptation.loop import Vary
from unimc.ensemble import averaged
from unimc.evaluation import score
from unimc.evaluation_set import PRIMARY, EvaluationSet
from unimc.example import InputError, MultipleChoiceExample
from unimc.inference import UniMC
from unimc.randomness import generator

Wordings = Mapping[str, Sequence[MultipleChoiceExample]]
"""The same rows, in the same order, by the wording's name."""


def varied(wordings: Wordings, seed: int) -> Vary:
    """What asks a row in another wording in every epoch, drawn by (seed, epoch, row).

    Raises:
        InputError: if two rows of a wording have one id.
    """
    found: dict[tuple[str, str], list[MultipleChoiceExample]] = {}
    for name, examples in wordings.items():
        keys = {(one.task, one.id) for one in examples}
        if len(keys) < len(examples):
            raise InputError(f"wording {name}: two rows have one id; rows are told apart by it")
        for one in examples:
            found.setdefault((one.task, one.id), []).append(one)

    def vary(example: MultipleChoiceExample, epoch: int) -> MultipleChoiceExample:
        asked = found[example.task, example.id]
        return asked[int(generator(seed, epoch, "wording", f"{example.task}/{example.id}").integers(len(asked)))]

    return vary


def weights(
    model: UniMC, wordings: Wordings, held_out: Sequence[MultipleChoiceExample], *, multi_label: bool = False
) -> dict[str, float]:
    """How much the answers in each wording count: by how far above guessing they are on the held-out rows.

    Equal ones, where no wording is above guessing, or nothing was held out.

    Returns:
        Wording -> weight; together 1.
    """
    wanted = {(one.task, one.id) for one in held_out}
    gains = {}
    for name, examples in wordings.items():
        rows = [one for one in examples if (one.task, one.id) in wanted]
        answers = model.predict(rows, multi_label=multi_label)
        right = sum(found.labels == one.right for found, one in zip(answers, rows, strict=True))
        guessed = sum(0.5 ** len(one.options) if multi_label else 1 / len(one.options) for one in rows)
        gains[name] = max(right - guessed, 0.0)
    whole = sum(gains.values())
    return {name: gain / whole if whole else 1 / len(gains) for name, gain in gains.items()}


def in_wordings(model: UniMC, evaluation: EvaluationSet, shares: Mapping[str, float]) -> dict[str, float]:
    """The primary figure in the first wording, of the mean over the wordings, and of the weighted mean.

    Args:
        model: the adapted model.
        evaluation: with `wordings`.
        shares: wording -> weight; one that the evaluation lacks has none.
    """
    several = evaluation.multi_label
    answers = {name: model.predict(one.examples, multi_label=several) for name, one in evaluation.asked.items()}
    names = list(answers)
    by_example = list(zip(*answers.values(), strict=True))
    weighed = [shares.get(name, 0.0) for name in names]
    ways = {"": [one[0] for one in by_example]}
    ways[" (mean of wordings)"] = [averaged(one, multi_label=several) for one in by_example]
    ways[" (weighted wordings)"] = [averaged(one, weighed, multi_label=several) for one in by_example]
    primary = PRIMARY[evaluation.kind]
    return {
        primary + way: score(evaluation, predictions, 0.0, resamples=0).primary.value
        for way, predictions in ways.items()
    }
