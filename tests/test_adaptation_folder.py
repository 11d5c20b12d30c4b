"""An adapter's folder and its base: the base is never written over, and is found again under any name that it has."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import terminal
import tiny
import torch

from unimc import InputError, MultipleChoiceExample, UniMC, bundled
from unimc.adaptation import AdaptConfig, AdaptedCheckpoint, Drawn, adapt, draw
from unimc.adaptation.adapting import Adapted
from unimc.adaptation.few_shot import few_shot
from unimc.adaptation.folder import MODEL
from unimc.checkpoint import Checkpoint, load

OPTIONS = ("sport", "food")
ROWS = [
    MultipleChoiceExample(OPTIONS, "what is it about", text, label=label, task="topics", id=f"{label} {number}")
    for label, texts in enumerate((("goal", "late goal", "the goal"), ("soup", "good soup", "the soup")))
    for number, text in enumerate(texts)
]
CHINESE = MultipleChoiceExample(["体育", "食物"], "说什么", "今天足球", language="zh")


def drawn() -> Drawn:
    return draw(ROWS, None, seed=0, held_out=0, label_names=OPTIONS)


def adapted(base: str | Path, strategy: str, **more: Any) -> Adapted:
    config = AdaptConfig(strategy, steps=1, prompt_rate=0.3 if "prompt" in strategy else None, held_out=0)
    return adapt(base, drawn(), config, device="cpu", progress=False, **more)


def margins(model: UniMC) -> list[tuple[float, ...]]:
    return [one.margins for one in model.predict([*ROWS, CHINESE])]


def opened(folder: str | Path) -> UniMC:
    return UniMC.from_pretrained(folder, device="cpu")


def edited(folder: Path, **changes: Any) -> None:
    entry = json.loads((folder / "unimc.json").read_text(encoding="utf-8"))
    entry["adapter"] = {name: value for name, value in (entry["adapter"] | changes).items() if value is not None}
    (folder / "unimc.json").write_text(json.dumps(entry), encoding="utf-8")


def noted(folder: Path) -> dict[str, Any]:
    adapter: dict[str, Any] = json.loads((folder / "unimc.json").read_text(encoding="utf-8"))["adapter"]
    return adapter


def contents(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


@pytest.fixture
def base(bert_folder: Path, tmp_path: Path) -> Path:
    """As `unimc train` leaves it: RUN/final."""
    return Path(shutil.copytree(bert_folder, tmp_path / "run" / "final"))


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """The form of the base, with other weights."""
    made = load(shutil.copytree(tmp_path / "run" / "final", tmp_path / "other"))
    with torch.no_grad():
        made.model.backbone.get_input_embeddings().weight.add_(1.0)
    made.save(tmp_path / "other")
    return tmp_path / "other"


# ---- the base is never written over

WHERE: dict[str, Callable[[Path], tuple[Path, int]]] = {
    "final": lambda base: (base.parent, 1),
    "a draw": lambda base: (base.rename(base.parent / "draw-1").parent, 2),
    "the folder itself": lambda base: (base, 2),
}


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("strategy", ["zero-shot", "fine-tuning", "prompt-tuning"])
def test_a_base_that_would_be_written_over_is_refused_before_any_training(
    base: Path, where: str, strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, draws = WHERE[where](base)
    lies = next(output.parent.rglob("model.safetensors")).parent
    before = contents(output)
    monkeypatch.setattr("unimc.adaptation.few_shot.adapt", lambda *_, **__: pytest.fail("trained"))
    for name in (lies, _link(lies)):
        with pytest.raises(InputError, match="is the model that is adapted, and would be written over; name another"):
            few_shot(name, ROWS, AdaptConfig(strategy), k=None, draws=draws, output=output, progress=False)
    assert contents(output) == before


def _link(folder: Path) -> Path:
    link = folder.parent.parent / "link"
    link.symlink_to(folder)
    return link


def test_the_command_leaves_its_base_as_it_was(base: Path, tmp_path: Path) -> None:
    rows = tmp_path / "邮件.csv"
    rows.write_text("文,类\n足球,体育\n汤,食物\n", encoding="utf-8")
    asked = ("--text", "文", "--label", "类", "--options", "体育,食物", "--steps", 1)
    before = contents(base)
    said = terminal.unimc("adapt", rows, *asked, "--model", base, "--output", base.parent)
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert f"{base} is the model that is adapted" in said.err
    assert contents(base) == before


@pytest.mark.parametrize("strategy", ["zero-shot", "prompt-and-model"])
def test_an_adapter_is_not_saved_into_a_whole_model(base: Path, strategy: str) -> None:
    made, before = adapted(base, strategy), contents(base)
    with pytest.raises(InputError, match=r"holds a whole model, .*; name another folder"):
        made.checkpoint.save(base)
    assert contents(base) == before


# ---- what could not be opened again is not made


@pytest.fixture
def bare(base: Path) -> Path:
    """An encoder without a masked-LM head."""
    checkpoint = tiny.checkpoint("bert")
    folder = base.parent / "bare"
    checkpoint.model.backbone.bert.save_pretrained(folder)
    checkpoint.tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("strategy", ["zero-shot", "lora", "prompt-tuning"])
def test_a_bare_encoder_gets_no_adapter_since_its_head_is_another_each_time(
    bare: Path, strategy: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    with pytest.raises(
        InputError, match=f"bare has no masked-LM head.*{strategy}.*train it first.*or take fine-tuning"
    ):
        adapted(bare, strategy)


@pytest.mark.parametrize(("strategy", "merge"), [("fine-tuning", False), ("prompt-and-model", False), ("lora", True)])
def test_a_bare_encoder_that_is_written_whole_opens_again(
    bare: Path, strategy: str, merge: bool, tmp_path: Path
) -> None:
    if strategy == "lora":
        pytest.importorskip("peft")
    found = few_shot(
        bare, ROWS, AdaptConfig(strategy, steps=1, held_out=0), k=None, label_names=OPTIONS,
        output=tmp_path / "out", merge=merge, device="cpu", progress=False,
    )  # fmt: skip
    assert opened(found.shots[0].folder).predict(ROWS)


# ---- the base is found again


def test_the_base_named_by_hand_is_taken_though_another_lies_where_it_was(base: Path, other: Path) -> None:
    mine = base.parent / "mine"
    adapted(base, "prompt-tuning").checkpoint.save(mine)
    expected = margins(opened(mine))
    base.rename(base.parent / "elsewhere")
    other.rename(base)
    with pytest.raises(InputError, match="has other weights than this adapter was made for"):
        load(mine)
    edited(mine, base=str(base.parent / "elsewhere"))
    assert margins(opened(mine)) == expected


def test_a_base_beside_the_adapter_is_taken_where_another_has_its_old_name(base: Path, other: Path) -> None:
    """Both were copied away, and the one left behind was trained on."""
    adapted(base, "prompt-tuning").checkpoint.save(base.parent / "mine")
    expected = margins(opened(base.parent / "mine"))
    shutil.copytree(base.parent, away := base.parent.parent / "away")
    shutil.rmtree(base)
    other.rename(base)
    assert margins(opened(away / "mine")) == expected


@pytest.fixture
def installed(base: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a bundled model: the only one there is, and the default."""
    monkeypatch.setattr(bundled, "MODELS", base.parent.parent / "site" / "models")
    monkeypatch.setattr(bundled, "_others", lambda: iter(()))
    shutil.copytree(base, bundled.MODELS / bundled.DEFAULT)
    return bundled.DEFAULT


@pytest.mark.parametrize("given", ["", "name", "folder"])
def test_a_bundled_base_is_noted_by_its_name_and_found_on_another_machine(
    installed: str, given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"": "", "name": installed, "folder": str(bundled.MODELS / installed)}[given]
    adapted(asked, "prompt-tuning").checkpoint.save(tmp_path / "mine")
    assert noted(tmp_path / "mine")["base"] == installed
    assert "path" not in noted(tmp_path / "mine")
    expected = margins(opened(tmp_path / "mine"))
    moved = bundled.MODELS.rename(tmp_path / "elsewhere")
    monkeypatch.setattr(bundled, "MODELS", moved)
    assert margins(opened(tmp_path / "mine")) == expected


def test_the_command_notes_the_default_model_by_its_name(installed: str, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("text,kind\ngoal,sport\nsoup,food\n", encoding="utf-8")
    asked = ("--text", "text", "--label", "kind", "--options", "sport,food", "--strategy", "zero-shot")
    said = terminal.unimc("adapt", rows, *asked, "--output", tmp_path / "out")
    assert said.code == 0, said.err
    assert noted(tmp_path / "out" / "final")["base"] == installed


def test_a_bundled_model_can_be_named_where_the_folder_is_gone(installed: str, base: Path, tmp_path: Path) -> None:
    adapted(base, "prompt-tuning").checkpoint.save(tmp_path / "mine")
    expected = margins(opened(tmp_path / "mine"))
    shutil.rmtree(base)
    with pytest.raises(InputError, match=r"is not there; name .* as `base` in .*mine.unimc\.json"):
        load(tmp_path / "mine")
    edited(tmp_path / "mine", base=installed)
    assert margins(opened(tmp_path / "mine")) == expected


def test_a_hub_id_can_be_named_where_the_folder_is_gone(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adapted(base, "prompt-tuning").checkpoint.save(tmp_path / "mine")
    expected = margins(opened(tmp_path / "mine"))
    hub = base.rename(tmp_path / "hub")
    edited(tmp_path / "mine", base="somebody/model")
    with pytest.raises(InputError, match=r"somebody/model is not there; name "):
        load(tmp_path / "mine")
    asked = load

    def from_hub(name: str, **settings: Any) -> Checkpoint:
        return asked(hub if name == "somebody/model" else name, **settings)

    monkeypatch.setattr("unimc.adaptation.loading.load", from_hub)
    assert margins(opened(tmp_path / "mine")) == expected


def test_a_base_may_be_called_model(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    base.rename(tmp_path / MODEL)
    monkeypatch.chdir(tmp_path)
    made = adapted(MODEL, "prompt-tuning")
    made.checkpoint.save(tmp_path / "mine")
    expected = margins(UniMC(made.checkpoint))
    assert margins(opened(tmp_path / "mine")) == expected
    monkeypatch.chdir("/")
    assert margins(opened(tmp_path / "mine")) == expected
    opened(tmp_path / "mine").save_pretrained(tmp_path / "further" / "again")
    assert margins(opened(tmp_path / "further" / "again")) == expected


def test_an_adapter_of_itself_is_said(base: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    adapted(base, "prompt-tuning").checkpoint.save(mine)
    edited(mine, base=str(mine), path=".")
    with pytest.raises(InputError, match="is not there"):
        load(mine)


# ---- other types of numbers


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_prompt_and_its_model_saved_in_sixteen_bits_open_again(
    base: Path, dtype: torch.dtype, tmp_path: Path
) -> None:
    adapted(base, "prompt-and-model").checkpoint.save(tmp_path / "whole")
    half = load(tmp_path / "whole", dtype=dtype)
    half.save(tmp_path / "half")
    again = load(tmp_path / "half", dtype=dtype)
    assert isinstance(again, AdaptedCheckpoint)
    for name, weight in half.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], weight)
    assert opened(tmp_path / "half").predict(ROWS)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("family", ["modernbert", "bert"])
def test_an_adapter_in_sixteen_bits_rounds_weights_and_nothing_else(
    family: str, dtype: torch.dtype, tmp_path: Path
) -> None:
    tiny.checkpoint(family).save(tmp_path / "base")
    adapted(tmp_path / "base", "zero-shot").checkpoint.save(tmp_path / "mine")
    plain, mine = (load(tmp_path / name, dtype=dtype).model for name in ("base", "mine"))
    for (name, one), (_, other) in zip(plain.named_buffers(), mine.named_buffers(), strict=True):
        assert one.dtype == other.dtype, name
        assert torch.equal(one, other), name
    assert {one.dtype for one in mine.parameters()} == {dtype}
