"""Exported graphs run by onnxruntime: the same answers as PyTorch's, in float32; near ones, and steady, in int8."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import terminal
import tiny
import torch
from hypothesis import given
from hypothesis import strategies as st

from unimc import InputError, MultipleChoiceExample, Prediction, UniMC
from unimc.adaptation import AdaptedCheckpoint
from unimc.adaptation.folder import TENSORS
from unimc.backends import export as exporting
from unimc.backends.export import export
from unimc.backends.int8 import ROUGH, WEIGHT_STEPS, Int8Linear, quantised
from unimc.backends.onnx import DATA, NOTE, OnnxBackend
from unimc.checkpoint import FILE, Checkpoint, load
from unimc.modeling import UniMCModel
from unimc.pretrained import GRAPH

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")
onnx = pytest.importorskip("onnx")

SAME = 1e-4
"""The most by which a margin of a float32 graph may differ from PyTorch's."""
NEAR = 1.0
"""The same in int8, on tiny models whose weights are drawn much wider than those of trained ones (their margins reach
15): what is held is that nothing is wrong, not how much is lost. That is measured on trained models (benchmarks)."""
STEADY = 0.3
"""The most by which an int8 margin may move with the options' order, or the texts in the batch: nothing is scaled by
them, but sums in another order can round a state to the neighbouring whole number."""

Export = Callable[..., Path]

EXAMPLES = [
    MultipleChoiceExample(["sport", "food and snow"], "what is it", "the soup was late"),
    MultipleChoiceExample(["rain", "old music", "a walk"], "", "it was not very good", "then the train"),
    MultipleChoiceExample(["yes"], "does it follow", "a short walk and then a long one", "the clock"),
    MultipleChoiceExample(["a", "the clock", "new", "old wall", "rain", "snow and rain", "late"], "about what", ""),
]
CHINESE = [
    MultipleChoiceExample(["体育", "财经", "食物"], "这篇文章说什么", "今天下雨，火车晚了。", language="zh"),
    MultipleChoiceExample(["好", "坏"], "", "汤是好的", "下面的是坏的", language="zh"),
]


def checkpoint(family: str) -> Checkpoint:
    """Two layers: one as all are, and the last."""
    made = tiny.checkpoint(family)
    return replace(made, model=UniMCModel(tiny.new_backbone(family, num_hidden_layers=2)))


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Export:
    """The folder of a tiny model's export; each is made once."""
    made: dict[tuple[str, bool], Path] = {}

    def folder(family: str = "bert", int8: bool = False) -> Path:
        if (family, int8) not in made:
            made[family, int8] = tmp_path_factory.mktemp(f"{family}-{int8}")
            export(checkpoint(family), made[family, int8], int8=int8)
        return made[family, int8]

    return folder


@pytest.fixture
def folder(exported: Export, tmp_path: Path) -> Path:
    """An export that the test may spoil."""
    return Path(shutil.copytree(exported(), tmp_path / "onnx"))


def opened(folder: Path, **settings: Any) -> UniMC:
    return UniMC.from_pretrained(folder, backend="onnx", **settings)


def furthest(found: Sequence[Prediction], expected: Sequence[Prediction]) -> float:
    """The largest difference of a margin."""
    pairs = [
        pair
        for one, other in zip(found, expected, strict=True)
        for pair in zip(one.margins, other.margins, strict=True)
    ]
    return max(abs(one - other) for one, other in pairs)


# ---- the same answers


@pytest.mark.slow
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_every_family_answers_as_in_pytorch(family: str, exported: Export) -> None:
    """Ragged options, both languages, one text alone, options over several rows, windows, and packed rows."""
    expected, found = UniMC(checkpoint(family)), opened(exported(family))
    assert isinstance(found.backend, OnnxBackend)
    examples = EXAMPLES + (CHINESE if "zh" in found.answers.languages else [])
    assert furthest(found.predict(examples), expected.predict(examples)) < SAME
    assert furthest(found.predict(examples[:1]), expected.predict(examples[:1])) < SAME
    options = [f"{word} {tail}" for word in tiny.WORDS[:20] for tail in ("a", "it")]
    many = [MultipleChoiceExample(options, "what is it", "the soup was late")]
    long = [replace(EXAMPLES[1], passage=" ".join(tiny.WORDS * 4))]
    for model in (expected, found):
        model.encoder.max_length = 100
        model.pack = 90
    rows = found.predict(many + examples)
    assert rows[0].rows > 1
    assert furthest(rows, expected.predict(many + examples)) < SAME
    windows = found.predict(long, windows="max", stride=8)
    assert windows[0].rows > 1
    assert furthest(windows, expected.predict(long, windows="max", stride=8)) < SAME


@pytest.mark.parametrize(
    "family",
    [
        "bert",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("albert", "roberta", "electra", "deberta-v2", "modernbert")
        ),
    ],
)
def test_int8_answers_nearly_so(family: str, exported: Export) -> None:
    expected, found = UniMC(checkpoint(family)), opened(exported(family, int8=True))
    assert found.backend.dtype == "int8"
    assert 1e-6 < furthest(found.predict(EXAMPLES), expected.predict(EXAMPLES)) < NEAR


def test_an_older_version_of_the_operators_answers_the_same(exported: Export, tmp_path: Path) -> None:
    export(checkpoint("bert"), tmp_path / "old", opset=20)
    assert json.loads((tmp_path / "old" / NOTE).read_text())["opset"] == 20
    assert furthest(opened(tmp_path / "old").predict(EXAMPLES), opened(exported()).predict(EXAMPLES)) < SAME


def test_the_answers_of_multi_label_are_the_same(exported: Export) -> None:
    found = opened(exported()).classify("the soup was late", ["food", "sport"], multi_label=True)
    expected = UniMC(checkpoint("bert")).classify("the soup was late", ["food", "sport"], multi_label=True)
    assert found.scores == pytest.approx(expected.scores, abs=SAME)


options = st.lists(
    st.lists(st.sampled_from(tiny.WORDS), min_size=1, max_size=4).map(" ".join), min_size=2, max_size=6, unique=True
)


@pytest.mark.parametrize(("int8", "tolerance"), [(False, 1e-5), (True, STEADY)], ids=["float32", "int8"])
@given(options=options, data=st.data())
def test_the_order_of_the_options_only_orders_the_scores(
    int8: bool, tolerance: float, exported: Export, options: list[str], data: st.DataObject
) -> None:
    model = opened_once(exported(int8=int8))
    shuffled = data.draw(st.permutations(options))
    one, other = (model.classify("the train was late", some, question="what is it") for some in (options, shuffled))
    there = dict(zip(other.options, other.margins, strict=True))
    assert one.margins == pytest.approx([there[option] for option in one.options], rel=1e-5, abs=tolerance)


@pytest.mark.parametrize(("int8", "tolerance"), [(False, SAME), (True, STEADY)], ids=["float32", "int8"])
@given(passages=st.lists(st.lists(st.sampled_from(tiny.WORDS), min_size=1, max_size=60).map(" ".join), max_size=5))
def test_a_text_gets_what_it_gets_alone_whatever_shares_its_batch(
    int8: bool, tolerance: float, exported: Export, passages: list[str]
) -> None:
    model = opened_once(exported(int8=int8))
    alone = model.predict(EXAMPLES[:1])
    for model.pack in (None, 150):
        together = model.predict([*EXAMPLES[:1], *(replace(EXAMPLES[1], passage=passage) for passage in passages)])
        assert furthest(together[:1], alone) < tolerance


_opened: dict[Path, UniMC] = {}


def opened_once(folder: Path) -> UniMC:
    """Opening takes longer than answering; hypothesis asks often."""
    if folder not in _opened:
        _opened[folder] = opened(folder)
    return _opened[folder]


# ---- what is in the folder


def test_an_export_is_a_checkpoint_but_for_its_weights(tmp_path: Path) -> None:
    calibration = {"新闻": {"temperature": 1.5, "bias": None}}
    told = replace(
        checkpoint("bert"),
        max_length=77,
        trained_on=[{"task": "新闻", "split": "train", "rows": 7}],
        licences=["CC BY 4.0"],
        calibration=calibration,
    )
    export(told, tmp_path)
    found = opened(tmp_path)
    assert not list(tmp_path.glob("*.safetensors"))
    assert found.encoder.max_length == 77
    assert found.encoder.layout == told.model.layout
    assert found.answers == told.answers
    assert (found.checkpoint.trained_on, found.checkpoint.licences) == (told.trained_on, told.licences)
    assert found.checkpoint.calibration == calibration
    note = json.loads((tmp_path / NOTE).read_text())
    assert note["source"] == {"fingerprint": UniMC(told).backend.fingerprint()}
    assert {"unimc", "torch", "transformers", "onnxscript", "onnxruntime"} == note["versions"].keys()


def test_no_weights_are_read_and_nothing_is_said(
    folder: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    capfd.readouterr()
    found = opened(folder)
    assert {one.device.type for one in found.model.parameters()} == {"meta"}
    assert found.backend.parameters == UniMC(checkpoint("bert")).backend.parameters
    assert (found.backend.device, found.backend.dtype) == ("cpu", "float32")
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_int8_takes_much_less_room(exported: Export) -> None:
    """A third in a model of some size; in a tiny one, what stays float32 (positions, norms, head) weighs more."""
    sizes = [(exported(int8=int8) / DATA).stat().st_size for int8 in (False, True)]
    assert sizes[1] < 0.45 * sizes[0]


def test_only_the_answer_pieces_of_the_head_are_kept(exported: Export) -> None:
    graph = onnx.load(exported("bert") / GRAPH, load_external_data=False).graph
    vocabulary = checkpoint("bert").model.backbone.config.vocab_size
    assert [list(one.dims) for one in graph.initializer if vocabulary in one.dims] == [[vocabulary, 32]]  # embeddings


def test_the_fingerprint_is_that_of_graph_and_weights(exported: Export, folder: Path) -> None:
    first = opened(folder).backend.fingerprint()
    assert len(first) == 64
    assert first == opened(exported()).backend.fingerprint()
    assert first != opened(exported(int8=True)).backend.fingerprint()
    data = bytearray((folder / DATA).read_bytes())
    data[-1] ^= 1
    (folder / DATA).write_bytes(data)
    assert opened(folder).backend.fingerprint() != first


def test_an_export_replaces_the_one_that_is_there(exported: Export, folder: Path) -> None:
    export(checkpoint("bert"), folder, int8=True)
    assert opened(folder).backend.fingerprint() == opened(exported(int8=True)).backend.fingerprint()
    assert sorted(path.name for path in folder.glob("*onnx*")) == [GRAPH, DATA, NOTE]


def test_int8_weights_cannot_overflow_where_pairs_are_added_in_sixteen_bits() -> None:
    layers = [one for one in quantised(checkpoint("bert").model).modules() if isinstance(one, Int8Linear)]
    assert layers
    largest = max(int(weight.abs().max()) for one in layers for weight in one.weights)
    assert largest == WEIGHT_STEPS
    assert 2 * 255 * largest < 2**15


@pytest.mark.parametrize(("outlier", "parts"), [(1.0, 1), (8.0, 2)])
def test_a_layer_whose_weights_seven_bits_would_spoil_keeps_what_they_lose(outlier: float, parts: int) -> None:
    layer = torch.nn.Linear(64, 8)
    with torch.no_grad():
        layer.weight.copy_(torch.linspace(-1, 1, 512).reshape(8, 64).roll(3, 1))
        layer.weight[:, 0] = outlier
    made = Int8Linear(layer)
    pairs = zip(made.weights, made.scales, strict=True)
    kept = torch.stack([weight.float() * scale for weight, scale in pairs]).sum(0).t()
    assert len(made.weights) == parts
    assert (kept - layer.weight).norm() < ROUGH * layer.weight.norm()


@pytest.mark.parametrize("offset", [-20.0, 0.0, 20.0])
def test_what_int8_states_lose_depends_on_how_far_they_lie_apart_not_on_where(offset: float, tmp_path: Path) -> None:
    """Every state is known to half a step, and there are 255 steps from a token's smallest to its largest."""
    torch.manual_seed(0)
    layer = torch.nn.Linear(64, 8).requires_grad_(False)
    made, states = Int8Linear(layer).eval(), torch.rand(5, 64) + offset  # states lie less than 1 apart
    pairs = zip(made.weights, made.scales, strict=True)
    kept = torch.stack([weight.float() * scale for weight, scale in pairs]).sum(0).t()
    path = tmp_path / "layer.onnx"
    torch.onnx.export(made, (states,), path, input_names=["states"], dynamo=True, opset_version=23, verbose=False)
    runtime = pytest.importorskip("onnxruntime").InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = runtime.run(None, {"states": states.numpy()})
    lost = (torch.from_numpy(found) - (states @ kept.t() + layer.bias)).abs()
    assert bool((lost <= kept.abs().sum(1) / 255 / 2 + 1e-4).all())


def test_making_int8_weights_leaves_the_model_as_it_is() -> None:
    made = checkpoint("bert")
    before = UniMC(made).backend.fingerprint()
    quantised(made.model)
    assert UniMC(made).backend.fingerprint() == before


# ---- what can't be done is said


def test_a_folder_without_a_graph_says_how_to_get_one(bert_folder: Path) -> None:
    with pytest.raises(InputError, match=rf"holds no model\.onnx; write one by `unimc export --model {bert_folder}"):
        opened(bert_folder)


def test_a_folder_with_nothing_but_a_graph_does_not_open_in_pytorch(folder: Path) -> None:
    with pytest.raises(
        InputError, match="holds a graph for onnxruntime and no weights for torch; open it with backend"
    ):
        UniMC.from_pretrained(folder)


@pytest.mark.parametrize("package", ["onnxruntime", "onnxscript"])
def test_a_missing_package_is_named(
    package: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"needs {package}, which is not installed; pip install 'unimc\[onnx\]'"):
        export(checkpoint("bert"), tmp_path / "new")
    assert not (tmp_path / "new").exists()
    if package == "onnxruntime":
        with pytest.raises(InputError, match="needs onnxruntime"):
            opened(folder)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"device": "cuda"}, "runs on the CPU, not on 'cuda'"),
        ({"device": torch.device("cuda", 1)}, "runs on the CPU, not on 'cuda:1'"),
        ({"dtype": torch.bfloat16}, "takes no dtype: the export has settled it"),
    ],
    ids=str,
)
def test_another_device_or_precision_is_refused(folder: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        opened(folder, **settings)


def test_the_cpu_may_be_named(folder: Path) -> None:
    assert opened(folder, device="cpu").backend.device == "cpu"


def test_an_unknown_backend_is_named(folder: Path) -> None:
    with pytest.raises(InputError, match="backend 'tensorrt' is not known; use 'torch' or 'onnx'"):
        UniMC.from_pretrained(folder, backend="tensorrt")


@pytest.mark.parametrize("file", [GRAPH, DATA])
def test_a_file_cut_short_is_refused(folder: Path, file: str) -> None:
    path = folder / file
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"model\.onnx can't be opened .*; export the model again"):
        opened(folder)


@pytest.mark.parametrize("file", [NOTE, DATA])
def test_a_missing_file_is_named(folder: Path, file: str) -> None:
    (folder / file).unlink()
    with pytest.raises(InputError, match=f"{file} is missing; export the model again"):
        opened(folder)


def test_an_export_that_was_broken_off_does_not_open(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over an earlier one, too."""

    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(torch.onnx, "export", stop)
    with pytest.raises(KeyboardInterrupt):
        export(checkpoint("bert"), folder)
    with pytest.raises(InputError, match=r"onnx\.json is missing; export the model again"):
        opened(folder)


@pytest.mark.parametrize(
    "changes", [{"format": "1"}, {"dtype": None}, {"pieces": 5}, None, "{", ""], ids=lambda changes: repr(changes)
)
def test_a_malformed_note_is_named(folder: Path, changes: dict[str, Any] | str | None) -> None:
    entry = json.loads((folder / NOTE).read_text())
    text = changes if isinstance(changes, str) else json.dumps({**entry, **changes} if changes else [])
    (folder / NOTE).write_text(text)
    with pytest.raises(InputError, match=r"onnx\.json is not what `unimc export` writes"):
        opened(folder)


def test_a_format_of_a_later_version_is_refused(folder: Path) -> None:
    entry = json.loads((folder / NOTE).read_text())
    (folder / NOTE).write_text(json.dumps({**entry, "format": 2}))
    with pytest.raises(InputError, match=r"onnx\.json: format 2 is of a later version, this one reads 1; update unimc"):
        opened(folder)


def test_other_answer_pieces_than_the_graph_has_are_refused(folder: Path) -> None:
    entry = json.loads((folder / FILE).read_text(encoding="utf-8"))
    entry |= {"answers": {"en": ["good", "bad"]}, "answer_ids": {}}
    (folder / FILE).write_text(json.dumps(entry), encoding="utf-8")
    with pytest.raises(InputError, match=r"the graph answers with the pieces \[.*\], unimc\.json names \[.*\]; export"):
        opened(folder)


def test_what_was_opened_without_weights_cannot_be_saved(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="runs by onnxruntime and has no weights to save; copy its folder"):
        opened(folder).save_pretrained(tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


def test_a_checkpoint_is_not_mixed_with_an_export(bert_folder: Path) -> None:
    before = sorted(bert_folder.iterdir())
    with pytest.raises(InputError, match="holds a checkpoint; give the export a folder of its own"):
        export(load(bert_folder), bert_folder)
    assert sorted(bert_folder.iterdir()) == before


@pytest.mark.parametrize("kind", ["nothing", "prompt"])
def test_an_adapter_is_not_written_over_by_an_export(kind: str, bert_folder: Path, tmp_path: Path) -> None:
    """One that learned nothing has no file but the entry."""
    AdaptedCheckpoint.of(load(bert_folder), base=str(bert_folder)).save(tmp_path)
    if kind == "prompt":
        (tmp_path / FILE).write_text("cut sho", encoding="utf-8")
        (tmp_path / TENSORS).touch()
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    with pytest.raises(InputError, match="holds an adapter; give the export a folder of its own"):
        export(load(bert_folder), tmp_path)
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


def test_a_model_without_a_trained_head_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="masked-LM head has random weights; train it first"):
        export(replace(checkpoint("bert"), fresh_head=True), tmp_path)


@pytest.mark.parametrize("opset", [0, 19, 24])
def test_an_opset_out_of_range_is_refused(opset: int, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"opset is {opset}; it can be from 20 to 23"):
        export(checkpoint("bert"), tmp_path, opset=opset)


def test_a_model_that_pytorch_cannot_export_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("no such operator\nand much more")

    monkeypatch.setattr(torch.onnx, "export", fail)
    with pytest.raises(InputError, match=r"can't export BERT \(no such operator\); use the backend 'torch'"):
        export(checkpoint("bert"), tmp_path)


def test_a_graph_that_answers_otherwise_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "_attention", lambda query, *_, **__: query)
    with pytest.raises(InputError, match="answers otherwise than the model itself"):
        export(checkpoint("bert"), tmp_path)
    assert not (tmp_path / GRAPH).exists()


# ---- in a shell


def test_the_command_line_exports_and_classifies(bert_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "onnx"
    said = terminal.unimc("export", "--model", bert_folder, "--output", output, "--int8")
    assert (said.code, said.err) == (0, "")
    assert f"written to {output}: " in said.out
    words = ("classify", "the soup was late", "--options", "food,sport", "--json", "--model")
    found = json.loads(terminal.unimc(*words, output, "--backend", "onnx").out)
    expected = json.loads(terminal.unimc(*words, bert_folder).out)
    assert found["margins"] == pytest.approx(expected["margins"], abs=NEAR)
    assert found["options"] == ["food", "sport"]


def test_the_command_line_says_what_cannot_be_done(bert_folder: Path) -> None:
    words = ("classify", "the soup was late", "--options", "food,sport", "--model", bert_folder)
    said = terminal.unimc(*words, "--backend", "onnx")
    assert said.code == 2
    assert "holds no model.onnx" in said.err
