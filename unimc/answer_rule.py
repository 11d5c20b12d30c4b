"""From margins to an answer: one label or several, from which probability on, how many, calibrated or not.

DESIGN, section 4; thresholds for one label, the most labels and calibration are beyond the paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from numbers import Real

from unimc.calibration import Calibration
from unimc.example import InputError, shown, whole_number

Threshold = float | Mapping[str, float]
"""The probability from which an option holds: one for all, or option name -> probability."""

_NAMED = 5  # options that an error lists
_UNCALIBRATED = Calibration(kind="multi")


@dataclass(frozen=True, slots=True)
class AnswerRule:
    """How the model's logits become scores and an answer; `of` makes and checks one.

    Attributes:
        multi_label: whether several options, or none, may hold.
        threshold: several labels: the probability from which an option holds. One label: from which the best option
            must be said "yes" for itself (the sigmoid of its margin, as it is without calibration) to be the answer.
        top_k: several labels: how many hold at most.
        calibration: makes scores of margins; None for none.
    """

    multi_label: bool = False
    threshold: Threshold | None = None
    top_k: int | None = None
    calibration: Calibration | None = None

    @classmethod
    def of(
        cls,
        multi_label: bool = False,
        threshold: Threshold | None = None,
        top_k: int | None = None,
        calibration: Calibration | None = None,
    ) -> AnswerRule:
        """What a user asks for; without a threshold that of the calibration, else 0.5 for several labels.

        Raises:
            InputError: if a setting is out of range, has no meaning here, or the calibration is of the other kind.
        """
        if not isinstance(multi_label, bool):
            raise InputError(f"multi_label must be True or False, not {shown(multi_label)}")
        if top_k is not None:
            if not multi_label:
                raise InputError("top_k has a meaning only with multi_label=True; Prediction.top(k) ranks any options")
            if whole_number("top_k", top_k) < 1:
                raise InputError(f"top_k is {shown(top_k)}; it must be at least 1")
        if calibration is not None:
            if (calibration.kind == "multi") != multi_label:
                one, other = ("several labels", "one") if calibration.kind == "multi" else ("one label", "several")
                raise InputError(f"the calibration is for {one}, not for {other}; fit another, or leave it out")
            if threshold is None:
                limits = calibration.threshold
                threshold = dict(limits) if isinstance(limits, tuple) else limits
        if threshold is None:
            return cls(multi_label, 0.5 if multi_label else None, top_k, calibration)
        return cls(multi_label, _checked(threshold), top_k, calibration)

    def answer(
        self, names: Sequence[str], scores: Sequence[float], margins: Sequence[float]
    ) -> tuple[int, tuple[int, ...]]:
        """The best option and the options that hold, as indices; of equal scores the earlier option is the better.

        Raises:
            InputError: if an option has no threshold where others have one.
        """
        label = max(range(len(scores)), key=scores.__getitem__)
        if self.threshold is None:
            return label, (label,)
        limits = self._limits(names, self.threshold)
        if not self.multi_label:
            said = float(_UNCALIBRATED.apply([margins[label]])[0])
            return label, (label,) if said >= limits[label] else ()
        held = [option for option, score in enumerate(scores) if score >= limits[option]]
        ranked = sorted(held, key=lambda option: -scores[option])
        return label, tuple(sorted(ranked[: self.top_k]))

    @staticmethod
    def _limits(names: Sequence[str], threshold: Threshold) -> list[float]:
        if not isinstance(threshold, Mapping):
            return [threshold] * len(names)
        lacks = next((name for name in names if name not in threshold), None)
        if lacks is not None:
            there = ", ".join([*map(shown, islice(threshold, _NAMED)), *(["…"] if len(threshold) > _NAMED else [])])
            raise InputError(f"option {shown(lacks)} has no threshold; there is one for {there}")
        return [threshold[name] for name in names]


def _checked(threshold: Threshold) -> Threshold:
    if isinstance(threshold, Mapping):
        return {name: _probability(value, f" of option {shown(name)}") for name, value in threshold.items()}
    return _probability(threshold)


def _probability(value: object, where: str = "") -> float:
    if isinstance(value, bool) or not isinstance(value, Real) or not value <= 1 or value < 0:
        raise InputError(f"threshold{where} is {shown(value)}; it is a probability, from 0 to 1")
    return float(value)
