"""`ZeroShotClassifier`: a scikit-learn classifier of texts, wherever scikit-learn takes one."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from unimc import InputError, UniMC
from unimc.adapters import ZeroShotClassifier
from unimc.calibration import Calibration

TEXTS = ["The soup was cold.", "外面下雨，火车晚了。", "A late goal, and then music!", "snow and rain"]
CLASSES = ["sport", "food", "雨雪"]
X = [f"{text} {word}" for text in TEXTS for word in ("good", "bad", "天")]
Y = np.array(CLASSES * 4)


@pytest.fixture
def fitted(model: UniMC) -> ZeroShotClassifier:
    return ZeroShotClassifier(model).fit(None, CLASSES)


# ---- fitting


def test_fitting_learns_the_names_of_the_classes(model: UniMC) -> None:
    classifier = ZeroShotClassifier(model)
    assert classifier.fit(X, Y) is classifier
    assert classifier.classes_.tolist() == sorted(CLASSES)


@pytest.mark.parametrize("texts", [None, [], TEXTS, X * 3], ids=["none", "no-texts", "fewer", "more"])
def test_the_classes_alone_will_do(model: UniMC, fitted: ZeroShotClassifier, texts: Any) -> None:
    """Whatever texts stand beside them: nothing is learnt from those."""
    other = ZeroShotClassifier(model).fit(texts, CLASSES)
    assert other.classes_.tolist() == fitted.classes_.tolist()
    assert other.predict_proba(TEXTS) == pytest.approx(fitted.predict_proba(TEXTS))


@pytest.mark.parametrize(
    "y", [CLASSES, tuple(CLASSES), np.array(CLASSES), np.array(CLASSES, dtype=object), pd.Series(CLASSES)]
)
def test_classes_come_in_every_form_of_a_column(fitted: ZeroShotClassifier, y: Any) -> None:
    assert clone(fitted).fit(None, y).classes_.tolist() == sorted(CLASSES)


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        pytest.param(None, None, "requires y to be passed, but the target y is None", id="none"),
        pytest.param([], None, "y is empty", id="empty"),
        pytest.param("sport", None, "y is no column of classes", id="a-string"),
        pytest.param([["sport", "food"]], None, "y is no column of classes", id="a-table"),
        pytest.param(np.array(["食物", None], dtype=object), None, "y is no column of classes", id="with-none"),
        pytest.param([1.0, np.nan], {1.0: "rain"}, "y is no column of classes", id="with-nan"),
        pytest.param([0.5, 1.5], {0.5: "rain", 1.5: "snow"}, "y is no column of classes", id="continuous"),
        pytest.param([0, 1], None, r"class 0 has no wording; give it in options, as in \{0: 'sport'\}", id="numbers"),
        pytest.param([0, 1], {0: "雨"}, "class 1 has no wording", id="one-missing"),
        pytest.param(["雨", " "], None, "class ' ' has no wording", id="blank"),
        pytest.param([0, 1], {0: "rain", 1: 2}, "class 1 has no wording", id="wording-number"),
        pytest.param([0, 1], ["rain", "snow"], "options must be a mapping of class to wording, not list", id="list"),
    ],
)
def test_classes_that_cannot_be_read_are_refused(model: UniMC, y: Any, options: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ZeroShotClassifier(model, options=options).fit(None, y)


def test_predicting_needs_a_fit(model: UniMC) -> None:
    for method in ("predict", "predict_proba"):
        with pytest.raises(NotFittedError):
            getattr(ZeroShotClassifier(model), method)(TEXTS)


# ---- predicting


def test_probabilities_are_those_of_the_model_in_the_order_of_the_classes(
    model: UniMC, fitted: ZeroShotClassifier
) -> None:
    found = fitted.predict_proba(TEXTS)
    assert found.shape == (4, 3)
    assert found.sum(axis=1) == pytest.approx(1)
    plain = model.classify(TEXTS, sorted(CLASSES))
    assert found == pytest.approx(np.array([one.scores for one in plain]), abs=1e-5)
    assert fitted.predict(TEXTS).tolist() == [one.answer for one in plain]


def test_options_word_the_classes(model: UniMC) -> None:
    options = {1: "雨雪", 0: "food", 2: "sport"}
    classifier = ZeroShotClassifier(model, options=options).fit(None, [2, 0, 0])
    assert classifier.classes_.tolist() == [0, 2]
    plain = model.classify(TEXTS, ["food", "sport"])
    assert classifier.predict_proba(TEXTS) == pytest.approx(np.array([one.scores for one in plain]), abs=1e-5)
    assert classifier.predict(TEXTS).dtype.kind == "i"


def test_question_language_and_length_reach_the_model(model: UniMC) -> None:
    settings: dict[str, Any] = {"question": "what is it about?", "language": "zh"}
    classifier = ZeroShotClassifier(model, **settings, max_length=40, batch_size=2).fit(None, CLASSES)
    short = UniMC(model.checkpoint, max_length=40)
    plain = short.classify(["rain " * 60], sorted(CLASSES), **settings)
    assert plain[0].truncated
    assert classifier.predict_proba(["rain " * 60]) == pytest.approx(np.array([plain[0].scores]), abs=1e-5)
    assert model.encoder.max_length != 40  # the one given is as it was


def test_an_opened_model_of_another_length_keeps_its_settings(model: UniMC) -> None:
    model.max_tokens, model.pack = 77, 40
    other = ZeroShotClassifier(model, max_length=40).fit(None, CLASSES).model_
    assert (other.max_tokens, other.pack, other.encoder.max_length) == (77, 40, 40)


@pytest.mark.parametrize("kind", [tuple, np.array, pd.Series, lambda texts: np.array(texts, dtype=object)])
def test_texts_come_in_every_form_of_a_column(fitted: ZeroShotClassifier, kind: Any) -> None:
    assert fitted.predict_proba(kind(TEXTS)) == pytest.approx(fitted.predict_proba(TEXTS))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        pytest.param("外面下雨", "X must be a list of texts, not str", id="a-string"),
        pytest.param(None, "X must be a list of texts, not NoneType", id="none"),
        pytest.param([], "X holds no texts", id="empty"),
        pytest.param(set(TEXTS), "X must be a list of texts, not set", id="a-set"),
        pytest.param(np.array([TEXTS]), "X has 2 dimensions; give one column", id="a-table"),
        pytest.param(pd.DataFrame({"text": TEXTS}), "X has 2 dimensions; give one column", id="a-frame"),
        pytest.param(csr_array(np.eye(3)), "X has 2 dimensions; give one column", id="sparse"),
        pytest.param(["rain", 3], "text 1 is int", id="number"),
        pytest.param(pd.Series(["rain", None]), "text 1 is", id="missing"),
        pytest.param(["雨", " "], "text 1 is empty", id="blank"),
    ],
)
def test_texts_that_cannot_be_read_are_refused(fitted: ZeroShotClassifier, texts: Any, message: str) -> None:
    for method in (fitted.predict, fitted.predict_proba):
        with pytest.raises(InputError, match=message):
            method(texts)


# ---- in the house of scikit-learn


def test_it_says_what_it_is(model: UniMC) -> None:
    classifier = ZeroShotClassifier(model)
    tags = classifier.__sklearn_tags__()
    assert is_classifier(classifier)
    assert tags.input_tags.string
    assert not tags.input_tags.two_d_array
    assert tags.requires_fit
    assert tags.target_tags.required


def test_settings_are_those_of_the_constructor(model: UniMC) -> None:
    classifier = ZeroShotClassifier(model, question="what?", options={"a": "雨"})
    settings = {"model", "options", "question", "language", "batch_size", "max_length", "calibration"}
    assert set(classifier.get_params()) == settings
    assert classifier.set_params(question="什么").question == "什么"


def test_a_calibration_makes_the_probabilities(model: UniMC) -> None:
    wordings = [*CLASSES]
    shifted = Calibration(2.0, tuple((wording, 5.0 * (wording == "food")) for wording in wordings))
    plain, calibrated = (ZeroShotClassifier(model, calibration=one).fit(None, CLASSES) for one in (None, shifted))
    assert calibrated.predict(TEXTS).tolist() == ["food"] * len(TEXTS)
    found = model.classify(TEXTS, calibrated.classes_.tolist(), calibration=shifted)
    assert calibrated.predict_proba(TEXTS) == pytest.approx(np.array([one.scores for one in found]))
    assert plain.predict_proba(TEXTS) != pytest.approx(calibrated.predict_proba(TEXTS))


def test_clones_share_an_opened_model_and_copy_the_rest(model: UniMC) -> None:
    classifier = ZeroShotClassifier(model, options={"a": "rain", "b": "snow"}, batch_size=3).fit(None, ["a", "b"])
    other = clone(classifier)
    assert other.model is model
    assert other.options == classifier.options
    assert other.options is not classifier.options
    assert other.batch_size == 3
    assert not hasattr(other, "classes_")


@pytest.mark.parametrize("max_length", [None, 40])
def test_a_pickle_answers_the_same(model: UniMC, max_length: int | None) -> None:
    classifier = ZeroShotClassifier(model, max_length=max_length).fit(None, CLASSES)
    other = pickle.loads(pickle.dumps(classifier))
    texts = [*TEXTS, "rain " * 60]
    assert other.predict_proba(texts) == pytest.approx(classifier.predict_proba(texts))
    assert classifier.model is model
    assert pickle.loads(pickle.dumps(clone(classifier))).fit(None, CLASSES).predict(texts).tolist() == (
        classifier.predict(texts).tolist()
    )


@pytest.mark.slow
def test_other_processes_answer_the_same(fitted: ZeroShotClassifier) -> None:
    alone, together = (cross_val_score(clone(fitted), X, Y, cv=2, n_jobs=jobs) for jobs in (1, 2))
    assert together.tolist() == alone.tolist()


def test_a_pickle_of_a_model_given_by_name_holds_no_weights(bert_folder: Path, fitted: ZeroShotClassifier) -> None:
    by_name = ZeroShotClassifier(str(bert_folder)).fit(None, CLASSES)
    kept = pickle.dumps(by_name)
    assert len(kept) < 2000
    assert hasattr(by_name, "model_")
    assert pickle.loads(kept).predict_proba(TEXTS) == pytest.approx(fitted.predict_proba(TEXTS))


def test_it_ends_a_pipeline(fitted: ZeroShotClassifier) -> None:
    shouting = FunctionTransformer(lambda texts: [text.upper() for text in texts])
    line = make_pipeline(shouting, clone(fitted)).fit(X, Y)
    assert line.predict(X).tolist() == fitted.predict([text.upper() for text in X]).tolist()
    assert line.score(X, Y) == np.mean(line.predict(X) == Y)


@pytest.mark.parametrize("kind", [list, np.array, pd.Series])
def test_it_is_cross_validated(fitted: ZeroShotClassifier, kind: Any) -> None:
    scores = cross_val_score(clone(fitted), kind(X), Y, cv=2)
    assert scores.mean() == pytest.approx(fitted.score(X, Y))
    assert cross_val_predict(clone(fitted), kind(X), Y, cv=2).tolist() == fitted.predict(X).tolist()


def test_what_numbers_the_classes_first_needs_wordings_for_the_numbers(fitted: ZeroShotClassifier) -> None:
    """Or the model would read digits."""
    with pytest.raises(InputError, match="class 0 has no wording"):
        cross_val_predict(clone(fitted), X, Y, cv=2, method="predict_proba")
    worded = clone(fitted).set_params(options=dict(enumerate(sorted(CLASSES))))
    found = cross_val_predict(worded, X, Y, cv=2, method="predict_proba")
    assert found == pytest.approx(fitted.predict_proba(X), abs=1e-5)


def test_a_search_finds_the_question_that_answers_best(fitted: ZeroShotClassifier) -> None:
    questions = ["", "what is it about?", "这篇文章说什么？"]
    search = GridSearchCV(clone(fitted), {"question": questions}, cv=2, error_score="raise").fit(X, Y)
    alone = [clone(fitted).set_params(question=one).fit(X, Y).score(X, Y) for one in questions]
    assert search.cv_results_["mean_test_score"] == pytest.approx(alone)
    assert search.best_params_["question"] == questions[int(np.argmax(alone))]
    assert search.best_estimator_.model is fitted.model
