"""`ZeroShotPipeline`: called and answering like transformers' zero-shot-classification pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from datasets import Dataset
from transformers.pipelines.pt_utils import KeyDataset

from unimc import InputError, UniMC
from unimc.adapters import ZeroShotPipeline
from unimc.calibration import Calibration

TEXTS = ["The soup was cold.", "外面下雨，火车晚了。", "A late goal, and then music!"]
LABELS = ["sport", "food", "音乐"]


@pytest.fixture
def pipe(model: UniMC) -> ZeroShotPipeline:
    return ZeroShotPipeline(model)


def by_label(ranking: Any) -> dict[str, float]:
    return dict(zip(ranking["labels"], ranking["scores"], strict=True))


# ---- what comes back


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_gives_a_dict_best_label_first(pipe: ZeroShotPipeline, model: UniMC, text: str) -> None:
    found = pipe(text, LABELS)
    assert list(found) == ["sequence", "labels", "scores"]
    assert found["sequence"] == text
    assert found["scores"] == sorted(found["scores"], reverse=True)
    assert sum(found["scores"]) == pytest.approx(1)
    assert by_label(found) == pytest.approx(dict(zip(LABELS, model.classify(text, LABELS).scores, strict=True)))
    assert all(type(score) is float for score in found["scores"])


def test_a_calibration_makes_the_scores(model: UniMC) -> None:
    calibration = Calibration(0.5, tuple((label, float(place)) for place, label in enumerate(LABELS)))
    found = ZeroShotPipeline(model, calibration=calibration)(TEXTS[0], LABELS)
    expected = model.classify(TEXTS[0], LABELS, calibration=calibration)
    assert by_label(found) == pytest.approx(dict(zip(LABELS, expected.scores, strict=True)))


@pytest.mark.parametrize("kind", [list, tuple])
def test_a_list_gives_a_list_in_its_order_also_of_one(pipe: ZeroShotPipeline, kind: type) -> None:
    found = pipe(kind(TEXTS), LABELS, batch_size=2)
    assert [one["sequence"] for one in found] == TEXTS
    for one, text in zip(found, TEXTS, strict=True):
        assert by_label(one) == pytest.approx(by_label(pipe(text, LABELS)), abs=1e-5)
    assert pipe(kind(TEXTS[:1]), LABELS) == [pipe(TEXTS[0], LABELS)]


def test_labels_may_be_separated_by_commas(pipe: ZeroShotPipeline) -> None:
    assert pipe(TEXTS[0], " sport,food ,, 音乐,") == pipe(TEXTS[0], LABELS)


def test_a_list_keeps_its_labels_as_they_are(pipe: ZeroShotPipeline) -> None:
    assert set(pipe(TEXTS[0], ["rain, snow", " food"])["labels"]) == {"rain, snow", " food"}


def test_multi_label_judges_every_label_for_itself(pipe: ZeroShotPipeline) -> None:
    together = by_label(pipe(TEXTS[0], LABELS, multi_label=True))
    fewer = by_label(pipe(TEXTS[0], LABELS, multi_label=False))
    assert together != pytest.approx(fewer)
    assert all(0 <= score <= 1 for score in together.values())


def test_one_label_alone_is_judged_for_itself(pipe: ZeroShotPipeline) -> None:
    """As in the original: a softmax over one label would say 1 of everything."""
    found = pipe(TEXTS[0], ["food"])
    assert found == pipe(TEXTS[0], "food", multi_label=True)
    assert found["scores"][0] < 1


@pytest.mark.parametrize(
    ("text", "template", "wordings"),
    [
        ("The soup was cold.", "text about {}.", ["text about food.", "text about sport."]),
        ("汤价外面", "这篇文章说{}。", ["这篇文章说food。", "这篇文章说sport。"]),
    ],
)
def test_a_template_words_the_labels_and_they_keep_their_names(
    pipe: ZeroShotPipeline, model: UniMC, text: str, template: str, wordings: list[str]
) -> None:
    found = by_label(pipe(text, ["food", "sport"], hypothesis_template=template))
    plain = model.classify(text, wordings)
    assert [found["food"], found["sport"]] == pytest.approx(list(plain.scores))


def test_the_place_in_a_template_may_be_numbered(pipe: ZeroShotPipeline) -> None:
    assert pipe(TEXTS[0], LABELS, "what {0}") == pipe(TEXTS[0], LABELS, "what {}")


@pytest.mark.parametrize("question", ["what is the text about?", "这篇文章说什么？"])
def test_a_question_is_read(pipe: ZeroShotPipeline, model: UniMC, question: str) -> None:
    found = by_label(pipe(TEXTS[0], LABELS, question=question))
    assert found == pytest.approx(
        dict(zip(LABELS, model.classify(TEXTS[0], LABELS, question=question).scores, strict=True))
    )


def test_equal_scores_keep_the_order_of_the_labels(pipe: ZeroShotPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    class Even:
        names, scores = ("b", "a", "c"), (0.25, 0.25, 0.5)

    monkeypatch.setattr(pipe.model, "classify", lambda texts, *_, **__: [Even()] * len(texts))
    assert pipe("rain", ["b", "a", "c"])["labels"] == ["c", "b", "a"]


# ---- many texts


def test_a_generator_is_read_as_it_is_needed(pipe: ZeroShotPipeline) -> None:
    read = 0

    def endless() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield TEXTS[read % 3]

    found = pipe(endless(), LABELS, batch_size=1)
    assert isinstance(found, Iterator)
    assert read == 0
    assert [next(found)["sequence"] for _ in range(3)] == [TEXTS[1], TEXTS[2], TEXTS[0]]
    assert read <= 10


def test_a_generator_gives_what_a_list_gives(pipe: ZeroShotPipeline) -> None:
    many = [f"{text} {word}" for text in TEXTS for word in ("rain", "snow", "late", "soup", "是", "雪")]
    streamed = list(pipe((text for text in many), LABELS, batch_size=1))
    for one, other in zip(streamed, pipe(many, LABELS), strict=True):
        assert one["sequence"] == other["sequence"]
        assert by_label(one) == pytest.approx(by_label(other), abs=1e-5)
    assert list(pipe(iter([]), LABELS)) == []


def test_a_map_style_data_set_is_read_to_its_end(pipe: ZeroShotPipeline) -> None:
    """Those of torch have a length and places, and need not say where they end."""

    class Endless:
        def __len__(self) -> int:
            return 4

        def __getitem__(self, number: int) -> str:
            return TEXTS[number % 3]

    data: Any = Endless()
    assert [one["sequence"] for one in pipe(data, LABELS)] == [*TEXTS, TEXTS[0]]


def test_a_column_of_a_data_set_will_do(pipe: ZeroShotPipeline) -> None:
    data = Dataset.from_dict({"text": TEXTS})
    for column in (data["text"], KeyDataset(data, "text")):
        assert [one["sequence"] for one in pipe(column, LABELS)] == TEXTS


# ---- beside the original


@pytest.fixture(scope="module")
def original() -> Any:
    """The pipeline of transformers over a tiny model of its own kind."""
    from transformers import BertForSequenceClassification, ZeroShotClassificationPipeline

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        labels = {"contradiction": 0, "neutral": 1, "entailment": 2}
        network = BertForSequenceClassification(tiny.config("bert", num_labels=3, label2id=labels)).eval()
    return ZeroShotClassificationPipeline(model=network, tokenizer=tiny.tokenizer("wordpiece"), device="cpu")


def form(value: Any) -> Any:
    """Everything about an answer but its figures and the order that follows from them."""
    if isinstance(value, dict):
        whole = abs(sum(value["scores"]) - 1) < 1e-5
        kinds = [type(score) for score in value["scores"]]
        return list(value), value["sequence"], sorted(value["labels"]), kinds, whole
    kind = "list" if isinstance(value, list) else "iterator"
    return kind, [form(one) for one in value]


GIVEN: dict[str, Callable[[], Any]] = {
    "one text": lambda: TEXTS[1],
    "a list of one": lambda: TEXTS[:1],
    "a list": lambda: TEXTS,
    "a generator": lambda: (text for text in TEXTS),
    "a data set": lambda: KeyDataset([{"text": text} for text in TEXTS], "text"),
}


@pytest.mark.parametrize("given", GIVEN)
@pytest.mark.parametrize(
    ("labels", "settings"),
    [
        (["sport", "音乐"], {}),
        ("sport, 音乐,", {"multi_label": True}),
        (["sport", "food"], {"hypothesis_template": "text about {}."}),
        (["雨"], {}),
        ("雨", {"hypothesis_template": "说{}。", "multi_label": True, "batch_size": 2}),
    ],
)
def test_answers_have_the_form_of_the_originals(
    pipe: ZeroShotPipeline, original: Any, given: str, labels: Any, settings: dict[str, Any]
) -> None:
    ours, theirs = (form(one(GIVEN[given](), labels, **settings)) for one in (pipe, original))
    assert ours == theirs


@pytest.mark.parametrize(
    ("sequences", "labels", "settings"),
    [
        ("rain", [], {}),
        ("", ["sport"], {}),
        ("雨", ["体育"], {"hypothesis_template": "这篇文章"}),
    ],
)
def test_what_the_original_refuses_ours_refuses_too(
    pipe: ZeroShotPipeline, original: Any, sequences: str, labels: list[str], settings: dict[str, str]
) -> None:
    with pytest.raises(ValueError):
        original(sequences, labels, **settings)
    with pytest.raises(InputError):
        pipe(sequences, labels, **settings)


# ---- what is refused


@pytest.mark.parametrize(
    ("sequences", "labels", "message"),
    [
        pytest.param("rain", [], "no candidate_labels", id="no-labels"),
        pytest.param("rain", " , ,", "no candidate_labels", id="only-commas"),
        pytest.param("rain", None, "must be a list or a string with commas, not NoneType", id="labels-none"),
        pytest.param("rain", {"sport", "food"}, "must be a list or a string with commas, not set", id="labels-set"),
        pytest.param("rain", ["sport", 3], r"candidate_labels\[1\] is int", id="label-number"),
        pytest.param("rain", ["sport", " "], r"candidate_labels\[1\] is empty", id="label-empty"),
        pytest.param("雨", ["食物", "体育", "食物"], "label '食物' is given twice", id="twice"),
        pytest.param("", LABELS, "sequence 0 is empty", id="empty-text"),
        pytest.param([], LABELS, "no sequences", id="no-texts"),
        pytest.param(["rain", "  "], LABELS, "sequence 1 is empty", id="blank-text"),
        pytest.param(["rain", None], LABELS, "sequence 1 is NoneType", id="none-text"),
        pytest.param([["rain"]], LABELS, "sequence 0 is list", id="nested"),
        pytest.param(None, LABELS, "sequences must be a text or texts, not NoneType", id="texts-none"),
        pytest.param({"text": "rain"}, LABELS, "sequences must be texts in an order, not dict", id="texts-dict"),
    ],
)
def test_wrong_input_is_named(pipe: ZeroShotPipeline, sequences: Any, labels: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        pipe(sequences, labels)


@pytest.mark.parametrize("template", ["This is about", "", "{} or {}", "{label}", "{", "{{}}", 7])
def test_a_template_needs_one_place_for_the_label(pipe: ZeroShotPipeline, template: Any) -> None:
    with pytest.raises(InputError, match=r"hypothesis_template is .*; it needs one \{\} where the label should go"):
        pipe(TEXTS[0], LABELS, hypothesis_template=template)


def test_a_wrong_text_deep_in_a_stream_is_counted_from_its_start(pipe: ZeroShotPipeline) -> None:
    found = pipe(iter(["rain"] * 20 + [" "]), LABELS, batch_size=1)
    with pytest.raises(InputError, match="sequence 20 is empty"):
        list(found)


def test_a_batch_holds_one_row_at_least(pipe: ZeroShotPipeline) -> None:
    with pytest.raises(InputError, match="batch_size is 0"):
        pipe(iter(TEXTS), LABELS, batch_size=0)


# ---- opening


def test_a_folder_or_its_name_will_do(bert_folder: Path, pipe: ZeroShotPipeline) -> None:
    for name in (bert_folder, str(bert_folder)):
        assert ZeroShotPipeline(name)(TEXTS[0], LABELS) == pipe(TEXTS[0], LABELS)


def test_anything_else_is_no_model() -> None:
    wrong: Any = 7
    with pytest.raises(InputError, match="model must be a folder, a hub id or a UniMC, not int"):
        ZeroShotPipeline(wrong)
