"""The model called like the zero-shot-classification pipeline of transformers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, overload

from unimc.adapters._opening import opened
from unimc.example import InputError

if TYPE_CHECKING:
    from unimc.calibration import Calibration
    from unimc.inference import UniMC
    from unimc.prediction import Prediction

_WINDOW = 8  # batches read ahead from an iterator: rows of about one length share a batch


class Ranking(TypedDict):
    """What comes back for one text."""

    sequence: str
    labels: list[str]
    scores: list[float]


class ZeroShotPipeline:
    """Which labels fit a text, best first, in the form that `pipeline("zero-shot-classification")` gives.

    All labels of a text are read in one pass, not one pass each. What else differs from the original: a label given
    twice is an error; a tuple of texts is taken like a list; equal scores keep the labels' order; wrong input raises
    `InputError` (a `ValueError`); and the labels are read as they are unless a template is given.

    Args:
        model: an opened model, or what `UniMC.from_pretrained` opens: a folder or hub id.
        calibration: of the scores, as for `UniMC.predict`; none if None.

    Raises:
        InputError: if it can't be opened.
    """

    def __init__(
        self, model: UniMC | str | Path | None = None, *, calibration: Calibration | str | None = None
    ) -> None:
        self.model = opened(model)
        self.calibration = calibration

    @overload
    def __call__(  # type: ignore[overload-overlap]  # a string is an iterable of strings too; it comes first
        self,
        sequences: str,
        candidate_labels: str | Sequence[str],
        hypothesis_template: str | None = ...,
        multi_label: bool = ...,
        batch_size: int = ...,
        question: str | None = ...,
    ) -> Ranking: ...

    @overload
    def __call__(  # type: ignore[overload-overlap]  # so is a list
        self,
        sequences: list[str] | tuple[str, ...],
        candidate_labels: str | Sequence[str],
        hypothesis_template: str | None = ...,
        multi_label: bool = ...,
        batch_size: int = ...,
        question: str | None = ...,
    ) -> list[Ranking]: ...

    @overload
    def __call__(
        self,
        sequences: Iterable[str],
        candidate_labels: str | Sequence[str],
        hypothesis_template: str | None = ...,
        multi_label: bool = ...,
        batch_size: int = ...,
        question: str | None = ...,
    ) -> Iterator[Ranking]: ...

    def __call__(
        self,
        sequences: str | Iterable[str],
        candidate_labels: str | Sequence[str],
        hypothesis_template: str | None = None,
        multi_label: bool = False,
        batch_size: int = 32,
        question: str | None = None,
    ) -> Ranking | list[Ranking] | Iterator[Ranking]:
        """Ranks the labels for each text.

        Args:
            sequences: one text; a list or tuple of texts; or a generator or data set of texts, read as it is needed.
            candidate_labels: the labels, as a list or separated by commas.
            hypothesis_template: the wording of a label, with {} in its place ("This text is about {}."); the label
                itself if None.
            multi_label: whether every label is judged for itself; else the scores sum to 1. As in the original, one
                label alone always is.
            batch_size: the most rows in a batch.
            question: the instruction, in words; none if None.

        Returns:
            For one text a dict of "sequence", "labels" and "scores", both in descending order of score; for a list a
            list of them, also for a list of one; for anything else an iterator, in the texts' order.

        Raises:
            InputError: if there is no text or no label, a template has no place for the label, or a text or label is
                empty or no string.
        """
        labels = _labels(candidate_labels)
        options = dict(zip(labels, _worded(labels, hypothesis_template), strict=True))
        if len(options) < len(labels):
            twice = next(label for label in labels if labels.count(label) > 1)
            raise InputError(f"label {twice!r} is given twice; every label must be different")
        if batch_size < 1:
            raise InputError(f"batch_size is {batch_size}; it must be at least 1")

        def ranked(numbered: list[tuple[int, str]]) -> list[Ranking]:
            for number, text in numbered:
                if not isinstance(text, str) or not text.strip():
                    kind = "empty" if isinstance(text, str) else type(text).__name__
                    raise InputError(f"sequence {number} is {kind}; give a text")
            texts = [text for _, text in numbered]
            found = self.model.classify(
                texts,
                options,
                question=question or "",
                multi_label=multi_label or len(options) == 1,
                calibration=self.calibration,
                batch_size=batch_size,
            )
            return [_ranking(text, one) for text, one in zip(texts, found, strict=True)]

        if isinstance(sequences, str):
            return ranked([(0, sequences)])[0]
        if isinstance(sequences, list | tuple):
            if not sequences:
                raise InputError("no sequences; give at least one text")
            return ranked(list(enumerate(sequences)))
        texts = enumerate(_read(sequences))
        # `iter` with a sentinel: windows until one is empty.
        windows = iter(lambda: list(islice(texts, _WINDOW * batch_size)), [])
        return (one for window in windows for one in ranked(window))


def _labels(given: object) -> list[str]:
    if isinstance(given, str):
        given = [label.strip() for label in given.split(",") if label.strip()]
    if not isinstance(given, Iterable) or isinstance(given, Mapping | Set):
        raise InputError(f"candidate_labels must be a list or a string with commas, not {type(given).__name__}")
    labels = list(given)
    if not labels:
        raise InputError("no candidate_labels; give at least one label")
    for position, label in enumerate(labels):
        if not isinstance(label, str) or not label.strip():
            kind = "empty" if isinstance(label, str) else type(label).__name__
            raise InputError(f"candidate_labels[{position}] is {kind}; every label needs a text")
    return labels


def _worded(labels: list[str], template: str | None) -> list[str]:
    if template is None:
        return labels
    try:
        # The same words for two labels mean that there is no place for either.
        if template.format("a") != template.format("b"):
            return [template.format(label) for label in labels]
    except (AttributeError, LookupError, ValueError):
        pass  # more than one place, a named place, a brace that stands alone: as unfit as none
    raise InputError(
        f"hypothesis_template is {template!r}; it needs one {{}} where the label should go: 'This text is about {{}}.'"
    )


def _read(sequences: Any) -> Iterator[str]:
    if isinstance(sequences, Mapping | Set):
        raise InputError(f"sequences must be texts in an order, not {type(sequences).__name__}")
    if not hasattr(sequences, "__iter__") and hasattr(sequences, "__getitem__") and hasattr(sequences, "__len__"):
        # A map-style data set of torch, which need not raise IndexError at its end.
        return (sequences[number] for number in range(len(sequences)))
    try:
        return iter(sequences)
    except TypeError:
        raise InputError(f"sequences must be a text or texts, not {type(sequences).__name__}") from None


def _ranking(text: str, found: Prediction) -> Ranking:
    order = sorted(range(len(found.scores)), key=lambda option: -found.scores[option])
    return {
        "sequence": text,
        "labels": [found.names[option] for option in order],
        "scores": [found.scores[option] for option in order],
    }
