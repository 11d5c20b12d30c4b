"""The benchmarks run, and their checks hold; nothing is said about time, which depends on the machine."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import measuring
import pytest
from terminal import Said

ROOT = Path(__file__).resolve().parents[1]
OTHERS = ["ours_onnx_int8", "gliclass"]
"""Sides that are there or not, by what is installed."""
SIDES = ["ours", "ours_stock", "ours_packed", "ours_one_row", "ours_bf16", "released_as_is", "pipeline", "bare_encoder"]
"""One of each kind: every side costs a process."""
CARD = """
name: errands
version: 1
language: en
family: intent
kind: classification
question: "Where do we go?"
passage: "{text}"
labels:
  column: label
  values:
    baker: {name: baker, wording: "to the baker"}
    bank: {name: bank, wording: "to the bank"}
    doctor: {name: doctor, wording: "to the doctor"}
    market: {name: market, wording: "to the market"}
rows:
  train:
    - {text: "we have no bread left", label: baker}
    - {text: "the rolls were still warm when I came home with them", label: baker}
    - {text: "I need coins for the machine and the notes are too large", label: bank}
    - {text: "a card that does not work", label: bank}
    - {text: "my knee has hurt since the long walk on sunday", label: doctor}
    - {text: "a cough that will not go", label: doctor}
    - {text: "apples, pears and a large cabbage for the soup", label: market}
    - {text: "the first cherries are there", label: market}
"""


def _results(
    program: str, folder: Path, *arguments: object, run: Callable[..., Said] = measuring.here
) -> dict[str, Any]:
    """What a program wrote; its page and its plot stand beside it."""
    path = folder / f"{program}.json"
    done = run(program, *arguments, "--output", path)
    assert done.code == 0, done.err
    assert path.with_suffix(".md").stat().st_size
    assert path.with_suffix(".png").stat().st_size
    made: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    assert {"cpu", "cores", "memory_gib"} <= set(made["machine"])
    assert {"python", "torch", "transformers"} <= set(made["versions"])
    return made


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
def prediction(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A run as small as it gets: a tiny model, our own texts, two rounds, one thread; all processes are its own."""
    sizes = ("--examples", 3, "--rounds", 2, "--threads", 1, "--pairs", 77)
    asked = ("--model", model, "--sample-texts", *sizes, "--sides", ",".join([*SIDES, *OTHERS]))
    return _results("prediction", tmp_path_factory.mktemp("out"), *asked, run=measuring.alone)


@pytest.mark.slow
class TestPrediction:
    def test_times_every_side_in_every_round_of_every_workload(self, prediction: dict[str, Any]) -> None:
        counts = {name: workload["options"] for name, workload in prediction["workloads"].items()}
        assert counts == {"ag_news": 4, "banking77": 77, "twenty_options": 20}
        for name, workload in prediction["workloads"].items():
            there = [side for side in workload["sides"] if side not in OTHERS]
            assert there == [side for side in SIDES if side != "ours_one_row" or name == "banking77"]
            assert all(len(side["seconds_by_round"]) == 2 for side in workload["sides"].values())
            assert all(len(ratio["time"]["by_round"]) == 2 for ratio in workload["ratios"].values())

    def test_gives_the_same_probabilities_as_the_released_way(self, prediction: dict[str, Any]) -> None:
        for workload in prediction["workloads"].values():
            assert workload["agreement"]["released_as_is"]["largest_difference"] <= 1e-4
            assert workload["agreement"]["released_as_is"]["different_answers"] == 0

    def test_holds_the_released_way_against_one_row_where_ours_takes_groups(self, prediction: dict[str, Any]) -> None:
        beside = {name: one["agreement"]["released_as_is"]["with"] for name, one in prediction["workloads"].items()}
        assert beside == {"ag_news": "ours", "banking77": "ours_one_row", "twenty_options": "ours"}

    def test_asks_the_pipeline_no_more_pairs_than_allowed(self, prediction: dict[str, Any]) -> None:
        answered = {name: one["sides"]["pipeline"]["examples"] for name, one in prediction["workloads"].items()}
        assert answered == {"ag_news": 3, "banking77": 1, "twenty_options": 3}

    def test_accounts_for_all_of_our_time(self, prediction: dict[str, Any]) -> None:
        for workload in prediction["workloads"].values():
            assert {"tokenising", "encoder", "head", "assembling predictions"} <= set(workload["breakdown"])
            assert sum(workload["breakdown"].values()) == pytest.approx(1, abs=0.01)

    def test_says_what_share_of_the_matrix_product_the_encoder_reaches(self, prediction: dict[str, Any]) -> None:
        for workload in prediction["workloads"].values():
            assert set(workload["share_of_peak"]) == {"bare_encoder"}
            assert all(0 < share["median"] < 1.5 for share in workload["share_of_peak"].values())

    def test_records_its_settings(self, prediction: dict[str, Any]) -> None:
        assert prediction["settings"]["threads"] == 1


@pytest.mark.slow
def test_latency_times_texts_one_at_a_time_for_each_number_of_threads(model: Path, tmp_path: Path) -> None:
    few = ("--workloads", "ag_news", "--sides", "ours", "--examples", 3, "--rounds", 2)
    made = _results("latency", tmp_path, "--model", model, "--sample-texts", *few, "--threads", "1,2")
    assert [(one["workload"], one["threads"], one["options"]) for one in made["runs"]] == [
        ("ag_news", 1, 4),
        ("ag_news", 2, 4),
    ]
    for one in made["runs"]:
        assert list(one["sides"]) == ["ours"]
        for side in one["sides"].values():
            assert side["texts"] == 3
            assert 0 < side["p50_ms"] <= side["p95_ms"]


@pytest.fixture(scope="module")
def curves(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Two points a curve, with no patience at all."""
    points = ("--options", "2,4", "--tokens", "16,64", "--passage", 16, "--max-length", 48)
    sizes = ("--examples", 2, "--rounds", 2, "--threads", 1, "--longest", 0, "--sides", "ours_windows,pipeline")
    made: dict[str, Any] = _results("scaling", tmp_path_factory.mktemp("out"), "--model", model, *points, *sizes)
    return dict(made["curves"])


@pytest.mark.slow
class TestScaling:
    def test_measures_options_and_tokens(self, curves: dict[str, Any]) -> None:
        assert curves["options"]["ours"]["points"][0]["at"] == 2
        assert curves["passage tokens"]["ours_windows"]["points"][0]["at"] == 16
        assert "ours_windows" not in curves["options"]  # no passage is long there

    def test_a_side_that_gets_too_slow_goes_no_further_and_that_is_written(self, curves: dict[str, Any]) -> None:
        assert curves["options"]["pipeline"]["stopped"] == 2
        assert [point["at"] for point in curves["options"]["pipeline"]["points"]] == [2]


@pytest.mark.slow
def test_a_stream_is_answered_to_its_end_with_the_memory_looked_at_on_the_way(tmp_path: Path) -> None:
    made = _results("stream", tmp_path, "--rows", 60, "--every", 6, "--threads", 1)
    assert [sample["row"] for sample in made["memory_bytes"]] in ([], list(range(6, 61, 6)))
    assert made["rows_per_second"] > 0


@pytest.fixture(scope="module")
def accuracy(model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All comparisons on eight rows of our own, which are given as rows for training."""
    card = tmp_path_factory.mktemp("card") / "errands.yaml"
    card.write_text(CARD, encoding="utf-8")
    tasks = ("--tasks", card, "--many-options", card, "--long-passages", card)
    lengths = ("--groups", "96,24", "--windows", "96,32")
    sizes = ("--limit", 8, "--mates", 3, "--threads", 1, "--sides", "ours_packed,ours_bf16")
    return _results("accuracy", tmp_path_factory.mktemp("out"), "--model", model, *tasks, *lengths, *sizes)


@pytest.mark.slow
class TestAccuracy:
    def test_packing_changes_no_answer(self, accuracy: dict[str, Any]) -> None:
        ours, packed, bf16 = accuracy["arithmetic"][0]["ways"]
        assert packed["changed"] == 0
        assert packed["accuracy"] == ours["accuracy"]
        assert bf16["way"] == "ours, bfloat16"

    def test_in_float32_no_mate_changes_a_score(self, accuracy: dict[str, Any]) -> None:
        assert accuracy["arithmetic"][0]["mates"]["ours"]["largest"] < 1e-5

    def test_groups_and_windows_stand_beside_one_row(self, accuracy: dict[str, Any]) -> None:
        assert [way["way"] for way in accuracy["groups"][0]["ways"]] == [
            "one row of 96",
            "one row of 96, by margins",
            "rows of 24",
        ]
        assert [way["way"] for way in accuracy["windows"][0]["ways"]] == [
            "one row of 96",
            "32, cut",
            "32, windows, max",
            "32, windows, mean",
        ]

    def test_nothing_is_chosen_on_rows_for_testing(self, model: Path) -> None:
        done = measuring.here("accuracy", "--model", model, "--tasks", "sample_en_topic:test")
        assert done.code == 2
        assert "rows for testing" in done.err


@pytest.mark.parametrize("program", ["prediction", "latency", "scaling", "stream", "accuracy"])
def test_a_missing_model_is_one_line_that_says_how_to_get_it(program: str, tmp_path: Path) -> None:
    done = measuring.here(program, "--model", tmp_path / "nothing")
    assert done.code == 2
    assert done.err.startswith("error: ")
    assert "unimc backbone" in done.err


def test_an_unknown_side_is_one_line_that_names_those_there_are(tmp_path: Path) -> None:
    done = measuring.alone("prediction", "--model", tmp_path, "--sides", "ours,fastest")
    assert done.code == 2
    assert "'fastest'" in done.err
    assert "bare_encoder" in done.err
    assert "Traceback" not in done.err
