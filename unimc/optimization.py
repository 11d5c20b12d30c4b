"""The optimiser and how its rate rises and falls."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import get_scheduler

from unimc.training_config import TrainingConfig


def optimizer_and_scheduler(model: nn.Module, config: TrainingConfig, steps: int) -> tuple[torch.optim.Optimizer, Any]:
    """AdamW on all of a model that is trained, and what moves its learning rate over so many steps."""
    optimizer = torch.optim.AdamW(_parameter_groups(model, config), lr=config.learning_rate)
    return optimizer, get_scheduler(config.schedule, optimizer, round(config.warmup * steps), num_training_steps=steps)


def _parameter_groups(model: nn.Module, config: TrainingConfig) -> list[dict[str, Any]]:
    """Matrices decay; biases and norms, which have one axis, don't."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [
        {"params": [one for one in parameters if one.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [one for one in parameters if one.ndim <= 1], "weight_decay": 0.0},
    ]
