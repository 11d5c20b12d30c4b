"""How to train: the settings of a run, checked when they are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from unimc.example import InputError
from unimc.objectives import LossConfig

SCHEDULES = ("linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup")
"""Those of transformers that need nothing but the number of steps."""


@dataclass(frozen=True)
class TrainingConfig:
    """How to train; the defaults are those of a small backbone on the paper's recipe.

    Attributes:
        epochs: passes over the mixture.
        max_steps: ends training earlier; None for all epochs.
        batch_size: the most examples in a micro-batch.
        max_tokens: the most tokens in a micro-batch, padding counted.
        accumulation: micro-batches in a step, on each process.
        max_length: the most tokens in a row.
        learning_rate: at its peak.
        schedule: how the rate falls; one of `SCHEDULES`.
        warmup: share of the steps in which the rate rises.
        dropout: probability everywhere in the backbone; its own if None. Where every example is seen once or twice, 0
            lets a small backbone learn much faster.
        weight_decay: on matrices; biases and norms have none.
        max_gradient_norm: gradients are scaled down to this norm.
        mixed_precision: "no", "bf16", "fp16"; None leaves it to Accelerate's own configuration.
        shuffle_options: whether options come in another order in every epoch.
        seed: of everything random.
        loss: which losses count how much.
        log_every: steps between lines in metrics.jsonl.
        save_every: steps between checkpoints.
        keep: checkpoints kept.
        validate_every: steps between validations; 0 validates at the end alone.
        trackers: names of trackers that Accelerate knows ("tensorboard", "wandb", …).
    """

    epochs: int = 1
    max_steps: int | None = None
    batch_size: int = 32
    max_tokens: int = 8192
    accumulation: int = 1
    max_length: int = 512
    learning_rate: float = 1e-4
    schedule: str = "linear"
    warmup: float = 0.06
    dropout: float | None = None
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    mixed_precision: Literal["no", "bf16", "fp16"] | None = None
    shuffle_options: bool = True
    seed: int = 0
    loss: LossConfig = field(default_factory=LossConfig)
    log_every: int = 20
    save_every: int = 200
    keep: int = 2
    validate_every: int = 0
    trackers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (
            "epochs",
            "max_steps",
            "batch_size",
            "max_tokens",
            "accumulation",
            "log_every",
            "save_every",
            "keep",
        ):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"training.{name} is {value}; it must be at least 1")
        if not 0 <= self.warmup <= 1:
            raise InputError(f"training.warmup is {self.warmup}; it is a share of the steps, from 0 to 1")
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise InputError(f"training.dropout is {self.dropout}; it is a probability, from 0 to below 1")
        if self.schedule not in SCHEDULES:
            raise InputError(f"training.schedule is {self.schedule!r}; it must be one of {', '.join(SCHEDULES)}")
