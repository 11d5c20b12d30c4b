"""The calibrations that a checkpoint keeps in `unimc.json`, by name: a task's, or "default" (DESIGN, section 10)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from unimc.calibration import Calibration
from unimc.checkpoint import FILE, FORMAT
from unimc.example import InputError, shown


def find(entries: Mapping[str, Any], name: str) -> Calibration:
    """The calibration of a name among those of a checkpoint (`Checkpoint.calibration`).

    Raises:
        InputError: if there is none of that name; it lists those there are.
    """
    if name not in entries:
        there = f"there are: {', '.join(entries)}" if entries else "there is none; `unimc calibrate` fits one"
        if close := get_close_matches(name, entries, n=1):
            there = f"did you mean {close[0]!r}?"
        raise InputError(f"no calibration {shown(name)} in this checkpoint; {there}")
    return Calibration.from_dict(entries[name], f"calibration {shown(name)}")


def store(folder: str | Path, name: str, calibration: Calibration) -> None:
    """Writes a calibration into a checkpoint's folder, over one of the same name; all else there stays as it is.

    The file is replaced in one step: whoever opens the checkpoint meanwhile finds the old one or the new one, whole.

    Raises:
        InputError: if there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder here; calibrations are written into one (UniMC.save_pretrained)")
    path = folder / FILE
    # A released model has no such file; what else it would say is then looked up as before.
    entry: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"format": FORMAT}
    entry["calibration"] = {**entry.get("calibration", {}), name: calibration.to_dict()}
    temporary = path.with_name(f".{FILE}.new")
    try:
        temporary.write_text(json.dumps(entry, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
