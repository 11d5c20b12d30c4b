"""`unimc calibrate`: fits a calibration for a task and keeps it with the model, under a name to ask for it by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    Variant,
)
from unimc.commands.asked_rows import Asked, refuse_given
from unimc.commands.calibration_figures import FOLDS, crossed, figures, parts_with_labels
from unimc.commands.calibration_rows import of_file, of_task
from unimc.example import InputError, MultipleChoiceExample

if TYPE_CHECKING:
    from rich.table import Table

    from unimc.calibration import Calibration
    from unimc.commands.calibration_figures import Fit, Right
    from unimc.inference import UniMC
    from unimc.prediction import Prediction

METHODS = ("labels", "batch-prior", "content-free")
LEAST = 10
"""Labelled rows: of fewer, five folds tell nothing."""
_CONTENT_FREE = 100  # different questions that are asked without content; in most tasks there is one


def calibrate(
    file: Annotated[
        Path | None, typer.Argument(help="Instead of --task: a file, with --options and --text.", show_default=False)
    ] = None,
    model: Annotated[str, typer.Option(help="Folder of the model; the calibration is kept there.")] = "",
    task: Annotated[str | None, typer.Option(help="A task's name or card.", show_default=False)] = None,
    split: Annotated[
        str | None,
        typer.Option(help="With --task: the split fitted on; validation if not given. Not the one you measure on."),
    ] = None,
    variant: Variant = None,
    options: AskedOptions = None,
    options_file: AskedOptionsFile = None,
    text: AskedText = None,
    label: AskedLabel = None,
    question: AskedQuestion = "",
    language: AskedLanguage = None,
    multi_label: AskedMultiLabel = False,
    method: Annotated[
        str,
        typer.Option(
            help="labels: fitted on labelled rows. Without labels: batch-prior, if the options are about equally "
            "frequent in the rows; content-free, from what the model says of empty texts."
        ),
    ] = "labels",
    bias: Annotated[
        bool | None,
        typer.Option(help="With labels: a bias for each option too; by default where all rows have the same options."),
    ] = None,
    per_label: Annotated[
        bool,
        typer.Option("--per-label", help="Several labels: a threshold for each with 50 rows that have it and 50 not."),
    ] = False,
    limit: Annotated[int, typer.Option(help="The most rows, drawn at random.", min=1)] = 1000,
    name: Annotated[
        str | None,
        typer.Option(help="To ask for it by; the task's name, or default, without.", show_default=False),
    ] = None,
    data_dir: DataDir = None,
    backend: Annotated[
        str, typer.Option(help="What runs the model: torch or onnx, as where the calibration will be used.")
    ] = "torch",
    batch_size: Annotated[int, typer.Option(help="The most rows in a batch.")] = 32,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what it would change, and keep nothing.")] = False,
) -> None:
    """Fit a calibration: scores that mean what they say.

    For several labels that holds the threshold too.

    It is used only where it is asked for by its name.

    Example: unimc calibrate mails.csv --text message --options "delivery,refund" --label topic --model runs/mail/final
    """
    if not model:
        raise InputError("no model; name its folder with --model")
    if not dry_run and not Path(model).is_dir():
        raise InputError(f"--model {model}: no folder here to keep the calibration in; save the model, or --dry-run")
    if method not in METHODS:
        raise InputError(f"--method {method!r} is not known; use {', '.join(METHODS)}")
    if bias is False and method != "labels":
        raise InputError(f"--no-bias has no meaning with --method {method}, which is nothing but biases")
    if (file is None) == (task is None):
        raise InputError("give either --task, or FILE with --options and --text")
    labelled = method == "labels"
    if task is not None:
        own = {"--options": options, "--options-file": options_file, "--text": text, "--label": label}
        refuse_given(own | {"--question": question, "--language": language}, with_task=True)
        source = of_task(task, split, variant, data_dir, limit, labelled)
    else:
        assert file is not None
        refuse_given({"--variant": variant}, with_task=False)
        asked = Asked(options, options_file, text, question, None, None, language, multi_label)
        source = of_file(file, asked, label, limit, labelled)
    from unimc.inference import UniMC

    loaded = UniMC.from_pretrained(model, backend=backend)
    examples, where, multi_label = source.examples(loaded.answers), source.where, source.multi_label
    _say_seen(loaded, source.name, examples)
    right = [example.right for example in examples]
    known: Right | None = [own for own in right if own is not None] if None not in right else None
    if labelled:
        _check_labels(known, where, multi_label)  # an error now, not after every row was answered
    predictions = _predicted(loaded, examples, multi_label, batch_size, where)
    fit = partial(_fitted, method=method, bias=_bias(bias, examples), per_label=per_label, multi_label=multi_label)
    if method == "content-free":
        found = fit(_content_free(loaded, examples, multi_label, batch_size), None)
    else:
        found = fit(predictions, known)
    from unimc.commands.tables import show

    name = name or source.name
    typer.echo(f"{name}: {len(predictions):,} rows of {where}")
    if known is not None:
        show(_table(predictions, known, found, labelled, fit))
        judged = (
            f"each of {FOLDS} parts judged by what was fitted on the others" if labelled else "fitted without labels"
        )
        typer.echo(f"after: {judged}")
    typer.echo(_said(found))
    if dry_run:
        typer.echo("nothing kept (--dry-run)")
        return
    from unimc.stored_calibration import store

    store(model, name, found)
    typer.echo(f"kept in {model} as {name!r}; use it as: unimc predict FILE --model {model} --calibration {name}")


def _check_labels(known: Right | None, where: str, multi_label: bool) -> None:
    if known is None:
        raise InputError(f"{where}: not all rows are labelled; --method batch-prior and content-free need no labels")
    if len(known) < LEAST:
        raise InputError(f"{where}: {len(known)} labelled rows are too few to fit and to judge; give {LEAST}")
    if multi_label and parts_with_labels(known) < 2:
        if not any(known):
            raise InputError(f"{where}: none of {len(known)} rows has a label, so no threshold can be fitted")
        raise InputError(
            f"{where}: too few rows have a label ({sum(map(bool, known))} of {len(known)}): all lie in one of the "
            f"{FOLDS} parts that are judged in turn, and the others have none to fit a threshold by; add such rows"
        )


def _say_seen(model: UniMC, name: str, examples: Sequence[MultipleChoiceExample]) -> None:
    from unimc.seen import seen

    rows = seen(name, examples, model.checkpoint.trained_on, model.checkpoint.training_texts).rows
    if rows:
        typer.echo(
            f"note: the model was trained on the texts of {rows:,} of {len(examples):,} rows; it is surer of them than "
            "of new ones",
            err=True,
        )


def _predicted(
    model: UniMC, examples: Sequence[MultipleChoiceExample], multi_label: bool, batch_size: int, name: str
) -> list[Prediction]:
    from tqdm import tqdm

    found = model.predict(iter(examples), multi_label=multi_label, batch_size=batch_size)
    return list(tqdm(found, desc=name, total=len(examples), unit="row", disable=None, leave=False))


def _content_free(
    model: UniMC, examples: Sequence[MultipleChoiceExample], multi_label: bool, batch_size: int
) -> list[Prediction]:
    from unimc.calibration import content_free_examples

    questions = {
        (one.question, one.options, one.names, one.language, bool(one.passage), bool(one.textb)): one
        for one in examples
    }
    asked = [empty for one in list(questions.values())[:_CONTENT_FREE] for empty in content_free_examples(one)]
    return _predicted(model, asked, multi_label, batch_size, "without content")


def _bias(asked: bool | None, examples: Sequence[MultipleChoiceExample]) -> bool:
    """Whether to fit biases; they belong to names, so by default only where all examples have the same."""
    return len({frozenset(example.names) for example in examples}) == 1 if asked is None else asked


def _fitted(
    predictions: Sequence[Prediction],
    right: Right | None,
    *,
    method: str,
    bias: bool,
    per_label: bool,
    multi_label: bool,
) -> Calibration:
    from unimc.calibration import batch_prior, best_threshold, content_free_prior, fit

    margins, names = [one.margins for one in predictions], [one.names for one in predictions]
    if method != "labels":
        prior = batch_prior if method == "batch-prior" else content_free_prior
        return prior(margins, names, multi_label=multi_label)
    assert right is not None
    found = fit(margins, right, names, multi_label=multi_label, bias=bias)
    if not multi_label:
        return found
    scores = [found.apply(row, own) for row, own in zip(margins, names, strict=True)]
    return replace(found, threshold=best_threshold(scores, right, names, per_label=per_label))


def _table(predictions: list[Prediction], right: Right, found: Calibration, labelled: bool, fit: Fit) -> Table:
    from rich.table import Table

    from unimc.prediction import recalibrated

    multi_label = found.kind == "multi"
    after = crossed(predictions, right, fit) if labelled else [recalibrated(one, found) for one in predictions]
    table = Table("")
    for heading in ("before", "after"):
        table.add_column(heading, justify="right")
    before, now = (figures(answers, right, multi_label) for answers in (predictions, after))
    for figure, value in before.items():
        table.add_row(figure, f"{value:.3f}", f"{now[figure]:.3f}")
    return table


def _said(found: Calibration) -> str:
    """A calibration in one line."""
    words = [f"temperature {found.temperature:.3g}"]
    if found.bias:
        shifts = [value for _, value in found.bias]
        words.append(f"biases from {min(shifts):+.2f} to {max(shifts):+.2f}")
    if isinstance(found.threshold, tuple):
        limits = [value for _, value in found.threshold]
        words.append(f"thresholds from {min(limits):.2f} to {max(limits):.2f}")
    elif found.threshold is not None:
        words.append(f"threshold {found.threshold:.2f}")
    return ", ".join(words)
