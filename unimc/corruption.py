"""Which tokens the model has to restore: the corruption of masked language modelling (DESIGN, section 5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unimc.encoding import SHARED, Encoding
from unimc.tokenization import InertTokenizer

RATES = (0.0, 0.1, 0.2, 0.3)
RATE_PROBABILITIES = (0.3, 0.3, 0.25, 0.15)
MASKED, RANDOM = 0.8, 0.1  # the rest keeps its token


@dataclass(frozen=True, slots=True)
class Corrupted:
    """A row after corruption.

    Attributes:
        input_ids: the row with the chosen tokens replaced.
        places: places of the chosen tokens in the row.
        targets: the tokens that stood there.
    """

    input_ids: list[int]
    places: list[int]
    targets: list[int]


class Corruption:
    """Chooses text tokens (never options, never special tokens) and replaces them.

    An example's rate is drawn from `RATES`; each text token is then chosen with that probability and becomes the mask
    (80 %), a random token that is not special (10 %) or itself (10 %).
    """

    def __init__(self, tokenizer: InertTokenizer) -> None:
        self._mask = tokenizer.mask
        self._specials = np.array(sorted(tokenizer.specials))
        self._vocabulary = np.setdiff1d(np.arange(len(tokenizer)), self._specials)

    def __call__(self, encoding: Encoding, generator: np.random.Generator) -> Corrupted:
        """Corrupts one row with what the generator draws."""
        rate = generator.choice(RATES, p=RATE_PROBABILITIES)
        ids = np.array(encoding.input_ids)
        text = (np.array(encoding.option_ids) == SHARED) & ~np.isin(ids, self._specials)
        (places,) = np.nonzero(text & (generator.random(len(ids)) < rate))
        targets = ids[places]
        kind = generator.random(len(places))
        randoms = generator.choice(self._vocabulary, len(places))
        ids[places] = np.where(kind < MASKED, self._mask, np.where(kind < MASKED + RANDOM, randoms, targets))
        return Corrupted(ids.tolist(), places.tolist(), targets.tolist())


def untouched(encoding: Encoding) -> Corrupted:
    """The row as it is, for training without MLM."""
    return Corrupted(encoding.input_ids, [], [])
