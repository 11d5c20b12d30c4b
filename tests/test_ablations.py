"""The ablations take away what they say, and compare runs of one seed with each other; nothing is trained here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from scipy.stats import ttest_1samp

import unimc.modeling
from unimc import InputError, MultipleChoiceExample
from unimc.attention import isolating_mask
from unimc.collation import collate
from unimc.encoding import Encoder

ROOT = Path(__file__).resolve().parents[1]
OPTIONS = ("sport", "food", "the music", "snow")


@pytest.fixture(scope="module", autouse=True)
def programs() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        yield


@pytest.fixture
def patched(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Patches the package as a run of a variant does, until the test ends."""
    import _ablated

    monkeypatch.setattr(unimc.modeling, "isolating_mask", isolating_mask)
    monkeypatch.setattr(unimc.modeling.structured_attention, "plan", unimc.modeling.structured_attention.plan)
    monkeypatch.setattr(Encoder, "row", Encoder.row)
    return lambda name: _ablated._patch(_ablated.VARIANTS[name])


@torch.no_grad()
def yes(order: tuple[int, ...] = (0, 1, 2, 3)) -> torch.Tensor:
    """Logits at the O-MASKs, by the options' own numbers."""
    encoder, model = tiny.encoder("bert", 64), tiny.checkpoint("bert").model
    one = MultipleChoiceExample([OPTIONS[place] for place in order], "what is it", "rain on the train")
    logits, _ = model(**collate([encoder(one)], encoder.tokenizer.pad).inputs())
    found: torch.Tensor = logits[torch.tensor(order).argsort()]
    return found


@pytest.mark.parametrize("name", ["whole", "no_omlm", "no_op", "with_mlm", "tasks_6"])
def test_what_takes_away_no_part_of_the_model_changes_no_answer(patched: Any, name: str) -> None:
    before = yes()
    patched(name)
    assert torch.equal(yes(), before)


@pytest.mark.parametrize("name", ["seeing_each_other", "running_positions", "plain_sequence"])
def test_the_others_change_answers(patched: Any, name: str) -> None:
    before = yes()
    patched(name)
    assert not torch.allclose(yes(), before, atol=1e-4)


def test_order_counts_where_positions_count_on_and_only_there(patched: Any) -> None:
    """Options that see each other are still the same at every place, as long as positions restart."""
    other = (2, 0, 3, 1)
    patched("seeing_each_other")
    torch.testing.assert_close(yes(other), yes(), rtol=1e-5, atol=2e-5)
    patched("plain_sequence")
    assert not torch.allclose(yes(other), yes(), atol=1e-4)


def run(variant: str, seed: int, correct: int) -> dict[str, Any]:
    task = {"examples": 100, "correct": correct, "changed_by_order": 10}
    return {"variant": variant, "seed": seed, "seconds": 1.0, "tasks": {"topics": task}}


def test_differences_are_taken_between_runs_of_one_seed() -> None:
    from ablations import _figures

    whole, less = {1: 80, 2: 60, 3: 70}, {1: 78, 2: 59, 3: 67}
    runs = [run(name, seed, hits) for name, of in (("whole", whole), ("less", less)) for seed, hits in of.items()]
    found = _figures(runs[::-1], "less")
    assert found["gap"] == pytest.approx(-0.02)
    ends = ttest_1samp([-0.02, -0.01, -0.03], 0).confidence_interval(0.95)
    assert (found["gap"] - found["gap_half_width"], found["gap"] + found["gap_half_width"]) == pytest.approx((*ends,))
    assert found["changed_by_order"] == pytest.approx(0.1)
    assert _figures(runs, "whole")["gap"] is None


def test_one_seed_has_no_interval() -> None:
    from ablations import _figures

    found = _figures([run("whole", 1, 80), run("less", 1, 70)], "less")
    assert (found["gap"], found["gap_half_width"]) == (pytest.approx(-0.1), None)


def test_runs_with_other_settings_are_not_taken_for_these(tmp_path: Path) -> None:
    from ablations import _check_settings

    _check_settings(tmp_path, {"limit": 300})
    _check_settings(tmp_path, {"limit": 300})
    with pytest.raises(InputError, match=r"holds runs with other settings .*; choose another --work"):
        _check_settings(tmp_path, {"limit": 10})
