"""The benchmarks run, and their checks hold; nothing is said about time, which depends on the machine."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
SIDES = ["ours", "released", "released_no_grad", "pipeline", "bare_encoder"]


def _run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "benchmarks" / "prediction.py", *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=600, env=dict(os.environ))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT that knows the benchmark's words: spelt in letters, its rows would be cut."""
    import tiny
    from transformers import BertConfig, BertForMaskedLM

    from unimc.answers import Answers
    from unimc.checkpoint import Checkpoint
    from unimc.modeling import UniMCModel

    sources = (
        ROOT / "benchmarks" / "_workloads.py",
        ROOT / "converters" / "samples" / "sample_en_topic.yaml",
        ROOT / "converters" / "tasks" / "en" / "ag_news.yaml",
    )
    words = re.findall("[a-z]+", " ".join(source.read_text(encoding="utf-8") for source in sources).lower())
    tokenizer = tiny.wordpiece(words=[*tiny.WORDS, *words])
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    backbone = BertForMaskedLM(BertConfig(vocab_size=len(tokenizer), initializer_range=0.2, **sizes)).eval()
    folder = tmp_path_factory.mktemp("model")
    Checkpoint(UniMCModel(backbone), tokenizer, Answers.look_up(tokenizer)).save(folder)
    return folder


@pytest.fixture(scope="module")
def results(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run as small as it gets: a tiny model, our own texts, two rounds, one thread."""
    path = tmp_path_factory.mktemp("benchmark") / "prediction.json"
    sizes = ("--examples", 3, "--rounds", 2, "--threads", 1)
    done = _run("--model", model, "--sample-texts", *sizes, "--output", path)
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return made


@pytest.mark.slow
class TestPrediction:
    def test_times_every_side_in_every_round_of_both_workloads(self, results: dict[str, Any]) -> None:
        assert [workload["options"] for workload in results["workloads"].values()] == [4, 20]
        for workload in results["workloads"].values():
            assert list(workload["sides"]) == SIDES
            assert all(len(side["seconds_by_round"]) == 2 for side in workload["sides"].values())
            assert all(len(ratio["time"]["by_round"]) == 2 for ratio in workload["ratios"].values())

    def test_gives_the_same_probabilities_as_the_released_way(self, results: dict[str, Any]) -> None:
        for workload in results["workloads"].values():
            differences = workload["largest_difference_in_probability"]
            assert list(differences) == ["released", "released_no_grad"]
            assert max(differences.values()) <= 1e-4

    def test_accounts_for_all_of_our_time(self, results: dict[str, Any]) -> None:
        for workload in results["workloads"].values():
            assert {"tokenising", "encoder", "head", "assembling predictions"} <= set(workload["breakdown"])
            assert sum(workload["breakdown"].values()) == pytest.approx(1, abs=0.01)

    def test_records_machine_versions_and_settings(self, results: dict[str, Any]) -> None:
        assert {"cpu", "cores", "memory_gib"} <= set(results["machine"])
        assert {"python", "torch", "transformers"} <= set(results["versions"])
        assert results["settings"]["threads"] == 1


def test_a_missing_model_is_one_line_that_says_how_to_get_it(tmp_path: Path) -> None:
    done = _run("--model", tmp_path / "nothing")
    assert done.returncode == 2
    assert "unimc backbone" in done.stderr
    assert "Traceback" not in done.stderr
