"""Tasks are mixed by caps and weights, the same way for the same seed."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import converters
from converters import Mixture, Task
from converters.mixture import Part
from unimc import InputError


def card(folder: Path, name: str, count: int, language: str = "en") -> str:
    """A card with `count` rows of its own; its path."""
    rows = [{"text": f"{name} {number}", "label": number % 2} for number in range(count)]
    content = {
        "name": name,
        "language": language,
        "kind": "classification",
        "passage": "{text}",
        "labels": {"column": "label", "values": {0: "even", 1: "odd"}},
        "variants": {"zh": {"labels": {0: "偶数", 1: "奇数"}}},
        "rows": {"train": rows},
    }
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")  # JSON is YAML
    return str(path)


def counts(mixture: Mixture) -> Counter[str]:
    return Counter(example.task for example in mixture.examples())


def test_the_same_seed_gives_the_same_mixture(tmp_path: Path) -> None:
    tasks = [card(tmp_path, "a", 30), card(tmp_path, "乙", 20, "zh")]
    first = Mixture(tasks, cap=15, seed=1).examples()
    assert first == Mixture(tasks, cap=15, seed=1).examples()
    assert first != Mixture(tasks, cap=15, seed=2).examples()


def test_tasks_are_shuffled_together(tmp_path: Path) -> None:
    examples = Mixture([card(tmp_path, "a", 30), card(tmp_path, "b", 30)]).examples()
    assert len({example.task for example in examples[:20]}) == 2


def test_a_cap_holds_for_every_task_or_for_one(tmp_path: Path) -> None:
    a, b, c = card(tmp_path, "a", 30), card(tmp_path, "b", 30), card(tmp_path, "c", 4)
    assert counts(Mixture([a, {"task": b, "cap": 5}, c], cap=10)) == {"a": 10, "b": 5, "c": 4}


@pytest.mark.parametrize(("weight", "count"), [(1, 10), (0.5, 5), (0.25, 2), (1.5, 15), (2, 20), (3.1, 31)])
def test_a_weight_multiplies_what_the_cap_leaves(tmp_path: Path, weight: float, count: int) -> None:
    mixture = Mixture([{"task": card(tmp_path, "a", 30), "weight": weight}], cap=10)
    examples = mixture.examples()
    assert len(examples) == count
    assert len({example.id for example in examples}) == count
    per_row = Counter(example.id.split("#")[0] for example in examples)
    assert len(per_row) == min(count, 10)
    assert max(per_row.values()) - min(per_row.values()) <= 1


def test_repeats_have_ids_of_their_own(tmp_path: Path) -> None:
    examples = Mixture([{"task": card(tmp_path, "a", 1), "weight": 3}]).examples()
    assert sorted(example.id for example in examples) == ["train/0", "train/0#2", "train/0#3"]


def test_one_task_in_two_wordings_keeps_ids_apart(tmp_path: Path) -> None:
    path = card(tmp_path, "a", 3)
    examples = Mixture([path, {"task": path, "variant": "zh"}]).examples()
    assert len({example.id for example in examples}) == 6


def test_a_task_in_python_mixes_like_its_card(tmp_path: Path) -> None:
    path = card(tmp_path, "乙", 30, "zh")
    task = Task.from_file(path)
    assert converters.get(task) is task
    expected = Mixture([{"task": path, "weight": 0.5}]).examples()
    for entry in ({"task": task, "weight": 0.5}, Part(task, weight=0.5), {"task": Path(path), "weight": 0.5}):
        assert Mixture([entry]).examples() == expected
    assert counts(Mixture([task, Path(card(tmp_path, "a", 3))])) == {"乙": 30, "a": 3}


def test_a_task_in_python_can_be_held_out(tmp_path: Path) -> None:
    task = Task.from_file(card(tmp_path, "a", 3))
    with pytest.raises(InputError, match="a: both in tasks and in held_out"):
        Mixture([task], held_out=[task])
    with pytest.raises(InputError, match=r"^mixture: task a: weight must be a number above 0"):
        Mixture([{"task": task, "weight": 0}])


def test_the_report_says_what_each_task_gave(tmp_path: Path) -> None:
    mixture = Mixture([{"task": card(tmp_path, "乙", 30, "zh"), "weight": 2}], cap=10)
    mixture.examples()
    row = mixture.report[0]
    assert (row.task, row.split, row.language, row.rows, row.taken, row.merged, row.skipped) == (
        "乙",
        "train",
        "zh",
        30,
        20,
        0,
        0,
    )


def test_a_task_both_trained_on_and_held_out_is_an_error(tmp_path: Path) -> None:
    path = card(tmp_path, "a", 3)
    with pytest.raises(InputError, match="a: both in tasks and in held_out"):
        Mixture([path], held_out=[path])
    with pytest.raises(InputError, match="snli: both in tasks and in held_out"):
        Mixture([{"task": "snli", "split": "validation"}], held_out=["snli"])


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "the key `tasks` is missing"),
        ({"tasks": []}, "tasks: empty"),
        ({"tasks": "snli"}, "tasks: must be a list"),
        ({"tasks": ["snil"]}, "no task 'snil'; did you mean 'snli'"),
        ({"tasks": ["snli"], "sed": 1}, "unknown key 'sed'; did you mean 'seed'"),
        ({"tasks": [{"task": "snli", "wieght": 1}]}, "unknown key 'wieght'; did you mean 'weight'"),
        ({"tasks": [{"split": "train"}]}, "an entry has no `task`"),
        ({"tasks": [{"task": "snli", "weight": 0}]}, "snli: weight must be a number above 0"),
        ({"tasks": [{"task": "snli", "cap": 0}]}, "snli: cap must be a whole number"),
        ({"tasks": [{"task": 3}]}, "a task is a name, a YAML file or a Task, not 3"),
        ({"tasks": [{"task": "snli", "weight": 5}]}, "snli: weight 5 would take rows more than 4 times"),
        ({"tasks": [{"task": "snli", "min_options": 1}]}, "snli: min_options must be a whole number, 2 or more"),
        ({"tasks": [{"task": "snli", "min_options": 3, "max_options": 2}]}, "min_options 3 is above max_options 2"),
        ({"tasks": ["snli"], "min_options": 3, "max_options": 2}, "mixture: min_options 3 is above max_options 2"),
        ({"tasks": ["snli"], "wordings": "al"}, "mixture: wordings: unknown 'al'; did you mean 'all'"),
        ({"tasks": [{"task": "snli", "variant": "plain", "wordings": "all"}]}, "snli: variant names one wording"),
        ({"tasks": ["snli"], "seed": None}, "seed must be a whole number, not None"),
        ({"tasks": ["snli"], "copies": None}, "copies must be a whole number, 1 or more, not None"),
        ({"tasks": ["snli"], "held_out": None}, "held_out: must be a list"),
        ({"tasks": ["snli"], "cap": "many"}, "cap must be a whole number"),
        ({"tasks": ["snli"], "held_out": ["sts2"]}, "no task 'sts2'; did you mean 'sst2'"),
    ],
)
def test_a_mistake_in_a_mixture_is_said(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        Mixture.from_mapping(given)


def test_progress_shows_only_when_asked_for_or_on_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = card(tmp_path, "a", 3)
    Mixture([path, path]).examples()
    assert capsys.readouterr().err == ""
    Mixture([path, path], progress=True).examples()
    assert "reading tasks" in capsys.readouterr().err


def held_out_card(folder: Path, name: str, texts: list[str]) -> str:
    path = Path(card(folder, name, 1))
    content = json.loads(path.read_text(encoding="utf-8"))
    content["rows"] = {"train": [{"text": "kept for training", "label": 0}]}
    content["rows"]["test"] = [{"text": text, "label": 0} for text in texts]
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return str(path)


def test_rows_that_stand_in_a_held_out_test_split_are_dropped_and_counted(tmp_path: Path) -> None:
    out = held_out_card(tmp_path, "out", ["A  3!", "ａ 5", "kept for training?", "never seen"])
    mixture = Mixture([card(tmp_path, "a", 30)], held_out=[out])
    passages = {example.passage for example in mixture.examples()}
    assert passages == {f"a {number}" for number in range(30)} - {"a 3", "a 5"}
    assert mixture.report[0].dropped == 2
    (pair,) = mixture.overlaps
    assert (pair.task, pair.held_out, pair.split, pair.exact) == ("a", "out", "test", 2)
    Mixture([card(tmp_path, "a", 30)], held_out=[out], decontaminate=False).examples()


def test_a_held_out_task_without_its_rows_is_an_error_that_says_the_way_out(tmp_path: Path) -> None:
    path = Path(card(tmp_path, "out", 1))
    content = {key: value for key, value in json.loads(path.read_text(encoding="utf-8")).items() if key != "rows"}
    content["source"] = {"files": {"test": "nowhere.csv"}}
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    with pytest.raises(InputError, match=r"nowhere.csv: there is no such file.*decontaminate: false"):
        Mixture([card(tmp_path, "a", 3)], held_out=[str(path)]).examples()


@pytest.mark.parametrize("files", [[], ["dev2.jsonl"]])
def test_a_built_in_held_out_task_that_is_not_in_the_data_folder_is_an_error(files: list[str], tmp_path: Path) -> None:
    for name in files:
        (tmp_path / "data/en/snli").mkdir(parents=True)
        (tmp_path / "data/en/snli" / name).write_text('{"premise": "雨", "hypothesis": "雪", "label": 0}\n', "utf-8")
    mixture = Mixture([card(tmp_path, "a", 3)], held_out=["snli"], data_dir=tmp_path / "data")
    with pytest.raises(InputError, match=r"held_out: task snli: no (folder|split).*decontaminate: false"):
        mixture.examples()


def test_a_held_out_task_without_any_labelled_split_must_say_which(tmp_path: Path) -> None:
    labels = {"column": "label", "values": {0: "even", 1: "odd"}}
    out = Task(name="out", kind="classification", passage="{text}", labels=labels, source={"folder": "en/out"})
    with pytest.raises(InputError, match="task out names no labelled split; name one, as out:test"):
        Mixture([card(tmp_path, "a", 3)], held_out=[out], data_dir=tmp_path).examples()


def test_repeats_come_with_other_options() -> None:
    rows = [{"text": "文本", "label": 3}]
    labels = {"column": "label", "values": {number: f"标签{number}" for number in range(40)}}
    task = Task(name="t", kind="classification", language="zh", passage="{text}", labels=labels, rows={"train": rows})
    first, second = Mixture([{"task": task, "weight": 2, "max_options": 5}]).examples()
    assert {first.id, second.id} == {"train/0", "train/0#2"}
    assert len(first.options) == len(second.options) == 5
    assert set(first.options) != set(second.options)
    assert {example.options[example.label or 0] for example in (first, second)} == {"标签3"}


def worded(mixture: Mixture) -> dict[str, str]:
    """Which wording each example came in, by its first option's words."""
    return {example.id: "zh" if set("".join(example.options)) & set("偶奇") else "en" for example in mixture.examples()}


def test_examples_come_in_every_wording_the_same_for_the_same_seed(tmp_path: Path) -> None:
    path = card(tmp_path, "a", 60)
    found = worded(Mixture([path], wordings="all"))
    assert 15 < Counter(found.values())["zh"] < 45
    assert found == worded(Mixture([path], wordings="all"))
    assert found != worded(Mixture([path], wordings="all", seed=1))
    assert set(worded(Mixture([path])).values()) == {"en"}


def test_a_repeat_may_come_in_another_wording(tmp_path: Path) -> None:
    found = worded(Mixture([{"task": card(tmp_path, "a", 40), "weight": 2}], wordings="all"))
    assert any(found[f"train/{number}"] != found[f"train/{number}#2"] for number in range(40))


def test_an_entry_with_a_wording_of_its_own_keeps_it(tmp_path: Path) -> None:
    one, other = card(tmp_path, "a", 40), card(tmp_path, "乙", 40, "zh")
    assert set(worded(Mixture([{"task": other, "variant": "zh"}], wordings="all")).values()) == {"zh"}
    assert set(worded(Mixture([{"task": one, "wordings": "default"}], wordings="all")).values()) == {"en"}
    assert set(worded(Mixture([{"task": one, "wordings": "all"}])).values()) == {"en", "zh"}


def test_in_every_wording_the_same_option_is_right(tmp_path: Path) -> None:
    for example in Mixture([card(tmp_path, "a", 40)], wordings="all", cap=30).examples():
        right = example.options[example.right[0]] if example.right else ""
        assert right in (("even", "偶数") if int(example.passage.split()[1]) % 2 == 0 else ("odd", "奇数"))


def test_numbers_of_options_vary_between_two_bounds_or_as_an_entry_says() -> None:
    rows = [{"text": f"文本{number}", "label": number % 20} for number in range(100)]
    labels = {"column": "label", "values": {number: f"标签{number}" for number in range(20)}}
    task = Task(name="t", kind="classification", language="zh", passage="{text}", labels=labels, rows={"train": rows})
    mixture = Mixture([task], min_options=2, max_options=6)
    assert {len(example.options) for example in mixture.examples()} == {2, 3, 4, 5, 6}
    assert mixture.report[0].options == (2, 6)
    fixed = Mixture([{"task": task, "min_options": 5, "max_options": 5}], min_options=2, max_options=6).examples()
    assert {len(example.options) for example in fixed} == {5}


def test_tasks_of_other_licences_are_left_out_and_named(tmp_path: Path) -> None:
    paths = []
    for name, licence in (("a", "CC BY 4.0; see there"), ("b", "research only"), ("c", "not stated"), ("d", "MIT")):
        path = Path(card(tmp_path, name, 4))
        path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), "licence": licence}), "utf-8")
        paths.append(str(path))
    mixture = Mixture(paths, licences=["open"])
    assert counts(mixture) == {"a": 4, "d": 4}
    assert mixture.left_out == {"b": "research only", "c": "not stated"}
    assert counts(Mixture(paths, licences=["CC BY*", "not-stated"])) == {"a": 4, "c": 4}
    with pytest.raises(InputError, match=r"no task has one of the licences Apache-2\.0"):
        Mixture(paths, licences=["Apache-2.0"])
    with pytest.raises(InputError, match="nothing is called 'opne'; did you mean 'open'"):
        Mixture(paths, licences=["opne"])


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"near": "0.8"}, "near must be a number from 0.5 to 0.95, or null, not '0.8'"),
        ({"near": True}, "near must be a number"),
        ({"decontaminate": "false"}, "decontaminate must be true or false, not 'false'"),
        ({"shuffle_options": 0}, "shuffle_options must be true or false, not 0"),
        ({"licences": [5]}, "licences: an entry must be a text, not 5"),
        ({"data_dir": 5}, "data_dir must be a folder's path, not 5"),
        ({"tasks": [{"task": "sample_zh_topic", "split": 5}]}, "task sample_zh_topic: split must be a name, not 5"),
        ({"tasks": [{"task": "sample_zh_topic", "variant": [5]}]}, "variant must be a name"),
        ({"sampling": "unifrom"}, "sampling: unknown 'unifrom'; did you mean 'uniform'"),
    ],
)
def test_a_plain_argument_that_is_not_valid_is_named(given: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        Mixture(**{"tasks": ["sample_zh_topic"], **given})


def test_a_configuration_takes_a_mixture_from_a_file_and_changes_it(tmp_path: Path) -> None:
    path = tmp_path / "mixture.yaml"
    path.write_text(json.dumps({"tasks": [card(tmp_path, "a", 30)], "cap": 20, "note": "甲"}), encoding="utf-8")
    mixture = Mixture.from_mapping({"from": str(path), "cap": 10})
    assert (mixture.cap, mixture.note, len(mixture.examples())) == (10, "甲", 10)
    with pytest.raises(InputError, match="unknown key 'capp'"):
        Mixture.from_mapping({"from": str(path), "capp": 10})
    with pytest.raises(InputError, match=r"nowhere.yaml: there is no such file"):
        Mixture.from_mapping({"from": "nowhere.yaml"})
