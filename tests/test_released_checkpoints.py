"""The released Erlangshen-UniMC models open by their configuration alone, with random weights in it.

The files and figures below are those of the model hub's pages of IDEA-CCNL/Erlangshen-UniMC-Albert-235M-English (whose
configuration is shown there), -RoBERTa-110M-Chinese and -RoBERTa-330M-Chinese (whose files' sizes are those of the
configurations of hfl/chinese-roberta-wwm-ext and -large, taken here), and -MegatronBERT-1.3B-Chinese (the configuration
of its backbone Erlangshen-MegatronBert-1.3B). Depth and, where memory asks, width are scaled down; vocabulary sizes,
head widths, activations, special ids and the files that stand in a folder are kept. None of them has a `unimc.json`.

What can't be verified without the weights: the names of their tensors. They are opened by the model classes of
transformers, so they are those of one of its versions: all that such versions wrote are tried.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from torch import Tensor
from transformers import AutoModelForMaskedLM
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from unimc import InputError, MultipleChoiceExample, UniMC

_CHINESE_ROBERTA = {
    "architectures": ["BertForMaskedLM"],
    "attention_probs_dropout_prob": 0.1,
    "bos_token_id": 0,
    "directionality": "bidi",
    "eos_token_id": 2,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512,
    "model_type": "bert",
    "output_past": True,
    "pad_token_id": 0,
    "pooler_fc_size": 768,
    "pooler_num_attention_heads": 12,
    "pooler_num_fc_layers": 3,
    "pooler_size_per_head": 128,
    "pooler_type": "first_token_transform",
    "type_vocab_size": 2,
    "vocab_size": 21128,
}
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "Albert-235M-English": {
        "architectures": ["AlbertForMaskedLM"],
        "attention_probs_dropout_prob": 0,
        "bos_token_id": 2,
        "classifier_dropout_prob": 0.1,
        "down_scale_factor": 1,
        "embedding_size": 128,
        "eos_token_id": 3,
        "gap_size": 0,
        "hidden_act": "gelu_new",
        "hidden_dropout_prob": 0,
        "hidden_size": 4096,
        "triaffine_hidden_size": 128,
        "initializer_range": 0.02,
        "inner_group_num": 1,
        "intermediate_size": 16384,
        "layer_norm_eps": 1e-12,
        "layers_to_keep": [],
        "max_position_embeddings": 512,
        "model_type": "albert",
        "net_structure_type": 0,
        "num_attention_heads": 64,
        "num_hidden_groups": 1,
        "num_hidden_layers": 12,
        "num_memory_blocks": 0,
        "pad_token_id": 0,
        "type_vocab_size": 2,
        "vocab_size": 30000,
    },
    "RoBERTa-110M-Chinese": {
        **_CHINESE_ROBERTA,
        "hidden_size": 768,
        "intermediate_size": 3072,
        "num_attention_heads": 12,
        "num_hidden_layers": 12,
    },
    "RoBERTa-330M-Chinese": {
        **_CHINESE_ROBERTA,
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_attention_heads": 16,
        "num_hidden_layers": 24,
    },
    "MegatronBERT-1.3B-Chinese": {
        "attention_probs_dropout_prob": 0.1,
        "hidden_act": "gelu_new",
        "hidden_dropout_prob": 0.1,
        "hidden_size": 2048,
        "initializer_range": 0.02,
        "intermediate_size": 8192,
        "layer_norm_eps": 1e-12,
        "max_position_embeddings": 512,
        "model_type": "megatron-bert",
        "num_attention_heads": 8,
        "num_hidden_layers": 24,
        "position_embedding_type": "absolute",
        "type_vocab_size": 2,
        "use_cache": False,
        "vocab_size": 21248,
    },
}
SCALED: dict[str, dict[str, int]] = {
    # One layer is shared by all twelve: its depth costs no memory, its width does (826 MB as released).
    "Albert-235M-English": {"hidden_size": 512, "intermediate_size": 2048, "num_attention_heads": 8},
    "RoBERTa-110M-Chinese": {"num_hidden_layers": 1},
    "RoBERTa-330M-Chinese": {"num_hidden_layers": 1},
    "MegatronBERT-1.3B-Chinese": {
        "hidden_size": 512,
        "intermediate_size": 2048,
        "num_attention_heads": 2,
        "num_hidden_layers": 1,
    },
}
LANGUAGE = {name: "en" if name.endswith("English") else "zh" for name in CONFIGURATIONS}
PIECES = {"en": ("▁yes", "▁no"), "zh": ("是", "非")}
EXAMPLES = {
    "en": MultipleChoiceExample(["sport", "food and snow"], "what is it", "the soup was late"),
    "zh": MultipleChoiceExample(["体育", "天有雨"], "这篇文章说什么", "火车晚了", language="zh"),
}


def configuration(name: str) -> dict[str, Any]:
    return {**CONFIGURATIONS[name], **SCALED[name]}


def write_chinese_vocabulary(folder: Path) -> None:
    """BERT's Chinese vocabulary of 21,128 pieces (MegatronBERT's embeddings have 120 rows more), a file of lines."""
    unused = [f"[unused{number}]" for number in range(1, 100)]
    specials = ["[PAD]", *unused, "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*specials, *dict.fromkeys([*tiny.HAN, *tiny.PUNCTUATION, *tiny.LETTERS, *tiny.WORDS])]
    pieces += [f"[unused{number}]" for number in range(100, 100 + 21128 - len(pieces))]
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")


def write_albert_vocabulary(folder: Path) -> None:
    """ALBERT's tokenizer.json: Unigram of 30,000 pieces, lower case; no tokenizer_config.json stands beside it."""
    specials = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"]
    words = [*specials, "▁", *(f"▁{word}" for word in tiny.WORDS), *tiny.LETTERS, *tiny.PUNCTUATION]
    scores = [(piece, 0.0 if piece in specials else -2.0 - len(piece) % 2) for piece in dict.fromkeys(words)]
    scores += [(f"▁unused{number}", -20.0) for number in range(30000 - len(scores))]
    tokenizer = Tokenizer(models.Unigram(scores, unk_id=1))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(specials)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.save(str(folder / "tokenizer.json"))


@cache
def weights(name: str) -> dict[str, Tensor]:
    """Random weights under all the names that today's transformers gives them (the tied ones too)."""
    config = configuration(name)
    backbone = AutoModelForMaskedLM.from_config(CONFIG_MAPPING[config["model_type"]](**config))
    with torch.no_grad():
        for parameter in backbone.parameters():
            parameter.copy_(
                torch.randn(parameter.shape, generator=torch.Generator().manual_seed(parameter.numel())) * 0.05
            )
            if parameter.dim() == 1:  # biases and norms
                parameter.add_(0.5)
    return {key: value.detach().clone() for key, value in backbone.state_dict().items()}


def all_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """As `torch.save` of a model writes it: what is tied stands there under each of its names."""
    return state


def bias_of_the_head(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """`predictions.bias` alone: the decoder's weight is the embeddings', and its bias that of the head."""
    return {key: value for key, value in state.items() if ".decoder." not in key}


def bias_of_the_decoder(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """`predictions.decoder.bias` alone, the other name of the same bias."""
    return {key: value for key, value in state.items() if not key.endswith("predictions.bias")}


def of_old_versions(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Versions before 3: no name for the decoder's bias, and a buffer of positions that no version reads now."""
    base = next(key for key in state if key.endswith("word_embeddings.weight")).partition("embeddings.")[0]
    kept = {key: value for key, value in state.items() if not key.endswith("decoder.bias")}
    return {**kept, f"{base}embeddings.position_ids": torch.arange(512)[None]}


def with_what_pretraining_had(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A pooler and the head for the order of sentences, which no answer needs."""
    base = next(key for key in state if key.endswith("word_embeddings.weight")).partition("embeddings.")[0]
    hidden = next(value for key, value in state.items() if "attention" in key and value.dim() == 2).shape[0]
    pooler = f"{base}pooler" if base == "albert." else f"{base}pooler.dense"
    head = "sop_classifier.classifier" if base == "albert." else "cls.seq_relationship"
    return {
        **state,
        f"{pooler}.weight": torch.zeros(hidden, hidden),
        f"{pooler}.bias": torch.zeros(hidden),
        f"{head}.weight": torch.zeros(2, hidden),
        f"{head}.bias": torch.zeros(2),
    }


Naming = Callable[[dict[str, Tensor]], dict[str, Tensor]]
NAMINGS: tuple[tuple[Naming, bool], ...] = (
    (all_names, False),
    (of_old_versions, False),
    (with_what_pretraining_had, False),
    (bias_of_the_head, True),
    (bias_of_the_decoder, True),
)
"""Each with whether it is tried as safetensors, in which nothing is stored twice, or as pytorch_model.bin."""


@dataclass(frozen=True)
class Released:
    name: str
    folder: Path
    model: UniMC


def write(name: str, folder: Path, naming: Naming = all_names, safetensors: bool = False) -> Path:
    (folder / "config.json").write_text(json.dumps(configuration(name), indent=2), encoding="utf-8")
    (write_albert_vocabulary if LANGUAGE[name] == "en" else write_chinese_vocabulary)(folder)
    if name == "RoBERTa-330M-Chinese":  # the only one with these two, and a length that its positions don't reach
        about = {"model_max_length": 4096, "special_tokens_map_file": None, "full_tokenizer_file": None}
        (folder / "tokenizer_config.json").write_text(json.dumps(about), encoding="utf-8")
        specials = {f"{role}_token": f"[{role.upper()}]" for role in ("unk", "sep", "pad", "cls", "mask")}
        (folder / "special_tokens_map.json").write_text(json.dumps(specials), encoding="utf-8")
    state = naming(weights(name))
    if safetensors:
        own = {key: value.clone() for key, value in state.items()}
        save_file(own, folder / "model.safetensors", metadata={"format": "pt"})
    else:
        torch.save(state, folder / "pytorch_model.bin")
    return folder


@pytest.fixture(params=CONFIGURATIONS)
def released(request: pytest.FixtureRequest, tmp_path: Path) -> Released:
    """A released folder as the hub has it: configuration, vocabulary, pytorch_model.bin."""
    folder = write(request.param, tmp_path)
    return Released(request.param, folder, UniMC.from_pretrained(folder, device="cpu"))


def logits(model: UniMC, language: str) -> Tensor:
    checkpoint = model.checkpoint
    [row] = tiny.option_logits(checkpoint, [model.encoder(EXAMPLES[language])])
    return row


def test_it_answers_by_the_pieces_of_its_language(released: Released) -> None:
    language = LANGUAGE[released.name]
    assert released.model.answers.to_dict()[language] == list(PIECES[language])
    pair = released.model.answers[language]
    (prediction,) = released.model.predict([EXAMPLES[language]])
    expected = logits(released.model, language)[:, pair.yes_id].softmax(0)
    torch.testing.assert_close(torch.tensor(prediction.scores), expected, atol=1e-5, rtol=1e-5)
    assert not released.model.checkpoint.fresh_head


def test_its_special_tokens_and_limits_are_those_of_its_vocabulary(released: Released) -> None:
    tokenizer = released.model.checkpoint.tokenizer
    names = ["[CLS]", "[SEP]", "[MASK]"]
    assert [tokenizer.cls_token, tokenizer.sep_token, tokenizer.mask_token] == names
    expected = [2, 3, 4] if LANGUAGE[released.name] == "en" else [101, 102, 103]
    assert [tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.mask_token_id] == expected
    assert tokenizer.pad_token_id == 0
    assert released.model.encoder.max_length == released.model.model.layout.positions == 512
    assert released.model.model.layout.two_types


def test_no_character_of_a_text_in_its_language_is_unknown(released: Released) -> None:
    language = LANGUAGE[released.name]
    row = released.model.encoder(EXAMPLES[language])
    assert released.model.checkpoint.tokenizer.unk_token_id not in row.input_ids


def test_the_order_of_the_options_changes_no_answer(released: Released) -> None:
    example = EXAMPLES[LANGUAGE[released.name]]
    turned = MultipleChoiceExample(example.options[::-1], example.question, example.passage, language=example.language)
    one, other = released.model.predict([example, turned])
    assert one.scores == pytest.approx(other.scores[::-1], abs=1e-5)


@pytest.mark.parametrize(("naming", "safetensors"), NAMINGS, ids=[naming.__name__ for naming, _ in NAMINGS])
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_every_naming_of_the_head_gives_the_same_weights(
    name: str, naming: Naming, safetensors: bool, tmp_path: Path
) -> None:
    model = UniMC.from_pretrained(write(name, tmp_path, naming, safetensors), device="cpu")
    assert not model.checkpoint.fresh_head
    state = model.checkpoint.model.backbone.state_dict()
    for key, value in weights(name).items():
        assert torch.equal(state[key], value), key


def test_the_other_language_is_refused_where_the_vocabulary_has_no_pair(tmp_path: Path) -> None:
    model = UniMC.from_pretrained(write("Albert-235M-English", tmp_path), device="cpu")
    with pytest.raises(InputError, match="no answer pieces for language 'zh', only for en"):
        model.predict([EXAMPLES["zh"]])


def test_what_was_opened_can_be_saved_as_a_checkpoint_of_ours(released: Released, tmp_path: Path) -> None:
    released.model.save_pretrained(tmp_path / "ours")
    again = UniMC.from_pretrained(tmp_path / "ours", device="cpu")
    example = EXAMPLES[LANGUAGE[released.name]]
    assert again.predict([example]) == released.model.predict([example])
