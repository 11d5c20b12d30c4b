"""A temperature and biases: how they are applied, and their form on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from unimc.calibration._arithmetic import Floats, is_number, log_softmax, sigmoid
from unimc.example import InputError, shown

Kind = Literal["single", "multi"]
"""What is calibrated: one label, whose scores sum to 1, or several, each for itself."""
Thresholds = float | tuple[tuple[str, float], ...]
"""The probability from which an option holds: one for all, or (name, probability) for each."""

_NEEDED, _OPTIONAL = {"temperature", "bias"}, {"kind", "threshold"}
_NAMED = 5  # options that an error lists
_FINITE = float(np.finfo(np.float64).max) / 4  # two of them can be subtracted


@dataclass(frozen=True, slots=True)
class Calibration:
    """A temperature and a bias for each option name: `softmax` or `sigmoid` of logits / temperature + bias.

    Args:
        temperature: over 1 flattens the scores, below 1 sharpens them; alone it changes no order.
        bias: (name, bias) for each option, in logits after the temperature; None for none.
        kind: what it is for: "single", one label, by the softmax; "multi", several, by the sigmoid.
        threshold: what `UniMC.predict` takes for its threshold if none is given; None for its own.

    Raises:
        InputError: if the temperature is no positive number, a bias no finite number, a threshold no probability, the
            kind another, or a name is there twice.
    """

    temperature: float = 1.0
    bias: tuple[tuple[str, float], ...] | None = None
    kind: Kind = "single"
    threshold: Thresholds | None = None

    def __post_init__(self) -> None:
        if not is_number(self.temperature) or self.temperature <= 0:
            raise InputError(f"the temperature is {self.temperature!r}; it must be a number over 0")
        for name, value in self.bias or ():
            if not isinstance(name, str) or not is_number(value):
                raise InputError(f"the bias of option {name!r} is {value!r}; it must be a finite number")
        if len(dict(self.bias or ())) < len(self.bias or ()):
            raise InputError("an option name has two biases; give one for each name")
        if not isinstance(self.kind, str) or self.kind not in get_args(Kind):
            raise InputError(f"the kind of a calibration is {self.kind!r}; it is 'single' or 'multi'")
        own = (
            self.threshold
            if isinstance(self.threshold, tuple)
            else ()
            if self.threshold is None
            else (("", self.threshold),)
        )
        for name, value in own:
            if not isinstance(name, str) or not is_number(value) or not 0 <= value <= 1:
                raise InputError(f"the threshold is {value!r}; it is a probability, from 0 to 1")
        if len(dict(own)) < len(own):
            raise InputError("an option name has two thresholds; give one for each name")

    def apply(self, logits: ArrayLike, names: Sequence[str] | None = None) -> Floats:
        """Calibrated scores.

        Args:
            logits: (…, options); infinities are taken for very large numbers.
            names: of the options, in the logits' order; needed if there is a bias.

        Returns:
            (…, options): probabilities that sum to 1 or, of the kind "multi", each stand for themselves.

        Raises:
            InputError: if a logit is not a number, or an option has no bias where others have one.
        """
        values = np.asarray(logits, dtype=np.float64)
        if values.ndim < 1 or not values.shape[-1] or np.isnan(values).any():
            raise InputError("logits to calibrate must be numbers, one for each option")
        values = np.clip(values, -_FINITE, _FINITE)
        if self.kind == "single":
            values = values - values.max(-1, keepdims=True)  # so that no division overflows where it matters
        with np.errstate(over="ignore"):
            values = values / self.temperature
        values = values + self._shift(names, values.shape[-1])
        return sigmoid(values) if self.kind == "multi" else np.exp(log_softmax(values))

    def to_dict(self) -> dict[str, Any]:
        """For JSON: `{"temperature": …, "bias": {name: …} or null, "kind": …}`, and "threshold" if there is one."""
        bias = None if self.bias is None else dict(self.bias)
        entry: dict[str, Any] = {"temperature": self.temperature, "bias": bias, "kind": self.kind}
        if self.threshold is not None:
            entry["threshold"] = dict(self.threshold) if isinstance(self.threshold, tuple) else self.threshold
        return entry

    @classmethod
    def from_dict(cls, entry: object, where: str = "calibration") -> Calibration:
        """What `to_dict` gave. An entry without a kind, from before there were two, is for one label.

        Args:
            entry: the object.
            where: it stands, for errors.

        Raises:
            InputError: if it isn't of that form.
        """
        if not isinstance(entry, Mapping) or not _NEEDED <= entry.keys() <= _NEEDED | _OPTIONAL:
            raise InputError(f"{where}: expected an object with 'temperature' and 'bias', not {entry!r}")
        bias = entry["bias"]
        if bias is not None and not isinstance(bias, Mapping):
            raise InputError(f"{where}: bias must be an object of option name: number, or null, not {bias!r}")
        try:
            return cls(
                entry["temperature"],
                None if bias is None else tuple(bias.items()),
                entry.get("kind", "single"),
                tuple(limit.items()) if isinstance(limit := entry.get("threshold"), Mapping) else limit,
            )
        except InputError as error:
            raise InputError(f"{where}: {error}") from None

    def _shift(self, names: Sequence[str] | None, options: int) -> Floats:
        if self.bias is None:
            return np.zeros(options)
        if names is None or len(names) != options:
            raise InputError(f"{len(names or ())} names for {options} options; a bias is found by the option's name")
        known = dict(self.bias)
        unknown = [name for name in names if name not in known]
        if unknown:
            there = ", ".join([*map(shown, islice(known, _NAMED)), *(["…"] if len(known) > _NAMED else [])])
            raise InputError(f"option {shown(unknown[0])} has no bias; there is one for {there}")
        return np.array([known[name] for name in names])
