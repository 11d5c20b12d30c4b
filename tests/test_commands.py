"""The commands as a user meets them, and what may be imported where."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from unittest import mock

import launching
import pytest
from launching import ROOT

import converters
from unimc import InputError, bundled
from unimc.cli import COMMANDS, main
from unimc.commands.tasks_to_sets import json_set

Unimc = Callable[..., str]
HEAVY = (
    "numpy",
    "scipy",
    "datasketch",
    "torch",
    "transformers",
    "datasets",
    "accelerate",
    "evaluate",
    "sklearn",
    "matplotlib",
    "pandas",
)


@pytest.fixture
def unimc(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Unimc:
    """Runs a command that must succeed; what it says on standard output."""
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")

    def of(*arguments: object) -> str:
        capsys.readouterr()
        with mock.patch("sys.argv", ["unimc", *map(str, arguments)]), pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        assert ended.value.code in (0, None), captured.err
        return captured.out

    return of


def python(*arguments: str, cwd: Path = ROOT) -> str:
    """What an interpreter of its own says."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=launching.environment(),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# ---- commands


def test_help_names_every_command(unimc: Unimc) -> None:
    said = unimc("--help")
    assert [line.split()[0] for line in said.splitlines() if line.startswith("  ") and line.split()[0] in COMMANDS] == [
        *COMMANDS
    ]
    files = {path.stem for path in (ROOT / "unimc/commands").glob("*.py")}
    assert set(COMMANDS) <= files


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself_with_an_example(command: str, unimc: Unimc) -> None:
    said = " ".join(unimc(command, "--help").split())
    assert "Example: " in said
    assert f"{command}" in said.partition("Example: ")[2]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_tasks_lists_those_of_a_language(language: str, unimc: Unimc) -> None:
    lines = unimc("tasks", "--language", language).splitlines()
    cells = {line.split("│")[1].strip() for line in lines if "│" in line}
    assert set(converters.names(language)) <= cells
    other = converters.names("en" if language == "zh" else "zh")
    assert not cells & set(other)


def test_tasks_counts_the_rows_on_hand(unimc: Unimc, tmp_path: Path) -> None:
    folder = tmp_path / "zh" / "fewclue_tnews"
    folder.mkdir(parents=True)
    (folder / "test.jsonl").write_text('{"a": 1}\n\n{"a": 2}\n', encoding="utf-8")
    assert "test 2" in unimc("tasks", "--language", "zh", "--family", "topic", "--data-dir", tmp_path)


def test_a_mixture_is_listed_filtered_by_licence_and_written(unimc: Unimc, tmp_path: Path) -> None:
    path = tmp_path / "mixture.yaml"
    path.write_text("tasks: [sample_en_nli, sample_zh_nli]\ncap: 10\nheld_out: [sample_zh_topic]\n", "utf-8")
    said = unimc("mixture", path, "--licenses", "open", "--output", tmp_path / "rows.jsonl")
    assert "20 examples; dropped" in said
    assert "sample_zh_nli" in said
    assert len((tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()) == 20


def test_the_mixture_of_a_configuration_is_drawn_as_its_training_draws_it(unimc: Unimc, tmp_path: Path) -> None:
    def drawn(**sections: object) -> str:
        config = {"mixture": {"tasks": ["sample_en_nli"], "cap": 5}, **sections}
        (tmp_path / "run.yaml").write_text(json.dumps(config), encoding="utf-8")
        unimc("mixture", tmp_path / "run.yaml", "--output", tmp_path / "rows.jsonl")
        return (tmp_path / "rows.jsonl").read_text(encoding="utf-8")

    assert drawn() == drawn(training={"seed": 0}) != drawn(training={"seed": 3})


def test_a_file_of_the_released_form_is_evaluated_and_answered(unimc: Unimc, bert_folder: Path, tmp_path: Path) -> None:
    rows = [
        {"texta": f"第{number}场比赛", "question": "讲的是什么？", "choice": ["体育", "财经"], "label": number % 2}
        for number in range(6)
    ]
    path = tmp_path / "问题.jsonl"
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    said = unimc("evaluate", "--model", bert_folder, "--json", path, "--output", tmp_path / "out", "--resamples", "20")
    assert "问题" in said
    (task,) = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))["tasks"]
    assert (task["examples"], task["kind"], task["labels"]) == (6, "classification", ["体育", "财经"])
    output = tmp_path / "new folder" / "answers.jsonl"
    unimc("predict", "--model", bert_folder, "--json", path, "--output", output)
    answers = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert [answer["id"] for answer in answers] == [str(number) for number in range(6)]
    assert {answer["answer"] for answer in answers} <= {"体育", "财经"}


def test_a_file_with_rows_of_one_label_and_of_several_is_refused(tmp_path: Path) -> None:
    rows = [
        {"texta": "雨", "choice": ["湿", "冷"], "question": "？", **right} for right in ({"labels": []}, {"label": 1})
    ]
    (tmp_path / "x.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    with pytest.raises(InputError, match=r"x\.jsonl: the example '1' has `label`, others have `labels`"):
        json_set(tmp_path / "x.jsonl")


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_of_no_rows_is_refused(limit: int, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"limit is {limit}; it must be 1 or more"):
        json_set(tmp_path / "x.jsonl", limit=limit)


def test_tasks_lists_those_of_a_family(unimc: Unimc) -> None:
    said = unimc("tasks", "--family", "topic")
    assert "sample_zh_topic" in said
    assert "sample_en_topic" in said
    assert "sample_en_nli" not in said


@pytest.mark.parametrize(
    ("task", "option", "piece"),
    [("sample_zh_topic", "美食与烹饪", "烹"), ("sample_en_topic", "food and cooking", "cooking")],
)
def test_show_prints_an_example_as_the_model_sees_it(task: str, option: str, piece: str, unimc: Unimc) -> None:
    said = unimc("show", task, "--model", launching.sample_model())
    example = converters.get(task).load("test")[0]
    assert example.passage in said
    assert option in said
    table = [line.split() for line in said.partition("row 1")[2].splitlines()[2:] if line.strip()]
    masks = [line for line in table if line[0] == "[MASK]"]
    assert [line[1:4] for line in masks] == [[str(number), "1", "1"] for number in range(1, 7)]
    assert any(line[0] == piece for line in table)
    assert table[0][:4] == ["[CLS]", "0", "0", "0"]


def test_show_prints_brackets_of_a_text_as_they_are(tmp_path: Path, unimc: Unimc) -> None:
    path = tmp_path / "mine.yaml"
    card = {"name": "mine", "kind": "classification", "language": "en", "passage": "{text}"}
    card |= {"labels": {"column": "y", "values": {"0": "[bold]", "1": "plain"}}}
    card |= {"rows": {"test": [{"text": "a [red]word[/] of markup", "y": 0}]}}
    path.write_text(json.dumps(card), encoding="utf-8")
    said = unimc("show", path, "--model", launching.sample_model())
    assert "a [red]word[/] of markup" in said
    assert "✓ [bold]" in said


@pytest.mark.parametrize("task", ["sample_en_topic", "sample_zh_topic"])
def test_show_takes_the_bundled_tokenizer_if_no_model_is_named(task: str, unimc: Unimc) -> None:
    assert unimc("show", task) == unimc("show", task, "--model", bundled.default())


def test_what_users_typed_is_printed_as_typed(tmp_path: Path, unimc: Unimc) -> None:
    """Neither brackets nor names of emoji are markup."""
    model, text, options = launching.sample_model(), "rain [/] b :cat:", ["[red]snow", "[bold]雪[/bold]"]
    said = unimc("classify", text, "--options", ",".join(options), "--model", model)
    assert all(typed in said for typed in (text, *options))
    card = {"name": "[red]mine", "kind": "classification", "language": "en", "passage": "{text}", "id": "[/]{n} :cat:"}
    card |= {"labels": {"column": "y", "values": {"0": {"name": "[b]n", "wording": "rain"}, "1": "snow"}}}
    card |= {"rows": {"test": [{"text": text, "y": 0, "n": 7}]}}
    path = tmp_path / "mine.yaml"
    path.write_text(json.dumps(card), encoding="utf-8")
    said = unimc("show", path, "--model", model)
    assert all(typed in said for typed in ("[red]mine test/[/]7 :cat:, en", text, "rain (name: [b]n)"))


@pytest.mark.parametrize(
    ("text", "options", "question"),
    [("The soup was cold.", ["weather", "food"], "What is it about?"), ("汤凉了。", ["天气", "饮食"], "说的是什么？")],
)
def test_classify_prints_what_the_library_finds(text: str, options: list[str], question: str, unimc: Unimc) -> None:
    from unimc import UniMC

    model = launching.sample_model()
    comma = "，" if "汤" in text else ","
    arguments = "classify", text, "--options", comma.join(options), "--question", question, "--model", model
    found = json.loads(unimc(*arguments, "--json"))
    expected = UniMC.from_pretrained(model, device="cpu").classify(text, options, question=question)
    assert (found["options"], found["answer"]) == (options, expected.answer)
    assert found["scores"] == pytest.approx(expected.scores, abs=1e-4)
    assert sum(found["scores"]) == pytest.approx(1)
    table = unimc(*arguments)
    assert all(option in table for option in options)
    assert f"{max(expected.scores):.3f}" in table


def test_classify_can_find_several_options_or_none(unimc: Unimc) -> None:
    arguments = "汤凉了。", "--options", "天气,饮食", "--model", launching.sample_model(), "--multi-label", "--json"
    found = json.loads(unimc("classify", *arguments))
    assert found["labels"] == [place for place, score in enumerate(found["scores"]) if score >= 0.5]
    for threshold, labels in ((0, [0, 1]), (1, [])):
        assert (
            json.loads(unimc("classify", *arguments, "--threshold", threshold, "--device", "cpu"))["labels"] == labels
        )


def test_evaluate_prints_a_table_and_writes_its_results(tmp_path: Path, unimc: Unimc) -> None:
    tasks = "sample_zh_nli:train,sample_zh_riddle"
    settings = "--limit", 9, "--resamples", 10, "--output", tmp_path / "结果"
    said = unimc("evaluate", "--model", launching.sample_model(), "--tasks", tasks, *settings)
    assert "sample_zh_riddle" in said
    assert "world size 1" in said
    results = json.loads((tmp_path / "结果/results.json").read_text(encoding="utf-8"))
    assert [(task["task"], task["split"], task["examples"]) for task in results["tasks"]] == [
        ("sample_zh_nli", "train", 9),
        ("sample_zh_riddle", "test", 9),
    ]
    assert (tmp_path / "结果/report.md").is_file()
    assert len((tmp_path / "结果/predictions.jsonl").read_text(encoding="utf-8").splitlines()) == 18


def test_training_writes_a_model_that_the_other_commands_take(tmp_path: Path, unimc: Unimc) -> None:
    path = launching.configuration(tmp_path / "run", max_steps=2)
    said = unimc("train", "--config", path, "--set", "mixture.tasks=[sample_zh_nli, sample_en_nli]")
    assert f"final model: {tmp_path / 'run/final'}" in said
    found = json.loads(unimc("classify", "下雨了。", "--options", "雨,雪", "--model", tmp_path / "run/final", "--json"))
    assert found["names"] == ["雨", "雪"]
    entry = json.loads((tmp_path / "run/final/unimc.json").read_text(encoding="utf-8"))
    assert entry["trained_on"] == [
        {"task": "sample_zh_nli", "split": "train", "rows": 20, "language": "zh"},
        {"task": "sample_en_nli", "split": "train", "rows": 20, "language": "en"},
    ]
    resolved = json.loads((tmp_path / "run/config.json").read_text(encoding="utf-8"))
    assert resolved["mixture"]["tasks"] == ["sample_zh_nli", "sample_en_nli"]


def test_training_takes_the_data_folder_that_its_mixtures_file_names(
    tmp_path: Path, bert_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mixture = tmp_path / "mixture.yaml"
    mixture.write_text(json.dumps({"tasks": ["fewclue_tnews"], "data_dir": str(tmp_path / "数据")}), encoding="utf-8")
    config = {"backbone": str(bert_folder), "output": str(tmp_path / "run"), "mixture": {"from": str(mixture)}}
    (tmp_path / "run.yaml").write_text(json.dumps(config), encoding="utf-8")
    with mock.patch("sys.argv", ["unimc", "train", "--config", str(tmp_path / "run.yaml")]), pytest.raises(SystemExit):
        main()
    assert f"{tmp_path / '数据'} itself is not a folder" in capsys.readouterr().err


# ---- what is imported


@pytest.mark.slow
@pytest.mark.parametrize("call", ["--help", "tasks --help", "tasks --language zh", "train --help", "evaluate --help"])
def test_what_needs_no_model_imports_nothing_heavy(call: str) -> None:
    code = f"""
import sys
sys.argv = ["unimc", *{call!r}.split()]
from unimc.cli import main
try:
    main()
finally:
    print("heavy:", *sorted(set({HEAVY!r}) & set(sys.modules)))
"""
    assert python("-c", code).splitlines()[-1] == "heavy:"


# ---- the name `evaluate`: the file at the root stands aside for the library

LIBRARY = metadata.version("evaluate")


def test_under_pytest_evaluate_is_the_library() -> None:
    import evaluate

    assert evaluate.__version__ == LIBRARY
    assert hasattr(evaluate, "Metric")


@pytest.mark.slow
def test_from_the_root_evaluate_is_the_library() -> None:
    assert (
        python("-c", "import evaluate; print(evaluate.__version__, hasattr(evaluate, 'Metric'))") == f"{LIBRARY} True"
    )


@pytest.mark.slow
def test_in_a_spawned_worker_of_the_door_evaluate_is_the_library(tmp_path: Path) -> None:
    """A worker runs the main file once more, as "__mp_main__"; it then must neither evaluate nor take the name."""
    text = (ROOT / "evaluate.py").read_text(encoding="utf-8")
    head, door, _ = text.partition('elif __name__ == "__main__":\n')
    assert door
    spawn = "    import multiprocessing, where\n    with multiprocessing.get_context('spawn').Pool(1) as pool:\n"
    (tmp_path / "evaluate.py").write_text(f"{head}{door}{spawn}        print(pool.apply(where.library))\n", "utf-8")
    (tmp_path / "where.py").write_text(
        "def library():\n    import evaluate, sys\n    return evaluate.__version__, '__mp_main__' in sys.modules\n",
        encoding="utf-8",
    )
    assert python("evaluate.py", cwd=tmp_path) == str((LIBRARY, True))


@pytest.mark.slow
@pytest.mark.parametrize("door", ["train.py", "evaluate.py"])
def test_the_doors_open(door: str) -> None:
    """As programs of their own; two processes open them in tests/test_processes.py."""
    done = launching.run(door, "--help")
    assert done.returncode == 0, done.stderr
    assert f"Usage: {door} [OPTIONS]" in done.stdout


@pytest.mark.slow
def test_without_the_library_the_error_says_what_to_install(tmp_path: Path) -> None:
    shutil.copy(ROOT / "evaluate.py", tmp_path)
    # -S: without the installed packages
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import evaluate"], cwd=tmp_path, capture_output=True, encoding="utf-8"
    )
    assert "ModuleNotFoundError: the library evaluate is not installed; pip install evaluate" in done.stderr
