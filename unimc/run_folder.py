"""A training run on disk: configuration, metrics, checkpoints; whole after a kill at any instant.

    config.json  metrics.jsonl  checkpoint-00000500/  best/  final/

A checkpoint is written under another name and renamed once whole, so a name without ".partial" is a whole one. Its
`state.json` lists the files and their sizes, which catches one damaged later (a full disk, a cut copy).
"""

from __future__ import annotations

import json
import logging
import math
import os
import re
import shutil
from pathlib import Path
from typing import Any

from unimc.example import InputError

_STATE = "state.json"
_PARTIAL = ".partial"
_OLD = f".old{_PARTIAL}"
_CHECKPOINT = r"checkpoint-\d+"
_MODEL = (
    "unimc.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
# The folder may hold other people's files too: only what a run itself leaves half written is tidied up.
_LEFT = re.compile(rf"(({_CHECKPOINT}|best|final)(\.old)?|config\.json|metrics\.jsonl){re.escape(_PARTIAL)}")
_log = logging.getLogger(__name__)


class RunFolder:
    """The folder of one run.

    Args:
        folder: where it is, or will be.
    """

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder)
        self.final = self.path / "final"
        self.best = self.path / "best"
        self.metrics = self.path / "metrics.jsonl"

    def check(self, config: dict[str, Any]) -> None:
        """Says whether a run of this configuration may be begun or taken up here; changes nothing.

        Raises:
            InputError: if nothing can be written there, or the folder is a model's, or holds one that came there
                otherwise, or a config.json that no run wrote, or a run of another configuration that has made a step at
                least, or a damaged one.
        """
        there = next(path for path in (self.path.absolute(), *self.path.absolute().parents) if path.exists())
        if not there.is_dir() or not os.access(there, os.W_OK):
            what = "can't be written to" if there.is_dir() else "is a file, not a folder"
            raise InputError(f"{there} {what}; take another output folder")
        if any((self.path / name).exists() for name in _MODEL):  # its config.json is not a run's
            raise InputError(f"{self.path} is the folder of a model, not of a run; take another output folder")
        path = self.path / "config.json"
        if path.exists():
            self._check_before(path, json.loads(json.dumps(config)))
        elif self.final.exists():  # of `unimc adapt`, say: a configuration beside it would pass for its own
            raise InputError(
                f"{self.final} is there already, with no record of its training; take another output folder, or remove "
                "this one"
            )

    def _check_before(self, path: Path, now: dict[str, Any]) -> None:
        """Compares with the configuration that is there already."""
        try:
            before = json.loads(path.read_bytes())
        except ValueError as error:
            raise InputError(
                f"{path} is damaged ({error}); take another output folder, or remove this file to go on by the new "
                "configuration"
            ) from error
        if before == now:
            return
        if self.metrics.exists() or self._checkpoints() or self.final.exists():
            other = ", ".join(_differences(before, now))
            raise InputError(
                f"{self.path} holds a run of another configuration (other: {other}); "
                "take another output folder, or remove this one"
            )
        if not isinstance(before, dict) or not (
            {"mixture", "training"} <= before.keys() or before.keys() == now.keys()
        ):
            raise InputError(
                f"{path} is not the configuration of a run, and a run would write its own in its place; take another "
                "output folder, or move this file away"
            )

    def open(self, config: dict[str, Any]) -> None:
        """Makes the folder, or takes up the run in it.

        Raises:
            InputError: as `check`; nothing in the folder is changed then.
        """
        self.check(config)
        self.path.mkdir(parents=True, exist_ok=True)
        replace_text(self.path / "config.json", json.dumps(config, ensure_ascii=False, indent=2) + "\n")
        for left in sorted(path for path in self.path.iterdir() if _LEFT.fullmatch(path.name)):
            whole = self.path / left.name.removesuffix(_OLD)
            if left.name.endswith(_OLD) and not whole.exists():
                left.rename(whole)  # killed between the two renames of `seal`
            elif left.is_dir():
                shutil.rmtree(left)
            else:
                left.unlink()

    def log(self, entry: dict[str, Any]) -> None:
        """Appends one line to the metrics; a figure that is not finite, which JSON can't write, is null there."""
        with self.metrics.open("a", encoding="utf-8") as file:
            file.write(json.dumps(_finite(entry), ensure_ascii=False) + "\n")

    def forget_after(self, step: int) -> None:
        """Drops the metrics of steps that will be done again."""
        if self.metrics.exists():
            # Split as bytes: a kill may cut the last line inside a character.
            lines = self.metrics.read_bytes().split(b"\n")
            kept = [line.decode() for line in lines if _step_of(line) is not None and (_step_of(line) or 0) <= step]
            replace_text(self.metrics, "".join(line + "\n" for line in kept))

    def partial(self, name: str) -> Path:
        """Where to write a folder that is to become `name`."""
        folder = self.path / f"{name}{_PARTIAL}"
        folder.mkdir(exist_ok=True)
        return folder

    def seal(self, name: str, state: dict[str, Any]) -> Path:
        """Turns the partial folder into `name`, in one rename once all is written."""
        partial, whole = self.path / f"{name}{_PARTIAL}", self.path / name
        files = {str(path.relative_to(partial)): path.stat().st_size for path in partial.rglob("*") if path.is_file()}
        replace_text(partial / _STATE, json.dumps({**_finite(state), "files": files}, indent=2) + "\n")
        if whole.exists():
            old = self.path / f"{name}{_OLD}"
            whole.rename(old)
            partial.rename(whole)
            shutil.rmtree(old)
        else:
            partial.rename(whole)
        return whole

    def newest(self) -> tuple[Path, dict[str, Any]] | None:
        """The newest whole checkpoint and its state."""
        for folder in sorted(self._checkpoints(), reverse=True):
            state = _whole(folder)
            if state is not None:
                return folder, state
            _log.warning("%s is damaged; going back to the checkpoint before it", folder)
        return None

    def prune(self, keep: int) -> None:
        """Removes all but the newest checkpoints."""
        for folder in sorted(self._checkpoints())[: -keep or None]:
            shutil.rmtree(folder)

    def _checkpoints(self) -> list[Path]:
        return [path for path in self.path.glob("checkpoint-*") if re.fullmatch(_CHECKPOINT, path.name)]


def checkpoint_name(step: int) -> str:
    """The checkpoint's folder name; sorts by step."""
    return f"checkpoint-{step:08d}"


def replace_text(path: Path, text: str) -> None:
    """Writes a file whole or not at all."""
    partial = path.with_name(path.name + _PARTIAL)
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _whole(folder: Path) -> dict[str, Any] | None:
    try:
        state: dict[str, Any] = json.loads((folder / _STATE).read_text(encoding="utf-8"))
        sizes_agree = all((folder / name).stat().st_size == size for name, size in state["files"].items())
    except (OSError, ValueError, KeyError):
        return None
    return state if sizes_agree else None


def _step_of(line: bytes) -> int | None:
    try:
        step: int = json.loads(line.decode())["step"]
    except (ValueError, KeyError, TypeError):  # the line that the kill cut short
        return None
    return step


def _finite(value: Any) -> Any:
    """The value with None for every number in it that is not finite."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _differences(before: Any, now: Any, where: str = "") -> list[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        keys = sorted({*before, *now})
        return [one for key in keys for one in _differences(before.get(key), now.get(key), f"{where}.{key}".strip("."))]
    return [] if before == now else [where]
