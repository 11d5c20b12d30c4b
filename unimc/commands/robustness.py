"""`unimc robustness`: whether the order of the options, or another wording, changes a model's answers."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from converters.held_out import tasks as named_tasks
from unimc.commands.arguments import DataDir, Model, comma_separated
from unimc.example import InputError

if TYPE_CHECKING:
    from rich.table import Table


def robustness(
    tasks: Annotated[
        str,
        typer.Option(
            help="Names or YAML files (here, or hf://OWNER/REPO/card.yaml), separated by commas; NAME:SPLIT for a "
            "split; a suite is all of its tasks.",
            show_default=False,
        ),
    ],
    model: Model = None,
    shuffles: Annotated[int, typer.Option(help="Other orders of the options to try; 0 for none.")] = 3,
    wordings: Annotated[bool, typer.Option(help="Whether to try the tasks' other wordings.")] = True,
    limit: Annotated[int, typer.Option(help="The most examples of each task, drawn by the seed.")] = 500,
    output: Annotated[
        Path | None, typer.Option(help="Folder for robustness.json, which `unimc results` reads.")
    ] = None,
    data_dir: DataDir = None,
    batch_size: Annotated[int, typer.Option(help="The most rows in a batch.", min=1)] = 32,
    max_length: Annotated[
        int | None, typer.Option(help="The most tokens in a row; the model's own if not given.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the orders and of --limit.")] = 0,
) -> None:
    """Ask in other orders of the options and in other wordings.

    Counts the answers that the order changes, and measures each wording.

    Example: unimc robustness --tasks sample_en_topic --shuffles 5
    """
    from unimc import bundled
    from unimc import robustness as measuring
    from unimc.commands.tables import show
    from unimc.commands.tasks_to_sets import evaluation_set
    from unimc.inference import UniMC

    named = comma_separated(tasks)
    if not named:
        raise InputError("no tasks; name them with --tasks (`unimc tasks` lists them)")
    if shuffles < 0:
        raise InputError(f"--shuffles is {shuffles}; give 0 for none, or more")
    if not shuffles and not wordings:
        raise InputError("--shuffles 0 and --no-wordings leave nothing to do; leave one of them out")
    drawn: dict[str, Any] = {"data_dir": data_dir, "limit": limit, "seed": seed}
    model = bundled.named(model)
    sets = []
    for card, split in named_tasks(named):
        asked = evaluation_set(card, split or None, **drawn)
        names = tuple(card.variants) if wordings else ()
        sets.append((asked, {name: evaluation_set(card, asked.split, variant=name, **drawn) for name in names}))
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)  # an error now, not after everything was answered
    loaded = UniMC.from_pretrained(model, max_length=max_length)
    for asked, _ in sets:
        for language in sorted({example.language for example in asked.examples}):
            loaded.answers[language]  # an error now, not after the tasks before it
    entries = []
    for asked, others in sets:
        entries.append(measuring.check(loaded, asked, others, shuffles=shuffles, seed=seed, batch_size=batch_size))
        typer.echo(f"{asked.name}: done", err=True)
    show(table(entries))
    if output is not None:
        found = {
            "format": measuring.FORMAT,
            "kind": measuring.KIND,
            "model": {
                "name": model,
                "fingerprint": loaded.backend.fingerprint(),
                "parameters": loaded.backend.parameters,
                "max_length": loaded.encoder.max_length,
                "trained_on": loaded.checkpoint.trained_on,
            },
            "seed": seed,
            "limit": limit,
            "batch_size": batch_size,
            "device": loaded.backend.device.partition(":")[0],
            "dtype": loaded.backend.dtype,
            "versions": {
                **{package: version(package) for package in ("unimc", "torch", "transformers", "datasets")},
                "python": platform.python_version(),
            },
            "tasks": entries,
        }
        text = json.dumps(found, ensure_ascii=False, indent=2) + "\n"
        (output / "robustness.json").write_text(text, encoding="utf-8")
        typer.echo(f"written to {output / 'robustness.json'}")


def table(entries: list[dict[str, Any]]) -> Table:
    """A table for the terminal."""
    from rich.table import Table

    from unimc import inert
    from unimc.sections import percent, signed

    made = Table("task", caption="changed: answers that another order of the options changes; figures in per cent")
    for column in ("examples", "changed", "largest change", "default", "other wordings", "spread", "mean change"):
        made.add_column(column, justify="right")
    for entry in entries:
        order, wordings = entry["order"], entry["wordings"]
        cells = (
            ["–", "–"]
            if order is None
            else [f"{order['changed']} of {order['asked']}", f"{order['largest_change']:.1e}"]
        )
        if wordings is None:
            cells += ["–"] * 4
        else:
            (_, default), *others = wordings["each"].items()
            said = ", ".join(f"{name} {percent(one['value'])}" for name, one in others)
            cells += [percent(default["value"]), said, percent(wordings["spread"]), signed(wordings["mean_change"])]
        made.add_row(*map(inert.terminal, [entry["task"], str(entry["examples"]), *cells]))
    return made
