"""`unimc predict`: answers for a whole file, a line each."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from unimc.example import InputError


def predict(
    json_file: Annotated[
        Path,
        typer.Option(
            "--json",
            help="The file, in the released UniMC's form: texta, textb, question, choice; label may be left out.",
            show_default=False,
        ),
    ],
    model: Annotated[str, typer.Option(help="Folder or hub id of the model.", show_default=False)],
    output: Annotated[Path | None, typer.Option(help="Where to write; standard output if not given.")] = None,
    language: Annotated[
        str | None, typer.Option(help="en or zh, for rows that don't say; told from the script if not given.")
    ] = None,
    multi_label: Annotated[bool, typer.Option("--multi-label", help="Several options, or none, may hold.")] = False,
    threshold: Annotated[
        float | None, typer.Option(help="With --multi-label: from which probability an option holds; 0.5 if not given.")
    ] = None,
    batch_size: Annotated[int, typer.Option(help="The most rows in a batch.")] = 32,
) -> None:
    """Answer every row of a file; one JSON object a line: id, answer, scores and more.

    Example: unimc predict --json questions.jsonl --model runs/quickstart_en/final --output answers.jsonl
    """
    if threshold is not None and not multi_label:
        raise InputError("--threshold has a meaning only with --multi-label")
    from tqdm import tqdm

    from converters import unimc_json
    from unimc.inference import UniMC

    examples = unimc_json.read(json_file, language)
    loaded = UniMC.from_pretrained(model)
    for spoken in sorted({example.language for example in examples}):
        loaded.answers[spoken]  # an error now, not after the rows before it
    answers = loaded.predict(iter(examples), multi_label=multi_label, threshold=threshold, batch_size=batch_size)
    bar = tqdm(answers, total=len(examples), desc=json_file.name, unit="ex", disable=None)
    lines = (
        json.dumps({"id": example.id, **found.to_dict()}, ensure_ascii=False) + "\n"
        for example, found in zip(examples, bar, strict=True)
    )
    if output is None:
        sys.stdout.writelines(lines)
        return
    # Beside its place first: a run that breaks off leaves no file that looks whole.
    output.parent.mkdir(parents=True, exist_ok=True)
    temporary = output.with_name(f".{output.name}.part")
    with temporary.open("w", encoding="utf-8") as file:
        file.writelines(lines)
    temporary.replace(output)
    typer.echo(f"{len(examples):,} answers written to {output}")
