"""converters: rows of data sets -> multiple-choice examples, each task declared by a card.

Quick to import: cards are parsed when they are asked for, and `datasets` is loaded when rows are.
"""

from __future__ import annotations

from converters.loading import Loaded
from converters.mixture import Mixture
from converters.registry import get, names
from converters.task import Task

__all__ = ["Loaded", "Mixture", "Task", "get", "names"]
