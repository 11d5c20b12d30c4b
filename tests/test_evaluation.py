"""Evaluation: what is compared with what, several processes, what is written."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import astuple, replace
from io import StringIO
from math import log
from pathlib import Path
from typing import Any, cast

import pytest
import tiny

from unimc import InputError, MultipleChoiceExample, Prediction, UniMC
from unimc.backends.torch import TorchBackend
from unimc.evaluation import (
    Evaluation,
    EvaluationSet,
    Figure,
    Shard,
    evaluate_task,
    evaluate_tasks,
    merge,
    predict_shard,
    score,
)

TESTS = Path(__file__).parent
SUBJECTS = ("money", "music", "food", "snow", "train", "clock", "wall")


def fixed(count: int = 13) -> EvaluationSet:
    """One of two labels; every other example has them the other way round."""
    examples = [
        MultipleChoiceExample(
            ["good", "bad"] if number % 2 else ["bad", "good"],
            passage=f"the {SUBJECTS[number % 7]} was {number}",
            label=int(number % 3 == 0),
            id=f"test/{number}",
        )
        for number in range(count)
    ]
    return EvaluationSet("feelings", "test", examples, label_names=("good", "bad"), language="en", family="sentiment")


def own() -> EvaluationSet:
    """Every example has its own options."""
    examples = [
        MultipleChoiceExample(
            SUBJECTS[: 2 + number % 3], question="what is it", passage=f"a {number}", label=number % 2
        )
        for number in range(5)
    ]
    return EvaluationSet("阅读|理解", "validation", examples, language="zh")


def several() -> EvaluationSet:
    """Any number of labels."""
    rights: list[tuple[int, ...]] = [(), (0,), (1, 2), (0, 2)]
    examples = [
        MultipleChoiceExample(
            ["体育", "音乐", "财经"], passage=f"天 {number}", labels=rights[number % 4], language="zh"
        )
        for number in range(9)
    ]
    return EvaluationSet("多标签", "test", examples, label_names=("体育", "音乐", "财经"), multi_label=True)


def reworded(example: MultipleChoiceExample, question: str) -> MultipleChoiceExample:
    """Another question, other words, the other order; the options' names stay, and so does what is right."""
    count = len(example.options)
    label = None if example.label is None else count - 1 - example.label
    labels = None if example.labels is None else [count - 1 - index for index in example.labels]
    options = [f"the {option}" for option in reversed(example.options)]
    return replace(example, options=options, names=example.names[::-1], question=question, label=label, labels=labels)


def in_wordings(task: EvaluationSet, *wordings: str) -> EvaluationSet:
    return replace(task, wordings={name: [reworded(one, name) for one in task.examples] for name in wordings})


def guess(example: MultipleChoiceExample, *labels: int, truncated: int = 0) -> Prediction:
    scores = tuple(0.9 if index in labels else 0.1 for index in range(len(example.options)))
    best = labels[0] if labels else 0
    return Prediction(example.options, example.names, scores, scores, best, labels, truncated=truncated)


def rounded(figures: dict[str, Figure]) -> dict[str, Any]:
    """Without the last digits of the scores, which follow how rows are batched."""
    return {name: pytest.approx(astuple(figure), abs=1e-6) for name, figure in figures.items()}


def as_tuples(figures: dict[str, Figure]) -> dict[str, Any]:
    return {name: astuple(figure) for name, figure in figures.items()}


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    """Of one task of each kind; not to be changed."""
    model = UniMC(tiny.checkpoint("bert"))
    return evaluate_tasks(model, [fixed(), own(), several()], name="tiny", resamples=20, seed=4)


@pytest.fixture(scope="module")
def folder(evaluation: Evaluation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where it is written, in a folder that was not there; not to be changed."""
    return evaluation.write(tmp_path_factory.mktemp("written") / "new" / "folder")


def test_fixed_labels_are_compared_by_name() -> None:
    """Always answering the first option is right where the right name happens to stand first."""
    task = fixed(4)  # right: bad-or-good by name: 0 good, 1 good, 2 bad, 3 bad
    result = score(task, [guess(example, 0) for example in task.examples], 1.0, resamples=10)
    assert result.correct == [example.label == 0 for example in task.examples]
    lines = result.lines()
    assert [line["gold"] for line in lines] == ["good", "good", "bad", "bad"]
    assert [line["answer"] for line in lines] == ["bad", "good", "bad", "good"]
    assert result.figures["accuracy"].value == 0.5
    assert result.figures["macro_f1"].value == 0.5
    assert (result.chance, result.majority) == (0.5, 0.5)


def test_own_options_are_compared_by_index_and_have_no_f1() -> None:
    task = own()
    result = score(task, [guess(example, 0) for example in task.examples], 1.0, resamples=10)
    figures = {name: figure.value for name, figure in result.figures.items()}
    assert figures == pytest.approx(
        {"accuracy": 3 / 5, "ece": 0.9 - 3 / 5, "log_loss": -(3 * log(0.9) + 2 * log(0.1)) / 5}
    )
    assert result.chance == pytest.approx((1 / 2 + 1 / 3 + 1 / 4 + 1 / 2 + 1 / 3) / 5)
    assert result.majority == 3 / 5


def test_several_labels_have_their_own_figures_and_baselines() -> None:
    task = several()
    result = score(task, [guess(example, *(example.labels or ())) for example in task.examples], 1.0, resamples=10)
    assert list(result.figures) == ["micro_f1", "ece", "log_loss", "macro_f1", "mean_average_precision"]
    assert result.figures["ece"].value == pytest.approx(0.1)  # every score is 0.9 or 0.1, and right
    assert result.figures["log_loss"].value == pytest.approx(-log(0.9))
    assert all(result.figures[name].value == 1.0 for name in ("micro_f1", "macro_f1", "mean_average_precision"))
    assert all(result.correct)
    # 10 of 27 decisions are right: a coin for each tends to 2 * 5 / (10 + 13.5). 体育 and 财经 hold 4 times; the
    # first of them always: TP 4, FP 5, FN 6.
    assert result.chance == pytest.approx(10 / 23.5)
    assert result.majority == pytest.approx(8 / 19)


def test_an_example_may_offer_a_part_of_the_labels() -> None:
    examples = [
        MultipleChoiceExample(["b", "a"], passage="x", labels=[0]),
        MultipleChoiceExample(["c"], "x", labels=[]),
    ]
    task = EvaluationSet("part", "test", examples, label_names=("a", "b", "c"), multi_label=True)
    result = score(task, [guess(examples[0], 0), guess(examples[1])], 1.0, resamples=5)
    assert result.correct == [True, True]
    assert result.figures["micro_f1"].value == 1.0
    assert result.figures["ece"].value == pytest.approx(0.1)  # over the three decisions that there were


def test_ece_stands_beside_the_first_figure_of_every_task_and_never_for_it(
    evaluation: Evaluation, folder: Path
) -> None:
    tasks = evaluation.to_dict()["tasks"]
    assert [task["primary"] for task in tasks] == ["accuracy", "accuracy", "micro_f1"]
    for task, result in zip(tasks, evaluation.tasks, strict=True):
        assert 0 <= task["figures"]["ece"]["low"] <= task["figures"]["ece"]["high"] <= 1
        assert next(iter(task["figures"])) == task["primary"]
        assert result.primary is result.figures[task["primary"]]
    report = (folder / "report.md").read_text(encoding="utf-8")
    assert report.split("## How far")[0].count("| ece |") == 3
    assert "lower is better" in report


def test_what_was_cut_is_counted() -> None:
    task = fixed(3)
    cut = [guess(example, 0, truncated=lost) for example, lost in zip(task.examples, (0, 7, 1), strict=True)]
    result = score(task, cut, 1.0, resamples=5)
    assert result.to_dict()["truncated"] == 2
    assert [line["truncated"] for line in result.lines()] == [0, 7, 1]


GOOD = MultipleChoiceExample(["a", "b"], passage="x", label=0, id="test/0")


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"examples": []}, "no examples"),
        ({"examples": [GOOD, replace(GOOD, label=None, id="test/1")]}, "example test/1 has no label"),
        ({"examples": [replace(GOOD, label=None, labels=(0, 1))]}, "several labels"),
        ({"label_names": ("a", "c")}, "option 'b', which is not among"),
        ({"label_names": ("a", "b", "a")}, "name twice"),
        ({"multi_label": True}, "needs label_names"),
    ],
)
def test_a_set_that_cannot_be_measured_is_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        EvaluationSet(**{"name": "情感", "split": "dev", "examples": [GOOD], **settings})
    assert str(caught.value).startswith("情感 (dev): ")


def test_tasks_must_be_given_and_differ(model: UniMC) -> None:
    with pytest.raises(InputError, match="no tasks"):
        evaluate_tasks(model, [])
    with pytest.raises(InputError, match=r"feelings \(test\) is given 2 times"):
        evaluate_tasks(model, [fixed(), fixed()])
    with pytest.raises(InputError, match="resamples is -1"):
        evaluate_task(model, fixed(), resamples=-1)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5])
def test_a_seed_that_numpy_can_not_take_is_refused_at_once(seed: Any) -> None:
    with pytest.raises(InputError, match="seed"):
        evaluate_tasks(cast(UniMC, None), [fixed()], seed=seed)


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_holds_at_least_one_row(batch_size: int) -> None:
    with pytest.raises(InputError, match=f"batch_size is {batch_size}; it must be at least 1"):
        predict_shard(cast(UniMC, None), fixed(), Shard(), batch_size=batch_size)


def test_each_result_is_told_as_soon_as_it_is_there(model: UniMC) -> None:
    told: list[str] = []
    found = evaluate_tasks(model, [own(), fixed()], resamples=0, after_task=lambda result: told.append(result.name))
    assert told == [result.name for result in found.tasks] == ["阅读|理解", "feelings"]


@pytest.mark.usefixtures("no_pictures")
def test_intervals_can_be_left_out(model: UniMC, tmp_path: Path) -> None:
    found = evaluate_tasks(model, [own()], resamples=0)
    figure = found.to_dict()["tasks"][0]["figures"]["accuracy"]
    assert figure == {"value": found.tasks[0].primary.value, "low": None, "high": None}
    found.write(tmp_path)
    assert "without intervals" in (tmp_path / "report.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("count", [2, 3, 20])
def test_shards_merge_to_what_one_process_says(model: UniMC, count: int) -> None:
    """13 examples: uneven parts, and with 20 processes some have nothing to do."""
    task = fixed(13)
    whole = merge([predict_shard(model, task, Shard())], 13)
    parts = [predict_shard(model, task, Shard(index, count), batch_size=4) for index in reversed(range(count))]
    merged = merge(parts, 13)
    assert [one.options for one in merged] == [example.options for example in task.examples]
    assert [one.label for one in merged] == [one.label for one in whole]
    for one, other in zip(merged, whole, strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-5)
    assert as_tuples(score(task, merged, 1.0).figures) == rounded(score(task, whole, 1.0).figures)


@pytest.mark.parametrize("wrong", [[0, 1], [0, 1, 2, 2], [0, 1, 1], [0, 1, 3]], ids=str)
def test_lost_and_repeated_predictions_are_noticed(wrong: list[int]) -> None:
    with pytest.raises(RuntimeError, match="for 3 examples"):
        merge([[(index, guess(GOOD, 0)) for index in wrong]], 3)


LAUNCHED = """
import json, sys
sys.path.insert(0, sys.argv[1])
import torch
torch.set_num_threads(1)
from accelerate import PartialState
import test_evaluation, tiny
from unimc import UniMC
from unimc.evaluation import evaluate_tasks
state = PartialState(cpu=True)
sets = [test_evaluation.fixed(), test_evaluation.several(), test_evaluation.fixed(1)]
sets[2] = test_evaluation.replace(sets[2], split="one example")
sets.append(test_evaluation.in_wordings(test_evaluation.own(), "which"))
found = evaluate_tasks(UniMC(tiny.checkpoint("bert")), sets, resamples=20, accelerator=state)
with open(f"{sys.argv[2]}/{state.process_index}.json", "w") as file:
    json.dump(found.to_dict(), file)
state.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_find_the_figures_of_one(model: UniMC, tmp_path: Path) -> None:
    script = tmp_path / "launched.py"
    script.write_text(LAUNCHED)
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*launch, str(script), str(TESTS), str(tmp_path)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    sets = [fixed(), several(), replace(fixed(1), split="one example"), in_wordings(own(), "which")]
    alone = evaluate_tasks(model, sets, resamples=20)
    for process in (0, 1):
        together = json.loads((tmp_path / f"{process}.json").read_text())
        assert together["processes"] == 2
        expected = alone.to_dict()
        assert together["model"] == expected["model"]
        for one, other in zip(together["tasks"], expected["tasks"], strict=True):
            timing = {"seconds": other["seconds"], "examples_per_second": other["examples_per_second"]}
            assert one["figures"].keys() == other["figures"].keys()
            for name, figure in other["figures"].items():
                assert one["figures"][name] == pytest.approx(figure, abs=1e-6)
            assert (one["wordings"] is None) == (other["wordings"] is None)
            if other["wordings"] is not None:
                assert one["wordings"]["gain"] == pytest.approx(other["wordings"]["gain"], abs=1e-6)
            for mine, its in zip(one["reliability"], other["reliability"], strict=True):
                assert mine == pytest.approx(its, abs=1e-6)
            same = {name: other[name] for name in ("figures", "wordings", "reliability")}
            assert {**one, **timing, **same} == other


def test_every_figure_and_circumstance_is_written(evaluation: Evaluation, folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == [
        "confusion-1.png",
        "plot.png",
        "predictions.jsonl",
        "reliability.png",
        "report.html",
        "report.md",
        "results.json",
    ]
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert results == evaluation.to_dict()
    assert (results["format"], results["seed"], results["resamples"], results["level"]) == (1, 4, 20, 0.95)
    assert results["versions"].keys() == {"unimc", "torch", "transformers", "datasets", "python"}
    assert results["model"]["name"] == "tiny"
    assert len(results["model"]["fingerprint"]) == 64
    for task in results["tasks"]:
        assert all(figure.keys() == {"value", "low", "high"} for figure in task["figures"].values())
        assert task.keys() >= {"language", "variant", "family", "source", "kind", "split", "labels", "correct"}
        assert task["tokens"] > 5 * task["rows"] == 5 * task["examples"] > 0
        assert task["truncated"] == 0
        assert 0 < task["chance"] < 1
        assert 0 < task["majority"] <= 1
        assert task["examples_per_second"] * task["seconds"] == pytest.approx(task["examples"])
        assert len(task["data_fingerprint"]) == 64


@pytest.mark.usefixtures("no_pictures")
def test_published_figures_stand_in_the_report_as_they_are_written(evaluation: Evaluation, tmp_path: Path) -> None:
    task = evaluation.tasks[0].task
    suite = {"name": "一组", "tasks": {"A": f"{task.name}:{task.split}"}, "published": [], "source": "Some UniMC Paper"}
    replace(evaluation, settings={**evaluation.settings, "suites": [suite]}).write(tmp_path)
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "Accuracy in per cent; examples of the last row: A 13. Published: Some UniMC Paper" in report
    assert (tmp_path / "一组.csv").read_text(encoding="utf-8").startswith("model,parameters,setting,A,average")


def test_every_prediction_is_written(evaluation: Evaluation, folder: Path) -> None:
    lines = [json.loads(line) for line in (folder / "predictions.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["task"] for line in lines] == ["feelings"] * 13 + ["阅读|理解"] * 5 + ["多标签"] * 9
    keys = {"id", "task", "split", "gold", "answer", "label", "scores", "correct", "truncated"}
    assert all(line.keys() == keys | {"question", "passage", "textb"} for line in lines)
    assert lines[0]["id"] == "test/0"
    assert lines[0]["scores"].keys() == {"good", "bad"}
    assert lines[-1]["gold"] == []
    for result in evaluation.to_dict()["tasks"]:
        mine = [line["correct"] for line in lines if line["task"] == result["task"]]
        assert sum(mine) == result["correct"]


def test_the_report_shows_chinese_names_and_escapes_bars(folder: Path) -> None:
    report = (folder / "report.md").read_text(encoding="utf-8")
    assert "| 3 | 多标签 | test | 9 | micro_f1 |" in report
    assert "阅读\\|理解" in report
    assert "(plot.png)" in report
    assert (folder / "plot.png").read_bytes().startswith(b"\x89PNG")
    for section in report.split("\n## "):
        rows = [line for line in section.splitlines() if line.startswith("|")]
        assert len({line.replace("\\|", "").count("|") for line in rows}) <= 1


def test_the_plot_warns_of_nothing(evaluation: Evaluation, tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    """Names that no installed font can draw are shown as numbers."""
    evaluation.write(tmp_path)
    assert not [warning for warning in recwarn if "Glyph" in str(warning.message)]


def test_without_matplotlib_the_report_says_so(
    evaluation: Evaluation, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    for name in [name for name in sys.modules if name.split(".")[0] == "matplotlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [NoMatplotlib(), *sys.meta_path])
    evaluation.write(tmp_path)
    assert "matplotlib is not installed" in (tmp_path / "report.md").read_text(encoding="utf-8")
    assert not list(tmp_path.glob("*.png"))


class NoMatplotlib:
    """An import finder for which matplotlib isn't installed."""

    def find_spec(self, name: str, *_: object) -> None:
        if name.split(".")[0] == "matplotlib":
            raise ModuleNotFoundError(f"No module named {name!r}", name="matplotlib")


def test_a_write_that_fails_leaves_the_old_file(
    evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "predictions.jsonl").write_text("old")

    def full(*_: object) -> int:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space"):
        evaluation.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.jsonl"]
    assert (tmp_path / "predictions.jsonl").read_text() == "old"


def test_the_terminal_table_has_a_row_for_every_figure(evaluation: Evaluation) -> None:
    from rich.console import Console

    table = evaluation.table()
    assert table.row_count == 3 + 2 + 4
    console = Console(width=160, record=True, file=StringIO())
    console.print(table)
    text = console.export_text()
    assert "多标签" in text
    assert "阅读|理解" in text


def test_figures_follow_the_seed_and_nothing_else(model: UniMC, evaluation: Evaluation) -> None:
    again = evaluate_tasks(model, [several(), fixed()], resamples=20, seed=4, batch_size=3)
    by_name = {result.task.name: rounded(result.figures) for result in evaluation.tasks}
    for result in again.tasks:
        assert as_tuples(result.figures) == by_name[result.task.name]


def test_fingerprints_follow_what_they_stand_for(model: UniMC) -> None:
    from unimc.modeling import UniMCModel

    task = fixed()
    other = replace(task, examples=[*task.examples[:-1], replace(task.examples[-1], passage="the snow")])
    assert task.fingerprint == fixed().fingerprint != other.fingerprint
    same = TorchBackend(UniMCModel(tiny.new_backbone("bert")), model.answers.ids)
    before = same.fingerprint()
    assert before == model.backend.fingerprint()
    next(same.model.parameters()).data[0, 0] += 1
    assert same.fingerprint() != before


def test_the_mean_weighs_every_task_the_same(evaluation: Evaluation) -> None:
    values = [result.primary.value for result in evaluation.tasks]
    assert evaluation.mean == pytest.approx(sum(values) / 3)
