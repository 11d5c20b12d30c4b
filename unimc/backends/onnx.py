"""onnxruntime on the CPU, running a graph that `unimc export` wrote. An extra: pip install 'unimc[onnx]'."""

from __future__ import annotations

import hashlib
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unimc import last_layer
from unimc.checkpoint import Checkpoint
from unimc.collation import Batch
from unimc.example import InputError
from unimc.pretrained import GRAPH, file_of, first_line

NOTE = "onnx.json"
"""How the graph was made."""
DATA = f"{GRAPH}.data"
"""Its weights: beside the graph they are mapped into memory, not read into it, and may take more than 2 GB."""
FORMAT = 1
"""Of `onnx.json`; an export of a later one is refused."""
INPUTS = ("input_ids", "option_ids", "position_ids", "token_type_ids", "segment_ids", "places")
"""What the graph takes: int64, (batch, length); `places` is (batch, most), those of the O-MASKs within their row."""
OUTPUT = "logits"
"""What it gives: (batch, most, pieces) float32."""
MAX_TOKENS = 1024
"""In a batch: 512 to 1024 take the same time on one thread, 2048 a tenth more."""


class OnnxBackend:
    """An exported graph, run by onnxruntime with as many threads as PyTorch has when it is opened.

    Args:
        graph: the file.
        dtype: of its weights, for people.
        parameters: how many there are.

    Raises:
        InputError: if the file is damaged.
    """

    def __init__(self, graph: Path, *, dtype: str, parameters: int) -> None:
        import onnxruntime

        self.device = "cpu"
        self.dtype = dtype
        self.parameters = parameters
        self.max_tokens = MAX_TOKENS
        self._graph = graph
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors; what it warns of is no user's to mend
        options.enable_mem_pattern = False  # plans memory for one shape, and no two batches have the same
        # Threads that wait for work in a loop take the time of the tokenizer, and of whatever else the machine does.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                graph,
                options,
                providers=["CPUExecutionProvider"],
                # The fused form is fifteen times slower on the CPU than an addition and a norm of their own.
                disabled_optimizers=["SkipLayerNormFusion"],
            )
        except Exception as error:  # its exceptions share no class of their own
            raise InputError(f"{graph} can't be opened ({first_line(error)}); export the model again") from error

    @classmethod
    def opened(
        cls,
        name_or_path: str | Path,
        checkpoint: Checkpoint,
        *,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> OnnxBackend:
        """The graph of a folder or hub id.

        Args:
            name_or_path: the folder or hub id.
            checkpoint: what `unimc.checkpoint.load` found there; weights are not needed.
            device: where to run; the CPU is all there is.
            dtype: nothing but None: it was chosen with the export.

        Raises:
            InputError: if onnxruntime is not installed, there is no graph or a damaged one, it answers with other
                pieces than the checkpoint names, or it is to run elsewhere or in another precision.
        """
        check_installed()
        if device is not None and torch.device(device).type != "cpu":
            raise InputError(f"backend 'onnx' runs on the CPU, not on {str(device)!r}; use backend 'torch' there")
        if dtype is not None:
            raise InputError(
                "backend 'onnx' takes no dtype: the export has settled it (`unimc export --int8` for int8)"
            )
        graph, note, data = (file_of(name_or_path, file) for file in (GRAPH, NOTE, DATA))
        if graph is None:
            raise InputError(
                f"{name_or_path} holds no {GRAPH}; write one by `unimc export --model {name_or_path} --output FOLDER`, "
                "and open that folder"
            )
        if note is None or data is None:
            raise InputError(f"{name_or_path}: {DATA if data is None else NOTE} is missing; export the model again")
        entry = _read(note)
        if entry["pieces"] != checkpoint.answers.ids:
            raise InputError(
                f"{name_or_path}: the graph answers with the pieces {entry['pieces']}, unimc.json names "
                f"{checkpoint.answers.ids}; export the model again"
            )
        parameters = sum(one.numel() for one in checkpoint.model.parameters())
        return cls(graph, dtype=entry["dtype"], parameters=parameters)

    def logits(self, batch: Batch) -> Tensor:
        """See `Backend`."""
        inputs, cells = feeds(batch)
        (found,) = self._session.run([OUTPUT], {name: one.numpy() for name, one in inputs.items()})
        return torch.from_numpy(found).flatten(0, 1)[cells]

    def clear(self) -> None:
        """See `Backend`; onnxruntime has nothing to give back before it is needed again."""

    def fingerprint(self) -> str:
        """SHA-256 of the graph and its weights."""
        digest = hashlib.sha256()
        for path in (self._graph, self._graph.with_name(DATA)):
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()


def feeds(batch: Batch) -> tuple[dict[str, Tensor], Tensor]:
    """What the graph is given for a batch, and where in its flattened (batch, most) grid every O-MASK then stands."""
    places, cells = last_layer.grid(batch.option_places, *batch.input_ids.shape)
    given = {name: getattr(batch, name) for name in INPUTS if name != "places"}
    if batch.segment_ids is None:
        given["segment_ids"] = torch.zeros_like(batch.input_ids)
    return {**given, "places": places}, cells


def check_installed() -> None:
    """Raises `InputError` if onnxruntime is not there."""
    if find_spec("onnxruntime") is None:
        raise InputError("backend 'onnx' needs onnxruntime, which is not installed; pip install 'unimc[onnx]'")


def _read(note: Path) -> dict[str, Any]:
    try:
        entry = json.loads(note.read_text(encoding="utf-8"))
        found, pieces = entry["format"], entry["pieces"]
        right = type(found) is int and isinstance(pieces, list) and entry["dtype"] in ("float32", "int8")
    except (ValueError, KeyError, TypeError):
        right = False
    if not right:
        raise InputError(f"{note} is not what `unimc export` writes; export the model again")
    if found > FORMAT:
        raise InputError(f"{note}: format {found} is of a later version, this one reads {FORMAT}; update unimc")
    return dict(entry)
