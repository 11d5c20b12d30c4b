"""The page about several models: what is read, what is put together, and what never is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from converters import suites
from unimc import InputError, results_files, results_page, results_picture, results_tables, sizes
from unimc.cli import main

FIVE, FEWCLUE = (asdict(suites.get(name)) for name in ("english_five", "fewclue"))
SUITE = {
    "name": "two",
    "title": "Two tasks",
    "language": "zh",
    "source": "A paper, in per cent.",
    "tasks": {"晴": "天气:test", "b": "task_b:validation"},
    "published": [
        {"model": "Big", "parameters": "11B", "setting": "zero-shot", "figures": {"晴": 50, "b": 61}},
        {"model": "Middle", "parameters": "110M", "setting": "zero-shot", "figures": {"晴": 50, "b": 60}},
        {"model": "Taught", "parameters": "22M", "setting": "few-shot", "figures": {"晴": 90, "b": 90}},
        {"model": "Nobody knows", "parameters": None, "setting": "zero-shot", "figures": {"晴": 40}},
    ],
}


def task(name: str, accuracy: float = 0.5, split: str = "test", **changes: Any) -> dict[str, Any]:
    """A task's entry as an evaluation writes it."""
    return {
        "task": name,
        "split": split,
        "variant": None,
        "language": "zh",
        "figures": {
            "accuracy": {"value": accuracy, "low": accuracy - 0.02, "high": accuracy + 0.02},
            "macro_f1": {"value": accuracy - 0.1, "low": None, "high": None},
            "ece": {"value": 0.1, "low": None, "high": None},
            "log_loss": {"value": 0.7, "low": None, "high": None},
        },
        "primary": "accuracy",
        "chance": 0.25,
        "majority": 0.3,
        "wordings": None,
        "calibration": None,
        "seen": {"status": "unseen", "rows": 0, "of": {}},
        "examples": 1200,
        "seconds": 60.0,
        "data_fingerprint": f"texts of {name}",
        **changes,
    }


def evaluation(
    *tasks: Mapping[str, Any], name: str = "runs/ours/final", weights: str = "a" * 64, **changes: Any
) -> Any:
    trained = [{"task": "t", "split": "train", "rows": 1500}]
    model = {"name": name, "fingerprint": weights, "parameters": 22_700_000, "max_length": 512, "trained_on": trained}
    rest = {"seed": 0, "resamples": 1000, "windows": None, "device": "cpu", "dtype": "float32", "batch_size": 32}
    return {"format": 1, "model": model, **rest, "versions": {"unimc": "0.1.0"}, "tasks": list(tasks), **changes}


def robustness(*tasks: Mapping[str, Any], **changes: Any) -> Any:
    return evaluation(*tasks, kind="robustness", **changes)


def written(folder: Path, *found: Any) -> list[str]:
    """Files of evaluations; their paths."""
    paths = []
    for number, results in enumerate(found):
        path = folder / str(number) / ("robustness.json" if results.get("kind") else "results.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(results, ensure_ascii=False), encoding="utf-8")
        paths.append(str(path))
    return paths


def page(folder: Path, *found: Any, suite: Mapping[str, Any] = SUITE) -> str:
    return results_page.page(results_files.read(written(folder, *found)), [suite], "Results", {})


def tables(text: str) -> list[list[list[str]]]:
    """The Markdown tables of a page as rows of cells, headings first; every table must be whole."""
    found: list[list[list[str]]] = []
    inside = False
    for line in text.splitlines():
        if line.startswith("|"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if not inside:
                found.append([])
            found[-1].append(cells)
        else:
            assert not (inside and line), "a table ends with an empty line"
        inside = line.startswith("|")
    for one in found:
        assert len({len(row) for row in one}) == 1, one
        assert all(re.fullmatch(r"---:?", cell) for cell in one[1])
        assert len(one) > 2, "a table without rows"
    return [[one[0], *one[2:]] for one in found]


def section(text: str, title: str) -> list[list[str]]:
    """The first table under a heading."""
    (after,) = re.findall(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    return tables(after)[0]


# ---- figures


def test_every_task_stands_with_its_count_baselines_interval_and_what_was_seen_of_it(tmp_path: Path) -> None:
    seen = {"status": "overlapping", "rows": 3, "of": {"t": 3}}
    text = page(tmp_path, evaluation(task("天气", 0.7), task("task_b", 0.5, "validation", seen=seen)))
    assert section(text, "Two tasks") == [
        ["task", "examples", "chance", "majority", "accuracy", "95 % interval", "macro F1", "training"],
        ["晴", "1,200", "25.0", "30.0", "70.0", "68.0–72.0", "60.0", "unseen"],
        ["b", "1,200", "25.0", "30.0", "50.0", "48.0–52.0", "40.0", "overlapping (3 rows)"],
        ["mean", "", "", "", "60.0", "58.6–61.4", "", ""],
    ]


def test_published_rows_stand_around_ours_by_size_and_few_shot_behind_all(tmp_path: Path) -> None:
    text = page(tmp_path, evaluation(task("天气", 0.7), task("task_b", 0.5, "validation")))
    (found,) = [one for one in tables(text) if one[0][:3] == ["model", "parameters", "setting"]]
    assert [row[0] for row in found[1:]] == ["**ours**", "Middle", "Big", "Nobody knows", "Taught"]
    assert found[1] == ["**ours**", "**22.7M**", "**zero-shot**", "**70.0**", "**50.0**", "**60.0**"]
    assert found[4] == ["Nobody knows", "", "zero-shot", "40.0", "", ""]
    assert "Their test samples are not ours" in text


def test_what_was_trained_on_is_not_called_zero_shot(tmp_path: Path) -> None:
    text = page(tmp_path, evaluation(task("天气", seen={"status": "seen", "rows": 9, "of": {"天气": 9}})))
    assert ["**ours**", "**22.7M**", "**seen**"] in [row[:3] for one in tables(text) for row in one]


def test_a_model_without_all_tasks_has_no_mean_and_the_page_says_which_are_missing(tmp_path: Path) -> None:
    text = page(tmp_path, evaluation(task("天气", 0.7)))
    assert section(text, "Two tasks")[-1] == ["mean", "", "", "", "–", "–", "", ""]
    assert "ours has no mean: not evaluated on b." in text


def test_trainings_with_several_seeds_are_one_model_with_mean_and_deviation(tmp_path: Path) -> None:
    three = [
        evaluation(task("天气", accuracy), name=f"runs/ours_seed{seed}/final", weights=str(seed) * 64)
        for seed, accuracy in enumerate((0.6, 0.7, 0.8))
    ]
    text = page(tmp_path, *three)
    assert section(text, "Two tasks")[1][4:7] == ["70.0 ± 10.0", "68.0–72.0", "60.0 ± 10.0"]
    assert section(text, "Results")[1][:4] == ["ours", "22.7M", "1,500 examples of 1 task", "3"]


def test_the_mean_over_seeds_is_of_each_seeds_mean(tmp_path: Path) -> None:
    both = [
        evaluation(task("天气", one), task("task_b", other, "validation"), name=f"m-s{seed}", weights=str(seed) * 9)
        for seed, (one, other) in enumerate([(0.6, 0.8), (0.8, 0.6)])
    ]
    assert section(page(tmp_path, *both), "Two tasks")[-1][4] == "70.0 ± 0.0"


def test_several_models_share_a_table(tmp_path: Path) -> None:
    text = page(
        tmp_path,
        evaluation(task("天气", 0.7)),
        evaluation(task("天气", 0.6), name="runs/theirs/best", weights="b" * 64),
    )
    columns, row, *_ = section(text, "Two tasks")
    assert [columns[4], columns[8]] == ["ours: accuracy", "theirs: accuracy"]
    assert [row[4], row[8]] == ["70.0", "60.0"]


def test_models_that_answered_other_examples_are_marked(tmp_path: Path) -> None:
    other = task("天气", examples=300, data_fingerprint="others")
    text = page(tmp_path, evaluation(task("天气")), evaluation(other, name="theirs", weights="b" * 64))
    assert section(text, "Two tasks")[1][1] == r"1,200 / 300\*"
    assert "didn't answer the same examples" in text


def test_tasks_of_no_suite_stand_under_their_language(tmp_path: Path) -> None:
    text = page(tmp_path, evaluation(task("sst2", language="en"), task("新闻"), task("新闻", split="validation")))
    english, chinese = text.split("## Chinese")
    assert [row[0] for row in section(english, "Other tasks")[1:]] == ["sst2"]
    assert [row[0] for row in section(chinese, "Other tasks")[1:]] == ["新闻 (test)", "新闻 (validation)"]


def test_the_plain_figure_stands_for_a_task_and_not_another_wording(tmp_path: Path) -> None:
    each = {"each": {"default": {"value": 0.5}, "short": {"value": 0.3}}, "spread": 0.2}
    text = page(
        tmp_path,
        evaluation(task("天气", 0.9, variant="short")),
        evaluation(task("天气", 0.8, wordings=each)),
        evaluation(task("天气", 0.7)),
    )
    assert section(text, "Two tasks")[1][4] == "70.0"


def test_a_figure_that_is_averaged_or_calibrated_says_so(tmp_path: Path) -> None:
    each = {"each": {"default": {"value": 0.5}, "short": {"value": 0.3}}, "spread": 0.2}
    calibration = {"temperature": 2.0, "before": {"ece": {"value": 0.3}}}
    text = page(tmp_path, evaluation(task("天气", wordings=each, calibration=calibration)))
    assert section(text, "Two tasks")[1][7] == "unseen, averaged over 2 wordings, calibrated"
    assert "| **zero-shot, wordings averaged, calibrated** |" in text


def test_figures_that_are_not_there_stay_open(tmp_path: Path) -> None:
    bare = {
        "task": "天气",
        "split": "test",
        "language": "zh",
        "examples": 4,
        "primary": "accuracy",
        "figures": {"accuracy": {"value": None, "low": None, "high": None}},
    }
    text = page(tmp_path, {"format": 1, "model": {"fingerprint": "c" * 64}, "tasks": [bare]})
    assert section(text, "Two tasks")[1] == ["晴", "4", "–", "–", "–", "–", "–", "unknown"]
    assert "this model" in text
    assert "Calibration" not in text
    assert "Speed" not in text


def test_names_can_not_break_a_table(tmp_path: Path) -> None:
    long = "a|b\n" + "很长的名字" * 40
    (file,) = written(tmp_path, evaluation(task("天气"), task(long)))
    text = results_page.page(results_files.read([f"x|y={file}"]), [SUITE], "T|itle", {})
    assert tables(text)
    assert r"a\|b" in text


# ---- order, wording, calibration, speed


def test_changed_answers_and_wordings_come_from_robustness_files(tmp_path: Path) -> None:
    entry = {
        "task": "天气",
        "split": "test",
        "language": "zh",
        "examples": 40,
        "order": {"shuffles": 3, "asked": 120, "changed": 0, "largest_change": 1.26e-6},
        "wordings": {"each": {"default": {"value": 0.5}, "short": {"value": 0.4}, "long": {"value": 0.7}}},
    }
    text = page(tmp_path, robustness(entry), robustness(entry, weights="b" * 64))
    assert section(text, "Order of the options")[1] == ["天气", "ours", "40", "3", "0 of 240", "1.3e-06"]
    assert section(text, "Wording")[1] == ["天气", "ours", "40", "50.0", "short 40.0, long 70.0", "30.0", "+5.0"]


def test_wordings_evaluated_one_by_one_are_put_together(tmp_path: Path) -> None:
    found = [evaluation(task("天气", value, variant=name)) for name, value in [(None, 0.5), ("short", 0.4)]]
    assert section(page(tmp_path, *found), "Wording")[1][3:] == ["50.0", "short 40.0", "10.0", "-10.0"]


def test_wordings_of_other_samples_are_not_compared(tmp_path: Path) -> None:
    found = [evaluation(task("天气", 0.5)), evaluation(task("天气", 0.4, variant="short", examples=50))]
    assert "## Wording" not in page(tmp_path, *found)


def test_calibration_before_and_after(tmp_path: Path) -> None:
    after = task("天气", calibration={"temperature": 2.0, "before": {}})
    after["figures"]["ece"] = {"value": 0.04, "low": None, "high": None}
    text = page(tmp_path, evaluation(task("天气")), evaluation(after))
    assert section(text, "Calibration")[1] == ["天气", "ours", "10.0", "0.700", "4.0", "0.700"]


def test_speed_is_of_all_tasks_and_of_the_slowest_and_fastest(tmp_path: Path) -> None:
    text = page(tmp_path, evaluation(task("天气"), task("task_b", seconds=20.0)))
    assert section(text, "Speed")[1] == ["ours", "cpu, float32, batches of 32", "2,400", "80", "30.0", "20.0–60.0"]


# ---- what is read


def test_a_folder_is_all_evaluations_in_it_and_a_name_can_be_given(tmp_path: Path) -> None:
    written(tmp_path, evaluation(task("天气")), evaluation(task("新闻"), weights="b" * 64))
    (model,) = results_files.read([f"我的={tmp_path}"])
    assert (model.name, len(model.trainings)) == ("我的", 2)


@pytest.mark.parametrize(
    ("loaded_from", "name"),
    [
        ("runs/unseen_topics/final", "unseen_topics"),
        ("runs/unseen_topics-seed2/checkpoint-00000800", "unseen_topics"),
        ("someone/some-model-s12", "some-model"),
        ("minilm-l6", "minilm-l6"),
        (None, "this model"),
    ],
)
def test_the_name_is_the_runs_without_its_seed(tmp_path: Path, loaded_from: str, name: str) -> None:
    (model,) = results_files.read(written(tmp_path, evaluation(task("天气"), name=loaded_from)))
    assert model.name == name


def test_one_task_with_two_figures_of_the_same_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"天气 \(test\) with the same weights is in .* and in .*leave one"):
        page(tmp_path, evaluation(task("天气", 0.5)), evaluation(task("天气", 0.6)))
    assert page(tmp_path, evaluation(task("天气", 0.5)), evaluation(task("天气", 0.5)))


def test_models_of_two_sizes_can_not_have_one_name(tmp_path: Path) -> None:
    other = evaluation(task("天气"), weights="b" * 64)
    other["model"]["parameters"] = 5
    with pytest.raises(InputError, match="give them names: NAME="):
        results_files.read(written(tmp_path, evaluation(task("天气")), other))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "not the results.json"),
        ('{"format": 2, "model": {"fingerprint": "a"}, "tasks": []}', "not the results.json"),
        ('{"format": 1, "model": {"fingerprint": "a"}, "tasks": [{"task": "a"}]}', r"tasks\[0\] has no split"),
        ('{"format": 1, "model": {"fingerprint": "a"}, "tasks": ["a"]}', r"tasks\[0\] has no task"),
    ],
)
def test_a_file_that_is_no_evaluation_is_refused(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        results_files.read([str(path)])


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not there"):
        results_files.read([str(tmp_path / "nothing")])
    with pytest.raises(InputError, match=r"no results\.json in it"):
        results_files.read([str(tmp_path)])
    with pytest.raises(InputError, match="no name before the ="):
        results_files.read([f"={tmp_path}"])


# ---- pictures


def all_of(suite: Mapping[str, Any], name: str = "ours") -> Any:
    named = [one.rpartition(":") for one in suite["tasks"].values()]
    return evaluation(*(task(of, 0.6, split, language=suite["language"]) for of, _, split in named), name=name)


def test_the_picture_holds_zero_shot_models_of_known_size_and_ours(tmp_path: Path) -> None:
    models = results_files.read(written(tmp_path, all_of(SUITE)))
    found = results_picture.points(models, SUITE)
    assert [(one.name, one.parameters, one.own) for one in found] == [
        ("Big", 11e9, False),
        ("Middle", 110e6, False),
        ("ours", 22.7e6, True),
    ]
    assert (found[-1].mean, found[-1].half) == (pytest.approx(60), pytest.approx(2 / 2**0.5))


def test_a_model_that_was_trained_on_a_task_is_not_called_zero_shot_in_the_picture(tmp_path: Path) -> None:
    results = all_of(SUITE)
    results["tasks"][1]["seen"] = {"status": "seen", "rows": 0, "of": {}}
    *_, own = results_picture.points(results_files.read(written(tmp_path, results)), SUITE)
    assert own.name == "ours (not zero-shot)"


def test_a_model_that_lacks_a_task_is_not_in_the_picture(tmp_path: Path) -> None:
    models = results_files.read(written(tmp_path, evaluation(task("天气"))))
    assert not any(one.own for one in results_picture.points(models, SUITE))
    assert results_picture.drawn(models, SUITE) is None


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("suite", [FIVE, FEWCLUE], ids=lambda suite: str(suite["name"]))
def test_pictures_are_drawn_for_names_of_any_kind(tmp_path: Path, suite: Mapping[str, Any]) -> None:
    for name in ("很好的模型", "a_name_" * 20, "$a$b$c^", "$x_1$"):
        drawn = results_picture.drawn(results_files.read(written(tmp_path, all_of(suite, name))), suite)
        assert drawn is not None
        assert drawn.startswith(b"\x89PNG")


def test_the_command_writes_the_page_and_its_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = written(tmp_path / "files", all_of(FIVE), all_of(FEWCLUE))
    output = tmp_path / "docs" / "our results.md"
    for named in (files, files[:1]):
        arguments = ["unimc", "results", *named, "--output", str(output), "--title", "我们的结果"]
        with mock.patch("sys.argv", arguments), pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code in (0, None), capsys.readouterr().err
        text = output.read_text(encoding="utf-8")
        assert text.startswith("# 我们的结果\n")
        shown = re.findall(r"!\[.*?\]\(<(.*?)>\)", text)
        assert len(shown) == len(named)
        assert sorted(path.name for path in output.parent.glob("*.png")) == sorted(shown)


def test_sizes_are_read_as_they_are_written() -> None:
    for count in (22.7e6, 110e6, 1.3e9, 540e9, 12.0):
        assert sizes.parsed(sizes.short(count)) == pytest.approx(count)
    assert (sizes.short(None), sizes.parsed(None), sizes.parsed("")) == ("", None, None)


@pytest.mark.parametrize("name", suites.names())
def test_published_sizes_can_be_read_and_figures_are_per_cent(name: str) -> None:
    for entry in suites.get(name).published:
        assert sizes.parsed(entry["parameters"]) is None or sizes.parsed(entry["parameters"]) > 1e6  # type: ignore[operator]
        assert all(0 < figure <= 100 for figure in entry["figures"].values())


def test_published_figures_stand_in_one_file_and_are_shared() -> None:
    assert suites.get("english_reasoning").published == suites.get("paper_english").published
    assert results_tables.keys(asdict(suites.get("english_reasoning")))["cb"] == ("super_glue_cb", "validation")
