"""Bundled models: found by name, in the package and in distributions of their own; written by `unimc bundle`."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import tiny
import torch
from safetensors.torch import load_file
from terminal import unimc
from transformers import AutoModel

from unimc import InputError, MultipleChoiceExample, UniMC, bundled
from unimc.bundled import BundledModel
from unimc.checkpoint import Checkpoint, load, load_encoder
from unimc.commands.models import licence_note

EXAMPLES = [
    MultipleChoiceExample(["sport", "food and snow"], "what is it", "the soup was late"),
    MultipleChoiceExample(["体育", "天有雨", "音乐"], "这篇文章说什么", "火车晚了", language="zh"),
    MultipleChoiceExample(["rain", "old music", "a walk"], "", "it was not very good", "then the train"),
]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package's folder of models, empty; no other distribution has any."""
    folder = tmp_path / "package" / "models"
    folder.mkdir(parents=True)
    monkeypatch.setattr(bundled, "MODELS", folder)
    monkeypatch.setattr(bundled, "entry_points", lambda **_: [])
    monkeypatch.chdir(tmp_path)
    return folder


@pytest.fixture
def small(home: Path, bert_folder: Path) -> Path:
    """The default model in the package."""
    return Path(shutil.copytree(bert_folder, home / bundled.DEFAULT))


def install(site: Path, name: str, package: str, model: str, files: Path | None) -> None:
    """A distribution that brings a model, as pip leaves it; without files it is half removed."""
    about = site / f"{package}-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{bundled.GROUP}]\n{model} = {package}\n")
    if files is not None:
        shutil.copytree(files, site / package)
        (site / package / "__init__.py").write_text("raise AssertionError('a package of data is not imported')\n")


# ---- names


def test_a_name_is_the_folder_of_that_model(small: Path) -> None:
    assert bundled.models() == [BundledModel("unimc-small", small, "unimc")]
    assert bundled.resolve("unimc-small") == bundled.default() == str(small)


def test_wherever_a_model_is_named_the_name_will_do(small: Path) -> None:
    expected = UniMC.from_pretrained(small, device="cpu").predict(EXAMPLES)
    assert UniMC.from_pretrained("unimc-small", device="cpu").predict(EXAMPLES) == expected
    assert UniMC(load("unimc-small")).predict(EXAMPLES) == expected
    assert load_encoder("unimc-small").max_length == load_encoder(small).max_length


def test_without_a_name_the_default_model_is_taken(small: Path) -> None:
    expected = UniMC.from_pretrained(small, device="cpu").predict(EXAMPLES)
    assert UniMC.from_pretrained(device="cpu").predict(EXAMPLES) == expected


def test_commands_take_the_default_model_too(small: Path) -> None:
    asked = ("classify", "下雨了。", "--options", "天气,饮食", "--json")
    assert unimc(*asked) == unimc(*asked, "--model", small)
    assert unimc(*asked).code == 0


@pytest.mark.usefixtures("home")
def test_a_command_without_any_bundled_model_says_what_to_give() -> None:
    done = unimc("classify", "It rains.", "--options", "weather,food")
    assert (done.code, "no model is bundled yet; name a folder or a hub id" in done.err) == (2, True)


@pytest.mark.usefixtures("home")
def test_without_any_bundled_model_a_name_is_needed() -> None:
    with pytest.raises(InputError, match="no model is bundled yet; name a folder or a hub id"):
        UniMC.from_pretrained()


def test_without_the_default_one_the_others_are_named(home: Path, bert_folder: Path) -> None:
    shutil.copytree(bert_folder, home / "unimc-other")
    with pytest.raises(
        InputError, match="'unimc-small' is not installed; name a folder, a hub id, or one of: unimc-ot"
    ):
        bundled.default()


def test_a_folder_of_that_name_comes_first(small: Path, tmp_path: Path) -> None:
    (tmp_path / small.name).mkdir()
    assert bundled.resolve(small.name) == small.name


@pytest.mark.parametrize("name", ["IDEA-CCNL/unimc-small", "runs/unimc-small", "bert-base-uncased", "./unimc-smal"])
@pytest.mark.usefixtures("small")
def test_other_names_are_left_as_they_are(name: str) -> None:
    assert bundled.resolve(name) == name
    assert bundled.resolve(Path("unimc-small")) == "unimc-small"  # a path is a path


@pytest.mark.usefixtures("small")
def test_a_slip_is_met_with_the_name_that_was_meant() -> None:
    with pytest.raises(InputError, match="no bundled model is called 'unimc-smal'; did you mean 'unimc-small'"):
        bundled.resolve("unimc-smal")


# ---- distributions of their own


@pytest.fixture
def site(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed distributions; `home` is there beside it."""
    from importlib.metadata import entry_points

    assert home.is_dir()
    monkeypatch.setattr(bundled, "entry_points", entry_points)
    folder = tmp_path / "site"
    monkeypatch.syspath_prepend(str(folder))
    return folder


def test_a_distribution_brings_a_model_by_its_entry_point(site: Path, bert_folder: Path) -> None:
    install(site, "unimc-large", "unimc_large", "unimc-large", bert_folder)
    assert bundled.models() == [BundledModel("unimc-large", site / "unimc_large", "unimc-large")]
    assert bundled.resolve("unimc-large") == str(site / "unimc_large")
    assert UniMC.from_pretrained("unimc-large", device="cpu").predict(EXAMPLES)


@pytest.mark.parametrize("half", ["no package", "no files"])
def test_a_distribution_without_its_files_says_to_reinstall_it(site: Path, half: str, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    install(site, "unimc-large", "unimc_large", "unimc-large", None if half == "no package" else empty)
    with pytest.raises(InputError, match=r"the files of 'unimc-large' are not in .*; reinstall unimc-large"):
        bundled.resolve("unimc-large")
    assert "files missing: reinstall unimc-large" in unimc("models").out


def test_two_models_of_one_name_are_refused(site: Path, home: Path, bert_folder: Path) -> None:
    shutil.copytree(bert_folder, home / "unimc-large")
    install(site, "unimc-large", "unimc_large", "unimc-large", bert_folder)
    with pytest.raises(InputError, match="'unimc-large' is the name of two models, from unimc and unimc-large"):
        bundled.resolve("unimc-large")


# ---- what is said of them


def test_models_are_listed_with_what_one_chooses_by(small: Path) -> None:
    entry = json.loads((small / "unimc.json").read_text(encoding="utf-8"))
    entry["licences"] = ["backbone tiny: MIT", "training data a: CC BY 4.0", "training data b: not stated; a mirror's"]
    (small / "unimc.json").write_text(json.dumps(entry), encoding="utf-8")
    (model,) = bundled.models()
    assert model.languages == ("en", "zh")
    weights = load_file(small / "model.safetensors")
    assert model.parameters == sum(weight.numel() for weight in weights.values())
    assert model.size == sum(path.stat().st_size for path in small.iterdir())
    said = unimc("models").out
    for part in (
        "unimc-small (default)",
        "en, zh",
        f"{model.parameters / 1e6:.1f}M",
        " MB",
        "backbone MIT; 2 training sets",
    ):
        assert part in said


@pytest.mark.parametrize(
    ("notes", "said"),
    [
        (["backbone tiny: MIT", "training data a: CC BY 4.0 (the text)"], "backbone MIT; 1 training set, all open"),
        (
            ["training data a: MIT", "training data b: CC BY-NC 4.0", "training data c: not stated; a mirror's is MIT"],
            "3 training sets, of which 1 non-commercial, 1 not-stated",
        ),
        ([], "not stated"),
    ],
)
def test_licences_come_to_one_line(notes: list[str], said: str) -> None:
    assert licence_note(notes) == said


@pytest.mark.usefixtures("home")
def test_an_empty_list_says_what_to_do() -> None:
    assert "no model is bundled yet; train one, or name a folder or a hub id" in unimc("models").out


def test_looking_up_names_loads_nothing_heavy() -> None:
    code = (
        "import sys; from unimc import bundled; bundled.models(); bundled.resolve('x'); "
        "print(*{'torch', 'transformers', 'numpy', 'safetensors'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_what_is_in_the_package_fits_a_wheel() -> None:
    own = [model for model in bundled.models() if model.distribution == "unimc"]
    assert sum(model.size for model in own) <= bundled.PACKAGE_LIMIT
    assert all(model.complete and (model.folder / "README.md").is_file() for model in own)


# ---- unimc bundle


@pytest.fixture
def shipped(bert_folder: Path, tmp_path: Path) -> Path:
    done = unimc("bundle", "--model", bert_folder, "--output", tmp_path / "unimc-tiny")
    assert done.code == 0, done.err
    assert "within the 95 MB" in done.out
    return tmp_path / "unimc-tiny"


def test_a_bundle_is_half_as_large_and_opens_in_full_precision(bert_folder: Path, shipped: Path) -> None:
    weights = load_file(shipped / "model.safetensors")
    assert {weight.dtype for weight in weights.values()} == {torch.float16}
    assert load(shipped).model.backbone.dtype == torch.float32
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (bert_folder, shipped)]
    assert sizes[1] < 0.6 * sizes[0]


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_half_precision_on_disk_changes_no_answer(family: str, tmp_path: Path) -> None:
    made = tiny.checkpoint(family)
    made.save(tmp_path / "whole")
    assert unimc("bundle", "--model", tmp_path / "whole", "--output", tmp_path / "half").code == 0
    examples = [example for example in EXAMPLES if example.language in made.answers.languages]
    before = UniMC(made).predict(examples)
    after = UniMC.from_pretrained(tmp_path / "half", device="cpu").predict(examples)
    for one, other in zip(before, after, strict=True):
        assert one.answer == other.answer
        assert one.scores == pytest.approx(other.scores, abs=0.01)


def test_a_bundle_holds_what_is_needed_and_no_more(shipped: Path) -> None:
    assert {path.name for path in shipped.iterdir()} == {
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "unimc.json",
    }
    assert "\n" not in (shipped / "tokenizer.json").read_text(encoding="utf-8").strip()
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o644 for path in shipped.iterdir())


def test_what_a_model_saw_in_training_goes_with_it(tmp_path: Path) -> None:
    """So that an evaluation of a bundled model can still tell what was seen."""
    from unimc.seen import hashes

    made = tiny.checkpoint("bert")
    seen = hashes(EXAMPLES)
    Checkpoint(made.model, made.tokenizer, made.answers, 90, training_texts=seen).save(tmp_path / "whole")
    assert unimc("bundle", "--model", tmp_path / "whole", "--output", tmp_path / "half").code == 0
    assert {task: list(texts) for task, texts in load(tmp_path / "half").training_texts.items()} == {
        task: list(texts) for task, texts in seen.items()
    }


def test_a_bundle_in_the_package_is_a_model_with_a_name(home: Path, bert_folder: Path) -> None:
    assert unimc("bundle", "--model", bert_folder, "--output", home / "unimc-new").code == 0
    assert bundled.resolve("unimc-new") == str(home / "unimc-new")
    assert bundled.models()[0].complete


def test_a_vocabulary_can_be_cut_after_training_and_answers_stay(bert_folder: Path, tmp_path: Path) -> None:
    """Those of texts whose pieces stay; here all of them."""
    texts = [text for one in EXAMPLES for text in (*one.options, one.question, one.passage, one.textb) if text]
    (tmp_path / "texts.txt").write_text("\n".join(texts), encoding="utf-8")
    size = len(tiny.tokenizer("wordpiece")) - 20
    arguments = ["--dtype", "float32", "--pieces", size, "--texts", tmp_path / "texts.txt"]
    done = unimc("bundle", "--model", bert_folder, "--output", tmp_path / "cut", *arguments)
    assert done.code == 0, done.err
    opened = UniMC.from_pretrained(tmp_path / "cut", device="cpu")
    assert opened.model.backbone.config.vocab_size == size
    assert opened.predict(EXAMPLES) == UniMC.from_pretrained(bert_folder, device="cpu").predict(EXAMPLES)


def test_a_model_trained_in_short_rows_may_answer_in_longer_ones(tmp_path: Path) -> None:
    """Options share positions, so that a row may well have more tokens than the backbone has positions."""
    made = replace(tiny.checkpoint("bert"), max_length=16)
    made.save(tmp_path / "short")
    longer = 2 * made.model.layout.positions
    assert unimc("bundle", "--model", tmp_path / "short", "--output", tmp_path / "b", "--max-length", longer).code == 0
    assert UniMC.from_pretrained(tmp_path / "b", device="cpu").encoder.max_length == longer


def test_the_card_calls_a_model_by_the_name_it_will_have(bert_folder: Path, tmp_path: Path) -> None:
    """A distribution's package can't have a hyphen in it; the model's name can."""
    done = unimc("bundle", "--model", bert_folder, "--output", tmp_path / "unimc_new", "--name", "unimc-new")
    assert done.code == 0
    assert 'UniMC.from_pretrained("unimc-new")' in (tmp_path / "unimc_new" / "README.md").read_text(encoding="utf-8")


def test_a_folder_that_is_there_is_not_overwritten(bert_folder: Path, shipped: Path) -> None:
    done = unimc("bundle", "--model", bert_folder, "--output", shipped)
    assert (done.code, "is there already" in done.err) == (2, True)


def test_weights_too_large_for_the_precision_are_refused(tmp_path: Path) -> None:
    made = tiny.checkpoint("bert")
    made.save(tmp_path / "whole")
    from safetensors.torch import save_file

    weights = load_file(tmp_path / "whole" / "model.safetensors")
    weights["cls.predictions.bias"][0] = 1e6
    save_file(weights, tmp_path / "whole" / "model.safetensors", metadata={"format": "pt"})
    done = unimc("bundle", "--model", tmp_path / "whole", "--output", tmp_path / "half")
    assert done.code == 2
    assert "cls.predictions.bias is not finite in float16; use --dtype float32 or bfloat16" in done.err
    assert not (tmp_path / "half").exists()
    assert unimc("bundle", "--model", tmp_path / "whole", "--output", tmp_path / "b", "--dtype", "bfloat16").code == 0


def test_a_bare_encoder_is_refused(tmp_path: Path) -> None:
    encoder = AutoModel.from_config(tiny.backbone("bert").config)
    encoder.save_pretrained(tmp_path / "bare")
    tiny.checkpoint("bert").tokenizer.save_pretrained(tmp_path / "bare")
    done = unimc("bundle", "--model", tmp_path / "bare", "--output", tmp_path / "half")
    assert done.code == 2
    assert "no masked-LM head of its own; train it before it is bundled" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--texts", "a.txt"], "--texts has a meaning only with --pieces"),
        (["--dtype", "int8"], "--dtype 'int8' is not known; use float16, bfloat16, float32"),
        (["--results", "nothing-here"], "nothing-here: no results.json; name the folder that `unimc evaluate` wrote"),
    ],
)
def test_wrong_arguments_are_named(bert_folder: Path, tmp_path: Path, arguments: list[str], said: str) -> None:
    done = unimc("bundle", "--model", bert_folder, "--output", tmp_path / "half", *arguments)
    assert (done.code, said in done.err) == (2, True)
    assert not (tmp_path / "half").exists()
