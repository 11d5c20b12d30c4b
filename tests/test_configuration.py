"""Configuration files: what they may say, and what is said of a mistake in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from unimc import InputError
from unimc.commands.configuration import build, read
from unimc.commands.run_config import RunConfig
from unimc.training_config import TrainingConfig

ROOT = Path(__file__).parents[1]
LEAST: dict[str, Any] = {"backbone": "somewhere", "output": "runs/一", "mixture": {"tasks": ["sample_zh_nli"]}}


def built(**training: Any) -> RunConfig:
    return build(RunConfig, {**LEAST, "training": training}, "run.yaml")


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_configuration_of_the_project_is_valid(path: Path) -> None:
    from converters.mixture import Mixture

    made = build(RunConfig, read(path), str(path))
    assert Mixture.from_mapping(made.mixture).parts


def test_what_is_not_said_is_the_default() -> None:
    assert build(RunConfig, LEAST, "run.yaml").training == TrainingConfig()


def test_values_come_as_their_types() -> None:
    made = built(
        learning_rate="1e-4", max_steps=None, trackers=["tensorboard"], mixed_precision=False, loss={"w_mlm": 0}
    )
    training = made.training
    assert training.learning_rate == 1e-4  # YAML reads 1e-4 as a text
    assert training.trackers == ("tensorboard",)
    assert training.mixed_precision == "no"  # YAML reads a bare no as false
    assert isinstance(training.loss.w_mlm, float)


def test_overrides_go_into_sections_that_exist_or_not(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(LEAST, allow_unicode=True), encoding="utf-8")
    settings = read(path, ["training.epochs=3", "training.loss.w_mlm=0.5", "output=runs/二", "mixture.tasks=[a, b]"])
    assert settings["training"] == {"epochs": 3, "loss": {"w_mlm": 0.5}}
    assert (settings["output"], settings["mixture"]["tasks"]) == ("runs/二", ["a", "b"])


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"epoch": 2}, r"run.yaml.training: unknown key 'epoch'; did you mean 'epochs'\?"),
        ({"轮数": 2}, r"run.yaml.training: unknown key '轮数'; known keys: epochs, max_steps"),
        ({"loss": {"omln": "pair"}}, r"training.loss: unknown key 'omln'; did you mean 'omlm'\?"),
        ({"epochs": "two"}, r"run.yaml.training.epochs must be a whole number, not 'two'"),
        ({"epochs": 1.5}, r"training.epochs must be a whole number, not 1.5"),
        ({"epochs": True}, r"training.epochs must be a whole number, not True"),
        ({"learning_rate": "快"}, r"training.learning_rate must be a number, not '快'"),
        ({"shuffle_options": "yes"}, r"training.shuffle_options must be true or false, not 'yes'"),
        ({"trackers": "tensorboard"}, r"training.trackers must be a list, not 'tensorboard'"),
        ({"mixed_precision": "fp8"}, r"training.mixed_precision is 'fp8'; it must be one of 'no', 'bf16', 'fp16'"),
        ({"loss": 1}, r"training.loss must be a section of keys, not 1"),
        ({"epochs": 0}, r"training.epochs is 0; it must be at least 1"),
        ({"seed": -1}, r"training.seed is -1; it must be at least 0"),
        ({"seed": 2**32}, r"training.seed is 4294967296; it must be below 4294901760"),
        (
            {"schedule": "polynomial", "learning_rate": 1e-7},
            r"training.learning_rate is 1e-07; the polynomial schedule falls to 1e-07, so it must be above that",
        ),
        ({"validate_every": -1}, r"training.validate_every is -1; it must be at least 0"),
        ({"max_length": 4}, r"training.max_length is 4; it must be at least 5"),
        ({"learning_rate": 0}, r"training.learning_rate is 0.0; it must be a number above 0"),
        ({"learning_rate": "nan"}, r"training.learning_rate is nan; it must be a number above 0"),
        ({"max_gradient_norm": -1}, r"training.max_gradient_norm is -1.0; it must be a number above 0"),
        ({"weight_decay": -0.1}, r"training.weight_decay is -0.1; it must be 0 or more"),
        ({"loss": {"w_omlm": -1}}, r"training.loss.w_omlm is -1.0; it is a weight, 0 or more"),
        ({"loss": {"w_op": "inf"}}, r"training.loss.w_op is inf; it is a weight, 0 or more"),
        (
            {"loss": {"w_mlm": 0, "w_omlm": 0, "w_op": 0}},
            r"training.loss: w_mlm, w_omlm and w_op are all 0",
        ),
        ({"max_steps": 0}, r"training.max_steps is 0; it must be at least 1"),
        ({"warmup": 100}, r"training.warmup is 100.0; it is a share of the steps, from 0 to 1"),
        ({"schedule": "linaer"}, r"training.schedule is 'linaer'; it must be one of linear, cosine, "),
    ],
)
def test_a_mistake_is_named_with_its_key(training: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        built(**training)


def test_the_shortest_row_is_as_short_as_an_encoder_takes() -> None:
    import tiny

    assert tiny.encoder("bert", TrainingConfig(max_length=5).max_length).max_length == 5
    with pytest.raises(InputError, match="max_length is 4"):
        tiny.encoder("bert", 4)


def test_a_missing_key_is_named() -> None:
    with pytest.raises(InputError, match=r"run.yaml: missing: output, mixture$"):
        build(RunConfig, {"backbone": "somewhere"}, "run.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("output: runs/a\nmixture: [sample_en_nli\n", r"run.yaml, line 3: not valid YAML: expected ',' or ']'"),
        ("output: 甲\ntraining: {epochs: 2\n", r"run.yaml, line 3: not valid YAML"),
        (
            "training: {epochs: 2}\noutput: 甲\ntraining: {keep: 1}\n",
            r"line 3: key 'training' is given twice; keep one",
        ),
        ("training:\n  epochs: 2\n  epochs: 3\n", r"run.yaml, line 3: key 'epochs' is given twice; keep one"),
        ("- backbone\n- output\n", r"run.yaml: a configuration is a mapping of keys, not a list"),
        ("一句话", r"run.yaml: a configuration is a mapping of keys, not a str"),
    ],
)
def test_a_file_that_is_no_configuration_is_named_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message) as raised:
        read(path)
    assert "\n" not in str(raised.value)


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_bytes("output: 运行".encode("gb18030"))
    with pytest.raises(InputError, match=r"run.yaml: cannot be read as UTF-8 text"):
        read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no configuration file .*没有.yaml"):
        read(tmp_path / "没有.yaml")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epochs", r"--set 'training.epochs': write key=value, for example training.epochs=2"),
        ("=3", r"--set '=3': write key=value"),
        ("output.name=甲", r"--set 'output.name=甲': 'output' is a value, not a section"),
        ("mixture.tasks=[a, b", r"--set 'mixture.tasks=\[a, b', line 1: not valid YAML: expected"),
        ("training={keep: 1, keep: 2}", r"--set 'training=\{.*\}', line 1: key 'keep' is given twice"),
    ],
)
def test_an_override_that_cannot_be_read_is_named(override: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text(yaml.safe_dump(LEAST, allow_unicode=True), encoding="utf-8")
    with pytest.raises(InputError, match=message) as raised:
        read(path, [override])
    assert "\n" not in str(raised.value)
