"""Randomness as a function of (seed, epoch, example), never of who draws it or when.

That is what makes a resumed run, or one on several processes, draw exactly what an uninterrupted one would.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np


def stable_hash(*words: str) -> int:
    """A 64-bit hash that is the same in every process and on every machine (Python's own is not)."""
    return int.from_bytes(blake2b("\x1f".join(words).encode(), digest_size=8).digest(), "big")


def generator(seed: int, epoch: int, *words: str) -> np.random.Generator:
    """The generator for one purpose (and example) of one epoch, e.g. `generator(0, 2, "corruption", example.id)`."""
    return np.random.default_rng((seed, epoch, stable_hash(*words)))
