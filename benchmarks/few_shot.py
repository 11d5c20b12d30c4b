"""Every strategy on the same rows of the same tasks: accuracy from k labels, and what it took.

    python benchmarks/few_shot.py --english runs/ENGLISH/final --chinese runs/CHINESE/final

What is done stands in a file of lines and is not done again, so the program can be stopped and started. See
docs/few-shot.md for what it gave.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from _few_shot_page import page
from _first_prompt import first_prompt
from _program import RESULTS, DataDir, Threads, check_model, chosen, console, data_folder, numbers, record

import converters
from unimc.cli import run
from unimc.example import InputError, MultipleChoiceExample


@dataclass(frozen=True)
class Asked:
    """A task of the table.

    Attributes:
        rows: task and split that rows are drawn from.
        measured: task and split that is measured on.
        options: the most options in a row; all if None.
    """

    rows: tuple[str, str]
    measured: tuple[str, str]
    options: int | None = None


TASKS = {
    "sst2": Asked(("sst2", "train"), ("sst2", "test")),
    "trec": Asked(("trec", "train"), ("trec", "test")),
    "banking77": Asked(("banking77", "train"), ("banking77", "test"), options=20),
    "fewclue_eprstmt": Asked(("fewclue_eprstmt", "train_few_all"), ("fewclue_eprstmt", "test")),
    "fewclue_tnews": Asked(("fewclue_tnews", "train_few_all"), ("fewclue_tnews", "test")),
    "fewclue_ocnli": Asked(("ocnli", "train"), ("fewclue_ocnli", "test")),
}
PPT = "ppt"
DEFAULT = (
    "zero-shot,fine-tuning,lora,prompt-tuning,p-tuning,p-tuning-mlp,p-tuning-v2,prompt-and-model,ppt,prompt-tuning@96"
)
"""NAME@TOKENS is a strategy with a prompt of so many tokens: in a backbone of twelve layers 96 vectors before the words
are as many parameters as four keys and values in every layer. NAME*FOLDS is the mean of runs on so many folds."""


def main(
    english: Annotated[Path, typer.Option(help="Folder of the model for the English tasks.")],
    chinese: Annotated[Path, typer.Option(help="Folder of the model for the Chinese tasks.")],
    tasks: Annotated[str, typer.Option(help="Which tasks, with commas between them.")] = ",".join(TASKS),
    strategies: Annotated[
        str, typer.Option(help="Which strategies; NAME@TOKENS for another prompt length, NAME*FOLDS for folds.")
    ] = DEFAULT,
    shots: Annotated[str, typer.Option(help="Rows of each label.")] = "8,16",
    draws: Annotated[int, typer.Option(help="Draws of every cell.", min=1)] = 3,
    limit: Annotated[int, typer.Option(help="The most rows measured on, drawn by seed 0.", min=1)] = 1000,
    steps: Annotated[int, typer.Option(help="The most steps of a run.", min=1)] = 120,
    seconds: Annotated[float, typer.Option(help="The most seconds of a run.")] = 180,
    rate: Annotated[
        float | None, typer.Option(help="Learning rate of the weights; each strategy's own if not given.")
    ] = None,
    bfloat16: Annotated[bool, typer.Option("--bfloat16", help="Train with products in bfloat16.")] = False,
    mixture_rows: Annotated[int, typer.Option(help="For ppt: rows of each task that the base was trained on.")] = 30,
    mixture_seconds: Annotated[float, typer.Option(help="For ppt: seconds to train the prompt on them.")] = 600,
    published: Annotated[Path | None, typer.Option(help="A CSV of published FewCLUE figures.")] = None,
    data_dir: DataDir = None,
    work: Annotated[Path, typer.Option(help="Folder for the lines of what is done, and the prompts of ppt.")] = Path(
        "runs/few_shot"
    ),
    threads: Threads = 1,
    output: Annotated[Path, typer.Option(help="Where the JSON goes; the table beside it.")] = RESULTS / "few_shot.json",
) -> None:
    """Adapt by every strategy, from every number of labels, on every task, draw by draw."""
    import torch

    from unimc.adaptation import AdaptConfig, strategy_of

    torch.set_num_threads(threads)
    data = data_folder(data_dir)
    if data is None:
        raise InputError("the data sets are needed here; give --data-dir, or set UNIMC_DATA_DIR")
    bases = {"en": english, "zh": chinese}
    names = chosen(tasks, list(TASKS), "--tasks")
    ways = [one.strip() for one in strategies.split(",") if one.strip()]
    for way in ways:
        strategy_of(_parts(way)[0])
    for language in {converters.get(TASKS[name].rows[0]).language for name in names}:
        check_model(bases[language])
    work.mkdir(parents=True, exist_ok=True)
    precision = "bfloat16" if bfloat16 else "float32"
    config = AdaptConfig(steps=steps, seconds=seconds, rate=rate, precision=precision)
    lines, out = work / "cells.jsonl", console()
    how = {"limit": limit, "steps": steps, "seconds": seconds, "bfloat16": bfloat16}
    how |= {"mixture_rows": mixture_rows, "mixture_seconds": mixture_seconds}
    weights = {
        str(base): _weights(base) for base in {bases[converters.get(TASKS[name].rows[0]).language] for name in names}
    }
    done = {_key(cell): cell for cell in _read(lines, how, config, weights)}
    wanted: list[tuple[Any, ...]] = []
    # Draw by draw and task by task, so that an interrupted program leaves whole comparisons.
    for number in range(draws):
        for k in numbers(shots, "--shots"):
            for name in names:
                base = bases[converters.get(TASKS[name].rows[0]).language]
                for way in ways:
                    free = way == "zero-shot"
                    key = (str(base), name, way, 0 if free else k, 0 if free else number)
                    wanted += [] if key in wanted else [key]
    prepared: dict[str, Any] = {}
    for key in wanted:
        if key in done:
            continue
        base, name, way, k, number = key
        if prepared.get("name") != name:
            prepared = {"name": name, **_rows(TASKS[name], data, limit)}
        initial = None
        out.print(f"{name}, {way}, k {k}, draw {number} …", end=" ")
        if _parts(way)[0] == PPT:
            initial = work / "prompts" / f"{weights[base][:12]}_{way}"
            first = replace(_configured(way, config), seconds=mixture_seconds)
            first_prompt(Path(base), first, initial, data, mixture_rows)
        cell = {
            "base": base,
            "weights": weights[base],
            "task": name,
            "strategy": way,
            "k": k,
            "draw": number,
            "how": how,
        }
        cell |= {"rates": _rates(_configured(way, config))}
        cell |= _cell(key, _configured(way, config), prepared, initial, work)
        with lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps(cell, ensure_ascii=False) + "\n")
        done[key] = cell
        out.print(f"{100 * cell['value']:.1f} % after {cell['seconds']:.0f} s")
    at = "" if rate is None else f" at a rate of {rate:g}"
    about = (
        f"{draws} draws, at most {steps} steps and {seconds:g} seconds each{at}; measured on at most {limit:,} rows. "
        f"{_called(english, chinese)}."
    )
    if known := _trained_on(names, bases):
        about += f" Trained on the task before, so that zero-shot is not: {', '.join(known)}."
    about += f" Trained with products in {precision}, measured in float32."
    shown = {name: TASKS[name].options for name in names if TASKS[name].options is not None}
    settings = {"about": about, "options": shown, "tasks": names, "strategies": ways, "threads": threads, **how}
    results = {
        **record(settings),
        "cells": [done[key] for key in sorted(wanted, key=lambda key: (ways.index(key[2]), key[3]))],
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    output.with_suffix(".md").write_text(page(results, published), encoding="utf-8")
    out.print(f"written to {output}")


def _called(english: Path, chinese: Path) -> str:
    names = english.parent.name, chinese.parent.name
    return f"The model is {names[0]}" if names[0] == names[1] else f"English: {names[0]}; Chinese: {names[1]}"


def _key(cell: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(cell[name] for name in ("base", "task", "strategy", "k", "draw"))


def _weights(base: Path) -> str:
    """The fingerprint of a base's weights: what was made of it says nothing of one trained anew into its folder."""
    from unimc.adaptation.folder import fingerprint
    from unimc.checkpoint import load

    return fingerprint(load(base).model)


def _read(lines: Path, how: dict[str, Any], config: Any, weights: dict[str, str]) -> list[dict[str, Any]]:
    """What is done already; a line that was being written when the program was stopped is taken out of the file."""
    if not lines.exists():
        return []
    whole = [line for line in lines.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")]
    lines.write_text("".join(whole), encoding="utf-8")
    cells = [json.loads(line) for line in whole]
    for cell in cells:
        if cell.get("how") != how:
            raise InputError(
                f"{lines} holds cells made with {cell.get('how')}, not {how}; name another folder by --work"
            )
        rates = _rates(_configured(cell["strategy"], config))
        if cell.get("rates") != rates:
            raise InputError(
                f"{lines} holds cells of {cell['strategy']} made with {cell.get('rates')}, not {rates}; name another "
                "folder by --work"
            )
        base = cell["base"]
        if base in weights and cell.get("weights") != weights[base]:
            raise InputError(f"{lines} holds cells made from other weights of {base}; name another folder by --work")
    return cells


def _trained_on(names: Sequence[str], bases: dict[str, Path]) -> list[str]:
    """Of these tasks those that a base was trained on, by their own name or that of the rows."""
    from unimc.checkpoint import load

    language = {name: converters.get(name).language for name in names}
    seen = {one: {entry["task"] for entry in load(bases[one], weights=False).trained_on} for one in language.values()}
    return [name for name in names if seen[language[name]] & {name, TASKS[name].rows[0]}]


def _configured(way: str, config: Any) -> Any:
    name, tokens, folds = _parts(way)
    return replace(config, strategy=name, prompt_tokens=tokens, folds=folds)


def _parts(way: str) -> tuple[str, int | None, int]:
    """The strategy, its prompt's length (its own if None) and how many folds."""
    found = re.fullmatch(r"([^@*]+)(?:@(\d+))?(?:\*(\d+))?", way)
    if found is None:
        raise InputError(f"strategy {way!r} is not understood; give NAME, NAME@TOKENS, NAME*FOLDS or NAME@TOKENS*FOLDS")
    name, tokens, folds = found.groups()
    return name, int(tokens) if tokens else None, int(folds) if folds else 1


def _rates(config: Any) -> dict[str, Any]:
    """What a strategy trains with; its own rates may change from version to version."""
    moves = config.moves
    rate = moves.rate and (config.rate or moves.rate)  # 0 where the weights stay
    return {"rate": rate, "prompt_rate": moves.prompt_rate, "tokens": config.tokens}


def _rows(asked: Asked, data: Path, limit: int) -> dict[str, Any]:
    """The rows of a task, and what it is measured on."""
    from unimc.adaptation.rows import with_some_options
    from unimc.evaluation_set import EvaluationSet

    card, measured = (converters.get(name) for name, _ in (asked.rows, asked.measured))
    examples = measured.load(asked.measured[1], data, limit, 0)
    vary = None
    if asked.options is not None:
        most = asked.options
        examples = [with_some_options(one, most, 0, 0) for one in examples]

        def vary(example: MultipleChoiceExample, epoch: int) -> MultipleChoiceExample:
            return with_some_options(example, most, 0, epoch)

    evaluation = EvaluationSet(measured.name, asked.measured[1], examples, measured.label_names)
    rows = card.load(asked.rows[1], data, None, 0)
    return {"rows": rows, "labels": card.label_names, "evaluation": evaluation, "vary": vary}


def _cell(
    key: tuple[Any, ...], config: Any, prepared: dict[str, Any], initial: Path | None, work: Path
) -> dict[str, Any]:
    """One strategy on one draw."""
    from unimc.adaptation import adapt, draw
    from unimc.bundled import folder_size
    from unimc.evaluation import evaluate_task
    from unimc.inference import UniMC

    base, _, _, k, number = key
    # Some test rows of a data set stand in its training rows too.
    known = {one.fingerprint for one in prepared["evaluation"].examples}
    drawn = {"seed": 0, "held_out": config.set_apart, "label_names": prepared["labels"], "number": number}
    rows = draw(prepared["rows"], k, **drawn, apart_from=known)
    made = adapt(base, rows, replace(config, seed=number), initial=initial, vary=prepared["vary"], progress=False)
    value = evaluate_task(UniMC(made.checkpoint), prepared["evaluation"], resamples=0, progress=False).primary.value
    folder = work / "model"
    made.checkpoint.save(folder)
    size = folder_size(folder)
    shutil.rmtree(folder)
    tuned = made.tuned
    return {
        "value": value,
        "examples": len(prepared["evaluation"].examples),
        "training": len(rows.training),
        "held_out": len(rows.held_out),
        "trained": tuned.trainable,
        "parameters": sum(one.numel() for one in made.checkpoint.model.parameters()),
        "bytes": size,
        "steps": tuned.steps,
        "kept": tuned.kept,
        "stopped": tuned.stopped,
        "seconds": tuned.seconds,
        "memory": tuned.memory,
        "checks": [[one.step, one.loss, one.accuracy] for one in tuned.checks],
    }


if __name__ == "__main__":
    run(main)
