"""The model under the interfaces of other libraries, one file each.

Names resolve on first use: importing this package loads neither torch nor the library adapted to.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unimc.adapters.btzsc import BTZSCModel
    from unimc.adapters.pipeline import ZeroShotPipeline
    from unimc.adapters.sklearn import ZeroShotClassifier

__all__ = ["BTZSCModel", "ZeroShotClassifier", "ZeroShotPipeline"]

_HOMES = {
    "BTZSCModel": "unimc.adapters.btzsc",
    "ZeroShotClassifier": "unimc.adapters.sklearn",
    "ZeroShotPipeline": "unimc.adapters.pipeline",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'unimc.adapters' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
