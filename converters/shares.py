"""How many examples each task gives to a mixture."""

from __future__ import annotations

import math
from collections.abc import Sequence

SAMPLING = ("proportional", "uniform", "temperature")


def shares(
    sizes: Sequence[int],
    weights: Sequence[float],
    *,
    sampling: str = "proportional",
    temperature: float = 2.0,
    size: int | None = None,
    copies: int = 4,
) -> list[int]:
    """Examples to take of each task.

    Args:
        sizes: examples that each task has, after its cap.
        weights: what its share is multiplied by.
        sampling: shares grow with the size (`proportional`), with its 1/temperature-th power (`temperature`, as in
            multilingual pretraining), or not at all (`uniform`).
        temperature: 1 is proportional, infinity uniform.
        size: examples in all, to the last one; None = as many as there are (proportional: the sum of weight x size).
        copies: the most times that a row is taken: a small task gives less than its share then, and the mixture is
            smaller than `size`.
    """
    if sampling == "proportional" and size is None:
        counts = [round(weight * there) for weight, there in zip(weights, sizes, strict=True)]
    else:
        power = {"proportional": 1.0, "uniform": 0.0, "temperature": 1 / temperature}[sampling]
        parts = [weight * there**power if there else 0.0 for weight, there in zip(weights, sizes, strict=True)]
        whole = sum(sizes) if size is None else size
        counts = _split(whole, parts)
    return [min(count, copies * there) for count, there in zip(counts, sizes, strict=True)]


def _split(whole: int, parts: Sequence[float]) -> list[int]:
    """`whole` in proportion to the parts, by largest remainders: what is over goes to those that lost most in rounding.

    A share that is a whole number stays as it is. Between equal remainders the first ones get it.
    """
    if not any(parts):
        return [0] * len(parts)
    exact = [whole * part / sum(parts) for part in parts]
    # A share of 10 may come out as 9.999999999999998.
    exact = [float(round(share)) if math.isclose(share, round(share), rel_tol=1e-9) else share for share in exact]
    counts = [math.floor(share) for share in exact]
    order = sorted(range(len(parts)), key=lambda place: counts[place] - exact[place])
    for place in order[: whole - sum(counts)]:
        counts[place] += 1
    return counts
