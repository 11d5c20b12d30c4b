"""What a page of the documentation needs to be run: its commands, and a model where none is named."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import terminal
import tiny

from unimc import bundled
from unimc.answers import Answers
from unimc.checkpoint import Checkpoint
from unimc.example import InputError
from unimc.modeling import UniMCModel


def run(words: Sequence[str]) -> terminal.Said:
    """Runs a command line that begins with `unimc`, and holds that it ends well."""
    said = terminal.unimc(*words[1:])
    assert said.code == 0, f"{' '.join(words)}: {said.err}"
    return said


def default_model(text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sees to it that a model can be left unnamed: a tiny one that knows a text's words, if none is bundled here."""
    try:
        bundled.default()
    except InputError:
        words = sorted({"yes", "no", *re.findall(r"[a-z]+", text.lower())})
        tokenizer = tiny.wordpiece(words=words, han="".join(sorted({"是", "非", *re.findall(r"[^\x00-\x7f]", text)})))
        backbone = tiny.new_backbone("bert", vocab_size=len(tokenizer))
        made = Checkpoint(UniMCModel(backbone), tokenizer, Answers.look_up(tokenizer), tiny.POSITIONS)
        made.save(folder / bundled.DEFAULT)
        monkeypatch.setattr(bundled, "MODELS", folder)
