"""`unimc train` and `accelerate launch train.py`: a mixture of tasks, trained on and kept as a run's folder."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import converters
from unimc.commands import configuration
from unimc.commands.arguments import DataDir, comma_separated
from unimc.commands.processes import check_processes
from unimc.example import InputError

if TYPE_CHECKING:
    from converters.mixture import Mixture
    from unimc.commands.run_config import RunConfig


def train(
    config: Annotated[Path, typer.Option(help="The run's configuration, a YAML file.", show_default=False)],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Overrides a key, e.g. training.epochs=2. Repeatable."),
    ] = None,
    data_dir: DataDir = None,
    licenses: Annotated[
        str | None,
        typer.Option(
            help='Train only on data with these licences: open, non-commercial, not-stated, or ids, as "MIT,CC BY-SA*".'
        ),
    ] = None,
) -> None:
    """Train a model on a mixture of tasks; killed, it resumes.

    Example: accelerate launch train.py --config configs/quickstart.yaml --set training.epochs=2
    """
    from converters.mixture import Mixture
    from converters.mixture import resolved as resolved_mixture
    from unimc.commands.run_config import RunConfig

    # What is wrong with the configuration is said before the libraries that take seconds to import, before the backbone
    # and any row is read, and before anything is written.
    recipe = configuration.build(RunConfig, configuration.read(config, set_ or []), str(config))
    section = resolved_mixture(recipe.mixture)
    data = str(data_dir) if data_dir else section.get("data_dir")
    drawn = {"seed": recipe.training.seed, **section, "data_dir": data}
    if licenses is not None:
        drawn["licences"] = comma_separated(licenses)
    recipe = replace(recipe, mixture=drawn)
    mixture = Mixture.from_mapping(drawn)
    asked = _validation_tasks(recipe, mixture)
    from accelerate.utils import set_seed

    from unimc.accelerator import make_accelerator
    from unimc.checkpoint import Checkpoint, load
    from unimc.commands.tables import show_mixture
    from unimc.run_folder import RunFolder
    from unimc.seen import hashes, merged
    from unimc.training import train as run_training

    # It says at every checkpoint that tied weights are stored once, which is what they are for.
    logging.getLogger("accelerate.utils.other").setLevel(logging.ERROR)
    accelerator = make_accelerator(recipe.training, recipe.output)
    check_processes(accelerator.num_processes)
    accelerator.print(f"world size {accelerator.num_processes}")
    resolved = asdict(recipe)
    folder = RunFolder(recipe.output)
    if accelerator.is_main_process:
        folder.check(resolved)
    accelerator.wait_for_everyone()
    if folder.final.exists():
        accelerator.print(f"{folder.final} is there already; remove {folder.path} to train again")
        return
    # What is quick to find wrong comes first: the backbone, then the tasks' rows. The folder is written to after both.
    set_seed(recipe.training.seed)  # a fresh head is drawn here, the same on every process
    checkpoint = load(recipe.backbone, dropout=recipe.training.dropout)
    if type(checkpoint) is not Checkpoint:
        raise InputError(f"{recipe.backbone} is an adapter; name its base, or write it out whole (unimc adapt --merge)")
    mixture.progress = accelerator.is_main_process
    validate = _validation(recipe, asked, data, checkpoint)
    examples = mixture.examples()
    if accelerator.is_main_process:
        show_mixture(mixture)
    checkpoint.trained_on += [
        {"task": row.task, "split": row.split, "rows": row.taken, "language": row.language} for row in mixture.report
    ]
    checkpoint.training_texts = merged(checkpoint.training_texts, hashes(examples))
    checkpoint.licences += _licences(recipe.backbone, [part.task for part in mixture.parts], checkpoint.licences)
    final = run_training(
        checkpoint,
        examples,
        recipe.training,
        recipe.output,
        accelerator=accelerator,
        validate=validate,
        recipe=resolved,
    )
    accelerator.print(f"final model: {final}")
    if folder.best.exists():
        accelerator.print(f"best on the validation tasks: {folder.best}")


def _licences(backbone: str, tasks: Sequence[Any], known: Sequence[str]) -> list[str]:
    """What the weights and the training data may be used for, as far as their cards say."""
    card = Path(backbone) / "backbone.json"
    notes = []
    if card.is_file():
        entry = json.loads(card.read_text(encoding="utf-8"))
        notes.append(f"backbone {entry['name']}: {entry['licence']}")
    notes += sorted({f"training data {task.name}: {task.licence}" for task in map(converters.get, tasks)})
    return [note for note in notes if note not in known]


def _validation_tasks(recipe: RunConfig, mixture: Mixture) -> list[tuple[converters.Task, str, str | None]]:
    """The validation tasks, each with its split and wording; their names alone are looked at.

    Raises:
        InputError: if one can't be had, is named twice, is held out, or its split is trained on.
    """
    from converters.held_out import tasks

    held_out = {task.name for task, _ in tasks(mixture.held_out)}
    trained_on = {(converters.get(part.task).name, part.split) for part in mixture.parts}
    found = []
    named: set[str] = set()
    for entry in recipe.validation.tasks:
        given = {"task": entry} if isinstance(entry, str) else entry
        if not isinstance(given, dict):
            raise InputError(f"validation.tasks: an entry is a name or {{task: name, split: name}}, not {given!r}")
        if unknown := {str(key) for key in given} - {"task", "split", "variant"}:
            raise InputError(f"validation.tasks: unknown key {min(unknown)!r}; known are task, split, variant")
        if "task" not in given:
            raise InputError("validation.tasks: an entry has no `task`; write {task: name, split: validation}")
        task, split, variant = converters.get(given["task"]), given.get("split", "validation"), given.get("variant")
        for key, value in (("split", split), ("variant", variant or "")):
            if not isinstance(value, str):
                raise InputError(f"validation.tasks: {task.name}: {key} must be a name, not {value!r}")
        if task.name in held_out:
            raise InputError(
                f"validation.tasks: {task.name} is in mixture.held_out; a checkpoint chosen by it is no longer "
                "unseen by that task"
            )
        if (task.name, split) in trained_on:
            raise InputError(
                f"validation.tasks: {task.name}:{split} is in mixture.tasks too; a checkpoint chosen by rows that it "
                "was trained on is the one that learnt them by heart: name another split or task"
            )
        whole = ":".join(filter(None, [task.name, split, variant]))
        if whole in named:
            raise InputError(f"validation.tasks: {whole} is named twice; leave it out once")
        named.add(whole)
        found.append((task, split, variant))
    return found


def _validation(
    recipe: RunConfig, asked: Sequence[tuple[converters.Task, str, str | None]], data_dir: str | None, checkpoint: Any
) -> Any:
    """The function that scores a model on the validation tasks, or None without any.

    Raises:
        InputError: if rows can't be had, or the model can't be asked one of them: now, not after the training.
    """
    if not asked:
        return None
    from unimc.commands.tasks_to_sets import evaluation_set
    from unimc.encoding import Encoder
    from unimc.evaluation import evaluate_task

    encoder = Encoder(checkpoint.tokenizer, checkpoint.model.layout, recipe.training.max_length)
    sets: dict[str, Any] = {}
    for task, split, variant in asked:
        one = evaluation_set(
            task, split, data_dir=data_dir, limit=recipe.validation.limit, seed=recipe.training.seed, variant=variant
        )
        try:
            for language in sorted({example.language for example in one.examples}):
                checkpoint.answers[language]
            encoder.batch(one.examples)
        except InputError as problem:
            raise InputError(f"validation.tasks: {problem}") from None
        # A task may be there in another split or wording too: its second figure gets a name of its own.
        sets[":".join(filter(None, [task.name, split, variant])) if task.name in sets else task.name] = one

    def validate(model: Any, accelerator: Any) -> dict[str, float]:
        def value(one: Any) -> float:
            found = evaluate_task(model, one, resamples=0, accelerator=accelerator, progress=False)
            return float(found.primary.value)

        return {name: value(one) for name, one in sets.items()}

    return validate


def main() -> None:
    """The door for `accelerate launch train.py`."""
    from unimc.cli import run

    run(train)
