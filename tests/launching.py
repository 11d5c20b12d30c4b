"""Tiny models that know the words of the sample tasks, and the doors of the project as processes of their own."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

import tiny
import torch
import yaml

from unimc.answers import Answers
from unimc.checkpoint import Checkpoint
from unimc.modeling import UniMCModel

ROOT = Path(__file__).parents[1]
_FOLDER = tempfile.TemporaryDirectory(prefix="unimc-launching-")
TASKS = ["sample_en_commonsense", "sample_en_yes_no", "sample_en_nli"]
"""Three small tasks of the package; one has each row's own options, the others fixed labels."""


@cache
def sample_model(dropout: float = 0.0, languages: tuple[str, ...] = ("en", "zh")) -> Path:
    """A tiny BERT whose vocabulary is the sample tasks' own words (and, with "zh", their characters)."""
    cards = [Path(path).read_text(encoding="utf-8") for path in (ROOT / "converters/samples").glob("*.yaml")]
    text = "\n".join(sorted(cards))
    words = sorted({"yes", "no", *re.findall(r"[a-z]+", text.lower())})
    han = "".join(sorted({"是", "非", *re.findall(r"[\u4e00-\u9fff，。？！：]", text)})) if "zh" in languages else ""
    tokenizer = tiny.wordpiece(words=words, han=han)
    backbone = tiny.new_backbone(
        "bert",
        vocab_size=len(tokenizer),
        initializer_range=0.05,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    folder = Path(_FOLDER.name) / f"{'-'.join(languages)}-{dropout}"
    Checkpoint(UniMCModel(backbone), tokenizer, Answers.look_up(tokenizer), tiny.POSITIONS).save(folder)
    return folder


def configuration(folder: Path, **training: Any) -> Path:
    """Writes a run's configuration beside its folder: three sample tasks, small steps."""
    dropout = training.pop("dropout", 0.0)
    settings = {
        "backbone": str(sample_model(dropout)),
        "output": str(folder),
        "mixture": {"tasks": TASKS, "cap": 20},
        "training": {
            "batch_size": 4,
            "max_length": 128,
            "learning_rate": 1e-3,
            "log_every": 1,
            **training,
        },
    }
    path = folder.with_name(f"{folder.name}.yaml")
    path.write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
    return path


def environment() -> dict[str, str]:
    """On the CPU, one thread a process, and none of another launcher's settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("ACCELERATE_", "TORCHELASTIC"))}
    return {**own, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "COLUMNS": "160"}


def command(door: str, *arguments: object, processes: int = 1) -> list[str]:
    """`python train.py …`, or `accelerate launch … train.py …` for several processes."""
    start = [sys.executable]
    if processes > 1:
        # Plain `--cpu` would silently start one process; `--multi_gpu` with ACCELERATE_USE_CPU starts them all.
        start += ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", str(processes)]
        start += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no"]
        start += ["--main_process_port", str(free_port())]
    return [*start, str(ROOT / door), *map(str, arguments)]


def run(door: str, *arguments: object, processes: int = 1) -> subprocess.CompletedProcess[str]:
    """Runs a door to its end, from the repository's root."""
    return subprocess.run(
        command(door, *arguments, processes=processes),
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def here(door: str, *arguments: object) -> int:
    """Runs a door in this process, on the CPU; the exit code. Quicker than `run` where one process is wanted."""
    from accelerate.state import AcceleratorState

    main = import_module(f"unimc.commands.{Path(door).stem}").main
    with mock.patch.object(sys, "argv", [door, *map(str, arguments)]), mock.patch.dict(os.environ, environment()):
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0)
        finally:
            AcceleratorState._reset_state(True)
    return 0


def start(door: str, *arguments: object, output: Path) -> subprocess.Popen[bytes]:
    """Starts a door on one process; what it says goes to a file."""
    with output.open("wb") as file:
        return subprocess.Popen(command(door, *arguments), cwd=ROOT, env=environment(), stdout=file, stderr=file)


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def lines(folder: Path) -> list[dict[str, Any]]:
    """The lines of a run's metrics."""
    text = (folder / "metrics.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def steps(folder: Path) -> list[dict[str, Any]]:
    """The lines about training steps, without those about validation."""
    return [line for line in lines(folder) if "loss" in line]


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of a model's folder."""
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def apart(one: Sequence[dict[str, Any]], other: Sequence[dict[str, Any]]) -> float:
    """The largest difference between two runs' losses, which must be of the same steps."""
    assert [line["step"] for line in one] == [line["step"] for line in other]
    names = ("loss", "mlm", "omlm", "op")
    return max(abs(a[name] - b[name]) for a, b in zip(one, other, strict=True) for name in names)
