"""Importing the adapters costs nothing until one is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from unimc import adapters


@pytest.mark.parametrize(
    ("code", "loaded"),
    [
        ("import unimc.adapters", []),
        ("import unimc.adapters; dir(unimc.adapters)", []),
        ("from unimc.adapters import ZeroShotPipeline, BTZSCModel", []),
        ("from unimc.adapters import ZeroShotClassifier", ["sklearn"]),
    ],
)
def test_importing_loads_only_what_is_named(code: str, loaded: list[str]) -> None:
    heavy = ["torch", "transformers", "sklearn", "btzsc", "datasets"]
    code = f"import sys; {code}; print(*sorted(set({heavy}) & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == loaded


def test_every_adapter_is_listed() -> None:
    assert dir(adapters) == ["BTZSCModel", "ZeroShotClassifier", "ZeroShotPipeline"]
    assert [getattr(adapters, name).__name__ for name in dir(adapters)] == dir(adapters)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        adapters.Nothing  # noqa: B018
