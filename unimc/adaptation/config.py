"""How a model is adapted: what moves, how far, for how long."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from unimc.adaptation.arithmetic import PRECISIONS
from unimc.adaptation.strategies import Strategy, strategy_of
from unimc.example import InputError

_LEAST = {
    "seed": 0,
    "steps": 1,
    "batch_size": 1,
    "max_tokens": 1,
    "prompt_tokens": 1,
    "rank": 1,
    "folds": 1,
    "checks": 1,
    "options": 2,
}
_ABOVE_0 = ("rate", "prompt_rate", "seconds", "alpha", "max_gradient_norm")


@dataclass(frozen=True, slots=True)
class AdaptConfig:
    """How to adapt; None takes what the strategy has.

    Attributes:
        strategy: which parameters move; one of `strategies.NAMES`.
        steps: the most optimiser steps; the rate falls to 0 over them.
        seconds: the most seconds of training, whatever step it has come to; None for no bound.
        batch_size: the most rows in a step.
        max_tokens: the most tokens computed at once; a step is split where its rows have more.
        rate: learning rate of the model's weights, or of LoRA's.
        prompt_rate: learning rate of the prompt.
        prompt_tokens: length of the prompt.
        rank: of LoRA's matrices.
        alpha: LoRA's product is multiplied by alpha / rank.
        warmup: share of the steps in which the rate rises.
        weight_decay: on the backbone's matrices.
        max_gradient_norm: gradients are scaled down to this norm.
        dropout: probability everywhere in the backbone; its own if None.
        held_out: share of the drawn rows of each label that is not trained on, but says when to stop.
        folds: how many runs are made, each with another part of the rows held out, whose results are averaged; with 1
            there is one run, and `held_out` says how much it holds out. Steps are for each run, seconds for all.
        checks: how often the held-out rows are looked at, evenly over the steps.
        patience: checks without improvement after which training ends; the best state is kept in any case.
        balance: whether rows of rare labels come as often as those of frequent ones.
        options: the most options in a training row, the right ones and others drawn anew in every epoch; all if None. A
            held-out row shows as many, drawn once.
            Whoever gives `vary` changes the rows himself, and this does nothing.
        max_length: the most tokens in a row; the checkpoint's own if None.
        precision: of the products while training, "float32" or "bfloat16" (faster on processors that have it); the
            weights are float32 in any case.
        seed: of everything random.
    """

    strategy: str = "fine-tuning"
    steps: int = 120
    seconds: float | None = 180.0
    batch_size: int = 16
    max_tokens: int = 4096
    rate: float | None = None
    prompt_rate: float | None = None
    prompt_tokens: int | None = None
    rank: int = 8
    alpha: int = 16
    warmup: float = 0.1
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    dropout: float | None = None
    held_out: float = 0.25
    folds: int = 1
    checks: int = 10
    patience: int = 5
    balance: bool = True
    options: int | None = None
    max_length: int | None = None
    precision: str = "float32"
    seed: int = 0

    def __post_init__(self) -> None:
        strategy_of(self.strategy)
        if self.precision not in PRECISIONS:
            raise InputError(f"precision {self.precision!r} is not known; use {' or '.join(PRECISIONS)}")
        for name, least in _LEAST.items():
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"{name} is {value}; it must be at least {least}")
        for name in _ABOVE_0:
            value = getattr(self, name)
            if value is not None and not 0 < value < inf:  # false for nan too
                raise InputError(f"{name} is {value}; it must be a number above 0")
        if not 0 <= self.held_out <= 0.5:
            raise InputError(f"held_out is {self.held_out}; it is a share of the rows, from 0 to 0.5")
        if not 0 <= self.warmup <= 1:
            raise InputError(f"warmup is {self.warmup}; it is a share of the steps, from 0 to 1")
        if self.patience < 1:
            raise InputError(f"patience is {self.patience}; it must be at least 1")

    @property
    def moves(self) -> Strategy:
        """The strategy."""
        return strategy_of(self.strategy)

    @property
    def set_apart(self) -> float:
        """The share of the rows to hold out when they are drawn: none with folds, each of which holds out its own."""
        return self.held_out if self.folds == 1 else 0.0

    @property
    def tokens(self) -> int:
        """Length of the prompt; 0 without one."""
        own = self.moves.tokens
        return own if self.prompt_tokens is None or not own else self.prompt_tokens
