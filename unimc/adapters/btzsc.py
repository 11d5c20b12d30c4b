"""The model under the interface of the btzsc benchmark (PyPI: btzsc 0.1), which is needed only to run it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unimc.adapters._opening import opened
from unimc.example import InputError, in_order

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from unimc.inference import UniMC


class BTZSCModel:
    """What `BTZSCBenchmark().evaluate` takes as a model.

    Args:
        model: an opened model, or what `UniMC.from_pretrained` opens: a folder or hub id.
        question: the instruction given with every text.
        language: of the benchmark, which is English. It is not told from the texts' script: a Chinese word in one of
            them must not change the answer pieces.
        name: what the benchmark's report calls the model; by default the folder or hub id it was opened from.

    Attributes:
        model_type, model_name, model, device: what the benchmark reads for its report; `model` is the backbone.

    Raises:
        InputError: if btzsc is not installed, or the model can't be opened.
    """

    model_type = "custom"

    def __init__(
        self,
        model: UniMC | str | Path | None = None,
        *,
        question: str = "",
        language: str = "en",
        name: str | None = None,
    ) -> None:
        _join(type(self))
        self.unimc = opened(model)
        self.question = question
        self.language = language
        self.model: Any = self.unimc.model.backbone
        self.device = self.unimc.backend.device
        self.model_name = name or str(self.model.config._name_or_path or type(self.model).__name__)

    def predict_scores(self, texts: Sequence[str], labels: Sequence[str], batch_size: int = 32) -> NDArray[np.float64]:
        """Probability of every label for every text; shape (texts, labels).

        Args:
            texts: the texts.
            labels: the labels, in words.
            batch_size: the most rows in a batch.

        Raises:
            InputError: if texts or labels are in no order, one of them is empty, or a label is given twice.
        """
        import numpy as np

        for name, given in (("texts", texts), ("labels", labels)):
            if not in_order(given):
                raise InputError(f"{name} must be a list of texts, not {type(given).__name__}")

        found = self.unimc.classify(
            list(texts), list(labels), question=self.question, language=self.language, batch_size=batch_size
        )
        return np.array([one.scores for one in found]).reshape(len(found), len(labels))

    def predict(self, texts: Sequence[str], labels: Sequence[str], batch_size: int = 32) -> NDArray[np.intp]:
        """Index of the best label for every text; shape (texts,).

        Raises:
            InputError: if a text or label is empty, or a label is given twice.
        """
        best: NDArray[np.intp] = self.predict_scores(texts, labels, batch_size).argmax(axis=1)
        return best


def _join(kind: type) -> None:
    """Makes a class one of the benchmark's models, which it asks for with isinstance.

    By registration, not inheritance: a base class would have to be there when this file is imported.
    """
    try:
        benchmark = import_module("btzsc")
    except ImportError as error:
        raise InputError(f"the benchmark can't be imported ({error}); pip install btzsc") from None
    benchmark.BaseModel.register(kind)
