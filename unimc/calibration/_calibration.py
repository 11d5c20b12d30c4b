"""A temperature and biases: how they are applied, and their form on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from unimc.calibration._arithmetic import Floats, is_number, log_softmax, sigmoid
from unimc.example import InputError

_FINITE = float(np.finfo(np.float64).max) / 4  # two of them can be subtracted


@dataclass(frozen=True, slots=True)
class Calibration:
    """A temperature and a bias for each option name: `softmax` or `sigmoid` of logits / temperature + bias.

    Args:
        temperature: over 1 flattens the scores, below 1 sharpens them; alone it changes no answer.
        bias: (name, bias) for each option, in logits after the temperature; None for none.

    Raises:
        InputError: if the temperature is no positive number, a bias no finite number, or a name is there twice.
    """

    temperature: float = 1.0
    bias: tuple[tuple[str, float], ...] | None = None

    def __post_init__(self) -> None:
        if not is_number(self.temperature) or self.temperature <= 0:
            raise InputError(f"the temperature is {self.temperature!r}; it must be a number over 0")
        for name, value in self.bias or ():
            if not isinstance(name, str) or not is_number(value):
                raise InputError(f"the bias of option {name!r} is {value!r}; it must be a finite number")
        if len(dict(self.bias or ())) < len(self.bias or ()):
            raise InputError("an option name has two biases; give one for each name")

    def apply(self, logits: ArrayLike, names: Sequence[str] | None = None, *, multi_label: bool = False) -> Floats:
        """Calibrated scores.

        Args:
            logits: (…, options); infinities are taken for very large numbers.
            names: of the options, in the logits' order; needed if there is a bias.
            multi_label: whether each score stands for itself; the logits are margins then.

        Returns:
            (…, options): probabilities that sum to 1, or with `multi_label` each stand for themselves.

        Raises:
            InputError: if a logit is not a number, or an option has no bias where others have one.
        """
        values = np.asarray(logits, dtype=np.float64)
        if values.ndim < 1 or not values.shape[-1] or np.isnan(values).any():
            raise InputError("logits to calibrate must be numbers, one for each option")
        values = np.clip(values, -_FINITE, _FINITE)
        if not multi_label:
            values = values - values.max(-1, keepdims=True)  # so that no division overflows where it matters
        with np.errstate(over="ignore"):
            values = values / self.temperature
        values = values + self._shift(names, values.shape[-1])
        return sigmoid(values) if multi_label else np.exp(log_softmax(values))

    def to_dict(self) -> dict[str, Any]:
        """For JSON: `{"temperature": …, "bias": {name: …} or null}`."""
        return {"temperature": self.temperature, "bias": None if self.bias is None else dict(self.bias)}

    @classmethod
    def from_dict(cls, entry: object, where: str = "calibration") -> Calibration:
        """What `to_dict` gave.

        Args:
            entry: the object.
            where: it stands, for errors.

        Raises:
            InputError: if it isn't of that form.
        """
        if not isinstance(entry, Mapping) or entry.keys() != {"temperature", "bias"}:
            raise InputError(f"{where}: expected an object with 'temperature' and 'bias', not {entry!r}")
        bias = entry["bias"]
        if bias is not None and not isinstance(bias, Mapping):
            raise InputError(f"{where}: bias must be an object of option name: number, or null, not {bias!r}")
        try:
            return cls(entry["temperature"], None if bias is None else tuple(bias.items()))
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
            raise InputError(f"option {unknown[0]!r} has no bias; there is one for {', '.join(map(repr, known))}")
        return np.array([known[name] for name in names])
