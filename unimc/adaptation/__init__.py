"""Adapting a model to a task from a few labelled rows, by any of the strategies of the field.

from unimc.adaptation import AdaptConfig, adapt, draw

rows = draw(examples, 16, seed=0, held_out=0.25, label_names=("good", "bad"))
adapted = adapt("unimc-small", rows, AdaptConfig("lora"))
adapted.checkpoint.save("runs/mine")    # UniMC.from_pretrained("runs/mine") opens it
"""

from __future__ import annotations

from unimc.adaptation.adapting import Adapted, adapt
from unimc.adaptation.config import AdaptConfig
from unimc.adaptation.folder import AdaptedCheckpoint
from unimc.adaptation.loop import Tuned
from unimc.adaptation.rows import Drawn, draw
from unimc.adaptation.strategies import NAMES, STRATEGIES, Strategy, strategy_of

__all__ = [
    "NAMES",
    "STRATEGIES",
    "AdaptConfig",
    "Adapted",
    "AdaptedCheckpoint",
    "Drawn",
    "Strategy",
    "Tuned",
    "adapt",
    "draw",
    "strategy_of",
]
