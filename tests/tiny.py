"""Tiny random models and tokenizers of every kind, made in memory.

Weights are drawn wide (and biases not zero), so that a wrong mask or position shows in the scores.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor
from transformers import AutoModelForMaskedLM, PreTrainedTokenizerFast
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from unimc.answers import Answers
from unimc.checkpoint import Checkpoint
from unimc.collation import collate
from unimc.encoding import Encoder, Encoding
from unimc.modeling import UniMCModel

_TEXT = """
yes no the a it is was what which text about sport food money music rain snow train late early goal soup price walk
wall clock old new long short good bad does follow mean same both do in on at of and then not very answer
"""
WORDS = _TEXT.split()
HAN = "是非的了在有天雨雪火车晚早足球汤价钱音乐长短好坏吗什么这篇文章说食物体育财经外面下今明迟到进：，。？"
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
PUNCTUATION = "[]<>/.,?!:'_|-"
POSITIONS = 160
"""The position limit of every tiny model."""


def wordpiece(*, words: Sequence[str] = WORDS, han: str = HAN) -> PreTrainedTokenizerFast:
    """BERT's kind: English words and letters, Chinese characters."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, *PUNCTUATION]
    pieces += [piece for letter in LETTERS for piece in (letter, f"##{letter}")]
    pieces = list(dict.fromkeys([*pieces, *han]))
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def unigram() -> PreTrainedTokenizerFast:
    """XLM-R's kind: SentencePiece under NFKC, whose vocabulary holds the specials as ordinary, likely pieces."""
    specials = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    pieces = [*specials, "▁", *(f"▁{word}" for word in WORDS), *LETTERS, *PUNCTUATION, *HAN]
    scores = {piece: -2.0 if piece in specials or len(piece) > 1 else -9.0 for piece in dict.fromkeys(pieces)}
    tokenizer = Tokenizer(models.Unigram(list(scores.items()), unk_id=3))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace()
    return _with_angle_brackets(tokenizer)


def byte_level() -> PreTrainedTokenizerFast:
    """RoBERTa's kind: byte-level BPE, which spells a word at the start of a text otherwise than after a space."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([" ".join(["", *WORDS])] * 4, trainer)
    return _with_angle_brackets(tokenizer)


def _with_angle_brackets(tokenizer: Tokenizer) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        pad_token="<pad>",
        unk_token="<unk>",
        mask_token="<mask>",
    )


TOKENIZERS = {"wordpiece": wordpiece, "unigram": unigram, "byte-level": byte_level}


@cache
def tokenizer(kind: str) -> PreTrainedTokenizerFast:
    """One tokenizer of a kind for all tests (they don't change it)."""
    return TOKENIZERS[kind]()


_SIZES = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48}
_QUIET = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
_ROBERTA = {
    "type_vocab_size": 1,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
    "max_position_embeddings": POSITIONS + 2,
    **_QUIET,
}
_DEBERTA = {
    "type_vocab_size": 0,
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_biased_input": False,
    "norm_rel_ebd": "layer_norm",
    "share_att_key": True,
    "position_buckets": 16,
    **_QUIET,
}

FAMILIES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "albert": ("albert", "unigram", {"embedding_size": 16, "pad_token_id": 1, **_QUIET}),
    "bert": ("bert", "wordpiece", _QUIET),
    "ernie": ("ernie", "wordpiece", {"use_task_id": False, **_QUIET}),
    "roberta": ("roberta", "byte-level", _ROBERTA),
    "xlm-roberta": ("xlm-roberta", "unigram", _ROBERTA),
    "electra": ("electra", "wordpiece", {"embedding_size": 16, **_QUIET}),
    "megatron-bert": ("megatron-bert", "wordpiece", _QUIET),
    "deberta-v2": ("deberta-v2", "wordpiece", {"legacy": False, **_DEBERTA}),
    "deberta-v2-legacy": ("deberta-v2", "wordpiece", {"legacy": True, **_DEBERTA}),
    "modernbert": (
        "modernbert",
        "byte-level",
        {
            "local_attention": 8,
            "global_attn_every_n_layers": 2,
            "pad_token_id": 1,
            "bos_token_id": 0,
            "eos_token_id": 2,
            "cls_token_id": 0,
            "sep_token_id": 2,
        },
    ),
}
"""Name of a tiny model: its model type, its kind of tokenizer, and what its configuration says besides the sizes."""

ISOLATED_ONLY = ("deberta-v2", "deberta-v2-legacy")
"""Those whose distances are counted by place in the row, so that the options' order matters."""
EAGER_ONLY = ("megatron-bert", *ISOLATED_ONLY)


def config(family: str, **changes: Any) -> Any:
    """The configuration of a tiny model."""
    model_type, kind, own = FAMILIES[family]
    settings = {
        "vocab_size": len(tokenizer(kind)),
        "max_position_embeddings": POSITIONS,
        "initializer_range": 0.3,
        **_SIZES,
        **own,
        **changes,
    }
    return CONFIG_MAPPING[model_type](**settings)


def new_backbone(family: str, attention: str | None = None, **changes: Any) -> Any:
    """A masked language model with the weights that its name and configuration always get."""
    attention = attention or ("eager" if family in EAGER_ONLY else "sdpa")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        backbone = AutoModelForMaskedLM.from_config(config(family, **changes), attn_implementation=attention)
        with torch.no_grad():
            for parameter in backbone.parameters():
                if parameter.dim() == 1:  # biases and norms, which start as zeros and ones
                    parameter.add_(torch.randn(parameter.shape) * 0.3)
    return backbone.eval()


@cache
def backbone(family: str, attention: str | None = None) -> Any:
    """One model of a family for all tests (they don't change it)."""
    return new_backbone(family, attention)


@cache
def checkpoint(family: str, attention: str | None = None) -> Checkpoint:
    """A tiny model with its tokenizer and answers; read, never changed."""
    pieces = tokenizer(FAMILIES[family][1])
    return Checkpoint(UniMCModel(backbone(family, attention)), pieces, Answers.look_up(pieces), POSITIONS)


def encoder(family: str, max_length: int = 512) -> Encoder:
    """A new encoder for a tiny model."""
    made = checkpoint(family)
    return Encoder(made.tokenizer, made.model.layout, max_length)


@torch.no_grad()
def option_logits(checkpoint: Checkpoint, rows: Sequence[Encoding]) -> list[Tensor]:
    """For each row, (options, vocabulary) logits at its O-MASKs; all rows in one batch."""
    pad = checkpoint.tokenizer.pad_token_id
    logits, _ = checkpoint.model(**collate(rows, pad).inputs())
    return list(logits.split([len(row.option_positions) for row in rows]))


def largest(tensor: Tensor) -> float:
    """The largest absolute value."""
    return float(tensor.abs().max()) if tensor.numel() else -math.inf
