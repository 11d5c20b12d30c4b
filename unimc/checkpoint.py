"""Checkpoints: an ordinary transformers masked-LM folder plus `unimc.json` (DESIGN, section 10)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from logging import getLogger
from pathlib import Path
from typing import Any

import torch

from unimc import bundled, pretrained, seen
from unimc.answers import Answers
from unimc.backbones import attention_implementation, family_of
from unimc.encoding import Encoder
from unimc.entry import check
from unimc.example import InputError
from unimc.modeling import UniMCModel

FILE = "unimc.json"
FORMAT = 1
"""Of `unimc.json`; a checkpoint of a later one is refused."""
DEFAULT_MAX_LENGTH = 512

_log = getLogger(__name__)


@dataclass
class Checkpoint:
    """A model with all it takes to use it.

    Attributes:
        model: the model.
        tokenizer: the tokenizer of its backbone.
        answers: the answer pieces per language.
        max_length: the most tokens in a row that it is meant for.
        trained_on: for each task it was trained on: task, split, rows.
        licences: notes on what its weights and training data may be used for.
        calibration: for each task name, or "default", a calibration as `unimc.calibration` writes it (`to_dict`); of
            these weights only, and never applied unless asked for.
        training_texts: for each task it was trained on, hashes of the rows' texts (`unimc.seen`).
        fresh_head: whether the masked-LM head was missing and has random weights.
    """

    model: UniMCModel
    tokenizer: Any
    answers: Answers
    max_length: int = DEFAULT_MAX_LENGTH
    trained_on: list[dict[str, Any]] = field(default_factory=list)
    licences: list[str] = field(default_factory=list)
    training_texts: seen.Hashes = field(default_factory=dict)
    fresh_head: bool = False
    calibration: dict[str, dict[str, Any]] = field(default_factory=dict)

    def plain(self) -> Checkpoint:
        """The whole model as an ordinary checkpoint: itself, unless it is an adapter on a base."""
        return self

    def save(self, folder: str | Path, *, weights: bool = True) -> None:
        """Writes the folder: safetensors, tokenizer, `unimc.json` and the hashes of the training texts.

        Args:
            folder: the folder.
            weights: whether to write them; only the configuration of the backbone if not.

        Raises:
            InputError: if a calibration is not of its form, or the weights were never read; nothing is written then.
        """
        folder = Path(folder)
        if weights and self.model.backbone.device.type == "meta":
            raise InputError(
                "this model runs by onnxruntime and has no weights to save; copy its folder, or open the checkpoint "
                "that it was exported from"
            )
        check(folder / FILE, {"calibration": self.calibration})
        folder.mkdir(parents=True, exist_ok=True)
        with pretrained.quiet():
            (self.model.backbone if weights else self.model.backbone.config).save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        seen.save(self.training_texts, folder)
        entry = {
            "format": FORMAT,
            "answers": self.answers.to_dict(),
            "answer_ids": {name: [pair.yes_id, pair.no_id] for name, pair in self.answers.pairs.items()},
            "max_length": self.max_length,
            "trained_on": seen.together(self.trained_on),
            "licences": self.licences,
            "calibration": self.calibration,
            "versions": {package: version(package) for package in ("unimc", "torch", "transformers")},
        }
        (folder / FILE).write_text(json.dumps(entry, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def load(
    name_or_path: str | Path,
    *,
    dtype: torch.dtype | None = None,
    attention: str | None = None,
    dropout: float | None = None,
    weights: bool = True,
) -> Checkpoint:
    """Opens a folder, hub id or bundled model.

    That is a checkpoint of ours, a released UniMC model, or a bare encoder (with a fresh head).

    Args:
        name_or_path: the folder, hub id or name of a bundled model.
        dtype: of the weights; float32 if None.
        attention: "sdpa" or "eager"; the family's preferred one if None.
        dropout: probability everywhere in the backbone, for training; its own if None.
        weights: whether to read them; if not, the model tells how rows are laid out, and can't be run.

    Raises:
        InputError: if there is no such folder or id, it has no tokenizer or another one than it was trained with, its
            weights are incomplete or damaged, the backbone can't keep options apart, or a later version of unimc wrote
            it.
    """
    name = bundled.resolve(name_or_path)
    if adapter := _adapter(name):
        # By its name, as the command line finds its commands: it stands to the right of this module.
        opened = import_module("unimc.adaptation.loading").opened
        made: Checkpoint = opened(name, adapter, dtype=dtype, attention=attention, dropout=dropout, weights=weights)
        return made
    config = pretrained.configuration(name)
    implementation = attention_implementation(family_of(config), attention)
    if dropout is not None:
        pretrained.set_dropout(config, dropout)
    tokenizer = pretrained.tokenizer(name, config)
    entry = _entry(name)
    answers = _answers(name, entry, tokenizer)
    if weights:
        backbone, fresh = pretrained.masked_lm(name, config, dtype or torch.float32, implementation)
    else:
        backbone, fresh = pretrained.without_weights(config, implementation), False
    if fresh and entry:
        raise InputError(f"{name}: the weights of the masked-LM head are missing; the folder is damaged, copy it again")
    if fresh:
        _log.warning("%s has no masked-LM head; it starts with random weights and has to be trained", name)
    return Checkpoint(
        model=UniMCModel(backbone),
        tokenizer=tokenizer,
        answers=answers,
        max_length=entry.get("max_length", DEFAULT_MAX_LENGTH),
        trained_on=entry.get("trained_on", []),
        licences=entry.get("licences", []),
        training_texts=_training_texts(name, entry),
        fresh_head=fresh,
        calibration=entry.get("calibration", {}),
    )


def load_encoder(name_or_path: str | Path) -> Encoder:
    """What turns examples into rows for a folder, hub id or bundled model; its weights are neither needed nor read.

    Raises:
        InputError: as `load`, but for the weights.
    """
    name = bundled.resolve(name_or_path)
    if _adapter(name):
        whole = load(name, weights=False)
        return Encoder(whole.tokenizer, whole.model.layout, whole.max_length)
    config = pretrained.configuration(name)
    layout = family_of(config).layout(config)
    return Encoder(pretrained.tokenizer(name, config), layout, _entry(name).get("max_length", DEFAULT_MAX_LENGTH))


def _adapter(name: str) -> dict[str, Any]:
    """`unimc.json` of a folder that holds an adapter of another model (`unimc.adaptation`); {} of any other."""
    entry = _entry(name) if Path(name).is_dir() else {}
    return entry if "adapter" in entry else {}


def _answers(name: str, entry: dict[str, Any], tokenizer: Any) -> Answers:
    if "answers" not in entry:
        return Answers.look_up(tokenizer)
    answers = Answers.read(entry["answers"], tokenizer, f"{name}/{FILE}")
    saved = entry.get("answer_ids", {})
    for language, pair in answers.pairs.items():
        now = [pair.yes_id, pair.no_id]
        if saved.get(language, now) != now:
            raise InputError(
                f"{name}: the answer pieces of {language!r} are {now} in its tokenizer, {saved[language]} in {FILE}; "
                "put back the tokenizer that it was saved with (or, if you changed `answers`, remove `answer_ids`)"
            )
    return answers


def _entry(name: str) -> dict[str, Any]:
    path = pretrained.file_of(name, FILE)
    if path is None:
        return {}
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path} is not valid JSON ({error}); restore it, or remove it to use the defaults") from error
    if not isinstance(entry, dict):
        raise InputError(f"{path} should hold an object with 'answers' and 'max_length'")
    check(path, entry)
    if (found := entry.get("format", FORMAT)) > FORMAT:
        raise InputError(f"{path}: format {found} is of a later version, this one reads {FORMAT}; update unimc")
    return entry


def _training_texts(name: str, entry: dict[str, Any]) -> seen.Hashes:
    """The hashes beside the weights. The hub is asked only for those of a checkpoint of ours: others have none."""
    if Path(name).is_dir():
        return seen.load(Path(name))
    if not entry:
        return {}
    from huggingface_hub import try_to_load_from_cache

    try:
        path = pretrained.file_of(name, seen.FILE)
    except OSError:  # the hub gave the model and fails at this file: it answers all the same
        path = None
    if path is not None:
        return seen.load(path.parent)
    if try_to_load_from_cache(name, seen.FILE) is None:  # not known to be missing there
        _log.warning(
            "%s: no %s from the hub now, so which texts it was trained on is unknown, here and in what is saved of it; "
            "if it has one there, open it with the network",
            name,
            seen.FILE,
        )
    return {}
