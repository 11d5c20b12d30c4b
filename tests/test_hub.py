"""A model goes to the hub with its card and comes back the same; offline, nothing is ever asked."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import hub_stand_in
import pytest
import yaml
from huggingface_hub import constants

from unimc import InputError, UniMC
from unimc.adaptation import AdaptedCheckpoint
from unimc.checkpoint import Checkpoint, load

REPO = "somebody/small-questions"
TEXT, OPTIONS = "the soup was cold", ["food", "sport"]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[hub_stand_in.StandIn]:
    with hub_stand_in.running() as one:
        monkeypatch.setattr(constants, "ENDPOINT", one.address)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield one


def test_a_model_is_uploaded_with_everything_that_opens_it(model: UniMC, hub: hub_stand_in.StandIn) -> None:
    where = model.push_to_hub(REPO, private=True, message="the first one", token=hub_stand_in.TOKEN)
    assert where == f"{hub.address}/{REPO}"
    assert {"config.json", "model.safetensors", "tokenizer.json", "unimc.json", "README.md"} <= hub.files[REPO].keys()
    made = hub.made[0]
    assert made.get("private") is True or made.get("visibility") == "private"  # older and newer clients
    assert hub.messages == ["the first one"]
    assert not [name for name in hub.files[REPO] if name.endswith((".bin", ".pt", ".pkl", ".py"))]


@pytest.mark.parametrize("kind", ["lora", "nothing"])
def test_an_adapter_is_uploaded_as_the_whole_model_and_opens_without_its_base(
    kind: Literal["lora", "nothing"], bert_folder: Path, hub: hub_stand_in.StandIn, tmp_path: Path
) -> None:
    adapter = AdaptedCheckpoint.of(load(bert_folder), base=str(bert_folder), kind=kind)
    UniMC(adapter).push_to_hub(REPO, token=hub_stand_in.TOKEN)
    for name, content in hub.files[REPO].items():
        (tmp_path / name).write_bytes(content)
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= hub.files[REPO].keys()
    assert type(load(tmp_path)) is Checkpoint


def test_a_learned_prompt_is_not_uploaded_and_nothing_is_asked(bert_folder: Path, hub: hub_stand_in.StandIn) -> None:
    adapter = AdaptedCheckpoint.of(load(bert_folder), base=str(bert_folder), kind="prompt")
    with pytest.raises(InputError, match="keep the adapter's folder"):
        UniMC(adapter).push_to_hub(REPO, token=hub_stand_in.TOKEN)
    assert hub.asked == []


def test_the_card_is_made_of_what_the_checkpoint_says(model: UniMC, hub: hub_stand_in.StandIn) -> None:
    model.checkpoint.trained_on = [{"task": "sample_en_nli", "split": "train", "rows": 12, "language": "en"}]
    model.push_to_hub(REPO, token=hub_stand_in.TOKEN)
    card = hub.files[REPO]["README.md"].decode()
    metadata = yaml.safe_load(card.split("---")[1])
    assert metadata["language"] == ["en"]
    assert metadata["pipeline_tag"] == "zero-shot-classification"
    assert f'UniMC.from_pretrained("{REPO}")' in card
    assert "sample_en_nli" in card


def test_a_card_of_ones_own_is_taken_as_it_is(model: UniMC, hub: hub_stand_in.StandIn) -> None:
    card = "---\nlicense: apache-2.0\n---\n\n# 我的模型\n"
    model.push_to_hub(REPO, card_text=card, token=hub_stand_in.TOKEN)
    assert hub.files[REPO]["README.md"].decode() == card


def test_who_is_not_let_in_is_told_so_in_one_line(model: UniMC, hub: hub_stand_in.StandIn) -> None:
    with pytest.raises(InputError, match=f"the hub refused {REPO}: .*401") as told:
        model.push_to_hub(REPO, token="hf_ofsomebodyelse")
    assert "\n" not in str(told.value)
    assert hub.files == {}


def test_a_hub_that_is_not_there_is_said(model: UniMC, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{nobody.getsockname()[1]}")
        with pytest.raises(InputError, match=r"was not uploaded: .*; check the network"):
            model.push_to_hub(REPO, token=hub_stand_in.TOKEN)


@pytest.mark.parametrize("name", ["", "a b/c", "a/b/c", "../up", "名/字", "a/b\n"])
def test_a_name_that_is_none_is_refused_before_anything_is_asked(
    name: str, model: UniMC, hub: hub_stand_in.StandIn
) -> None:
    with pytest.raises(InputError, match="is no name of a repository on the hub; give 'name/model'"):
        model.push_to_hub(name, token=hub_stand_in.TOKEN)
    assert hub.asked == []


def test_offline_nothing_is_uploaded_and_the_switch_is_named(
    model: UniMC, hub: hub_stand_in.StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match=f"HF_HUB_OFFLINE is set, so {REPO} was not uploaded; unset it to push"):
        model.push_to_hub(REPO, token=hub_stand_in.TOKEN)
    assert hub.asked == []


def opened(hub: hub_stand_in.StandIn, cache: Path, offline: bool) -> subprocess.CompletedProcess[str]:
    """Asks the model by its id in a process of its own: the address of the hub is read when its library is loaded."""
    code = (
        "import json; from unimc import UniMC\n"
        f"found = UniMC.from_pretrained({REPO!r}).classify({TEXT!r}, {OPTIONS!r}, language='en')\n"
        "print(json.dumps(found.scores))"
    )
    asking = {"HF_ENDPOINT": hub.address, "HF_HUB_CACHE": str(cache), "HF_HUB_OFFLINE": str(int(offline))}
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **asking}, capture_output=True, encoding="utf-8", check=False
    )


@pytest.mark.slow
def test_what_was_pushed_opens_by_its_id_and_answers_the_same_and_then_offline(
    model: UniMC, hub: hub_stand_in.StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.push_to_hub(REPO, token=hub_stand_in.TOKEN)
    here = model.classify(TEXT, OPTIONS, language="en").scores
    with monkeypatch.context() as patch:
        patch.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(InputError, match=f"{REPO!r} is neither a folder here nor a model that the hub gives now"):
            UniMC.from_pretrained(REPO)
    first = opened(hub, tmp_path, offline=False)
    assert json.loads(first.stdout) == pytest.approx(here, abs=1e-6), first.stderr
    asked = len(hub.asked)
    again = opened(hub, tmp_path, offline=True)
    assert json.loads(again.stdout) == pytest.approx(here, abs=1e-6), again.stderr
    assert len(hub.asked) == asked
