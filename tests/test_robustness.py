"""Robustness: answers that another order of the options changes are counted, other wordings are measured."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast
from unittest import mock

import pytest
import tiny
import yaml

from unimc import InputError, MultipleChoiceExample, Prediction, UniMC
from unimc.cli import main
from unimc.evaluation_set import EvaluationSet
from unimc.robustness import check, order_of

CARD: dict[str, Any] = {
    "name": "天气",
    "kind": "classification",
    "language": "zh",
    "question": "天气怎么样？",
    "passage": "{text}",
    "labels": {"column": "label", "values": {"wet": "有雨", "cold": "有雪"}},
    "variants": {"short": {"labels": {"wet": "雨", "cold": "雪"}}, "asked": {"question": "今天下什么？"}},
    "rows": {
        "test": [{"text": f"外面{'雨' if number % 2 else '雪'}下了{number}天", "label": "wet"} for number in range(7)]
    },
}
OPTIONS = ("sport", "food", "money", "music")


def single(count: int = 6) -> EvaluationSet:
    """Every example has four options of its own."""
    examples = [
        MultipleChoiceExample(OPTIONS, passage=f"the train was {number}", label=number % 4, id=str(number))
        for number in range(count)
    ]
    return EvaluationSet("english", "test", examples, language="en")


def several(count: int = 6) -> EvaluationSet:
    """Any number of labels may hold."""
    rights: list[tuple[int, ...]] = [(), (0,), (1, 2), (0, 2)]
    names = ("体育", "音乐", "财经")
    examples = [
        MultipleChoiceExample(names, passage=f"天 {number}", labels=rights[number % 4], language="zh", id=str(number))
        for number in range(count)
    ]
    return EvaluationSet("多标签", "test", examples, label_names=names, multi_label=True, language="zh")


def answering(rule: Callable[[MultipleChoiceExample], int]) -> UniMC:
    """A stand-in for a model, which answers by a rule and says 0.9 to its answer."""

    class Standing:
        def predict(self, examples: Sequence[MultipleChoiceExample], **_: Any) -> list[Prediction]:
            found = []
            for example in examples:
                best = rule(example)
                scores = tuple(0.9 if place == best else 0.1 for place in range(len(example.options)))
                found.append(Prediction(example.options, example.names, scores, scores, best, (best,)))
            return found

    return cast(UniMC, Standing())


def asked(task: EvaluationSet, wording: str) -> EvaluationSet:
    return replace(task, examples=[replace(one, question=wording) for one in task.examples], variant=wording)


# ---- order


def test_an_order_follows_from_the_seed_and_is_never_the_one_given() -> None:
    task = single(40)
    orders = [order_of(task, number, place, 5) for number in range(3) for place in range(40)]
    assert orders == [order_of(task, number, place, 5) for number in range(3) for place in range(40)]
    assert all(sorted(order) == [0, 1, 2, 3] != order for order in orders)
    assert len(set(map(tuple, orders))) > 10
    alone = replace(task, examples=[replace(one, options=("a",), names=("a",), label=0) for one in task.examples])
    assert order_of(alone, 0, 0, 5) == [0]


@pytest.mark.parametrize("task", [single(), several()], ids=["single", "several"])
def test_another_order_changes_no_answer_and_no_score(model: UniMC, task: EvaluationSet) -> None:
    order = check(model, task, {}, shuffles=3)["order"]
    assert order["largest_change"] < 1e-5
    assert {**order, "largest_change": 0} == {"shuffles": 3, "asked": 18, "changed": 0, "largest_change": 0}


def test_where_distances_are_counted_by_place_scores_do_change() -> None:
    order = check(UniMC(tiny.checkpoint("deberta-v2")), single(), {}, shuffles=2)["order"]
    assert order["largest_change"] > 1e-4


def test_a_model_that_goes_by_the_place_is_found_out() -> None:
    order = check(answering(lambda _: 0), single(), {}, shuffles=4)["order"]
    moved = sum(order_of(single(), number, place, 0)[0] != 0 for number in range(4) for place in range(6))
    assert (order["changed"], order["largest_change"]) == (moved, pytest.approx(0.8))


def test_a_model_that_goes_by_the_option_is_not() -> None:
    order = check(answering(lambda example: example.options.index("food")), single(), {}, shuffles=4)["order"]
    assert (order["changed"], order["largest_change"]) == (0, 0)


# ---- wordings


def test_wordings_are_compared_with_the_default() -> None:
    """The stand-in knows the answer only where the question has a certain word."""
    task = single(8)
    right = {one.passage: cast(int, one.label) for one in task.examples}

    def rule(example: MultipleChoiceExample) -> int:
        label = right[example.passage]
        return {"good": label, "bad": (label + 1) % 4}.get(example.question, 0)

    entry = check(answering(rule), task, {name: asked(task, name) for name in ("good", "bad")}, shuffles=0)
    each = {name: one["value"] for name, one in entry["wordings"]["each"].items()}
    assert each == {"default": 0.25, "good": 1.0, "bad": 0.0}
    assert (entry["wordings"]["spread"], entry["wordings"]["mean_change"]) == (1.0, pytest.approx(0.25))
    assert entry["order"] is None


def test_a_task_with_one_wording_has_no_spread() -> None:
    assert check(answering(lambda _: 0), single(), {})["wordings"] is None


def test_a_wording_of_other_examples_is_refused() -> None:
    task = single()
    with pytest.raises(InputError, match=r"english \(test\): the wording 'short' is not of the same examples"):
        check(answering(lambda _: 0), task, {"short": single(5)})


@pytest.mark.parametrize("shuffles", [-1, 1.5, True])
def test_an_impossible_number_of_shuffles_is_refused(shuffles: Any) -> None:
    with pytest.raises(InputError, match="shuffles"):
        check(answering(lambda _: 0), single(), {}, shuffles=shuffles)


# ---- the command


@pytest.fixture
def unimc(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Runs a command; its exit code, and what it said."""
    monkeypatch.setenv("COLUMNS", "200")

    def of(*arguments: object) -> tuple[int, str]:
        capsys.readouterr()
        with mock.patch("sys.argv", ["unimc", *map(str, arguments)]), pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out + said.err

    return of


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "weather.yaml"
    path.write_text(yaml.safe_dump(CARD, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


def test_the_command_writes_what_the_page_of_results_shows(
    unimc: Any, card: Path, bert_folder: Path, tmp_path: Path
) -> None:
    arguments = ("--model", bert_folder, "--tasks", card, "--shuffles", 2, "--limit", 5, "--output", tmp_path / "out")
    code, said = unimc("robustness", *arguments)
    assert (code, "0 of 10" in said, "天气" in said) == (0, True, True)
    found = json.loads((tmp_path / "out/robustness.json").read_text(encoding="utf-8"))
    (entry,) = found["tasks"]
    assert (found["kind"], found["seed"], found["limit"]) == ("robustness", 0, 5)
    assert (entry["examples"], list(entry["wordings"]["each"])) == (5, ["default", "short", "asked"])
    assert (entry["order"]["asked"], entry["order"]["changed"]) == (10, 0)
    code, said = unimc("results", f"小模型={tmp_path / 'out'}", "--output", tmp_path / "page.md")
    assert code == 0, said
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "| 天气 | 小模型 | 5 | 2 | 0 of 10 |" in page
    assert "## Wording" in page


def test_orders_or_wordings_can_be_left_out_but_not_both(unimc: Any, card: Path, bert_folder: Path) -> None:
    asked = ("robustness", "--model", bert_folder, "--tasks", card)
    assert unimc(*asked, "--shuffles", 0)[0] == 0
    assert unimc(*asked, "--no-wordings", "--shuffles", 1)[0] == 0
    code, said = unimc(*asked, "--no-wordings", "--shuffles", 0)
    assert (code, "nothing to do" in said) == (2, True)
    code, said = unimc(*asked, "--shuffles", -1)
    assert (code, "--shuffles is -1" in said) == (2, True)
    code, said = unimc("robustness", "--model", bert_folder, "--tasks", " , ")
    assert (code, "no tasks" in said) == (2, True)
