"""A base, a few rows and a strategy -> an adapted checkpoint."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from unimc import bundled, seen
from unimc.adaptation import lora
from unimc.adaptation.config import AdaptConfig
from unimc.adaptation.folder import AdaptedCheckpoint, fingerprint
from unimc.adaptation.folding import averaged
from unimc.adaptation.loop import Group, Tuned, Tuner, Vary
from unimc.adaptation.prompted import NAME, PromptedModel, attach, deep_start
from unimc.adaptation.prompts import ENCODERS, DeepPrompt, EncodedPrompt, Prompt, SoftPrompt, length_of, start_vectors
from unimc.adaptation.rows import Drawn, folded, some_options_each
from unimc.checkpoint import DEFAULT_MAX_LENGTH, Checkpoint, load
from unimc.collation import collate
from unimc.encoding import Encoder
from unimc.example import InputError, MultipleChoiceExample
from unimc.modeling import UniMCModel

NOTHING = "nothing to train"
_START_ROWS = 8
"""Training rows that a deep prompt's start is averaged over."""


@dataclass(frozen=True)
class Adapted:
    """What came out.

    Attributes:
        checkpoint: the adapted model; `UniMC(checkpoint)` uses it, `checkpoint.save` writes it.
        tuned: how the tuning went.
    """

    checkpoint: Checkpoint
    tuned: Tuned


def adapt(
    base: str | Path,
    rows: Drawn,
    config: AdaptConfig,
    *,
    fixed: bool = True,
    multi_label: bool = False,
    initial: str | Path | None = None,
    device: str | torch.device | None = None,
    vary: Vary | None = None,
    merge: bool = False,
    how: dict[str, Any] | None = None,
    progress: bool = True,
) -> Adapted:
    """Adapts a model.

    Args:
        base: folder, hub id or bundled name of the model to start from.
        rows: what to train on and what to hold out (`rows.draw`).
        config: the strategy and how far it goes.
        fixed: whether the rows share a label set.
        multi_label: whether several labels, or none, may hold.
        initial: folder of an adapter whose prompt is where this one starts: soft prompts trained on other tasks first
            (PPT, Gu et al. 2021, arXiv 2109.04332).
        device: where to train; a GPU if there is one, else the CPU.
        vary: how rows change from epoch to epoch; as `config.options` says if None.
        merge: whether LoRA's model will be saved whole (`checkpoint.plain()`); a base without a head asks for that.
        how: what else is to be kept beside the adapter, for people.
        progress: whether to show a bar.

    Raises:
        InputError: if the base can't be opened or is an adapter itself, its masked-LM head is random and would not be
            saved, the strategy doesn't suit its family, or a row can't be trained on.
    """
    moves = config.moves
    if initial is not None and moves.prompt is None:
        raise InputError(f"--initial gives the start of a prompt, and {moves.name} has none")
    base = bundled.named(None) if not str(base) else base
    vary = some_options_each(config.options, config.seed) if vary is None else vary
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        checkpoint = load(base, dropout=config.dropout if moves.group != "tuning-free" else None)
        if isinstance(checkpoint, AdaptedCheckpoint):
            raise InputError(
                f"{base} is an adapter itself; write it out whole first (unimc adapt --merge), or name its base"
            )
        if checkpoint.fresh_head and not (moves.backbone or (merge and moves.lora)):
            raise InputError(
                f"{base} has no masked-LM head, and {moves.name} would leave it random, another one whenever it is "
                "opened; train it first, or take fine-tuning"
            )
        checkpoint.model.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        if config.max_length is not None:
            checkpoint.max_length = config.max_length
        own: dict[str, Any] = {"base": _noted(base), "base_fingerprint": fingerprint(checkpoint.model)}
        own["how"] = {"strategy": config.strategy, **(how or {})}
        if moves.group == "tuning-free":
            return Adapted(AdaptedCheckpoint.of(checkpoint, **own), Tuned(0, 0, NOTHING, 0.0, 0, None))
        encoder = Encoder(checkpoint.tokenizer, checkpoint.model.layout, checkpoint.max_length)
        longest = max(checkpoint.max_length, DEFAULT_MAX_LENGTH)
        longer = Encoder(checkpoint.tokenizer, checkpoint.model.layout, longest)
        some = [vary(one, 0) if vary is not None else one for one in rows.training[:_START_ROWS]]
        model, groups = _prepared(checkpoint, longer, some, config, initial)
        given: dict[str, Any] = {"fixed": fixed, "multi_label": multi_label, "vary": vary, "progress": progress}

        def tune(rows: Drawn, config: AdaptConfig) -> Tuned:
            return Tuner(model, groups, encoder, longer, checkpoint.answers, rows, config, **given).run()

        if config.folds == 1:
            tuned = tune(rows, config)
        else:
            moving = [one for group in groups for one in group.parameters]
            tuned = averaged(tune, moving, folded(rows, config.folds, fixed=fixed), config)
    trained = [*rows.training, *rows.held_out]
    own["own_rows"] = [{"task": task, "rows": count} for task, count in Counter(one.task for one in trained).items()]
    own["own_texts"] = seen.hashes(trained)
    own["how"] |= {"settings": asdict(config), "tuned": tuned.to_dict()}
    return Adapted(_finished(checkpoint, model, config, own), tuned)


def _noted(base: str | Path) -> str:
    """The base as an adapter names it: a bundled model by its name, as its folder is another on other machines."""
    lies = Path(base).resolve()
    return next((one.name for one in bundled.models() if one.folder.resolve() == lies), str(base))


def _prepared(
    checkpoint: Checkpoint,
    encoder: Encoder,
    rows: Sequence[MultipleChoiceExample],
    config: AdaptConfig,
    initial: str | Path | None,
) -> tuple[UniMCModel, list[Group]]:
    """The model with what is to be trained in it, and that in groups."""
    moves, model, backbone = config.moves, checkpoint.model, checkpoint.model.backbone
    groups: list[Group] = []
    rate = config.rate or moves.rate
    if moves.lora:
        lora.begin(backbone, config.rank, config.alpha)
        groups.append(Group([one for name, one in backbone.named_parameters() if ".lora_" in name], rate))
    if moves.backbone:
        own = list(backbone.parameters())
        groups.append(Group([one for one in own if one.ndim > 1], rate, config.weight_decay))
        groups.append(Group([one for one in own if one.ndim <= 1], rate))
    if moves.prompt is not None:
        prompt = _started(checkpoint, encoder, rows, config, initial)
        model = attach(backbone, prompt)
        groups.append(Group(list(model.prompt.parameters()), config.prompt_rate or moves.prompt_rate))
    return model, groups


def _started(
    checkpoint: Checkpoint,
    encoder: Encoder,
    rows: Sequence[MultipleChoiceExample],
    config: AdaptConfig,
    initial: str | Path | None,
) -> Prompt:
    """The prompt before it is tuned."""
    kind, backbone = config.moves.prompt, checkpoint.model.backbone
    if initial is not None:
        found = _prompt_of(initial, fingerprint(checkpoint.model))
        if isinstance(found, DeepPrompt) != (kind == "deep"):
            raise InputError(f"{initial} holds another kind of prompt than {config.strategy} tunes")
        if config.prompt_tokens not in (None, length_of(found)):
            held = f"{initial} holds a prompt of {length_of(found)} tokens"
            raise InputError(f"{held}, not {config.prompt_tokens}; leave --prompt-tokens out")
        if isinstance(found, SoftPrompt) and kind in ENCODERS:
            return EncodedPrompt(found.vectors.detach(), str(kind))
        return found
    generator = torch.Generator().manual_seed(config.seed)
    words = backbone.get_input_embeddings().weight
    start = start_vectors(words, config.tokens, encoder.tokenizer.sep, generator).to(words.device)
    if kind == "soft":
        return SoftPrompt(start)
    if kind == "deep":
        parts = encoder.parts(rows)
        batch = collate([encoder.row(one) for one in parts], encoder.tokenizer.pad).to(words.device)
        return deep_start(checkpoint.model, start, batch)
    return EncodedPrompt(start, str(kind))


def _prompt_of(folder: str | Path, base: str) -> Prompt:
    made = load(folder)
    if not isinstance(made, AdaptedCheckpoint) or not isinstance(made.model, PromptedModel):
        raise InputError(f"{folder} is no adapter with a prompt; make one with --strategy prompt-tuning")
    if made.base_fingerprint != base:
        whose = f"those of {made.base}" if made.base else "its own"
        raise InputError(f"{folder} holds a prompt made for other weights, {whose}; train one on this model first")
    prompt = made.model.prompt
    delattr(made.model.backbone, NAME)
    return prompt


def _finished(checkpoint: Checkpoint, model: UniMCModel, config: AdaptConfig, own: dict[str, Any]) -> Checkpoint:
    """The checkpoint with what was learned; calibrations of the base are no longer right, and left out."""
    moves, backbone = config.moves, checkpoint.model.backbone
    checkpoint.calibration, checkpoint.fresh_head = {}, False
    if moves.lora:
        tensors = lora.finish(backbone)
        return AdaptedCheckpoint.of(checkpoint, kind="lora", tensors=tensors, **own)
    if moves.prompt is None:
        return AdaptedCheckpoint.of(checkpoint, **own).plain()
    if isinstance(model, PromptedModel) and isinstance(model.prompt, EncodedPrompt):
        model = attach(backbone, model.prompt.plain())
    if moves.backbone:
        own["base"] = ""
    return AdaptedCheckpoint.of(checkpoint, model.eval(), kind="prompt", **own)
