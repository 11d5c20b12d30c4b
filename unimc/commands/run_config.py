"""A training run as a configuration file has it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from unimc.training_config import TrainingConfig


@dataclass(frozen=True)
class ValidationConfig:
    """Which tasks choose the best checkpoint.

    Attributes:
        tasks: names or YAML files, or mappings {task, split}; split "validation" if not said.
        limit: the most examples of each, drawn by the training's seed.
    """

    tasks: list[Any] = field(default_factory=list)
    limit: int = 200


@dataclass(frozen=True)
class RunConfig:
    """A training run, as a configuration file has it.

    Attributes:
        backbone: folder or hub id to start from.
        output: the run's folder.
        mixture: what to train on; the keys of `converters.mixture.Mixture`.
        training: how.
        validation: what chooses the best checkpoint.
    """

    backbone: str
    output: str
    mixture: dict[str, Any]
    training: TrainingConfig = field(default_factory=TrainingConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
