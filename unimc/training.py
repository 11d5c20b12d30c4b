"""The training loop, on Accelerate: one machine or several, one process or many, to the same result.

A step is `accumulation` micro-batches on each process. Its loss is sum / count over all of them (DESIGN, section 5), so
two processes equal one process that accumulates twice (dropout apart), and a resumed run equals an uninterrupted one.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor
from tqdm.auto import tqdm

from unimc.accelerator import flat, make_accelerator
from unimc.checkpoint import Checkpoint
from unimc.encoding import Encoder
from unimc.example import InputError, MultipleChoiceExample
from unimc.inference import UniMC
from unimc.objectives import losses, total
from unimc.optimization import optimizer_and_scheduler
from unimc.progress import StepLog
from unimc.run_folder import RunFolder, checkpoint_name
from unimc.sampling import plan_epoch
from unimc.training_config import TrainingConfig
from unimc.training_set import MicroBatch, TrainingSet

Validate = Callable[[UniMC, Accelerator], dict[str, float]]
"""Scores a model on validation tasks: task -> accuracy, the same on every process."""


def train(
    checkpoint: Checkpoint,
    examples: Sequence[MultipleChoiceExample],
    config: TrainingConfig,
    folder: str | Path,
    *,
    accelerator: Accelerator | None = None,
    validate: Validate | None = None,
    recipe: dict[str, Any] | None = None,
) -> Path:
    """Trains a checkpoint on examples and writes the run's folder; takes up the run that is there already.

    Args:
        checkpoint: what to start from; its model is changed in place.
        examples: a mixture of labelled examples.
        config: how to train.
        folder: the run's folder.
        accelerator: made by `make_accelerator`, if the caller needed one before.
        validate: scores the model during and after training; the best checkpoint is then kept.
        recipe: the whole configuration as the user gave it, to be written beside the run; the config alone if None.

    Returns:
        The folder of the final model.

    Raises:
        InputError: if the folder holds another run, or an example can't be trained on.
    """
    accelerator = accelerator or make_accelerator(config, folder)
    run = RunFolder(folder)
    if accelerator.is_main_process:
        run.check(recipe or asdict(config))
    accelerator.wait_for_everyone()
    training = _Training(checkpoint, examples, config, run, accelerator, validate)
    if accelerator.is_main_process:  # only now: what can't be trained leaves the folder as it was
        run.open(recipe or asdict(config))
    accelerator.wait_for_everyone()
    return training.run()


class _Training:
    """One run: what the loop needs at hand."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        examples: Sequence[MultipleChoiceExample],
        config: TrainingConfig,
        folder: RunFolder,
        accelerator: Accelerator,
        validate: Validate | None,
    ) -> None:
        self.checkpoint, self.config, self.folder = checkpoint, config, folder
        self.accelerator, self.validate = accelerator, validate
        set_seed(config.seed, device_specific=True)
        checkpoint.max_length = config.max_length
        checkpoint.fresh_head = False
        checkpoint.calibration = {}  # fitted to the weights before, it would be wrong for those after
        self.set = TrainingSet(
            examples,
            Encoder(checkpoint.tokenizer, checkpoint.model.layout, config.max_length),
            checkpoint.answers,
            loss=config.loss,
            seed=config.seed,
            shuffle_options=config.shuffle_options,
            progress=accelerator.is_main_process,
        )
        self.together = accelerator.num_processes * config.accumulation
        self.epoch_steps = [len(self._plan(epoch)) // self.together for epoch in range(config.epochs)]
        self.steps = min(sum(self.epoch_steps), config.max_steps or sum(self.epoch_steps))
        optimizer, self.scheduler = optimizer_and_scheduler(checkpoint.model, config, self.steps)
        # The scheduler is kept from `prepare`, which would advance it once per process.
        accelerator.register_for_checkpointing(self.scheduler)
        self.model, self.optimizer = accelerator.prepare(checkpoint.model, optimizer)
        pieces = self.set.pieces
        self.pieces = None if pieces is None else torch.tensor(pieces, device=accelerator.device)
        self.log = StepLog(sorted(set(self.set.tasks)), config.loss, accelerator)
        self.best: float | None = None

    def run(self) -> Path:
        """Runs or resumes the training, to the final model."""
        step = self._resume()
        self._announce(step)
        if self.config.trackers:
            self.accelerator.init_trackers(self.folder.path.name, config=flat(asdict(self.config)))
        bar = tqdm(
            total=self.steps,
            initial=step,
            desc="training",
            unit="step",
            disable=not self.accelerator.is_main_process,
            mininterval=0.1 if sys.stderr.isatty() else 30,  # a log file wants a line now and then
        )
        started = 0
        for epoch, steps in enumerate(self.epoch_steps):
            first = max(step - started, 0)
            if first < steps and step < self.steps:
                plan = self._plan(epoch)
                for number in range(first, min(steps, self.steps - started)):
                    loss = self._step(plan[number * self.together : (number + 1) * self.together], epoch)
                    step += 1
                    bar.update()
                    bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
                    self._after(step, epoch)
            started += steps
        bar.close()
        return self._finish(step)

    def _step(self, planned: Sequence[Sequence[int]], epoch: int) -> float:
        """One optimiser step; returns this process's share of the loss, for the progress bar."""
        accelerator, config = self.accelerator, self.config
        own = [indices for indices in planned[accelerator.process_index :: accelerator.num_processes] if indices]
        # A process left without examples by the epoch's last step computes along with no weight: the others wait for
        # its gradients.
        idle = not own
        micro = [self.set.micro_batch(indices, epoch) for indices in own or planned[:1]]
        counts = torch.stack([one.targets.counts(one.batch.option_rows) for one in micro]).sum(0).float() * (not idle)
        counts = accelerator.reduce(counts.to(accelerator.device), "sum")  # (3,) over the whole step
        share = 0.0
        for number, one in enumerate(micro):
            if number < len(micro) - 1:
                with accelerator.no_sync(self.model):
                    share += self._backward(one, counts)
            else:
                share += self._backward(one, counts, idle)
        self.log.gradient_norm = float(
            accelerator.clip_grad_norm_(self.model.parameters(), config.max_gradient_norm) or 0.0
        )
        if not math.isfinite(share):
            raise InputError(
                f"the loss is {share} in epoch {epoch}; lower training.learning_rate, or take bf16 instead of fp16"
            )
        self.optimizer.step()
        self.log.learning_rate = self.scheduler.get_last_lr()[0]
        self.scheduler.step()
        self.optimizer.zero_grad()
        self.log.counts += counts
        step_loss: float = share * accelerator.num_processes
        return step_loss

    def _backward(self, micro: MicroBatch, counts: Tensor, idle: bool = False) -> float:
        self.model.train()
        batch, targets = micro.batch.to(self.accelerator.device), micro.targets.to(self.accelerator.device)
        option_logits, corrupted_logits = self.model(
            **batch.inputs(),
            pieces=self.pieces,
            corrupted_places=targets.corrupted_places if self.config.loss.w_mlm else None,
        )
        found = losses(option_logits, corrupted_logits, targets, batch.option_rows, self.config.loss)
        loss = total(found.sums, counts, self.config.loss) * (not idle)
        # Gradients are averaged over processes; the sums they belong to are not.
        self.accelerator.backward(loss * self.accelerator.num_processes)
        if not idle:
            self.log.add(found, micro)
        return float(loss.detach())

    def _after(self, step: int, epoch: int) -> None:
        """What is due after a step: a line of metrics, a validation, a checkpoint."""
        config = self.config
        save = step % config.save_every == 0 or step == self.steps
        # A checkpoint ends the interval of the log, so that a resumed run writes the same lines.
        if step % config.log_every == 0 or save:
            self._write(self.log.flush(step, epoch))
        last = step == self.steps
        if self.validate and (last or (config.validate_every and step % config.validate_every == 0)):
            self._validate(step)
        if save:
            self._save(step)

    def _validate(self, step: int) -> None:
        assert self.validate is not None
        self._check_weights(step)
        scores = self.validate(UniMC(self.checkpoint), self.accelerator)
        known = [score for score in scores.values() if math.isfinite(score)]  # what can't be measured is no figure
        mean = sum(known) / len(known) if known else math.nan
        self._write({"step": step, "validation": {**scores, "mean": mean}})
        self.log.started = time.perf_counter()
        if known and (self.best is None or mean > self.best):
            self.best = mean
            if self.accelerator.is_main_process:
                self.checkpoint.save(self.folder.partial("best"))
                self.folder.seal("best", {"step": step, "validation": scores})
        self.accelerator.wait_for_everyone()

    def _check_weights(self, step: int) -> None:
        """Before anything is kept of them: the loss was finite before the update, they may not be after it."""
        if not all(bool(weight.isfinite().all()) for weight in self.checkpoint.model.parameters()):
            raise InputError(
                f"the weights are no longer finite after step {step}; lower training.learning_rate, or take bf16 "
                "instead of fp16"
            )

    def _save(self, step: int) -> None:
        accelerator = self.accelerator
        self._check_weights(step)
        if accelerator.is_main_process:
            self.folder.partial(checkpoint_name(step))
        accelerator.wait_for_everyone()
        accelerator.save_state(str(self.folder.partial(checkpoint_name(step))))
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            state = {"step": step, "best": self.best, "together": self.together, "examples": self.set.fingerprint}
            self.folder.seal(checkpoint_name(step), state)
            self.folder.prune(self.config.keep)
        accelerator.wait_for_everyone()

    def _resume(self) -> int:
        newest = self.folder.newest()
        if newest is None:
            if self.accelerator.is_main_process:
                self.folder.forget_after(0)
            return 0
        path, state = newest
        if state["together"] != self.together:
            raise InputError(
                f"{path} was made with {state['together']} micro-batches a step (processes times accumulation), now "
                f"there are {self.together}; set training.accumulation so that it stays the same"
            )
        if state["examples"] != self.set.fingerprint:
            raise InputError(
                f"{path} was made with other examples: the data, a card or the tokenizer have changed since, or an "
                "earlier version of unimc began it; restore them, or take another output folder"
            )
        self.accelerator.load_state(str(path))
        self.best = None if state["best"] is None or math.isnan(state["best"]) else state["best"]
        if self.accelerator.is_main_process:
            self.folder.forget_after(state["step"])
        return int(state["step"])

    def _finish(self, step: int) -> Path:
        self._check_weights(step)
        self.accelerator.wait_for_everyone()
        if self.accelerator.is_main_process and not self.folder.final.exists():
            self.checkpoint.save(self.folder.partial("final"))
            self.folder.seal("final", {"step": step})
        if self.config.trackers:
            self.accelerator.end_training()
        self.accelerator.wait_for_everyone()
        return self.folder.final

    def _write(self, entry: dict[str, Any]) -> None:
        if self.accelerator.is_main_process:
            self.folder.log(entry)
        if self.config.trackers:
            self.accelerator.log(flat(entry), step=entry["step"])

    def _announce(self, step: int) -> None:
        accelerator = self.accelerator
        if left_out := self.set.left_out:
            accelerator.print(f"{len(left_out):,} left out: {left_out[0]}")
        accelerator.print(
            f"{len(self.set):,} examples of {len(self.log.tasks)} tasks, {self.set.truncated:,} cut to fit "
            f"{self.config.max_length} tokens; {self.steps:,} steps on {accelerator.num_processes} "
            f"{'process' if accelerator.num_processes == 1 else 'processes'} ({accelerator.device}, "
            f"{accelerator.mixed_precision} mixed precision)" + (f"; resuming after step {step:,}" if step else "")
        )

    def _plan(self, epoch: int) -> list[list[int]]:
        config = self.config
        return plan_epoch(
            self.set.lengths,
            seed=config.seed,
            epoch=epoch,
            batch_size=config.batch_size,
            max_tokens=config.max_tokens,
            together=self.together,
        )
