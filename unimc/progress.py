"""What training reports between two lines of its metrics: losses, accuracy and speed, in all and per task."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import torch

from unimc.objectives import LossConfig, Losses, total
from unimc.training_set import MicroBatch


class StepLog:
    """Sums since the last line, on this process; `flush` adds up those of all processes.

    Attributes:
        tasks: the tasks, in the order of the table's rows.
        counts: (3,) targets of MLM, O-MLM and OP, already of all processes.
        gradient_norm: of the last step, before clipping.
        learning_rate: of the last step.
        started: when the interval began, for the speed.
    """

    def __init__(self, tasks: Sequence[str], loss: LossConfig, accelerator: Any) -> None:
        self.tasks = tasks
        self._loss, self._accelerator = loss, accelerator
        self._row = {task: row for row, task in enumerate(tasks)}
        self.gradient_norm = self.learning_rate = 0.0
        self._reset()

    def _reset(self) -> None:
        device = self._accelerator.device
        self.counts = torch.zeros(3, device=device)
        self._sums = torch.zeros(3, device=device)
        self._table = torch.zeros(len(self.tasks), 3, device=device)  # per task: OP, correct, examples
        self._tokens = torch.zeros(1, device=device)
        self.started = time.perf_counter()

    def add(self, found: Losses, micro: MicroBatch) -> None:
        """Takes in the losses of a micro-batch."""
        self._sums += found.sums.detach()
        rows = torch.tensor([self._row[task] for task in micro.tasks], device=self._table.device)
        values = torch.stack([found.op_rows, found.correct.float(), torch.ones_like(found.op_rows)], dim=1)
        self._table.index_add_(0, rows, values)
        self._tokens += int((micro.batch.option_ids >= 0).sum())

    def flush(self, step: int, epoch: int) -> dict[str, Any]:
        """One line of metrics; begins a new interval."""
        seconds = time.perf_counter() - self.started
        sums, table, tokens = (
            self._accelerator.reduce(value, "sum").cpu() for value in (self._sums, self._table, self._tokens)
        )
        counts = self.counts.cpu()
        examples = int(table[:, 2].sum())
        entry = {
            "step": step,
            "epoch": epoch,
            "loss": float(total(sums, counts, self._loss)),
            **{
                name: float(value / count) if count else 0.0
                for name, value, count in zip(("mlm", "omlm", "op"), sums, counts, strict=True)
            },
            "accuracy": float(table[:, 1].sum() / examples),
            "learning_rate": self.learning_rate,
            "gradient_norm": self.gradient_norm,
            "examples": examples,
            "tokens": int(tokens),
            "examples_per_second": examples / seconds,
            "tokens_per_second": float(tokens) / seconds,
            "task": {
                task: {"loss": float(row[0] / row[2]), "accuracy": float(row[1] / row[2]), "examples": int(row[2])}
                for task, row in zip(self.tasks, table, strict=True)
                if row[2]
            },
        }
        self._reset()
        return entry
