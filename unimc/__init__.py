"""unimc: any language-understanding task as a multiple-choice question, answered zero-shot by one small model.

Names resolve on first use, so that `import unimc` loads no torch and touches no network.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unimc.example import InputError, MultipleChoiceExample
    from unimc.inference import UniMC
    from unimc.prediction import Prediction

__version__ = "0.1.0"
__all__ = ["InputError", "MultipleChoiceExample", "Prediction", "UniMC", "__version__"]

_HOMES = {
    "InputError": "unimc.example",
    "MultipleChoiceExample": "unimc.example",
    "Prediction": "unimc.prediction",
    "UniMC": "unimc.inference",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'unimc' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
