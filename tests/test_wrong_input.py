"""Wrong input, through the commands as a user types them: one short line that says what to do, and exit code 2."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import launching
import pytest

import converters
from unimc.cli import main

Say = Callable[..., str]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs a command that must fail; what it says on standard error: one line, no traceback."""

    def of(*arguments: object) -> str:
        capsys.readouterr()
        with mock.patch("sys.argv", ["unimc", *map(str, arguments)]), pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        captured = capsys.readouterr()
        (line,) = [one for one in captured.err.splitlines() if one.strip() and not _is_progress(one)]
        assert "Traceback" not in captured.err + captured.out
        assert line.startswith("error: ")
        assert len(line) < 300 + len(" ".join(converters.names()))  # at most the list of all tasks
        return line.removeprefix("error: ")

    return of


def _is_progress(line: str) -> bool:
    return "reading tasks:" in line or "tokenising:" in line


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model that the test may spoil."""
    return Path(shutil.copytree(launching.sample_model(), tmp_path / "模型"))


CARD = """
name: {name}
kind: classification
language: {language}
question: "{question}"
passage: "{{text}}"
labels:
  column: label
  values: {{0: "{first}", 1: "{second}"}}
source: {{files: {{test: rows.jsonl}}}}
"""
CARDS = {
    "en": {"name": "mine", "language": "en", "question": "Is it good?", "first": "bad", "second": "good"},
    "zh": {"name": "我的", "language": "zh", "question": "好不好？", "first": "不好", "second": "好"},
}


def own_task(folder: Path, language: str, rows: str) -> Path:
    """A user's own card beside its rows."""
    folder.mkdir(exist_ok=True)
    (folder / "rows.jsonl").write_text(rows, encoding="utf-8")
    path = folder / "card.yaml"
    path.write_text(CARD.format(**CARDS[language]), encoding="utf-8")
    return path


def row(**columns: object) -> str:
    return json.dumps(columns, ensure_ascii=False) + "\n"


# ---- tasks and their data


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("sample_en_topics", "did you mean 'sample_en_topic'?"),
        ("sample_zh_tpoic", "did you mean 'sample_zh_topic'?"),
        ("主题", "`unimc tasks` lists those there are"),
    ],
)
def test_an_unknown_task(name: str, hint: str, say: Say) -> None:
    said = say("evaluate", "--model", "nowhere", "--tasks", name)
    assert said.startswith(f"no task {name!r}; {hint}")
    assert say("show", name, "--model", "nowhere") == said


@pytest.mark.parametrize("tasks", ["", " , "])
def test_no_tasks(tasks: str, say: Say) -> None:
    said = say("evaluate", "--model", "nowhere", "--tasks", tasks)
    assert said == "no tasks; name them with --tasks (`unimc tasks` lists them), or give a file with --json"


def test_an_unknown_split(say: Say) -> None:
    said = say("evaluate", "--model", "nowhere", "--tasks", "sample_zh_topic:测试")
    assert said == "task sample_zh_topic: no split '测试'; there are: test"
    assert "has no labelled test or validation split; name one of train" in (
        say("evaluate", "--model", "nowhere", "--tasks", "sample_en_nli")
    )


def test_an_unknown_wording(say: Say) -> None:
    said = say("evaluate", "--model", "nowhere", "--tasks", "sample_zh_nli:train", "--variant", "shrot")
    assert "no variant 'shrot'; did you mean 'short'?" in said


@pytest.mark.parametrize(("language", "text"), [("en", "a walk"), ("zh", "走一走")])
def test_a_missing_column(language: str, text: str, tmp_path: Path, say: Say) -> None:
    card = own_task(tmp_path, language, row(passage=text, label=0))
    said = say("evaluate", "--model", "nowhere", "--tasks", card)
    assert "row test/0 (from 0)" in said
    assert "'text'" in said
    assert "passage, label" in said
    assert str(tmp_path / "rows.jsonl") in said


def test_a_missing_label_column(tmp_path: Path, say: Say) -> None:
    card = own_task(tmp_path, "zh", row(text="走一走", 标签=0))
    said = say("evaluate", "--model", "nowhere", "--tasks", card)
    assert "takes its labels from the column 'label', which is not there; the columns are: text, 标签" in said


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_an_empty_file(content: str, tmp_path: Path, say: Say) -> None:
    card = own_task(tmp_path, "en", content)
    assert say("evaluate", "--model", "nowhere", "--tasks", card) == f"{tmp_path / 'rows.jsonl'}: the file has no rows"


@pytest.mark.parametrize(("language", "label"), [("en", "great"), ("zh", "很好"), ("en", 2)])
def test_a_label_that_no_option_has(language: str, label: object, tmp_path: Path, say: Say) -> None:
    card = own_task(tmp_path, language, row(text="早", label=1) + row(text="晚", label=label))
    said = say("evaluate", "--model", "nowhere", "--tasks", card)
    assert "row test/1 (from 0)" in said
    assert f"column 'label' is {label!r}, which is none of the labels (0, 1)" in said


def test_a_broken_line_of_data(tmp_path: Path, say: Say) -> None:
    card = own_task(tmp_path, "zh", row(text="早", label=1) + '{"text": "晚"\n')
    assert f"{tmp_path / 'rows.jsonl'}, line 2: not valid JSON" in say(
        "evaluate", "--model", "nowhere", "--tasks", card
    )


def test_a_broken_card(tmp_path: Path, say: Say) -> None:
    path = tmp_path / "卡片.yaml"
    path.write_text("name: mine\nkind: [classification\nlanguage: zh\n", encoding="utf-8")
    assert f"{path}, line 3: not valid YAML" in say("evaluate", "--model", "nowhere", "--tasks", path)


def test_a_data_folder_that_does_not_exist(tmp_path: Path, say: Say) -> None:
    said = say("evaluate", "--model", "nowhere", "--tasks", "ag_news", "--data-dir", tmp_path / "没有")
    assert "task ag_news: no folder" in said
    assert "check --data-dir and UNIMC_DATA_DIR" in said


def test_data_that_are_only_on_the_hub_without_a_network(monkeypatch: pytest.MonkeyPatch, say: Say) -> None:
    monkeypatch.delenv("UNIMC_DATA_DIR", raising=False)
    said = say("evaluate", "--model", "nowhere", "--tasks", "ag_news")
    assert "cannot be had from the hub" in said
    assert "for files on this machine give --data-dir or set UNIMC_DATA_DIR" in said


# ---- models


@pytest.mark.parametrize("name", ["没有/这个模型", "no-such-model"])
def test_a_model_that_does_not_exist(name: str, say: Say) -> None:
    said = say("classify", "早", "--options", "好,不好", "--model", name)
    assert said.startswith(f"{name!r} is neither a folder here nor a model that the hub gives now")
    assert "check the name, or the network if it is a hub id" in said


def test_a_folder_without_a_tokenizer(model: Path, say: Say) -> None:
    for file in model.glob("tokenizer*"):
        file.unlink()
    said = say("evaluate", "--model", model, "--tasks", "sample_zh_topic")
    assert said == f"{model}: no tokenizer found (tokenizer.json or a vocabulary); save it with the model"


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_checkpoint_cut_short(share: float, model: Path, say: Say) -> None:
    weights = model / "model.safetensors"
    content = weights.read_bytes()
    weights.write_bytes(content[: int(len(content) * share)])
    said = say("evaluate", "--model", model, "--tasks", "sample_en_topic")
    assert said.startswith(f"{model}: the weights can't be read; the file may be cut short or of another model")


def test_a_folder_without_weights_or_configuration(model: Path, say: Say) -> None:
    (model / "model.safetensors").unlink()
    assert "the weights can't be read" in say("classify", "早", "--options", "好,不好", "--model", model)
    (model / "config.json").unlink()
    assert "no usable config.json in this folder" in say("classify", "早", "--options", "好,不好", "--model", model)


def test_a_language_without_answer_pieces(tmp_path: Path, say: Say) -> None:
    english = launching.sample_model(languages=("en",))
    wanted = "this checkpoint has no answer pieces for language 'zh', only for en; take a backbone whose vocabulary"
    assert say("evaluate", "--model", english, "--tasks", "sample_zh_topic").startswith(wanted)
    text = "It is late.", "--options", "good,bad", "--language", "zh"
    assert say("classify", *text, "--model", english).startswith(wanted)
    path = launching.configuration(tmp_path / "run")
    chosen = "--set", f"backbone={english}", "--set", "mixture.tasks=[sample_zh_nli]"
    assert say("train", "--config", path, *chosen).startswith(wanted)


# ---- what is classified

_LONE = (
    "--options {} is one option; put commas (, or ，) where {} stands to give several, or name it in a file for "
    "--options-file"
)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("It rained.", "rain,snow,rain", "option 'rain' is given twice; every option must be different"),
        ("下雨了。", "雨，雪，雨", "option '雨' is given twice; every option must be different"),
        ("It rained.", "rain,,snow", "option 1 is empty; every option needs a text"),
        ("It rained.", "", '--options is empty; name the candidate answers, as --options "sports,politics"'),
        ("下雨了。", "，", '--options is empty; name the candidate answers, as --options "sports,politics"'),
        ("It rained.", "rain; snow", _LONE.format("'rain; snow'", "';'")),
        ("下雨了。", "雨、雪", _LONE.format("'雨、雪'", "'、'")),
        ("", "rain,snow", "text 0 is empty; give a text"),
        ("　", "雨，雪", "text 0 is empty; give a text"),
        ("123", "1,2", "can't tell the language of '123  1 2'; give language= one of en, zh"),
    ],
)
def test_texts_and_options_that_cannot_be_judged(text: str, options: str, message: str, say: Say) -> None:
    assert say("classify", text, "--options", options, "--model", launching.sample_model()).endswith(message)


def test_a_threshold_that_is_no_probability(say: Say) -> None:
    said = say("classify", "下雨了。", "--options", "雨,雪", "--model", "nowhere", "--threshold", "40")
    assert said == "threshold is 40.0; it is a probability, from 0 to 1"


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "显卡"])
def test_a_device_that_is_not_there(device: str, say: Say) -> None:
    said = say("classify", "下雨了。", "--options", "雨,雪", "--model", "nowhere", "--device", device)
    assert said.startswith(f"--device {device!r} can't be used here (")
    assert "\n" not in said


def test_tasks_of_a_language_or_family_that_does_not_exist(say: Say) -> None:
    assert say("tasks", "--language", "cn") == "no task of language 'cn'; there are: en, zh"
    assert say("tasks", "--family", "sentimnet") == "no task of family 'sentimnet'; did you mean 'sentiment'?"


def test_an_example_that_is_not_there(say: Say) -> None:
    said = say("show", "sample_zh_topic", "--model", launching.sample_model(), "--index", "1000")
    assert said == "sample_zh_topic (test) has 48 examples; --index 1000 is not among them"


# ---- configurations


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epoch=2", "run.yaml.training: unknown key 'epoch'; did you mean 'epochs'?"),
        ("trainig.epochs=2", "run.yaml: unknown key 'trainig'; did you mean 'training'?"),
        ("training.轮数=2", "run.yaml.training: unknown key '轮数'; known keys: epochs, "),
        ("training.epochs=两", "run.yaml.training.epochs must be a whole number, not '两'"),
        ("training.batch_size=0", "training.batch_size is 0; it must be at least 1"),
        ("training.trackers=[无]", "training.trackers: '无' is not installed, or no tracker that Accelerate knows"),
        ("mixture.cpa=2", "mixture: unknown key 'cpa'; did you mean 'cap'?"),
        ("mixture.cap=许多", "mixture: cap must be a whole number, 1 or more, not '许多'"),
        ("mixture.tasks=[]", "mixture: tasks: empty; name at least one task"),
        ("mixture.tasks=[sample_zh_nil]", "no task 'sample_zh_nil'; did you mean 'sample_zh_nli'?"),
        ("mixture.held_out=[sample_en_nli]", "mixture: sample_en_nli: both in tasks and in held_out"),
        ("validation.tasks=[sample_zh_nil]", "no task 'sample_zh_nil'; did you mean 'sample_zh_nli'?"),
        ("validation.tasks=[{tsk: sample_zh_nli}]", "validation.tasks: unknown key 'tsk'; known are task, split"),
        ("validation.tasks=[{split: train}]", "validation.tasks: an entry has no `task`"),
        ("validation.tasks=[3]", "validation.tasks: an entry is a name or {task: name, split: name}, not 3"),
        (
            "validation.tasks=[{task: sample_zh_nli, split: train}, {task: sample_zh_nli, split: train}]",
            "validation.tasks: sample_zh_nli:train is named twice; leave it out once",
        ),
        (
            "validation.tasks=[{task: sample_en_nli, split: train}]",
            "validation.tasks: sample_en_nli:train is in mixture.tasks too; a checkpoint chosen by rows that it was ",
        ),
        ("validation.tasks=[{task: sample_zh_nli, split: 5}]", "sample_zh_nli: split must be a name, not 5"),
        ("mixture.note=[对]", "mixture: note must be a text, not ['对']; put it in quotes"),
        (
            "mixture={tasks: [{task: sample_en_nli, max_options: 2}], min_options: 4}",
            "mixture: task sample_en_nli: min_options 4 (of the mixture) is above max_options 2; give the entry both",
        ),
        (
            "mixture={tasks: [{task: sample_en_nli, min_options: 3}], max_options: 2}",
            "mixture: task sample_en_nli: min_options 3 is above max_options 2 (of the mixture); give the entry both",
        ),
        ("mixture.seed=", "mixture: seed must be a whole number, not None"),
        ("mixture.held_out=", "mixture: held_out: must be a list"),
        ("backbone=没有/这个", "'没有/这个' is neither a folder here nor a model that the hub gives now"),
        ("backbone=nowhere/backbones/minilm-l6", "`unimc backbone minilm-l6` writes it, or the network if it is a"),
        ("training.epochs", "--set 'training.epochs': write key=value, for example training.epochs=2"),
        ("training.epochs=[", "--set 'training.epochs=[', line 1: not valid YAML: "),
        ("training.accumulation=500", "60 examples can't fill a step of 500 micro-batches; lower accumulation"),
    ],
)
def test_a_mistake_in_a_configuration(override: str, message: str, tmp_path: Path, say: Say) -> None:
    path = launching.configuration(tmp_path / "run")
    assert message in say("train", "--config", path, "--set", override)
    assert not (tmp_path / "run" / "final").exists()


def test_a_validation_row_that_cannot_be_asked_is_said_before_the_training(tmp_path: Path, say: Say) -> None:
    path = launching.configuration(tmp_path / "run")
    task = tmp_path / "may.yaml"
    task.write_text(
        "name: may\nkind: classification\nlanguage: zh\nquestion: 哪个月？\npassage: '{text}'\n"
        "labels: {column: label, values: {A: May, B: may}}\nrows: {validation: [{text: 春天来了, label: A}]}\n",
        encoding="utf-8",
    )
    said = say("train", "--config", path, "--set", f"validation.tasks=[{task}]")
    assert said.startswith("validation.tasks: example may validation/0: options 'May' and 'may' are the same tokens")
    assert not list((tmp_path / "run").glob("checkpoint-*"))


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("mixture.tasks=[sample_zh_nil]", "no task 'sample_zh_nil'"),
        ("mixture.szie=3", "mixture: unknown key 'szie'"),
        ("validation.tasks=[sample_zh_nil]", "no task 'sample_zh_nil'"),
    ],
)
def test_a_mixture_is_checked_before_the_backbone_is_read_or_a_folder_made(
    override: str, said: str, tmp_path: Path, say: Say
) -> None:
    path = launching.configuration(tmp_path / "run")
    assert said in say("train", "--config", path, "--set", override, "--set", "backbone=没有/这个")
    assert not (tmp_path / "run").exists()


def test_settings_of_others_stay_where_a_run_would_write_its_own(tmp_path: Path, say: Say) -> None:
    path = launching.configuration(tmp_path / "run")
    own = tmp_path / "run" / "config.json"
    own.parent.mkdir()
    own.write_text('{"my": "settings"}', encoding="utf-8")
    assert "config.json is not the configuration of a run" in say("train", "--config", path)
    assert [one.read_text(encoding="utf-8") for one in own.parent.iterdir()] == ['{"my": "settings"}']


def test_processes_that_do_not_know_of_each_other_train_nothing(
    tmp_path: Path, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Alone:
        num_processes, is_main_process = 1, True

    monkeypatch.setenv("WORLD_SIZE", "2")
    path = launching.configuration(tmp_path / "run")
    with mock.patch("unimc.accelerator.make_accelerator", return_value=Alone()):
        assert say("train", "--config", path).startswith("started as one of 2 processes, but Accelerate counts 1; ")
    assert not (tmp_path / "run").exists()


def test_a_mistake_leaves_no_folder_that_refuses_its_correction(tmp_path: Path, say: Say) -> None:
    """A run that never began is not "another configuration"."""
    path = launching.configuration(tmp_path / "run", max_steps=1)
    say("train", "--config", path, "--set", "mixture.tasks=[sample_zh_nil]")
    say("train", "--config", path, "--set", "validation.tasks=[sample_zh_nil]")
    say("train", "--config", path, "--set", "backbone=没有/这个")
    assert launching.here("train.py", "--config", path) == 0


def test_a_configuration_that_does_not_exist(tmp_path: Path, say: Say) -> None:
    assert say("train", "--config", tmp_path / "没有.yaml") == f"no configuration file {tmp_path / '没有.yaml'}"


def test_broken_yaml_is_said_with_its_line(tmp_path: Path, say: Say) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("backbone: 甲\noutput: 乙\nmixture: {tasks: [丙}\n", encoding="utf-8")
    assert say("train", "--config", path).startswith(f"{path}, line 3: not valid YAML: ")


def test_missing_keys_are_named(tmp_path: Path, say: Say) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("backbone: 甲\n", encoding="utf-8")
    assert say("train", "--config", path) == f"{path}: missing: output, mixture"


def test_the_folder_of_another_run(tmp_path: Path, say: Say) -> None:
    path = launching.configuration(tmp_path / "run", max_steps=1)
    assert launching.here("train.py", "--config", path) == 0
    said = say("train", "--config", path, "--set", "training.seed=3")
    assert said == (
        f"{tmp_path / 'run'} holds a run of another configuration (other: mixture.seed, training.seed); "
        "take another output folder, or remove this one"
    )


# ---- as programs of their own


@pytest.mark.slow
@pytest.mark.parametrize(
    ("door", "arguments", "message"),
    [
        ("train.py", ["--config", "没有.yaml"], "error: no configuration file 没有.yaml\n"),
        ("evaluate.py", ["--model", "nowhere", "--tasks", "sample_zh_tpoic"], "error: no task 'sample_zh_tpoic'; did"),
    ],
)
def test_a_door_says_its_error_in_one_line(door: str, arguments: list[str], message: str) -> None:
    done = launching.run(door, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(message)
    assert done.stderr.count("\n") == 1
