"""`BTZSCModel`: what the btzsc benchmark takes as a model. The package itself is not needed for these tests."""

from __future__ import annotations

import inspect
import sys
from abc import ABC, abstractmethod
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from unimc import InputError, UniMC
from unimc.adapters import BTZSCModel

TEXTS = ["The soup was cold.", "A goal at 雨 park.", "snow, and a late train"]
LABELS = ["text about food", "text about sport", "text about a train"]


class StandIn(ABC):
    """The two methods that the benchmark's base class asks for, with their arguments."""

    model_type: str = "custom"

    @abstractmethod
    def predict(self, texts: list[str], labels: list[str], batch_size: int = 32) -> np.ndarray: ...

    @abstractmethod
    def predict_scores(self, texts: list[str], labels: list[str], batch_size: int = 32) -> np.ndarray: ...


@pytest.fixture(autouse=True)
def benchmark(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("btzsc")
    module.BaseModel = StandIn
    monkeypatch.setitem(sys.modules, "btzsc", module)


def test_it_is_one_of_the_benchmarks_models(model: UniMC) -> None:
    """Which it asks for with isinstance."""
    assert isinstance(BTZSCModel(model), StandIn)


@pytest.mark.parametrize("method", sorted(StandIn.__abstractmethods__))
def test_every_method_asked_for_is_there_with_its_arguments(method: str) -> None:
    """Registration, unlike inheritance, checks nothing."""
    ours, asked = (inspect.signature(getattr(kind, method)).parameters for kind in (BTZSCModel, StandIn))
    assert list(ours) == list(asked)
    assert [one.default for one in ours.values()] == [one.default for one in asked.values()]


def test_scores_are_probabilities_of_every_label_for_every_text(model: UniMC) -> None:
    scores = BTZSCModel(model).predict_scores(TEXTS, LABELS, batch_size=2)
    assert scores.shape == (3, 3)
    plain = np.array([one.scores for one in model.classify(TEXTS, LABELS, language="en")])
    assert scores == pytest.approx(plain, abs=1e-5)


def test_predictions_are_indices_of_the_best_label(model: UniMC) -> None:
    adapter = BTZSCModel(model)
    found = adapter.predict(TEXTS, LABELS, batch_size=2)
    assert found.shape == (3,)
    assert found.dtype.kind == "i"
    assert found.tolist() == adapter.predict_scores(TEXTS, LABELS).argmax(axis=1).tolist()


def test_the_order_of_the_labels_does_not_change_the_answer(model: UniMC) -> None:
    adapter = BTZSCModel(model)
    there, back = adapter.predict(TEXTS, LABELS), adapter.predict(TEXTS, LABELS[::-1])
    assert (2 - back).tolist() == there.tolist()


def test_the_language_is_english_unless_given(model: UniMC) -> None:
    """Not told from the texts: a Chinese word in an English data set is no reason for other answer pieces."""
    english, chinese = BTZSCModel(model), BTZSCModel(model, language="zh")
    assert english.predict_scores(TEXTS[1:2], LABELS) == pytest.approx(
        np.array([model.classify(TEXTS[1], LABELS, language="en").scores])
    )
    assert chinese.predict_scores(TEXTS[1:2], LABELS) == pytest.approx(
        np.array([model.classify(TEXTS[1], LABELS, language="zh").scores])
    )


def test_a_question_is_read_with_every_text(model: UniMC) -> None:
    asked = BTZSCModel(model, question="what is it about?").predict_scores(TEXTS, LABELS)
    found = model.classify(TEXTS, LABELS, question="what is it about?", language="en")
    assert asked == pytest.approx(np.array([one.scores for one in found]))


def test_no_texts_give_no_rows(model: UniMC) -> None:
    assert BTZSCModel(model).predict_scores([], LABELS).shape == (0, 3)
    assert BTZSCModel(model).predict([], LABELS).shape == (0,)


def test_the_report_learns_name_type_device_and_precision(bert_folder: Path) -> None:
    adapter = BTZSCModel(bert_folder)
    assert (adapter.model_type, adapter.device) == ("custom", str(adapter.model.device))
    assert str(adapter.model.dtype) == "torch.float32"
    assert adapter.model_name == str(bert_folder)
    assert BTZSCModel(bert_folder, name="own/名").model_name == "own/名"


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        (["rain", ""], LABELS, "text 1 is empty"),
        (TEXTS, ["food", "food"], "option 'food' is given twice"),
        (TEXTS, [], "no options"),
        ("rain", LABELS, "texts must be a list of texts, not str"),
        (TEXTS, set(LABELS), "labels must be a list of texts, not set"),
    ],
)
def test_wrong_input_is_named(model: UniMC, texts: Any, labels: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        BTZSCModel(model).predict(texts, labels)


def test_without_the_benchmark_it_says_what_to_install(model: UniMC, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "btzsc", None)
    with pytest.raises(InputError, match="pip install btzsc"):
        BTZSCModel(model)
