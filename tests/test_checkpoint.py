"""Folders: saved and opened again, released ones, bare encoders, and broken ones."""

from __future__ import annotations

import json
import logging
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoModelForMaskedLM, GPT2Config

from unimc import InputError, MultipleChoiceExample, UniMC
from unimc.calibration import Calibration
from unimc.checkpoint import DEFAULT_MAX_LENGTH, FILE, Checkpoint, load, load_encoder

EXAMPLES = [
    MultipleChoiceExample(["sport", "food and snow"], "what is it", "the soup was late"),
    MultipleChoiceExample(["rain", "old music", "a walk"], "", "it was not very good", "then the train"),
]


@pytest.fixture
def folder(bert_folder: Path, tmp_path: Path) -> Path:
    """A checkpoint that the test may spoil."""
    return Path(shutil.copytree(bert_folder, tmp_path / "model"))


def rewrite(folder: Path, **changes: Any) -> None:
    path = folder / FILE
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8")


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_saving_and_opening_keeps_predictions_exactly(family: str, tmp_path: Path) -> None:
    model = UniMC(tiny.checkpoint(family))
    model.save_pretrained(tmp_path)
    opened = UniMC.from_pretrained(tmp_path, device="cpu")
    assert opened.predict(EXAMPLES) == model.predict(EXAMPLES)
    assert opened.answers == model.answers
    assert opened.encoder.max_length == tiny.POSITIONS
    assert not opened.checkpoint.fresh_head


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_checkpoint_is_an_ordinary_masked_lm_folder(family: str, tmp_path: Path) -> None:
    tiny.checkpoint(family).save(tmp_path)
    opened, report = AutoModelForMaskedLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    for name, weight in tiny.backbone(family).state_dict().items():
        assert torch.equal(opened.state_dict()[name], weight), name
    assert not list(tmp_path.glob("*.bin"))


def test_what_is_said_about_a_checkpoint_is_kept(tmp_path: Path) -> None:
    trained_on = [{"task": "新闻", "split": "train", "rows": 7}]
    made = tiny.checkpoint("bert")
    Checkpoint(made.model, made.tokenizer, made.answers, 99, trained_on, ["CC BY 4.0"]).save(tmp_path)
    opened = load(tmp_path)
    assert (opened.max_length, opened.trained_on, opened.licences) == (99, trained_on, ["CC BY 4.0"])
    entry = json.loads((tmp_path / FILE).read_text(encoding="utf-8"))
    assert entry["answers"] == {"en": ["yes", "no"], "zh": ["是", "非"]}
    assert entry["answer_ids"] == {name: [pair.yes_id, pair.no_id] for name, pair in made.answers.pairs.items()}
    assert entry["versions"].keys() == {"unimc", "torch", "transformers"}


CALIBRATION = {
    "新闻": {"temperature": 1.5, "bias": {"体育": 0.25, "财经": -0.25}},
    "default": {"temperature": 2.0, "bias": None},
}


def test_a_calibration_is_kept_and_changes_no_prediction_by_itself(tmp_path: Path) -> None:
    made = tiny.checkpoint("bert")
    replace(made, calibration=CALIBRATION).save(tmp_path)
    opened = load(tmp_path)
    assert opened.calibration == CALIBRATION
    assert Calibration.from_dict(opened.calibration["新闻"]).to_dict() == {**CALIBRATION["新闻"], "kind": "single"}
    assert UniMC(opened).predict(EXAMPLES) == UniMC(made).predict(EXAMPLES)


def test_a_checkpoint_without_a_calibration_has_an_empty_one(folder: Path) -> None:
    assert load(folder).calibration == {}
    (folder / FILE).unlink()
    assert load(folder).calibration == {}


def test_a_calibration_that_could_not_be_opened_is_not_saved(tmp_path: Path) -> None:
    wrong = {"AG News": {"temperature": float("nan"), "bias": None}}
    with pytest.raises(InputError, match=r"unimc\.json: calibration must be an object of task .*AG News"):
        replace(tiny.checkpoint("bert"), calibration=wrong).save(tmp_path / "new")
    assert list((tmp_path / "new").glob("*")) == []


def test_a_folder_without_unimc_json_opens_with_what_its_vocabulary_holds(folder: Path) -> None:
    (folder / FILE).unlink()
    opened = load(folder)
    assert opened.answers == tiny.checkpoint("bert").answers
    assert opened.max_length == DEFAULT_MAX_LENGTH


def test_named_answer_pieces_rule(folder: Path) -> None:
    rewrite(folder, answers={"en": ["good", "bad"]}, answer_ids={})
    assert load(folder).answers.to_dict() == {"en": ["good", "bad"]}


def test_half_precision_weights_are_opened_in_full_unless_asked_otherwise(folder: Path) -> None:
    tiny.new_backbone("bert").to(torch.bfloat16).save_pretrained(folder)
    assert load(folder).model.backbone.dtype == torch.float32
    assert load(folder, dtype=torch.bfloat16).model.backbone.dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("family", "wanted", "got"),
    [
        ("bert", None, "sdpa"),
        ("bert", "eager", "eager"),
        ("megatron-bert", None, "eager"),
        ("deberta-v2", None, "eager"),
    ],
)
def test_the_attention_is_one_the_mask_is_right_for(family: str, wanted: str | None, got: str, tmp_path: Path) -> None:
    tiny.checkpoint(family).save(tmp_path)
    assert load(tmp_path, attention=wanted).model.backbone.config._attn_implementation == got


def test_flash_attention_is_refused(bert_folder: Path) -> None:
    with pytest.raises(
        InputError, match="'flash_attention_2' cannot keep the options of BERT apart; use sdpa or eager"
    ):
        load(bert_folder, attention="flash_attention_2")


# ---- bare encoders


@pytest.mark.parametrize("family", [family for family in tiny.FAMILIES if family != "deberta-v2-legacy"])
def test_a_bare_encoder_gets_a_fresh_head_in_one_line_of_ours(
    family: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    backbone = tiny.backbone(family)
    encoder = AutoModel.from_config(backbone.config)
    encoder.load_state_dict(backbone.base_model.state_dict(), strict=False)
    encoder.save_pretrained(tmp_path)
    tiny.checkpoint(family).tokenizer.save_pretrained(tmp_path)
    capfd.readouterr()
    with caplog.at_level(logging.INFO):
        opened = load(tmp_path)
    assert opened.fresh_head
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path} has no masked-LM head; it starts with random weights and has to be trained"
    ]
    assert capfd.readouterr() == ("", "")
    for name, weight in backbone.base_model.state_dict().items():
        assert torch.equal(opened.model.backbone.base_model.state_dict()[name], weight), name


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_head_of_which_a_part_is_missing_is_damage(family: str, tmp_path: Path) -> None:
    """Also where there is no `unimc.json`: it is no bare encoder."""
    tiny.checkpoint(family).save(tmp_path)
    (tmp_path / FILE).unlink()
    weights = load_file(tmp_path / "model.safetensors")
    lost = next(key for key in weights if key.startswith(tiny.checkpoint(family).model.family.head))
    del weights[lost]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=rf"weights are missing \(.*{lost}"):
        load(tmp_path)


def test_a_checkpoint_of_ours_without_its_head_is_damage(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    weights = load_file(folder / "model.safetensors")
    encoder = {key: weight for key, weight in weights.items() if not key.startswith("cls.")}
    save_file(encoder, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match="the weights of the masked-LM head are missing; the folder is damaged"):
        load(folder)
    assert caplog.records == []
    (folder / FILE).unlink()
    assert load(folder).fresh_head


def test_a_whole_checkpoint_opens_without_a_word(
    bert_folder: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    capfd.readouterr()
    with caplog.at_level(logging.INFO):
        assert not load(bert_folder).fresh_head
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")


# ---- broken folders


def test_a_missing_weight_elsewhere_is_refused(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["bert.encoder.layer.1.attention.self.query.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(
        InputError, match=r"1 weights? (is|are) missing \(bert\.encoder\.layer\.1\.attention\.self\.query\.weight"
    ):
        load(folder)


def test_layers_that_the_configuration_leaves_out_are_refused(folder: Path) -> None:
    """It would answer from the first layers alone."""
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**settings, "num_hidden_layers": 1}), encoding="utf-8")
    with pytest.raises(InputError, match=r"layers that its configuration doesn't .*encoder\.layer\.1\."):
        load(folder)


def test_a_file_cut_short_is_refused(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match="the weights can't be read; the file may be cut short"):
        load(folder)


def test_a_folder_without_weights_is_refused(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match="the weights can't be read"):
        load(folder)


class Harm:
    """What a pickle can hide: a call made when it is opened."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.touch, (self.file,)


def test_pickled_weights_run_no_code(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch.save({"bert.x": Harm(folder / "harm")}, folder / "pytorch_model.bin")
    with pytest.raises(InputError, match="the weights can't be read"):
        load(folder)
    assert not (folder / "harm").exists()


def test_code_in_a_folder_is_neither_run_nor_asked_about(folder: Path) -> None:
    config = {"model_type": "their-own", "auto_map": {"AutoConfig": "theirs.Config"}}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "theirs.py").write_text("raise SystemExit('run')", encoding="utf-8")
    with pytest.raises(InputError, match=r"no usable config\.json"):
        load(folder)


def test_weights_of_another_size_are_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 50}), encoding="utf-8")
    with pytest.raises(InputError, match="the weights can't be read"):
        load(folder)


def test_a_folder_without_a_tokenizer_is_refused(folder: Path) -> None:
    for path in folder.glob("*token*"):
        path.unlink()
    with pytest.raises(InputError, match=r"no (usable )?tokenizer"):
        load(folder)


def test_a_folder_without_a_configuration_is_refused(folder: Path) -> None:
    (folder / "config.json").unlink()
    with pytest.raises(InputError, match=r"no usable config\.json in this folder"):
        load(folder)


def test_a_folder_that_is_no_masked_model_is_refused(tmp_path: Path) -> None:
    GPT2Config().save_pretrained(tmp_path)
    with pytest.raises(InputError, match="backbone type 'gpt2' is not supported"):
        load(tmp_path)


def test_another_tokenizer_than_it_was_saved_with_is_refused(folder: Path) -> None:
    """Same size, other ids: every piece would be read as another."""
    tiny.wordpiece(words=tiny.WORDS[::-1]).save_pretrained(folder)
    with pytest.raises(InputError, match=r"answer pieces of 'en' are \[.*\] in its tokenizer, \[.*\] in unimc\.json"):
        load(folder)


def test_a_tokenizer_of_more_pieces_than_the_model_has_is_refused(folder: Path) -> None:
    tiny.wordpiece(han=f"{tiny.HAN}鸟鱼").save_pretrained(folder)
    size = len(tiny.tokenizer("wordpiece"))
    for opening in (load, load_encoder):
        with pytest.raises(InputError, match=f"the tokenizer has {size + 2} pieces and the model only {size}"):
            opening(folder)


@pytest.mark.parametrize("name", ["no/such-model", "./not-here", "no such model"])
def test_a_name_that_nothing_has_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="is neither a folder here nor a model that the hub gives now"):
        load(name)


@pytest.mark.parametrize("text", ["{", "", "answers: yes", "\x00"])
def test_an_entry_that_is_not_json_is_named(folder: Path, text: str) -> None:
    (folder / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"unimc\.json is not valid JSON"):
        load(folder)


def test_an_entry_in_another_encoding_is_named(folder: Path) -> None:
    (folder / FILE).write_bytes('{"answers": {"zh": ["是", "非"]}}'.encode("gbk"))
    with pytest.raises(InputError, match=r"unimc\.json is not valid JSON"):
        load(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"answers": ["yes", "no"]},
        {"answers": {"en": ["yes"]}},
        {"answers": {"en": ["oui", "non"]}},
        {"answers": None},
        {"max_length": "long"},
        {"max_length": 0},
        {"max_length": True},
        {"trained_on": "AG News"},
        {"licences": {}},
        {"format": "1"},
        {"answer_ids": [5, 6]},
        {"calibration": []},
        {"calibration": {"default": 2.0}},
        {"calibration": {"default": {"temperature": 1.0}}},
        {"calibration": {"default": {"temperature": 0, "bias": None}}},
        {"calibration": {"default": {"temperature": True, "bias": None}}},
        {"calibration": {"情感": {"temperature": 1.0, "bias": [0.5, -0.5]}}},
        {"calibration": {"情感": {"temperature": 1.0, "bias": None, "kind": "several"}}},
        {"calibration": {"情感": {"temperature": 1.0, "bias": None, "threshold": 1.5}}},
        {"calibration": {"情感": {"temperature": 1.0, "bias": None, "threshold": {"好": "0.5"}}}},
        {"calibration": {"情感": {"temperature": 1.0, "bias": {"好": float("inf")}}}},
    ],
    ids=str,
)
def test_a_malformed_entry_is_named(folder: Path, changes: dict[str, Any]) -> None:
    rewrite(folder, **changes)
    with pytest.raises(InputError, match=r"unimc\.json"):
        load(folder)


@pytest.mark.parametrize(
    "changes",
    [
        {"trained_on": ["x"]},
        {"trained_on": [{"task": 5}]},
        {"trained_on": [{"task": "x", "rows": "many"}]},
        {"licences": [1]},
    ],
)
def test_a_malformed_entry_of_a_list_is_named(folder: Path, changes: dict[str, Any]) -> None:
    rewrite(folder, **changes)
    (key,) = changes
    with pytest.raises(InputError, match=rf"unimc\.json: {key} must be a list of .*, not "):
        load(folder)


def test_a_count_that_is_not_on_record_is_none(folder: Path) -> None:
    rewrite(folder, trained_on=[{"task": "x", "split": "train"}, {"task": "y", "rows": None}])
    assert len(load(folder).trained_on) == 2


def test_a_format_of_a_later_version_is_refused(folder: Path) -> None:
    rewrite(folder, format=2)
    with pytest.raises(
        InputError, match=r"unimc\.json: format 2 is of a later version, this one reads 1; update unimc"
    ):
        load(folder)


def test_an_entry_that_is_no_object_is_named(folder: Path) -> None:
    (folder / FILE).write_text("[1]", encoding="utf-8")
    with pytest.raises(InputError, match=r"unimc\.json should hold an object"):
        load(folder)


# ---- without the weights


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_all_but_the_weights_can_be_had_alone(family: str, tmp_path: Path) -> None:
    """Saved without them, opened without them: rows, answers and what is said about the checkpoint are the same."""
    made = replace(tiny.checkpoint(family), max_length=60, trained_on=[{"task": "新闻", "split": "train", "rows": 7}])
    made.save(tmp_path, weights=False)
    assert not list(tmp_path.glob("*.safetensors"))
    opened = load(tmp_path, weights=False)
    assert {weight.device.type for weight in opened.model.parameters()} == {"meta"}
    assert sum(one.numel() for one in opened.model.parameters()) == sum(one.numel() for one in made.model.parameters())
    assert opened.model.layout == made.model.layout
    assert (opened.answers, opened.max_length, opened.trained_on) == (made.answers, 60, made.trained_on)
    assert not opened.fresh_head


def test_weights_that_were_not_read_cannot_be_saved(bert_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no weights to save"):
        load(bert_folder, weights=False).save(tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_rows_are_made_without_the_weights_as_with_them(family: str, tmp_path: Path) -> None:
    made = tiny.checkpoint(family)
    Checkpoint(made.model, made.tokenizer, made.answers, 60).save(tmp_path)
    expected = UniMC.from_pretrained(tmp_path, device="cpu").encoder
    (tmp_path / "model.safetensors").unlink()
    encoder = load_encoder(tmp_path)
    assert (encoder.layout, encoder.max_length) == (expected.layout, 60)
    assert encoder.batch(EXAMPLES) == expected.batch(EXAMPLES)


def test_an_encoder_needs_a_backbone_that_is_supported(tmp_path: Path) -> None:
    GPT2Config().save_pretrained(tmp_path)
    with pytest.raises(InputError, match="backbone type 'gpt2' is not supported"):
        load_encoder(tmp_path)


# ---- the hub's cache


@pytest.mark.parametrize("with_entry", [True, False], ids=["ours", "released"])
def test_a_hub_id_in_the_cache_opens_without_a_network(bert_folder: Path, hub_cache: Path, with_entry: bool) -> None:
    """With `unimc.json`, and (as the released models are) without."""
    name = f"unimc-tests/tiny-{with_entry}"
    home = hub_cache / f"models--{name.replace('/', '--')}"
    snapshot = home / "snapshots" / "0123456789abcdef0123456789abcdef01234567"
    shutil.copytree(bert_folder, snapshot)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(snapshot.name, encoding="utf-8")
    rewrite(snapshot, max_length=33)
    if not with_entry:
        (snapshot / FILE).unlink()
    opened = load(name)
    assert opened.max_length == (33 if with_entry else DEFAULT_MAX_LENGTH)
    assert UniMC(opened).predict(EXAMPLES)[1].label == UniMC(tiny.checkpoint("bert")).predict(EXAMPLES)[1].label
