"""`unimc models`: the models that are installed under a name."""

from __future__ import annotations

from collections.abc import Sequence

from converters.licences import NON_COMMERCIAL, NOT_STATED, licence_id, terms

_BACKBONE, _DATA = "backbone ", "training data "


def models() -> None:
    """List the bundled models: languages, parameters, licences.

    Example: unimc models
    """
    import typer
    from rich.table import Table
    from rich.text import Text

    from unimc import bundled
    from unimc.commands.tables import show

    found = bundled.models()
    if not found:
        typer.echo("no model is bundled yet; train one, or name a folder or a hub id where a model is asked for")
        return
    table = Table("model", "languages")
    for heading in ("parameters", "on disk"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("licences", "where"):
        table.add_column(heading)
    for model in found:
        name = f"{model.name} (default)" if model.name == bundled.DEFAULT else model.name
        where = str(model.folder) if model.distribution == "unimc" else f"{model.folder} ({model.distribution})"
        if model.complete:
            cells = [
                ", ".join(model.languages) or "by its vocabulary",
                f"{model.parameters / 1e6:.1f}M",
                f"{model.size / 1e6:.1f} MB",
                licence_note(model.licences),
                where,
            ]
        else:
            cells = ["", "", "", "", f"files missing: reinstall {model.distribution}"]
        table.add_row(*map(Text, [name, *cells]))
    show(table)


def licence_note(notes: Sequence[str]) -> str:
    """What a checkpoint's licence notes come to, in a line.

    Args:
        notes: as `unimc.json` has them: "backbone NAME: LICENCE", "training data TASK: LICENCE".
    """
    backbone = [licence_id(note.partition(": ")[2]) for note in notes if note.startswith(_BACKBONE)]
    data = [terms(note.partition(": ")[2]) for note in notes if note.startswith(_DATA)]
    parts = [f"backbone {', '.join(backbone)}"] if backbone else []
    if data:
        counts = [f"{data.count(kind)} {kind}" for kind in (NON_COMMERCIAL, NOT_STATED) if kind in data]
        sets = "1 training set" if len(data) == 1 else f"{len(data)} training sets"
        parts.append(sets + (f", of which {', '.join(counts)}" if counts else ", all open"))
    return "; ".join(parts) or "not stated"
