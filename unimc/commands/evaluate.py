"""`unimc evaluate` and `evaluate.py`: a model on tasks, with intervals, written to a folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args

import typer

from converters import suites
from converters.card import did_you_mean
from converters.held_out import tasks as named_tasks
from unimc.commands.arguments import DataDir, Model, comma_separated
from unimc.commands.processes import check_processes
from unimc.example import InputError

if TYPE_CHECKING:
    from unimc.results import TaskResult
    from unimc.windows import Pooling


def evaluate(
    tasks: Annotated[
        str | None,
        typer.Option(
            help="Names or YAML files (here, or hf://OWNER/REPO/card.yaml), separated by commas; NAME:SPLIT for a "
            "split; a suite is all of its tasks.",
            show_default=False,
        ),
    ] = None,
    json_files: Annotated[
        list[Path] | None,
        typer.Option(
            "--json", help="A file in the released UniMC's form (texta, question, choice, label). Repeatable."
        ),
    ] = None,
    model: Model = None,
    output: Annotated[
        Path | None, typer.Option(help="Folder for results.json, predictions.jsonl, report.md and .html.")
    ] = None,
    data_dir: DataDir = None,
    variant: Annotated[str | None, typer.Option(help="Another wording than the default, by its name.")] = None,
    wordings: Annotated[
        str | None,
        typer.Option(
            help="Ask in several wordings and average the answers: names separated by commas, `default` for that "
            "without a name; or `all`."
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="The most examples of each task, drawn by the seed.")] = None,
    batch_size: Annotated[int, typer.Option(help="The most rows in a batch.", min=1)] = 32,
    max_length: Annotated[
        int | None, typer.Option(help="The most tokens in a row; the model's own if not given.")
    ] = None,
    windows: Annotated[
        str | None,
        typer.Option(help="Read all of long passages, in windows: max or mean of the margins. Cut if not given."),
    ] = None,
    stride: Annotated[
        int | None, typer.Option(help="With --windows: tokens that neighbouring windows share; 64 if not given.")
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="Where several labels may hold: from which probability one does; 0.5 if not given."),
    ] = None,
    calibration: Annotated[
        str | None,
        typer.Option(help="Name of a calibration stored with the model; `task`: the one stored by each task's name."),
    ] = None,
    backend: Annotated[str, typer.Option(help="What runs the model: torch, or onnx for an exported one.")] = "torch",
    resamples: Annotated[int, typer.Option(help="Bootstrap samples for the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap and of --limit.", min=0, max=2**32 - 1)] = 0,
) -> None:
    """Evaluate a model zero-shot on tasks.

    Example: unimc evaluate --tasks sample_en_topic,sample_en_riddle
    """
    # What is wrong with the names is said at once, before the libraries that take seconds to import.
    from unimc import bundled
    from unimc.commands.tasks_to_sets import evaluation_set, json_set, wordings_of

    named = comma_separated(tasks or "")
    if not named and not json_files:
        raise InputError("no tasks; name them with --tasks (`unimc tasks` lists them), or give a file with --json")
    pooling = _windows(windows, stride)
    if variant is not None and wordings is not None:
        raise InputError("--variant is one wording, --wordings are several; give one of the two")
    cards = named_tasks(named)
    asked = comma_separated(wordings or "")
    if wordings is not None and not asked:
        raise InputError("--wordings is empty; name wordings, separated by commas, or give: all")
    chosen = wordings_of([card for card, _ in cards], asked) if asked else [[] for _ in cards]
    model = bundled.named(model)
    drawn: dict[str, Any] = {"data_dir": data_dir, "limit": limit, "seed": seed, "variant": variant}
    sets = [
        evaluation_set(card, split or None, wordings=names, **drawn)
        for (card, split), names in zip(cards, chosen, strict=True)
    ]
    sets += [json_set(path, limit=limit, seed=seed) for path in json_files or ()]
    from accelerate import Accelerator
    from accelerate.utils import set_seed

    from unimc.commands.tables import show
    from unimc.comparison import text_table
    from unimc.cost import peak_memory
    from unimc.evaluation import evaluate_tasks
    from unimc.inference import UniMC

    accelerator = Accelerator()
    check_processes(accelerator.num_processes)
    set_seed(seed)  # a folder without a masked-LM head gets the same random one on every process
    accelerator.print(f"world size {accelerator.num_processes}")
    if output is not None and accelerator.is_main_process:
        output.mkdir(parents=True, exist_ok=True)  # an error now, not after everything was answered
    for one in sets if asked else ():
        if not one.wordings:
            accelerator.print(f"{one.name}: only one wording to ask in, {one.first}")
        elif len(one.asked) < len(asked):
            accelerator.print(f"{one.name}: of these wordings it has {', '.join(one.asked)}")
    device = accelerator.device if backend == "torch" else None  # another backend has its own
    loaded = UniMC.from_pretrained(model, max_length=max_length, device=device, backend=backend)
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
        threshold=threshold,
        windows=pooling,
        stride=stride,
        calibration=calibration,
        accelerator=accelerator,
        after_task=None if sys.stderr.isatty() else _say,  # there a bar shows how far it is, here nothing would
    )
    about = {"trained_on": loaded.checkpoint.trained_on, "fresh_head": loaded.checkpoint.fresh_head}
    tables = [asdict(suites.get(name)) for name in named if name in suites.names()]
    circumstances = {"backend": backend, "suites": tables, "peak_memory": peak_memory(loaded.backend.device)}
    found = replace(found, model={**found.model, **about}, settings={**found.settings, **circumstances})
    if accelerator.is_main_process:
        for table in found.tables():
            show(table)
        for suite in tables:
            show(text_table(found.to_dict(), suite))
        for result in found.tasks:
            for line in not_zero_shot(result):
                typer.echo(line)
        if output is not None:
            found.write(output)
            typer.echo(f"written to {output}")
    accelerator.end_training()


def _windows(windows: str | None, stride: int | None) -> Pooling | None:
    """What --windows says, checked with --stride before a model is loaded."""
    from unimc.windows import Pooling, check_stride

    if windows is None:
        if stride is not None:
            raise InputError("--stride has a meaning only with --windows max or --windows mean; give one, or leave it")
        return None
    for pooling in get_args(Pooling):
        if windows == pooling:
            check_stride(0 if stride is None else stride)
            return cast("Pooling", pooling)
    raise InputError(f"--windows: there is no {windows!r}; {did_you_mean(windows, get_args(Pooling))}")


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
