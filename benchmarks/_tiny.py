"""A model so small that what surrounds it is what is measured."""

from __future__ import annotations

import re
import string
from collections.abc import Iterable
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from unimc.answers import Answers
from unimc.checkpoint import Checkpoint
from unimc.modeling import UniMCModel

SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def save(folder: Path, texts: Iterable[str]) -> None:
    """Writes a BERT of two layers of 32 with random weights.

    Args:
        folder: where.
        texts: their words are its vocabulary, beside yes, no and the letters.
    """
    letters = string.ascii_lowercase + string.digits + string.punctuation
    words = re.findall("[a-z]+", " ".join(texts).lower())
    pieces = [*SPECIALS, "yes", "no", *letters, *words, *(f"##{letter}" for letter in letters)]
    pieces = list(dict.fromkeys(pieces))
    tokenizer = Tokenizer(models.WordPiece({piece: at for at, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    named = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIALS, strict=True))
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named)
    config = BertConfig(
        vocab_size=len(pieces), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    torch.manual_seed(0)
    Checkpoint(UniMCModel(BertForMaskedLM(config).eval()), fast, Answers.look_up(fast)).save(folder)
