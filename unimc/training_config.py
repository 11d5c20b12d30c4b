"""How to train: the settings of a run, checked when they are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Literal

from unimc.example import InputError
from unimc.objectives import LossConfig

SCHEDULES = ("linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup")
"""Those of transformers that need nothing but the number of steps."""

_MOST_SEED = 2**32 - 2**16  # NumPy takes seeds below 2**32, and each process adds its number
_POLYNOMIAL_END = 1e-7  # where the polynomial schedule of transformers ends: it has to begin above

_LEAST = {
    "epochs": 1,
    "max_steps": 1,
    "batch_size": 1,
    "max_tokens": 1,
    "accumulation": 1,
    "max_length": 5,  # CLS, O-MASK, one token, SEP and the passage's SEP: what `Encoder` asks for
    "seed": 0,
    "log_every": 1,
    "save_every": 1,
    "keep": 1,
    "validate_every": 0,
}


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
        seed: of everything random; below 2**32 - 2**16.
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
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"training.{name} is {value}; it must be at least {least}")
        for name in ("learning_rate", "max_gradient_norm"):
            value = getattr(self, name)
            if not 0 < value < inf:  # false for nan too
                raise InputError(f"training.{name} is {value}; it must be a number above 0")
        if self.seed >= _MOST_SEED:
            raise InputError(f"training.seed is {self.seed}; it must be below {_MOST_SEED}")
        if self.schedule == "polynomial" and self.learning_rate <= _POLYNOMIAL_END:
            raise InputError(
                f"training.learning_rate is {self.learning_rate}; the polynomial schedule falls to {_POLYNOMIAL_END}, "
                "so it must be above that, or take another schedule"
            )
        if not 0 <= self.weight_decay < inf:
            raise InputError(f"training.weight_decay is {self.weight_decay}; it must be 0 or more")
        if not 0 <= self.warmup <= 1:
            raise InputError(f"training.warmup is {self.warmup}; it is a share of the steps, from 0 to 1")
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise InputError(f"training.dropout is {self.dropout}; it is a probability, from 0 to below 1")
        if self.schedule not in SCHEDULES:
            raise InputError(f"training.schedule is {self.schedule!r}; it must be one of {', '.join(SCHEDULES)}")
