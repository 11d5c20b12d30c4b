"""The model as a scikit-learn classifier of texts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, check_is_fitted, column_or_1d

from unimc.adapters._opening import opened
from unimc.example import InputError, in_order

if TYPE_CHECKING:
    from unimc.calibration import Calibration
    from unimc.inference import UniMC


class ZeroShotClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Classifies texts without training: fitting learns the names of the classes, nothing of the texts.

    It works wherever scikit-learn takes a classifier of texts: `Pipeline`, `cross_val_score`, `GridSearchCV` over
    `question`. Clones share an opened model; given by name, each fitted clone opens its own. What numbers the classes
    before it fits (`cross_val_predict` of probabilities, `StackingClassifier`) needs `options` for these numbers.

    Args:
        model: an opened model, or what `UniMC.from_pretrained` opens: a folder or hub id.
        options: class to wording, for classes whose names say too little ("pos", 1); it may hold more classes than
            `fit` sees. None: the classes are read as they are, and have to be strings.
        question: the instruction.
        language: of the texts; the model's default, or told from their script, if None.
        batch_size: the most rows in a batch.
        max_length: the most tokens in a row; the model's own if None.
        calibration: of the probabilities, as for `UniMC.predict`, by the classes' wordings; none if None.

    Attributes:
        classes_: the classes, sorted; shape (classes,).
        model_: the opened model.
    """

    def __init__(
        self,
        model: UniMC | str | Path | None = None,
        *,
        options: Mapping[Any, str] | None = None,
        question: str = "",
        language: str | None = None,
        batch_size: int = 32,
        max_length: int | None = None,
        calibration: Calibration | str | None = None,
    ) -> None:
        self.model = model
        self.options = options
        self.question = question
        self.language = language
        self.batch_size = batch_size
        self.max_length = max_length
        self.calibration = calibration

    def fit(self, X: object, y: object) -> Self:  # noqa: ARG002, N803  # scikit-learn's names
        """Learns which classes there are.

        Args:
            X: not read; None or texts, as many as you like.
            y: the class of every text, or just the classes' names.

        Raises:
            InputError: if `y` holds no classes, a class has no wording, or the model can't be opened.
        """
        classes = _classes(y)
        _wordings(classes, self.options)
        self.model_ = opened(self.model, self.max_length)
        self.classes_ = classes
        return self

    def predict_proba(self, X: object) -> NDArray[np.float64]:  # noqa: N803
        """Probability of every class for every text; shape (texts, classes), in the order of `classes_`.

        Raises:
            InputError: if `X` is not a column of texts, or one of them is empty.
        """
        check_is_fitted(self, "classes_")
        if not hasattr(self, "model_"):
            self.model_ = opened(self.model, self.max_length)
        found = self.model_.classify(
            _texts(X),
            _wordings(self.classes_, self.options),
            question=self.question,
            language=self.language,
            batch_size=self.batch_size,
            calibration=self.calibration,
        )
        return np.array([one.scores for one in found])

    def predict(self, X: object) -> NDArray[Any]:  # noqa: N803
        """The class of every text; shape (texts,).

        Raises:
            InputError: if `X` is not a column of texts, or one of them is empty.
        """
        best = self.predict_proba(X).argmax(axis=1)
        chosen: NDArray[Any] = self.classes_[best]
        return chosen

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.no_validation = True  # of numbers and tables: texts are no array of features
        tags.requires_fit = True
        tags.classifier_tags.poor_score = True  # of what scikit-learn tries it on: texts are not learnt from
        return tags

    def __sklearn_clone__(self) -> Self:
        """A new one with the same settings; an opened model is shared, since it is never changed."""
        settings = self.get_params(deep=False)
        copied = {name: value if name == "model" else clone(value, safe=False) for name, value in settings.items()}
        return type(self)(**copied)

    def __getstate__(self) -> dict[str, Any]:
        """Without weights where the model is given by name: it is opened again when it is needed."""
        state: dict[str, Any] = dict(super().__getstate__())
        state.pop("model_", None)
        return state


def _classes(y: Any) -> NDArray[Any]:
    if y is None:
        raise InputError("the classifier requires y to be passed, but the target y is None; give the classes")
    try:
        column = column_or_1d(y, warn=True)
        if column.dtype.kind in "fcO":
            assert_all_finite(column, input_name="y")
        check_classification_targets(column)
        classes = np.unique(column)
    except (TypeError, ValueError) as error:
        raise InputError(f"y is no column of classes: {error}") from None
    if not len(classes):
        raise InputError("y is empty; give at least one class")
    return classes


def _wordings(classes: NDArray[Any], options: object) -> list[str]:
    if options is not None and not isinstance(options, Mapping):
        raise InputError(f"options must be a mapping of class to wording, not {type(options).__name__}")
    wordings = []
    for one in classes.tolist():
        wording = one if options is None else options.get(one)
        if not isinstance(wording, str) or not wording.strip():
            raise InputError(f"class {one!r} has no wording; give it in options, as in {{{one!r}: 'sport'}}")
        wordings.append(wording)
    return wordings


def _texts(given: Any) -> list[str]:
    dimensions = getattr(given, "ndim", 1)
    if dimensions != 1:
        raise InputError(f"X has {dimensions} dimensions; give one column of texts")
    if not in_order(given):
        raise InputError(f"X must be a list of texts, not {type(given).__name__}")
    texts = list(given)
    if not texts:
        raise InputError("X holds no texts; give at least one")
    return texts
