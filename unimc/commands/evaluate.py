"""`unimc evaluate` and `evaluate.py`: a model on tasks, with intervals, written to a folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from converters import suites
from converters.held_out import tasks as named_tasks
from unimc.commands.arguments import comma_separated
from unimc.example import InputError

if TYPE_CHECKING:
    from unimc.results import TaskResult


def evaluate(
    model: Annotated[str, typer.Option(help="Folder or hub id of the model.", show_default=False)],
    tasks: Annotated[
        str | None,
        typer.Option(
            help="Names or YAML files, separated by commas; NAME:SPLIT for a split; a suite is all of its tasks.",
            show_default=False,
        ),
    ] = None,
    json_files: Annotated[
        list[Path] | None,
        typer.Option(
            "--json", help="A file in the released UniMC's form (texta, question, choice, label). Repeatable."
        ),
    ] = None,
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
    from unimc.commands.tasks_to_sets import evaluation_set, json_set
    from unimc.comparison import text_table
    from unimc.evaluation import evaluate_tasks
    from unimc.inference import UniMC

    named = comma_separated(tasks or "")
    if not named and not json_files:
        raise InputError("no tasks; name them with --tasks (`unimc tasks` lists them), or give a file with --json")
    sets = []
    for task, split in named_tasks(named):
        sets.append(evaluation_set(task, split or None, data_dir=data_dir, limit=limit, seed=seed, variant=variant))
    sets += [json_set(path, limit=limit, seed=seed) for path in json_files or ()]
    accelerator = Accelerator()
    set_seed(seed)  # a folder without a masked-LM head gets the same random one on every process
    accelerator.print(f"world size {accelerator.num_processes}")
    loaded = UniMC.from_pretrained(model, max_length=max_length, device=accelerator.device)
    for one in sets:
        for language in sorted({example.language for example in one.examples}):
            loaded.answers[language]  # an error now, not after the tasks before it
    found = evaluate_tasks(
        loaded,
        sets,
        name=model,
        batch_size=batch_size,
        seed=seed,
        resamples=resamples,
        accelerator=accelerator,
        after_task=None if sys.stderr.isatty() else _say,  # there a bar shows how far it is, here nothing would
    )
    about = {"trained_on": loaded.checkpoint.trained_on, "fresh_head": loaded.checkpoint.fresh_head}
    tables = [asdict(suites.get(name)) for name in named if name in suites.names()]
    found = replace(found, model={**found.model, **about}, settings={**found.settings, "suites": tables})
    if accelerator.is_main_process:
        show(found.table())
        for suite in tables:
            show(text_table(found.to_dict(), suite))
        for result in found.tasks:
            for line in not_zero_shot(result):
                typer.echo(line)
        if output is not None:
            found.write(output)
            typer.echo(f"written to {output}")
    accelerator.end_training()


def _say(result: TaskResult) -> None:
    primary, count = 100 * result.primary.value, len(result.predictions)
    typer.echo(f"{result.name}: {primary:.1f} ({count:,} examples, {result.seconds:.0f} s)", err=True)


def not_zero_shot(result: TaskResult) -> Iterator[str]:
    """What the model saw of a task in training, a line each."""
    seen = result.seen
    if seen.status == "seen":
        yield f"not zero-shot: the model was trained on {result.name}, or on all of its rows"
    for task, rows in seen.of.items():
        yield f"{rows} of the {len(result.predictions)} examples of {result.name} stand in the training rows of {task}"


def main() -> None:
    """The door for `python evaluate.py` and `accelerate launch evaluate.py`."""
    from unimc.cli import run

    run(evaluate)
