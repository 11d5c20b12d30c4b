"""`unimc adapt`: a model, a task and a few labelled rows -> an adapted model, by any strategy."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unimc.commands.arguments import (
    AskedLabel,
    AskedLanguage,
    AskedMultiLabel,
    AskedOptions,
    AskedOptionsFile,
    AskedQuestion,
    AskedText,
    DataDir,
    Model,
    Variant,
    comma_separated,
)
from unimc.commands.asked_rows import Asked
from unimc.example import InputError, MultipleChoiceExample, shown

if TYPE_CHECKING:
    from unimc.evaluation_set import EvaluationSet

_EVERY_ROW = 10**12


def adapt(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="Labelled rows: a file, with --task, or with --options, --text, --label.", show_default=False
        ),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="A task's name or card; several, with commas, are learned together.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for the model (final/, or draw-N/) and results.json.", show_default=False),
    ] = None,
    model: Model = None,
    strategy: Annotated[
        str,
        typer.Option(
            help="zero-shot, fine-tuning, lora, prompt-tuning, p-tuning, p-tuning-mlp, p-tuning-v2, prompt-and-model."
        ),
    ] = "fine-tuning",
    k: Annotated[
        str,
        typer.Option(
            "--k", help="Rows of each label (of several tasks: of each task): a number, 0 for zero-shot, or all."
        ),
    ] = "all",
    draws: Annotated[int, typer.Option(help="How often rows are drawn and the model adapted.", min=1)] = 1,
    split: Annotated[str, typer.Option(help="With --task and no FILE: the split that rows are drawn from.")] = "train",
    variant: Variant = None,
    wordings: Annotated[
        str | None,
        typer.Option(
            help="With --task and no FILE: ask each row in another of these wordings in every epoch, and measure their "
            "answers together too: names with commas, default among them if it is meant; or all."
        ),
    ] = None,
    evaluate: Annotated[
        str | None,
        typer.Option(
            help="With --task: the split to measure on, or none; without, test or else validation; with a FILE, none.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(help="The most rows to measure on, drawn by the seed.")] = None,
    options: AskedOptions = None,
    options_file: AskedOptionsFile = None,
    text: AskedText = None,
    label: AskedLabel = None,
    question: AskedQuestion = "",
    language: AskedLanguage = None,
    multi_label: AskedMultiLabel = False,
    steps: Annotated[int, typer.Option(help="The most optimiser steps; the rate falls to 0 over them.")] = 120,
    seconds: Annotated[float, typer.Option(help="The most seconds of training a draw; 0 for no bound.")] = 180,
    rate: Annotated[
        float | None, typer.Option(help="Learning rate of the model's weights or LoRA's; the strategy's own without.")
    ] = None,
    prompt_rate: Annotated[float | None, typer.Option(help="Learning rate of the prompt, likewise.")] = None,
    prompt_tokens: Annotated[int | None, typer.Option(help="Length of the prompt, likewise.")] = None,
    rank: Annotated[int, typer.Option(help="Of LoRA's matrices.")] = 8,
    batch_size: Annotated[int, typer.Option(help="Rows in a step.")] = 16,
    held_out: Annotated[
        float,
        typer.Option(help="Share of each label's rows that says when to stop; 0 trains on all, to the last step."),
    ] = 0.25,
    folds: Annotated[
        int,
        typer.Option(help="Runs that each hold out another part of the rows, averaged; 1 for one, as --held-out says."),
    ] = 1,
    max_options: Annotated[
        int | None,
        typer.Option(
            help="The most options in a training row (the right ones, others drawn anew each epoch) or held-out one."
        ),
    ] = None,
    balance: Annotated[
        bool,
        typer.Option("--balance/--no-balance", help="Rows of rare labels come as often as those of frequent ones."),
    ] = True,
    initial: Annotated[
        Path | None,
        typer.Option(help="An adapter whose prompt is the start (prompts trained on other tasks first: PPT)."),
    ] = None,
    merge: Annotated[bool, typer.Option("--merge", help="With lora: write the whole model, not the adapter.")] = False,
    bfloat16: Annotated[bool, typer.Option("--bfloat16", help="Train with products in bfloat16.")] = False,
    data_dir: DataDir = None,
    seed: Annotated[int, typer.Option(help="Of the draws and of the training.")] = 0,
) -> None:
    """Adapt a model to a task from a few labelled rows.

    The folder that it writes opens as any model does.

    Example: unimc adapt mails.csv --text mail --label kind --options "repair,fee" --output runs/mails

    On a built-in task: unimc adapt --task sst2 --k 16 --draws 3 --strategy prompt-tuning --output runs/sst2_prompt
    """
    if output is None:
        raise InputError("no folder for the model; name one with --output")
    count = _count(k)
    if (file is None) and (task is None):
        raise InputError("give --task, or FILE with --task or with --options, --text and --label")
    if max_options is not None and wordings is not None:
        raise InputError("--max-options and --wordings both change rows from epoch to epoch; give one of the two")
    if merge and strategy != "lora":
        raise InputError("--merge has a meaning with --strategy lora alone; other strategies write what they can")
    from unimc import bundled
    from unimc.adaptation import AdaptConfig
    from unimc.adaptation.few_shot import few_shot
    from unimc.commands.tables import show

    config = AdaptConfig(
        strategy=strategy,
        steps=steps,
        seconds=seconds or None,
        rate=rate,
        prompt_rate=prompt_rate,
        prompt_tokens=prompt_tokens,
        rank=rank,
        batch_size=batch_size,
        held_out=held_out,
        folds=folds,
        options=max_options,
        balance=balance,
        precision="bfloat16" if bfloat16 else "float32",
        seed=seed,
    )
    base = bundled.named(model)
    if file is None:
        assert task is not None
        rows = _of_tasks(comma_separated(task), split, variant, wordings, evaluate, limit, seed, data_dir)
    else:
        if (evaluate, limit, wordings) != (None, None, None):
            raise InputError("--evaluate, --limit and --wordings have a meaning without FILE; see unimc evaluate")
        asked = Asked(options, options_file, text, question, task, variant, language, multi_label)
        rows = _of_file(file, asked, label, base)
    found = few_shot(
        base,
        rows.examples,
        config,
        k=count,
        draws=draws,
        label_names=rows.label_names,
        multi_label=rows.multi_label,
        evaluation=rows.evaluation,
        output=output,
        merge=merge,
        initial=initial,
        name=file.name if file is not None else task or "",
        wordings=rows.wordings,
    )
    for warning in found.warnings:
        typer.echo(f"note: {warning}", err=True)
    show(found.table())
    for shot in found.shots:
        typer.echo(f"model: {shot.folder} ({shot.size / 1e6:.2f} MB)")
    if file is not None:
        typer.echo(f"next: {_next(file, replace(asked, multi_label=rows.multi_label), found.shots[0].folder)}")


@dataclass(frozen=True, slots=True)
class _Rows:
    """What is learned from, and what is measured on."""

    examples: Sequence[MultipleChoiceExample]
    label_names: tuple[str, ...] | None
    multi_label: bool
    evaluation: EvaluationSet | None = None
    wordings: Mapping[str, Sequence[MultipleChoiceExample]] | None = None


def _next(file: Path, asked: Asked, folder: str) -> str:
    """The command that asks new rows in the words that the model learned here."""
    given = {
        "--text": asked.text,
        "--options": asked.options,
        "--options-file": asked.options_file,
        "--question": asked.question or None,
        "--task": asked.task,
        "--variant": asked.variant,
        "--language": asked.language,
    }
    words = ["unimc", "predict", f"NEW{file.suffix}"]
    words += [one for option, value in given.items() if value is not None for one in (option, str(value))]
    words += ["--multi-label"] if asked.multi_label else []
    return shlex.join([*words, "--model", folder])


def _count(k: str) -> int | None:
    if k == "all":
        return None
    if not k.isdecimal():
        raise InputError(f"--k {shown(k)} is no number of rows; give 0, a number, or all")
    return int(k)


def _of_tasks(
    names: Sequence[str],
    split: str,
    variant: str | None,
    wordings: str | None,
    evaluate: str | None,
    limit: int | None,
    seed: int,
    data_dir: Path | None,
) -> _Rows:
    import converters
    from unimc.commands.tasks_to_sets import DEFAULT, PREFERRED_SPLITS, evaluation_set, wordings_of

    cards = [converters.get(name) for name in names]
    if not cards:
        raise InputError("--task is empty; name a task, or a YAML file")
    for card in cards:
        if split not in card.split_names:
            raise InputError(
                f"task {card.name} has no labelled split {split!r} to draw rows from; name another with --split "
                f"({', '.join(card.split_names)}), not the one that you measure on"
            )
    card = cards[0]
    if len(cards) > 1:
        if (evaluate, wordings) != (None, None):
            raise InputError("--evaluate and --wordings have a meaning with one task; measure with unimc evaluate")
        for one in cards:
            if one.kind == "multi_label":
                raise InputError(f"several labels may hold in task {one.name}; adapt to it alone, without other tasks")
        return _Rows([one for each in cards for one in each.load(split, data_dir, None, seed, variant)], None, False)
    if wordings is not None and variant is not None:
        raise InputError("--variant is one wording, --wordings are several; give one of the two")
    names = wordings_of([card], comma_separated(wordings))[0] if wordings is not None else [variant or DEFAULT]
    asked = {name: card.load(split, data_dir, None, seed, None if name == DEFAULT else name) for name in names}
    measured = evaluate or next((one for one in PREFERRED_SPLITS if one in card.split_names and one != split), "none")
    if measured == split:
        raise InputError(f"--evaluate {split}: rows are drawn from that split; measure on another")
    drawn: dict[str, Any] = {"data_dir": data_dir, "limit": limit, "seed": seed, "wordings": names}
    evaluation = None if measured == "none" else evaluation_set(card, measured, **drawn)
    several = asked if len(asked) > 1 else None
    return _Rows(asked[names[0]], card.label_names, card.kind == "multi_label", evaluation, several)


def _of_file(file: Path, asked: Asked, label: str | None, base: str) -> _Rows:
    import converters
    from unimc.checkpoint import load
    from unimc.commands.calibration_rows import of_file

    if asked.task is not None:
        if label is not None:
            raise InputError("--label has no meaning with --task: the card says which column holds the label")
        card = converters.get(asked.task)
        asked = replace(asked, multi_label=card.kind == "multi_label")
        source = of_file(file, asked, None, _EVERY_ROW, labelled=False)
        names = card.label_names
    else:
        source = of_file(file, asked, label, _EVERY_ROW, labelled=True)
        names = ()
    examples = source.examples(load(base, weights=False).answers)
    return _Rows(examples, examples[0].names if names == () else names, source.multi_label)
