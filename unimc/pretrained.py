"""A folder or hub id as transformers reads it: configuration, tokenizer, weights; what fails is said in one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForMaskedLM, AutoTokenizer
from transformers.utils import logging

from unimc.backbones import family_of
from unimc.example import InputError

_LAYER = re.compile(r"\.layers?\.\d+\.")
GRAPH = "model.onnx"
"""The model for onnxruntime, in a folder that may have no other weights."""

_DROPOUTS = (
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "attention_dropout",
    "embedding_dropout",
    "mlp_dropout",
    "classifier_dropout",
)
"""The names under which the families' configurations keep their dropout."""


def configuration(name: str) -> Any:
    """The configuration of a folder or hub id.

    Raises:
        InputError: if there is no such folder or id, or no configuration in it that can be read.
    """
    return _part(name, "config.json", AutoConfig)


def set_dropout(config: Any, probability: float) -> None:
    """Gives a configuration one dropout everywhere."""
    for key in _DROPOUTS:
        if getattr(config, key, None) is not None:
            setattr(config, key, probability)


def tokenizer(name: str, config: Any) -> Any:
    """The tokenizer of a folder or hub id.

    Raises:
        InputError: if there is none, or it has more pieces than the model.
    """
    found = _part(name, "tokenizer", AutoTokenizer)
    if not getattr(found, "is_fast", False) or len(found) <= len(found.all_special_ids):
        raise InputError(f"{name}: no tokenizer found (tokenizer.json or a vocabulary); save it with the model")
    if len(found) > config.vocab_size:
        raise InputError(
            f"{name}: the tokenizer has {len(found)} pieces and the model only {config.vocab_size}; "
            "they don't belong together"
        )
    return found


def _part(name: str, what: str, loader: Any) -> Any:
    try:
        with quiet():
            return loader.from_pretrained(name, trust_remote_code=False)
    except Exception as error:
        if Path(name).is_dir():
            raise InputError(f"{name}: no usable {what} in this folder ({first_line(error)})") from error
        # Where configurations have what that command writes.
        known = Path(name).parent.name == "backbones"
        hint = f"`unimc backbone {Path(name).name}` writes it" if known else "check the name"
        raise InputError(
            f"{name!r} is neither a folder here nor a model that the hub gives now ({first_line(error)}); {hint}, or "
            "the network if it is a hub id"
        ) from error


def masked_lm(name: str, config: Any, dtype: torch.dtype, implementation: str) -> tuple[Any, bool]:
    """The masked language model of a folder or hub id, and whether all of its head was missing and is random now.

    Raises:
        InputError: if its weights can't be read, some are missing besides those of a whole head, or there are layers
            that the configuration leaves out.
    """
    try:
        with quiet():
            backbone, report = AutoModelForMaskedLM.from_pretrained(
                name,
                config=config,
                dtype=dtype,
                attn_implementation=implementation,
                output_loading_info=True,
                trust_remote_code=False,
            )
    except Exception as error:
        if file_of(name, GRAPH) and not file_of(name, "model.safetensors"):
            raise InputError(
                f"{name} holds a graph for onnxruntime and no weights for torch; open it with backend 'onnx'"
            ) from error
        raise InputError(
            f"{name}: the weights can't be read; the file may be cut short or of another model ({first_line(error)})"
        ) from error
    if deeper := sorted(key for key in report["unexpected_keys"] if _LAYER.search(key)):
        raise InputError(
            f"{name}: the file has layers that its configuration doesn't ({deeper[0]}, …); config.json isn't its own"
        )
    family = family_of(config)
    missing = sorted(report["missing_keys"])
    words = backbone.get_input_embeddings().weight
    head = {
        key
        for key, weight in backbone.named_parameters(remove_duplicate=False)
        if key.startswith(family.head) and weight is not words  # tied to the embeddings, it is never missing
    }
    fresh = head <= set(missing)  # a bare encoder; a head of which a part is there was damaged
    damaged = [key for key in missing if not (fresh and key in head)]
    if damaged:
        raise InputError(
            f"{name}: {len(damaged)} weights are missing ({', '.join(damaged[:3])}, …); the folder is incomplete "
            f"or not a masked language model of type {config.model_type}"
        )
    return backbone.eval(), fresh


def without_weights(config: Any, implementation: str) -> Any:
    """The masked language model as to its form: no weight takes memory or time."""
    untyped: Any = AutoModelForMaskedLM
    with quiet(), torch.device("meta"):
        return untyped.from_config(config, attn_implementation=implementation).eval()


def file_of(name_or_path: str | Path, file: str) -> Path | None:
    """A file of a folder or hub id, or None where there is none of that name."""
    if Path(name_or_path).is_dir():
        path = Path(name_or_path) / file
        return path if path.exists() else None
    from transformers.utils.hub import cached_file

    found = cached_file(str(name_or_path), file, _raise_exceptions_for_missing_entries=False)
    return Path(found) if found else None


@contextmanager
def quiet() -> Iterator[None]:
    """Mutes the loading tables and bars of transformers: what matters of them we say ourselves, in one line."""
    muted: Any = logging  # its functions carry no types
    verbosity, bars = muted.get_verbosity(), muted.is_progress_bar_enabled()
    muted.set_verbosity_error()
    muted.disable_progress_bar()
    try:
        yield
    finally:
        muted.set_verbosity(verbosity)
        if bars:
            muted.enable_progress_bar()


def first_line(error: Exception) -> str:
    """What an error of another library says first; its kind if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
