"""The three losses: MLM, O-MLM and OP (UniMC, section 3.3; DESIGN, section 5).

Losses are kept as sums and counts: a step's loss is sum / count over all its micro-batches and processes, so it doesn't
matter how a step was split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal, Self

import torch
from torch import Tensor
from torch.nn import functional

from unimc.example import InputError


@dataclass(frozen=True, slots=True)
class LossConfig:
    """Which losses count how much; raises `InputError` for a weight below 0, or where all are 0.

    Attributes:
        w_mlm: weight of masked language modelling; 0 leaves the text uncorrupted.
        w_omlm: weight of O-MLM, "yes" or "no" at every O-MASK.
        w_op: weight of option prediction, the softmax over the options.
        omlm: the classes of O-MLM: the whole "vocabulary" (the paper) or the "pair" of answer pieces alone.
        pooling: "joint", one mean over MLM and O-MLM targets together (the released code), or "separate" means.
    """

    w_mlm: float = 1.0
    w_omlm: float = 1.0
    w_op: float = 1.0
    omlm: Literal["vocabulary", "pair"] = "vocabulary"
    pooling: Literal["joint", "separate"] = "joint"

    def __post_init__(self) -> None:
        for name in ("w_mlm", "w_omlm", "w_op"):
            weight = getattr(self, name)
            if not 0 <= weight < inf:  # false for nan too
                raise InputError(f"training.loss.{name} is {weight}; it is a weight, 0 or more")
        if not self.w_mlm + self.w_omlm + self.w_op:
            raise InputError("training.loss: w_mlm, w_omlm and w_op are all 0; at least one must count")


@dataclass(frozen=True, slots=True)
class Targets:
    """What a batch should predict.

    Attributes:
        yes: (options,) column of the yes piece in the option logits, for the option's language.
        no: (options,) column of the no piece.
        right: (options,) boolean.
        corrupted_places: (corrupted,) places in the flattened (batch * length) tokens.
        corrupted_ids: (corrupted,) the tokens to restore.
    """

    yes: Tensor
    no: Tensor
    right: Tensor
    corrupted_places: Tensor
    corrupted_ids: Tensor

    def to(self, device: torch.device | str) -> Self:
        """The targets on another device."""
        return type(self)(*(getattr(self, name).to(device, non_blocking=True) for name in self.__slots__))

    def counts(self, option_rows: Tensor) -> Tensor:
        """(3,) how many targets MLM, O-MLM and OP have in this batch; OP has one a row with a right option."""
        rows = torch.unique(option_rows[self.right]).numel()
        return torch.tensor([self.corrupted_ids.numel(), self.right.numel(), rows], dtype=torch.float64)


@dataclass(frozen=True, slots=True)
class Losses:
    """Sums over one batch.

    Attributes:
        sums: (3,) of MLM, O-MLM and OP; gradients flow.
        op_rows: (rows,) OP of each row, 0 where none is right; detached.
        correct: (rows,) whether the option with the highest yes is right.
    """

    sums: Tensor
    op_rows: Tensor
    correct: Tensor


def losses(
    option_logits: Tensor,
    corrupted_logits: Tensor | None,
    targets: Targets,
    option_rows: Tensor,
    config: LossConfig,
) -> Losses:
    """The three losses of a batch, summed.

    Args:
        option_logits: (options, classes) logits at the O-MASKs; `targets.yes` and `.no` are its columns.
        corrupted_logits: (corrupted, vocabulary), or None without MLM.
        targets: what is right.
        option_rows: (options,) the row each option stands in.
        config: over what O-MLM is computed.
    """
    option_logits = option_logits.float()
    yes = option_logits.gather(1, targets.yes[:, None]).squeeze(1)
    no = option_logits.gather(1, targets.no[:, None]).squeeze(1)
    if config.omlm == "pair":
        omlm = functional.cross_entropy(torch.stack([yes, no], dim=1), (~targets.right).long(), reduction="sum")
    else:
        pieces = torch.where(targets.right, targets.yes, targets.no)
        omlm = functional.cross_entropy(option_logits, pieces, reduction="sum")
    mlm = yes.new_zeros(())
    if corrupted_logits is not None and corrupted_logits.numel():
        mlm = functional.cross_entropy(corrupted_logits.float(), targets.corrupted_ids, reduction="sum")

    table = by_row(yes, option_rows, fill=-torch.inf)  # (rows, most options)
    right = by_row(targets.right.float(), option_rows, fill=0.0)
    share = right / right.sum(1, keepdim=True).clamp(min=1)  # uniform over the right ones; all 0 if none is
    log_p = table.log_softmax(1).masked_fill(table.isinf(), 0.0)
    op_rows = -(share * log_p).sum(1)
    correct = right.gather(1, table.argmax(1, keepdim=True)).squeeze(1) > 0
    return Losses(torch.stack([mlm, omlm, op_rows.sum()]), op_rows.detach(), correct)


def total(sums: Tensor, counts: Sequence[float] | Tensor, config: LossConfig) -> Tensor:
    """The weighted loss from sums and counts of (MLM, O-MLM, OP); a loss of weight 0 has no say in the pooled mean."""
    mlm, omlm, op = sums
    n_mlm, n_omlm, n_op = (max(float(count), 1.0) for count in counts)
    if config.pooling == "joint":
        n_mlm = n_omlm = max((config.w_mlm > 0) * float(counts[0]) + (config.w_omlm > 0) * float(counts[1]), 1.0)
    loss: Tensor = config.w_mlm * mlm / n_mlm + config.w_omlm * omlm / n_omlm + config.w_op * op / n_op
    return loss


def by_row(values: Tensor, rows: Tensor, fill: float) -> Tensor:
    """Ragged values as a table: (options,) with (options,) row numbers in ascending order -> (rows, most options)."""
    counts = rows.bincount()
    starts = counts.cumsum(0) - counts
    place = torch.arange(len(rows), device=rows.device) - starts[rows]
    table = values.new_full((len(counts), int(counts.max())), fill)
    return table.index_put((rows, place), values)
