"""The page about several models: what is put together, and what never is."""

from __future__ import annotations

from pathlib import Path

from results_written import SUITE, evaluation, page, robustness, section, tables, task, written

from unimc import results_files, results_page

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


def test_a_training_that_answered_a_part_is_in_no_mean_of_the_page(tmp_path: Path) -> None:
    whole = [
        evaluation(task("天气", value), task("task_b", value, "validation"), name=f"m-s{seed}", weights=str(seed) * 9)
        for seed, value in enumerate((0.6, 0.62))
    ]
    text = page(tmp_path, *whole, evaluation(task("天气", 0.9), name="m-s2", weights="2" * 9))
    assert section(text, "Two tasks")[-1][4] == "61.0 ± 1.4"
    (row,) = (line for line in text.splitlines() if line.startswith("| **m**"))
    assert row.split("|")[-2].strip() == "**61.0**"


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


def test_the_mark_is_explained_under_other_tasks_too(tmp_path: Path) -> None:
    other = task("新闻", examples=300, data_fingerprint="others")
    text = page(tmp_path, evaluation(task("新闻")), evaluation(other, name="theirs", weights="b" * 64))
    assert section(text, "Other tasks")[1][1] == r"1,200 / 300\*"
    assert "didn't answer the same examples" in text


def test_where_each_training_lacks_another_task_the_page_says_why_there_is_no_mean(tmp_path: Path) -> None:
    one = evaluation(task("天气", 0.7), name="m-s0")
    other = evaluation(task("task_b", 0.5, "validation"), name="m-s1", weights="b" * 64)
    said = "m has no mean: none of its 2 trainings answered all; one or another was not evaluated on 晴, b."
    assert said in page(tmp_path, one, other)


def test_a_figure_that_is_not_defined_is_why_there_is_no_mean(tmp_path: Path) -> None:
    undefined = task("天气", figures={"accuracy": {"value": None, "low": None, "high": None}})
    text = page(tmp_path, evaluation(undefined, task("task_b", 0.5, "validation")))
    assert "ours has no mean: no figure for 晴." in text


def test_two_splits_of_a_task_are_told_apart_in_every_table(tmp_path: Path) -> None:
    order = {"shuffles": 3, "asked": 120, "changed": 0, "largest_change": 1e-6}
    each = {"each": {"default": {"value": 0.5}, "short": {"value": 0.4}}}
    splits = "test", "validation"
    text = page(
        tmp_path,
        evaluation(*(task("天气", split=split) for split in splits)),
        robustness(*(task("天气", split=split, order=order, wordings=each) for split in splits)),
    )
    for title in ("Order of the options", "Wording", "Calibration"):
        assert [row[0] for row in section(text, title)[1:]] == ["天气 (test)", "天气 (validation)"]
    assert [row[0] for row in section(text, "Other tasks")[1:]] == ["天气 (validation)"]


def test_another_wordings_calibration_stands_for_nothing(tmp_path: Path) -> None:
    calibration = {"temperature": 2.0, "before": {}}
    text = page(tmp_path, evaluation(task("天气")), evaluation(task("天气", variant="short", calibration=calibration)))
    assert section(text, "Calibration")[1][4:] == ["–", "–"]


def test_a_threshold_of_its_own_is_said_where_several_labels_may_hold(tmp_path: Path) -> None:
    several = task("天气", kind="multi_label")
    text = page(tmp_path, evaluation(several, task("新闻", kind="classification"), threshold=0.3))
    assert section(text, "Two tasks")[1][7] == "unseen, threshold 0.3"
    assert section(text, "Other tasks")[1][7] == "unseen"
    assert section(page(tmp_path, evaluation(several, threshold=0.5)), "Two tasks")[1][7] == "unseen"


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
    text = page(tmp_path, robustness(entry), robustness(entry, weights="b" * 64, name="runs/ours_seed1/final"))
    assert section(text, "Order of the options")[1] == ["天气", "ours", "40", "3", "0 of 240", "1.3e-06"]
    assert section(text, "Wording")[1] == ["天气", "ours", "40", "50.0", "short 40.0, long 70.0", "30.0", "+5.0"]


def test_wordings_evaluated_one_by_one_are_put_together(tmp_path: Path) -> None:
    found = [evaluation(task("天气", value, variant=name)) for name, value in [(None, 0.5), ("short", 0.4)]]
    assert section(page(tmp_path, *found), "Wording")[1][3:] == ["50.0", "short 40.0", "10.0", "-10.0"]


def test_a_training_without_other_wordings_does_not_move_the_default_beside_them(tmp_path: Path) -> None:
    asked = [
        evaluation(task("天气", value, variant=name), weights="a" * 64) for name, value in [(None, 0.5), ("short", 0.4)]
    ]
    other = evaluation(task("天气", 0.9), weights="b" * 64, name="runs/ours_seed1/final")
    assert section(page(tmp_path, *asked, other), "Wording")[1][3:] == ["50.0", "short 40.0", "10.0", "-10.0"]


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
