"""`unimc cloze`: a task by filling in a blank, the classical prompt of masked language models."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from converters.card import did_you_mean
from unimc.commands.arguments import DataDir, comma_separated
from unimc.commands.cloze_prompts import drawn, fitted, given_prompt, related_words
from unimc.commands.cloze_ways import GIVEN, WAYS, Resources, Way, made
from unimc.example import InputError, MultipleChoiceExample

if TYPE_CHECKING:
    from unimc.cloze import ClozePrompt
    from unimc.evaluation_set import EvaluationSet
    from unimc.results import TaskResult

_TRAINING = ("train", "train_from_dev")


def cloze(
    model: Annotated[
        str, typer.Option(help="Folder or hub id of a model with a trained masked-LM head.", show_default=False)
    ],
    prompt: Annotated[
        Path | None, typer.Option(help="YAML file with template and words; see configs/cloze.", show_default=False)
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="Name or YAML file; NAME:SPLIT for a split; the prompt's own if not given."),
    ] = None,
    template: Annotated[
        str | None, typer.Option(help='As "{passage} It was {mask}."; {textb} and {question} are there too.')
    ] = None,
    words: Annotated[
        str | None,
        typer.Option(help='Label words, as "negative=terrible,bad; positive=great"; the labels\' names if not given.'),
    ] = None,
    ways: Annotated[
        str,
        typer.Option(
            help=f"What else to try, separated by commas: {'; '.join(f'{k} ({v})' for k, v in WAYS.items())}."
        ),
    ] = "",
    shots: Annotated[int, typer.Option(help="Labelled rows of each label for words; autoprompt takes twice.")] = 16,
    texts: Annotated[int, typer.Option(help="Rows without labels for kpt.")] = 200,
    size: Annotated[
        int, typer.Option(help="Words for each label that `words` looks for; kpt starts from ten times.")
    ] = 5,
    related: Annotated[
        Path | None, typer.Option(help="For kpt: YAML file of label: [word, …]; the model's vocabulary if not given.")
    ] = None,
    triggers: Annotated[int, typer.Option(help="Trigger pieces of autoprompt.")] = 3,
    iterations: Annotated[int, typer.Option(help="Swaps that autoprompt tries.")] = 30,
    candidates: Annotated[int, typer.Option(help="Pieces that autoprompt tries at a place.")] = 20,
    rows: Annotated[
        int, typer.Option(help="Examples that autoprompt compares candidates on, drawn anew each time.")
    ] = 32,
    beam: Annotated[int, typer.Option(help="Sets of triggers that autoprompt carries along.")] = 1,
    objective: Annotated[
        str, typer.Option(help="What autoprompt minimises: over the labels, or over the vocabulary (published).")
    ] = "labels",
    scoring: Annotated[
        str | None, typer.Option(help="Of words of several pieces: parallel or left_to_right.", show_default=False)
    ] = None,
    train_split: Annotated[str | None, typer.Option(help="Where rows are drawn from; train if not given.")] = None,
    data_dir: DataDir = None,
    limit: Annotated[int | None, typer.Option(help="The most examples measured, drawn by the seed.")] = None,
    output: Annotated[Path | None, typer.Option(help="Folder for results.json, predictions and the prompts.")] = None,
    resamples: Annotated[int, typer.Option(help="Bootstrap samples for the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(help="Of all draws, of the search and of the bootstrap.")] = 0,
) -> None:
    """Measure a cloze prompt on a task: the classical baseline.

    Also prompts made of it with texts or a few labels.

    The model needs a masked-LM head trained on texts (configs/cloze/mlm_head.yaml); UniMC checkpoints trained without
    MLM know "yes" and "no" alone.

    Example: unimc cloze --model runs/mlm_head_en/final --prompt configs/cloze/sst2.yaml --ways calibrated,words
    """
    from converters.held_out import tasks as named_tasks
    from unimc.cloze.autoprompt import AutoPromptConfig

    chosen = _ways(ways)
    search: Any = {"triggers": triggers, "iterations": iterations, "candidates": candidates, "rows": rows, "beam": beam}
    search = AutoPromptConfig(**search, objective=objective, seed=seed)  # type: ignore[arg-type]  # checked there
    for name, value in (("shots", shots), ("texts", texts), ("size", size)):
        if value < 1:
            raise InputError(f"--{name} is {value}; it must be at least 1")
    where = str(prompt) if prompt is not None else "--words"
    named = task or _own_task(prompt)
    ((card, split),) = named_tasks([named])
    if card.label_names is None or card.kind != "classification":
        raise InputError(f"{card.name} has no fixed labels of which one is right; a cloze prompt needs such a task")
    asked = fitted(given_prompt(prompt, template, words, scoring, card.label_names), card.label_names, card.name, where)
    listed = related_words(related) if related is not None else None

    import torch

    from unimc.checkpoint import load
    from unimc.cloze import Cloze
    from unimc.commands.tables import show
    from unimc.commands.tasks_to_sets import evaluation_set

    variant = asked.variant or None
    measured = evaluation_set(card, split or None, data_dir=data_dir, limit=limit, seed=seed, variant=variant)
    _check_columns(asked, measured, where)
    train_split = _training_split(card, measured.split, train_split) if set(chosen) - {"calibrated"} else ""

    resources = Resources(
        texts=list(card.load(train_split, data_dir, texts, seed, variant)) if "kpt" in chosen else [],
        labelled=_labelled(card, train_split, data_dir, variant, chosen, shots, seed, measured),
        example=measured.examples[0],
        related=listed,
        size=size,
        search=search,
        say=lambda line: typer.echo(line, err=True),
    )
    opened = load(model)
    opened.model.to("cuda" if torch.cuda.is_available() else "cpu")
    given = Cloze(opened, asked)
    found: list[tuple[Way, TaskResult]] = []
    for name in (GIVEN, *chosen):
        way = Way(GIVEN, given) if name == GIVEN else made(name, given, resources)
        found.append((way, _measured(way, measured, seed, resamples)))
    show(_table(found))
    _say_seen(found[0][1])
    if output is not None:
        _write(output, found, model, {"seed": seed, "resamples": resamples, "train_split": train_split or None})
        typer.echo(f"written to {output}")


def _ways(text: str) -> list[str]:
    chosen = list(dict.fromkeys(comma_separated(text)))
    for name in chosen:
        if name not in WAYS:
            raise InputError(f"--ways: there is no {name!r}; {did_you_mean(name, tuple(WAYS))}")
    return chosen


def _own_task(prompt: Path | None) -> str:
    from converters import card

    named = card.read(prompt).get("task") if prompt is not None else None
    if not isinstance(named, str) or not named:
        raise InputError(
            "no task; name it with --task (`unimc tasks` lists them), or in the prompt's file as task: NAME"
        )
    return named


def _check_columns(prompt: ClozePrompt, task: EvaluationSet, where: str) -> None:
    """Raises `InputError` if the template reads a column that is empty in every example."""
    for column in prompt.template.columns:
        if not any(getattr(example, column).strip() for example in task.examples):
            raise InputError(
                f"{where}: the template reads {{{column}}}, which is empty in this wording of {task.name}; leave it "
                "out, or name another wording in the prompt's file, as variant: NAME"
            )


def _labelled(
    card: Any,
    split: str,
    data_dir: Path | None,
    variant: str | None,
    chosen: list[str],
    shots: int,
    seed: int,
    measured: EvaluationSet,
) -> list[list[MultipleChoiceExample]]:
    """The draws that the ways need: to search on, and for autoprompt as many to choose by."""
    times = 2 if "autoprompt" in chosen else 1 if "words" in chosen else 0
    if not times:
        return []
    rows = card.load(split, data_dir, variant=variant)
    known = frozenset(one.fingerprint for one in measured.examples)
    return drawn(rows, shots, seed, f"{card.name}:{split}", times=times, apart_from=known)


def _training_split(card: Any, measured: str, given: str | None) -> str:
    split = given or next((name for name in _TRAINING if name in card.split_names), None)
    if split is None:
        raise InputError(f"task {card.name} has no training split; name one with --train-split")
    if split == measured:
        raise InputError(f"--train-split {split} is what is measured on; draw the rows from another split")
    return str(split)


def _measured(way: Way, task: EvaluationSet, seed: int, resamples: int) -> TaskResult:
    from unimc.evaluation import score
    from unimc.seen import seen

    started = time.perf_counter()
    predictions = way.cloze.predict(task.examples)
    named = replace(task, variant=way.name)
    result = score(named, predictions, time.perf_counter() - started, seed=seed, resamples=resamples)
    known = way.cloze.checkpoint
    return replace(result, seen=seen(task.name, task.examples, known.trained_on, known.training_texts))


def _say_seen(result: TaskResult) -> None:
    from unimc.commands.evaluate import not_zero_shot

    for line in not_zero_shot(result):
        typer.echo(line)


def _table(found: list[tuple[Way, TaskResult]]) -> Any:
    from rich.table import Table
    from rich.text import Text

    first = found[0][1]
    title = f"cloze: {first.name} ({first.task.split}), {len(first.predictions):,} examples"
    table = Table("prompt", title=title)
    for heading in ("labelled", "unlabelled", "accuracy", "95 % interval", "macro F1", "cut", "made in s", "ex/s"):
        table.add_column(heading, justify="right")
    for way, result in found:
        figure, f1 = result.primary, result.figures["macro_f1"]
        cut = sum(prediction.truncated > 0 for prediction in result.predictions)
        table.add_row(
            Text(way.name),
            f"{way.labelled:,}",
            f"{way.unlabelled:,}",
            f"{100 * figure.value:.1f}",
            "" if figure.low != figure.low else f"{100 * figure.low:.1f}-{100 * figure.high:.1f}",
            f"{100 * f1.value:.1f}",
            f"{cut:,}",
            f"{way.seconds:.0f}" if way.seconds else "",
            f"{len(result.predictions) / max(result.seconds, 1e-9):.0f}",
        )
    trained = found[0][0].cloze.checkpoint.trained_on
    rows = sum(entry.get("rows") or 0 for entry in trained)
    head = f"trained on {rows:,} rows of {len(trained)} tasks" if trained else "as it was found"
    table.caption = (
        f"guessing {100 * first.chance:.1f}, always the most frequent label {100 * first.majority:.1f}; "
        f"the model and its masked-LM head: {head}"
    )
    return table


def _write(output: Path, found: list[tuple[Way, TaskResult]], model: str, settings: dict[str, Any]) -> None:
    import yaml

    from unimc.backends.torch import TorchBackend

    output.mkdir(parents=True, exist_ok=True)
    first = found[0][0].cloze
    about = TorchBackend(first.model, [])
    entries, lines = [], []
    for way, result in found:
        entry = {
            "way": way.name,
            "labelled": way.labelled,
            "unlabelled": way.unlabelled,
            "seconds_to_make": way.seconds,
            "prompt": way.cloze.prompt.to_dict(),
            **way.about,
        }
        entries.append({**result.to_dict(), **entry})
        lines += [json.dumps({"way": way.name, **line}, ensure_ascii=False) + "\n" for line in result.lines()]
        text = yaml.safe_dump(way.cloze.prompt.to_dict(), allow_unicode=True, sort_keys=False)
        (output / f"prompt_{way.name}.yaml").write_text(text, encoding="utf-8")
    (output / "predictions.jsonl").write_text("".join(lines), encoding="utf-8")
    results = {
        "format": 1,
        "model": {
            "name": model,
            "fingerprint": about.fingerprint(),
            "parameters": about.parameters,
            "max_length": first.max_length,
            "trained_on": first.checkpoint.trained_on,
        },
        **settings,
        "versions": {package: version(package) for package in ("unimc", "torch", "transformers")},
        "ways": entries,
    }
    (output / "results.json").write_text(json.dumps(results, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
