"""`unimc evaluate` and `evaluate.py`: a model on tasks, with intervals, written to a folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from unimc.example import InputError


def evaluate(
    model: Annotated[str, typer.Option(help="Folder or hub id of the model.", show_default=False)],
    tasks: Annotated[
        str, typer.Option(help="Names or YAML files, separated by commas; NAME:SPLIT for a split.", show_default=False)
    ],
    output: Annotated[Path | None, typer.Option(help="Folder for results.json, predictions.jsonl, report.md.")] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Folder of local data sets; UNIMC_DATA_DIR if not given, else the hub.")
    ] = None,
    variant: Annotated[str | None, typer.Option(help="Another wording than the default, by its name.")] = None,
    limit: Annotated[int | None, typer.Option(help="The most examples of each task, drawn by the seed.")] = None,
    batch_size: Annotated[int, typer.Option(help="The most rows in a batch.")] = 32,
    max_length: Annotated[
        int | None, typer.Option(help="The most tokens in a row; the model's own if not given.")
    ] = None,
    resamples: Annotated[int, typer.Option(help="Bootstrap samples for the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap and of --limit.")] = 0,
) -> None:
    """Evaluate a model zero-shot on tasks.

    Example: unimc evaluate --model runs/quickstart_en/final --tasks sample_en_topic,sample_en_riddle
    """
    from accelerate import Accelerator
    from accelerate.utils import set_seed

    from unimc.commands.tables import show
    from unimc.commands.tasks_to_sets import evaluation_set
    from unimc.evaluation import evaluate_tasks
    from unimc.inference import UniMC

    named = [name.strip() for name in tasks.split(",") if name.strip()]
    if not named:
        raise InputError("--tasks is empty; name at least one task (`unimc tasks` lists them)")
    sets = []
    for name in named:
        task, _, split = name.partition(":")
        sets.append(evaluation_set(task, split or None, data_dir=data_dir, limit=limit, seed=seed, variant=variant))
    accelerator = Accelerator()
    set_seed(seed)  # a folder without a masked-LM head gets the same random one on every process
    accelerator.print(f"world size {accelerator.num_processes}")
    loaded = UniMC.from_pretrained(model, max_length=max_length, device=accelerator.device)
    for one in sets:
        loaded.answers[one.language]  # an error now, not after the tasks before it
    found = evaluate_tasks(
        loaded, sets, name=model, batch_size=batch_size, seed=seed, resamples=resamples, accelerator=accelerator
    )
    trained = loaded.checkpoint.trained_on
    seen = sorted({one.name for one in sets} & {entry["task"] for entry in trained})
    found = replace(
        found,
        model={**found.model, "trained_on": trained, "fresh_head": loaded.checkpoint.fresh_head},
        settings={**found.settings, "seen_in_training": seen},
    )
    if accelerator.is_main_process:
        show(found.table())
        for name in seen:
            typer.echo(f"not zero-shot: the model was trained on rows of {name}")
        if output is not None:
            found.write(output)
            typer.echo(f"written to {output}")
    accelerator.end_training()


def main() -> None:
    """The door for `python evaluate.py` and `accelerate launch evaluate.py`."""
    from unimc.cli import run

    run(evaluate)
