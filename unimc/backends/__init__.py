"""What runs the model: batches in, the logits of the answer pieces out. PyTorch here, onnxruntime as an extra."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from unimc.collation import Batch


class Backend(Protocol):
    """One way to run a model.

    Attributes:
        device: where, for people: "cpu", "cuda:0".
        dtype: of the weights, for people: "float32", "int8".
        parameters: how many there are.
        max_tokens: in a batch, padding counted: what is fast there and bounds memory.
    """

    device: str
    dtype: str
    parameters: int
    max_tokens: int

    def logits(self, batch: Batch) -> Tensor:
        """The logits at every O-MASK of a batch.

        Returns:
            (options, pieces) float32 on the CPU, the columns being those of `Answers.columns`.

        Raises:
            torch.OutOfMemoryError: if the batch is too large for the device.
        """
        ...

    def clear(self) -> None:
        """Gives memory back that is only kept for later, after a batch was too large."""
        ...

    def fingerprint(self) -> str:
        """SHA-256 of the weights."""
        ...
