"""How many examples each task gives to a mixture."""

from __future__ import annotations

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
        size: examples in all; None = as many as there are (proportional: the sum of weight x size).
        copies: the most times that a row is taken: a small task gives less than its share then, and the mixture is
            smaller than `size`.
    """
    if sampling == "proportional" and size is None:
        counts = [round(weight * there) for weight, there in zip(weights, sizes, strict=True)]
    else:
        power = {"proportional": 1.0, "uniform": 0.0, "temperature": 1 / temperature}[sampling]
        parts = [weight * there**power if there else 0.0 for weight, there in zip(weights, sizes, strict=True)]
        whole = sum(sizes) if size is None else size
        counts = [round(whole * part / (sum(parts) or 1)) for part in parts]
    return [min(count, copies * there) for count, there in zip(counts, sizes, strict=True)]
