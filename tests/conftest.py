"""Settings that have to stand before the libraries are imported, and the fixtures that many tests share."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# No test asks the network for anything; a hub cache of our own, so that no test sees what a machine happens to hold.
_CACHE = tempfile.TemporaryDirectory(prefix="unimc-tests-")
os.environ.update(HF_HUB_OFFLINE="1", HF_HUB_CACHE=_CACHE.name, TOKENIZERS_PARALLELISM="false")
# Tiny models are slower on many threads, and pytest-xdist starts several processes.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Shared machines stall now and then: a slow draw is no failure. Derandomised, so that a run can be repeated.
settings.register_profile("unimc", deadline=None, max_examples=60, derandomize=True, database=None)
settings.load_profile("unimc")


@pytest.fixture(scope="session")
def hub_cache() -> Path:
    """The (empty) folder that stands for the hub's cache."""
    return Path(_CACHE.name)


@pytest.fixture(scope="session")
def bert_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of ours on disk: the tiny BERT, English and Chinese."""
    import tiny

    folder = tmp_path_factory.mktemp("bert")
    tiny.checkpoint("bert").save(folder)
    return folder


@pytest.fixture
def model() -> Any:
    """`UniMC` over the tiny BERT; a new one for every test, on weights that all share."""
    import tiny

    from unimc import UniMC

    return UniMC(tiny.checkpoint("bert"))


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluations are written without their pictures, which take most of the time of writing one."""
    monkeypatch.setattr("unimc.plots.drawn", lambda *_: {})


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `browser` puts what it downloads."""
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="session")
def browser(downloads: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A headless Chromium: starting one takes longer than most of what is done with it."""
    import browsing

    with browsing.started(downloads, tmp_path_factory.mktemp("profile")) as one:
        yield one
