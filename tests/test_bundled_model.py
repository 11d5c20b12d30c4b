"""The model that comes with the package: it is there, it is what it says, and it answers."""

from __future__ import annotations

import json
from random import Random

import pytest
import terminal
from datasets import disable_progress_bars

import converters
from unimc import MultipleChoiceExample, UniMC, bundled

disable_progress_bars()
SMALL = next(model for model in bundled.models() if model.name == bundled.DEFAULT)


@pytest.fixture(scope="module")
def model() -> UniMC:
    return UniMC.from_pretrained(device="cpu")


def test_the_default_model_comes_with_the_package() -> None:
    assert (SMALL.distribution, SMALL.complete, SMALL.languages) == ("unimc", True, ("en", "zh"))
    assert bundled.folder_size(bundled.MODELS) <= bundled.PACKAGE_LIMIT


def test_its_card_lists_what_it_was_trained_on_and_under_which_terms() -> None:
    card = (SMALL.folder / "README.md").read_text(encoding="utf-8")
    assert "中文摘要" in card
    for entry in SMALL.trained_on:
        assert f"| {entry['task']} | {entry['split']} |" in card
    for note in SMALL.licences:
        assert f"- {note}" in card


def test_no_sample_task_and_no_reported_task_was_trained_on() -> None:
    """The samples are what the quickstart evaluates; the suites are what is reported."""
    trained = {entry["task"] for entry in SMALL.trained_on}
    assert not [name for name in trained if name.startswith("sample_")]
    for suite in ("english_five", "english_reasoning", "fewclue"):
        reported = {entry.partition(":")[0] for entry in converters.suites.get(suite).tasks.values()}
        assert not trained & reported


@pytest.mark.parametrize(
    ("text", "options", "question", "answer"),
    [
        ("My parcel is two weeks late.", ["delivery", "refund", "account"], "What is it about?", "delivery"),
        ("The keeper saved a penalty in the last minute.", ["sports", "politics", "cooking"], "", "sports"),
        ("What a waste of an evening.", ["good", "bad"], "How is this film judged?", "bad"),
        ("包裹晚了两个星期。", ["物流", "退款", "账户"], "顾客来信说的是什么？", "物流"),
        ("守门员在最后一分钟扑出了点球。", ["体育", "政治", "美食"], "", "体育"),
        ("这家店再也不会来了，太失望了。", ["好评", "差评"], "这条评论的态度是什么？", "差评"),
    ],
)
def test_plain_questions_are_answered(model: UniMC, text: str, options: list[str], question: str, answer: str) -> None:
    assert model.classify(text, options, question=question).answer == answer


@pytest.mark.parametrize("task", ["sample_en_topic", "sample_zh_topic"])
def test_the_order_of_the_options_changes_nothing(model: UniMC, task: str) -> None:
    examples = converters.get(task).load("test")[:8]
    order = Random(0).sample(range(len(examples[0].options)), len(examples[0].options))
    shuffled = [
        MultipleChoiceExample([one.options[place] for place in order], one.question, one.passage, language=one.language)
        for one in examples
    ]
    for before, after in zip(model.predict(examples), model.predict(shuffled), strict=True):
        assert [before.scores[place] for place in order] == pytest.approx(after.scores, abs=1e-5)


def test_the_command_line_needs_no_model_named() -> None:
    done = terminal.unimc("classify", "下雨了，带上伞。", "--options", "天气,美食", "--json")
    assert json.loads(done.out)["answer"] == "天气"
