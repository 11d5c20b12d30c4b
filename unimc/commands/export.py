"""`unimc export`: a model as a graph for onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unimc.commands.arguments import Model


def export(
    output: Annotated[Path, typer.Option(help="Folder to write; an export that is there is replaced.")],
    model: Model = None,
    int8: Annotated[
        bool,
        typer.Option("--int8", help="Linear layers and word embeddings in eight bits: faster, and a third as big."),
    ] = False,
    opset: Annotated[
        int, typer.Option(help="Version of ONNX's operators; lower for older versions of onnxruntime.")
    ] = 23,
) -> None:
    """Write a model for onnxruntime: faster on a CPU. Needs pip install 'unimc[onnx]'.

    Example: unimc export --output runs/onnx --int8
    """
    from unimc import bundled
    from unimc.backends import export as exporting
    from unimc.checkpoint import load

    difference = exporting.export(load(bundled.named(model)), output, int8=int8, opset=opset)
    size = sum(path.stat().st_size for path in output.glob("model.onnx*")) / 1e6
    typer.echo(f"written to {output}: {size:.1f} MB; on sample rows, no logit differs by more than {difference:.1g}")
