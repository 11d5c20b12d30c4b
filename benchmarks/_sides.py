"""What is compared: each side answers the same examples in its own way.

A side is made once, in a process of its own. `settle(examples)` chooses its settings; `prepared(examples)` does
whatever must not be timed and gives back the function that is: it answers the examples and returns each one's
probabilities in the options' order.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from _names import LeftOut

from unimc import MultipleChoiceExample, UniMC, structured_attention
from unimc.backends import onednn
from unimc.collation import batches, collate
from unimc.encoding import Encoding

BATCH_SIZE = 32
"""Rows in a batch: the default of `UniMC.predict`, and of the released code."""
ONE_ROW = 1024
"""Tokens of a row for `ours_one_row` and, where an example needs more than its row, for the released code's way."""
Scores = list[list[float]]
Answering = Callable[[], Scores]


class Side(ABC):
    """One way to answer."""

    model: Any
    """The module whose weights count as loaded; None where there is no module."""

    def settle(self, examples: Sequence[MultipleChoiceExample]) -> None:  # noqa: B027  # most have nothing to settle
        """Chooses settings for examples of this kind, by trying."""

    @abstractmethod
    def prepared(self, examples: Sequence[MultipleChoiceExample]) -> tuple[Answering, int]:
        """The function to be timed, and how many of the examples it answers (from the first on).

        Raises:
            LeftOut: if it has nothing to say about these examples.
        """

    def settings(self) -> dict[str, Any]:
        """What the side settled on, for the record."""
        return {}


class Ours(Side):
    """`UniMC.predict`.

    Args:
        folder: the checkpoint.
        windows: how windows over a long passage are pooled; it is cut if None.
        opened: further arguments of `UniMC.from_pretrained`.
    """

    def __init__(self, folder: Path, *, windows: Any = None, **opened: Any) -> None:
        self.unimc = UniMC.from_pretrained(folder, device="cpu", **opened)
        self.windows = windows
        self.model = getattr(self.unimc, "model", None)

    def prepared(self, examples: Sequence[MultipleChoiceExample]) -> tuple[Answering, int]:
        """Examples in, predictions out."""
        wanted = list(examples)
        predict, windows = self.unimc.predict, self.windows
        return lambda: [list(prediction.scores) for prediction in predict(wanted, windows=windows)], len(wanted)

    def settings(self) -> dict[str, Any]:
        """The bounds of a row and of a batch."""
        unimc = self.unimc
        return {"max_length": unimc.encoder.max_length, "batch_size": BATCH_SIZE, "max_tokens": unimc.max_tokens}


class Stock(Ours):
    """`UniMC.predict` with the linear layers that PyTorch chooses, as all sides of others have them."""

    def __init__(self, folder: Path) -> None:
        if not onednn.available():
            raise LeftOut("this PyTorch has no oneDNN, and ours takes its linear layers too")
        onednn.available = lambda: False  # in this process alone
        super().__init__(folder)


class Dense(Ours):
    """`UniMC.predict` with the attention over all pairs of tokens, masked, whatever the options are."""

    def __init__(self, folder: Path) -> None:
        structured_attention.plan = lambda *_: None  # in this process alone
        super().__init__(folder)


class Packed(Ours):
    """`UniMC.predict` with several short examples in a row."""

    most = 512
    """Tokens of a packed row."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.unimc.pack = self.most

    def settings(self) -> dict[str, Any]:
        """And the bound of a packed row."""
        return {**super().settings(), "pack": self.most}


class OneRow(Ours):
    """`UniMC.predict` with rows so long that the options need no groups, where they would with shorter ones."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, max_length=ONE_ROW)
        self.shorter = UniMC.from_pretrained(folder, device="cpu").encoder

    def prepared(self, examples: Sequence[MultipleChoiceExample]) -> tuple[Answering, int]:
        """As ours."""
        if all(len(rows) == 1 for rows in self.shorter.batch(examples)):
            raise LeftOut("every example takes one row anyway")
        return super().prepared(examples)


class BareEncoder(Side):
    """The floor: our rows through the encoder alone, from tensors made beforehand, with no mask, and no head.

    What it computes answers nothing; no way of prediction with this encoder in PyTorch can be much faster.

    Args:
        folder: the checkpoint.
        padding: False puts only rows of exactly one length into a batch, so that no padding is computed; True takes
            our own batches, which pad a little and are fuller.
        ours: whether the linear layers are those that ours takes, or those that PyTorch chooses.
    """

    def __init__(self, folder: Path, *, padding: bool, ours: bool = False) -> None:
        if ours and not onednn.available():
            raise LeftOut("this PyTorch has no oneDNN")
        self.layers = "cpu" if ours else "none"
        self.unimc = UniMC.from_pretrained(folder, device="cpu")
        self.model = self.unimc.model.backbone.base_model
        self.padding = padding
        self.batches: dict[str, int] = {}

    def prepared(self, examples: Sequence[MultipleChoiceExample]) -> tuple[Answering, int]:
        """All tensors are made here."""
        tensors = [collate(rows, self.unimc.encoder.tokenizer.pad) for rows in self._batches(examples)]
        self.batches[f"{len(examples[0].options)} options"] = len(tensors)

        @torch.inference_mode()
        def run() -> Scores:
            with onednn.linear_layers(self.layers):
                for batch in tensors:
                    self.model(batch.input_ids, position_ids=batch.position_ids, token_type_ids=batch.token_type_ids)
            return []

        return run, len(examples)

    def settings(self) -> dict[str, Any]:
        """How the rows were put together."""
        return {"batch_size": BATCH_SIZE, "max_tokens": self.unimc.max_tokens, "batches": self.batches}

    def _batches(self, examples: Sequence[MultipleChoiceExample]) -> list[list[Encoding]]:
        rows = sorted((row for made in self.unimc.encoder.batch(examples) for row in made), key=len, reverse=True)
        lengths = list(map(len, rows))
        if self.padding:
            pools = [list(range(len(rows)))]
        else:
            pools = [[row for row, its in enumerate(lengths) if its == length] for length in sorted(set(lengths))]
        bounds = {"max_rows": BATCH_SIZE, "max_tokens": self.unimc.max_tokens}
        return [[rows[row] for row in cut] for pool in pools for cut in batches(lengths, pool, **bounds)]


def made(name: str, folders: dict[str, Path], **options: Any) -> Side:
    """A side by name.

    Args:
        name: one of `_names.TITLES`.
        folders: the checkpoint ("torch") and, where they were made, its exports ("onnx", "onnx_int8").
        options: of the sides of others (`_others`): `pairs`, `alone`.

    Raises:
        LeftOut: if what it needs is not there.
    """
    folder = folders["torch"]
    if name.startswith("ours_onnx"):
        return Ours(folders[name.removeprefix("ours_")], backend="onnx")
    if name in ("pipeline", "gliclass"):
        return getattr(import_module("_others"), name)(folder, **options)  # type: ignore[no-any-return]
    if name.startswith("released"):
        return getattr(import_module("_released"), name)(folder)  # type: ignore[no-any-return]
    return _OURS[name](folder)


_OURS: dict[str, Callable[[Path], Side]] = {
    "ours": Ours,
    "ours_windows": lambda folder: Ours(folder, windows="max"),
    "ours_stock": Stock,
    "ours_dense": Dense,
    "ours_one_row": OneRow,
    "ours_packed": Packed,
    "ours_bf16": lambda folder: Ours(folder, dtype=torch.bfloat16),
    "bare_encoder": lambda folder: BareEncoder(folder, padding=False),
    "bare_encoder_onednn": lambda folder: BareEncoder(folder, padding=False, ours=True),
    "bare_encoder_batches": lambda folder: BareEncoder(folder, padding=True),
}
