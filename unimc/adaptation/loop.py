"""The training loop for few rows: bounded in steps and seconds, stopped by held-out rows, the best state kept.

The batches are a function of (seed, epoch, row), as everywhere. A run of the same steps gives the same model; one that
its seconds ended depends on the machine, and says so.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm
from transformers import get_scheduler

from unimc.adaptation import memory
from unimc.adaptation.arithmetic import arithmetic
from unimc.adaptation.config import AdaptConfig
from unimc.adaptation.rows import Drawn, in_epoch
from unimc.answers import Answers
from unimc.collation import batches
from unimc.encoding import Encoder
from unimc.example import InputError, MultipleChoiceExample
from unimc.modeling import UniMCModel
from unimc.objectives import LossConfig, losses, total
from unimc.sampling import plan_epoch
from unimc.training_set import TrainingSet

Vary = Callable[[MultipleChoiceExample, int], MultipleChoiceExample]
"""A row as an epoch asks it: with other options, in another wording."""

ALL_STEPS, SECONDS, HELD_OUT = "all steps", "seconds", "held-out rows"


@dataclass(frozen=True, slots=True)
class Check:
    """What the held-out rows said after a step: their mean loss, and the share answered right.

    Where several labels may hold there is no such share.
    """

    step: int
    loss: float
    accuracy: float | None


@dataclass(frozen=True, slots=True)
class Tuned:
    """How a tuning went.

    Attributes:
        steps: how many were made.
        kept: after which step the model was best on the held-out rows; the last one without such rows.
        stopped: what ended it: `ALL_STEPS`, `SECONDS` or `HELD_OUT`.
        seconds: it took.
        trainable: how many numbers moved.
        memory: bytes at the peak; None where that can't be had.
        checks: what the held-out rows said.
    """

    steps: int
    kept: int
    stopped: str
    seconds: float
    trainable: int
    memory: int | None
    checks: tuple[Check, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Group:
    """Parameters that share a learning rate."""

    parameters: list[torch.nn.Parameter]
    rate: float
    weight_decay: float = 0.0


class Tuner:
    """Tunes chosen parameters of a model on a few rows.

    Args:
        model: the model, on its device.
        groups: what moves; all else is left as it is.
        encoder: lays out the rows.
        longer: lays them out where that one can't: a row with many options and a long passage, of which too much would
            have to be cut to tell the options apart.
        answers: the answer pieces.
        rows: what to train on and what to hold out.
        config: how.
        fixed: whether the rows share a label set.
        multi_label: whether several labels may hold: then each option is asked for itself (O-MLM alone).
        vary: how rows change from epoch to epoch; they stay as they are if None.
        progress: whether to show a bar.

    Raises:
        InputError: if there are no rows, or one can't be laid out.
    """

    def __init__(
        self,
        model: UniMCModel,
        groups: Sequence[Group],
        encoder: Encoder,
        longer: Encoder,
        answers: Answers,
        rows: Drawn,
        config: AdaptConfig,
        *,
        fixed: bool,
        multi_label: bool = False,
        vary: Vary | None = None,
        progress: bool = True,
    ) -> None:
        if not rows.training:
            raise InputError("no rows to train on; give labelled rows, or take the strategy zero-shot")
        self.model, self.groups, self.answers = model, groups, answers
        self.encoder, self.longer = encoder, longer
        self.rows, self.config, self.vary, self.progress = rows, config, vary, progress
        self.multi_label = multi_label
        self.loss = LossConfig(w_mlm=0.0, w_omlm=1.0, w_op=float(not multi_label), omlm="pair")
        self.device = next(model.parameters()).device
        self.pieces = torch.tensor(answers.ids, device=self.device)
        self.order = in_epoch(rows.training, balance=config.balance, fixed=fixed)
        self.set = self._set(rows.training, 0)
        self.held = self._set(rows.held_out, 0, shuffle=False) if rows.held_out else None

    def run(self) -> Tuned:
        """Tunes, and leaves the best state in the model.

        Raises:
            InputError: if the loss is no number any more.
        """
        config, started = self.config, time.perf_counter()
        memory.start(self.device)
        moving = [one for group in self.groups for one in group.parameters]
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)
        for parameter in moving:
            parameter.requires_grad_(True)
        optimizer = torch.optim.AdamW(
            [{"params": one.parameters, "lr": one.rate, "weight_decay": one.weight_decay} for one in self.groups]
        )
        schedule = get_scheduler("linear", optimizer, round(config.warmup * config.steps), config.steps)
        checks = [self._check(0)] if self.held else []
        best, kept = copied(moving) if self.held else None, 0
        every = math.ceil(config.steps / config.checks)
        step, epoch, stopped = 0, 0, ALL_STEPS
        bar = tqdm(
            total=config.steps, desc=config.strategy, unit="step", disable=None if self.progress else True, leave=False
        )
        while step < config.steps and stopped == ALL_STEPS:
            for planned in self._plan(epoch):
                loss = self._step(planned, epoch, optimizer)
                if not math.isfinite(loss):
                    raise InputError(f"the loss is {loss} after {step} steps; lower the learning rate")
                schedule.step()
                step += 1
                bar.update()
                bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
                over = config.seconds is not None and time.perf_counter() - started > config.seconds
                if self.held and (step % every == 0 or step == config.steps or over):
                    checks.append(self._check(step))
                    number = max(range(len(checks)), key=lambda place: self._worth(checks[place]))
                    if checks[number].step == step:
                        best, kept = copied(moving), step
                    elif len(checks) - 1 - number >= config.patience:
                        stopped = HELD_OUT
                if over and step < config.steps:
                    stopped = SECONDS
                if step == config.steps or stopped != ALL_STEPS:
                    break
            epoch += 1
        bar.close()
        if best is None:
            kept = step
        else:
            restore(moving, best)
        self.model.requires_grad_(True)
        self.model.zero_grad(set_to_none=True)
        self.model.eval()
        seconds = time.perf_counter() - started
        trainable = sum(one.numel() for one in moving)
        return Tuned(step, kept, stopped, seconds, trainable, memory.peak(self.device), tuple(checks))

    def _step(self, planned: Sequence[int], epoch: int, optimizer: torch.optim.Optimizer) -> float:
        """One optimiser step on these rows, in as many parts as memory asks for; returns its loss."""
        self.model.train()
        lengths = self.set.lengths
        parts = batches(lengths, sorted(planned, key=lengths.__getitem__), max_tokens=self.config.max_tokens)
        micro = [self.set.micro_batch(part, epoch) for part in parts]
        counts = torch.stack([one.targets.counts(one.batch.option_rows) for one in micro]).sum(0)
        found = 0.0
        for one in micro:
            with arithmetic(self.device, self.config.precision):
                loss = total(self._sums(one)[0], counts, self.loss)
            loss.backward()  # type: ignore[no-untyped-call]
            found += float(loss.detach())
        moving = [parameter for group in self.groups for parameter in group.parameters]
        torch.nn.utils.clip_grad_norm_(moving, self.config.max_gradient_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return found

    @torch.no_grad()
    def _check(self, step: int) -> Check:
        """The held-out rows' mean loss and accuracy."""
        assert self.held is not None
        self.model.eval()
        sums, counts, right = torch.zeros(3), torch.zeros(3, dtype=torch.float64), 0
        lengths = self.held.lengths
        order = sorted(range(len(lengths)), key=lengths.__getitem__)
        for part in batches(lengths, order, max_tokens=self.config.max_tokens):
            one = self.held.micro_batch(part, 0)
            with arithmetic(self.device, self.config.precision):
                found, correct = self._sums(one)
            sums += found.cpu()
            counts += one.targets.counts(one.batch.option_rows)
            right += int(correct.sum())
        # Which option is best, where one is: how sure each "yes" is in itself has no say in the answers.
        judged = self.loss if self.multi_label else LossConfig(w_mlm=0.0, w_omlm=0.0, w_op=1.0)
        accuracy = None if self.multi_label else right / len(lengths)
        return Check(step, float(total(sums, counts, judged)), accuracy)

    @staticmethod
    def _worth(check: Check) -> tuple[float, float]:
        """More is better: the accuracy, and of equal ones the loss, which rises with every row that is wrong for sure.

        Where several labels may hold, the loss alone.
        """
        return check.accuracy or 0.0, -check.loss

    def _sums(self, micro: Any) -> tuple[Tensor, Tensor]:
        batch, targets = micro.batch.to(self.device), micro.targets.to(self.device)
        logits, _ = self.model(**batch.inputs(), pieces=self.pieces)
        found = losses(logits, None, targets, batch.option_rows, self.loss)
        return found.sums, found.correct

    def _plan(self, epoch: int) -> list[list[int]]:
        """The rows of each step of an epoch."""
        if self.vary is not None and epoch:
            self.set = self._set(self.rows.training, epoch)
        lengths = [self.set.lengths[place] for place in self.order]
        size = min(self.config.batch_size, len(lengths))
        planned = plan_epoch(
            lengths, seed=self.config.seed, epoch=epoch, batch_size=size, max_tokens=size * max(lengths), together=1
        )
        return [[self.order[place] for place in step] for step in planned]

    def _set(self, rows: Sequence[MultipleChoiceExample], epoch: int, shuffle: bool = True) -> TrainingSet:
        asked = [self.vary(row, epoch) for row in rows] if self.vary is not None else rows
        try:
            return self._laid_out(asked, self.encoder, shuffle)
        except InputError:
            if self.longer.max_length <= self.encoder.max_length:
                raise
            return self._laid_out(asked, self.longer, shuffle)

    def _laid_out(self, asked: Sequence[MultipleChoiceExample], encoder: Encoder, shuffle: bool) -> TrainingSet:
        """All of these rows: one that is left out would shift the places of those behind it."""
        made = TrainingSet(asked, encoder, self.answers, loss=self.loss, seed=self.config.seed, shuffle_options=shuffle)
        if made.left_out:
            raise InputError(made.left_out[0])
        return made


def copied(parameters: Sequence[Tensor]) -> list[Tensor]:
    """Their values now."""
    return [parameter.detach().clone() for parameter in parameters]


@torch.no_grad()
def restore(parameters: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """Gives the parameters these values."""
    for parameter, value in zip(parameters, values, strict=True):
        parameter.copy_(value)
