"""`unimc bundle`: a trained model as a folder to ship, small, with its card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

import converters
from converters.licences import NON_COMMERCIAL, NOT_STATED, OPEN, terms
from unimc.commands.text_files import Texts, sampled
from unimc.example import InputError

if TYPE_CHECKING:
    from unimc.bundled import BundledModel
    from unimc.checkpoint import Checkpoint
    from unimc.pronoun_bias import PronounBias

_DATA = "training data "
_ENTRY = "unimc.json"
_DTYPES = ("float16", "bfloat16", "float32")
_NEEDLESS = ("vocab.txt", "vocab.json", "merges.txt", "special_tokens_map.json")
"""What tokenizer.json and tokenizer_config.json hold once more."""
_WINOGENDER = "winogender"
_PER_FILE = 300
"""The most texts of a file that pieces are counted in."""


def bundle(
    model: Annotated[Path, typer.Option(help="Folder of the model, as training wrote it.", show_default=False)],
    output: Annotated[Path, typer.Option(help="Folder to write.", show_default=False)],
    name: Annotated[str | None, typer.Option(help="The model's name; the output folder's if not given.")] = None,
    dtype: Annotated[str, typer.Option(help="Of the weights on disk: float16, bfloat16 or float32.")] = "float16",
    max_length: Annotated[
        int | None, typer.Option(help="The most tokens in a row by default; as trained if not given.", min=16)
    ] = None,
    pieces: Annotated[
        int | None, typer.Option(help="Cut the vocabulary to so many pieces; texts of these are read as before.")
    ] = None,
    texts: Texts = None,
    results: Annotated[
        list[Path] | None,
        typer.Option(help="Folder of an evaluation whose figures go into the card. Repeatable.", show_default=False),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(help="With an evaluation of winogender: its data, for the figures by gender; UNIMC_DATA_DIR."),
    ] = None,
) -> None:
    """Write a trained model as a folder to ship.

    Half-precision weights, a lean tokenizer, a model card.

    Example: unimc bundle --model runs/x/final --output unimc-small --results runs/x/evaluation
    """
    import torch

    from unimc import bundled, vocabulary
    from unimc.adaptation.folder import AdaptedCheckpoint
    from unimc.checkpoint import load

    if dtype not in _DTYPES:
        raise InputError(f"--dtype {dtype!r} is not known; use {', '.join(_DTYPES)}")
    if texts and pieces is None:
        raise InputError("--texts has a meaning only with --pieces")
    if not model.is_dir():
        raise InputError(f"{model} is no folder; name that of a trained model")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InputError(f"{output} is there already; remove it, or name another folder")
    checkpoint, runs = load(model, dtype=getattr(torch, dtype)), _runs(model)
    if isinstance(checkpoint, AdaptedCheckpoint):
        runs = [*_runs(Path(checkpoint.base)), {"adapted": checkpoint.how}]
        try:
            checkpoint = checkpoint.plain()
        except InputError as problem:
            raise InputError(f"{model}: {problem}") from None
    if checkpoint.fresh_head:
        raise InputError(f"{model} has no masked-LM head of its own; train it before it is bundled")
    if max_length is not None:  # answers may be read in longer rows than training had; positions are bounded besides
        checkpoint.max_length = max_length
    for parameter, weight in checkpoint.model.backbone.named_parameters():
        if not torch.isfinite(weight).all():
            raise InputError(f"{model}: {parameter} is not finite in {dtype}; use --dtype float32 or bfloat16")
    output.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=output.parent, prefix=f".{output.name}-") as scratch:
        draft = Path(scratch) / "whole"
        checkpoint.save(draft)
        if pieces is not None:
            counts = vocabulary.frequencies(draft, sampled(texts or [], _PER_FILE))
            draft = vocabulary.cut(draft, Path(scratch) / "cut", vocabulary.chosen(draft, pieces, counts))
        _slim_tokenizer(draft)
        shipped = _fingerprint(draft)
        evaluations = [_results(folder) for folder in results or []]
        for folder, one in zip(results or [], evaluations, strict=True):
            if one["model"]["fingerprint"] not in (shipped, _fingerprint(model)):
                raise InputError(f"{folder} is the evaluation of another model than {model} (or not in float32)")
        bias = next((found for folder in results or [] if (found := _bias(folder, data_dir)) is not None), None)
        made = bundled.BundledModel(name or output.name, draft, "unimc")
        card = _card(made, checkpoint, model, runs, dtype, evaluations, shipped, bias)
        (draft / "README.md").write_text(card, encoding="utf-8")
        for path in draft.iterdir():
            path.chmod(0o644)  # safetensors writes files that nobody else may read, which a package would keep
        if output.is_dir():
            output.rmdir()
        draft.rename(output)
    size = bundled.folder_size(output)
    fits = size <= bundled.PACKAGE_LIMIT
    limit = f"{bundled.PACKAGE_LIMIT / 1e6:.0f} MB that all models in the package may have"
    typer.echo(f"bundled: {output}, {size / 1e6:.1f} MB ({'within' if fits else 'more than'} the {limit})")


def _slim_tokenizer(folder: Path) -> None:
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    for name in _NEEDLESS:
        (folder / name).unlink(missing_ok=True)


def _card(
    made: BundledModel,
    checkpoint: Checkpoint,
    model: Path,
    runs: list[dict[str, Any]],
    dtype: str,
    evaluations: list[dict[str, Any]],
    fingerprint: str,
    bias: PronounBias | None,
) -> str:
    from unimc.model_card import Subject, card

    family = checkpoint.model.family
    own = _json(model / _ENTRY) if (model / _ENTRY).is_file() else {}
    # What is shipped has the whole record, an adapter only its own part. The versions are those that it was trained by.
    entry = {**_json(made.folder / _ENTRY), "versions": own.get("versions")}
    subject = Subject(
        name=made.name,
        family=family.name,
        order_invariant=family.order_invariant,
        parameters=made.parameters,
        dtype=dtype,
        entry=entry,
        terms=_terms(entry),
        runs=runs,
        datasets=_datasets(entry),
        results=evaluations,
        fingerprint=fingerprint,
        bias=bias,
    )
    return str(card(subject).content)


def _runs(model: Path, later: tuple[Path, ...] = ()) -> list[dict[str, Any]]:
    """The configurations of the trainings that led to a model, the first one first, where their folders are there.

    Args:
        model: a model's folder; the name of any other leads nowhere.
        later: the folders of the runs that came after; a run doesn't lead to itself, whatever its configuration names.
    """
    folder = model.absolute().parent.resolve()
    path = folder / "config.json"
    if not model.is_dir() or folder in later or not path.is_file():
        return []
    run, later = _json(path), (*later, folder)
    if "average" in run:
        chains = [_runs(Path(part), later) for part in run["average"]]
        before = [one for chain in chains for one in chain]
        # A chain of trainings alone is as long as its last stage's number.
        stages = [len(chain) for chain in chains if all("mixture" in one for one in chain)]
        return [*(one for place, one in enumerate(before) if one not in before[:place]), {**run, "stages": stages}]
    if "mixture" not in run:
        return []
    return [*_runs(Path(run["backbone"]), later), run]


def _fingerprint(folder: Path) -> str:
    """Of a folder's weights, as evaluations give it; reading them shows that the folder opens."""
    from unimc.inference import UniMC

    return UniMC.from_pretrained(folder, device="cpu").backend.fingerprint()


def _terms(entry: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """For each kind of licence: how many training sets have one of it, and their rows."""
    notes = [note.removeprefix(_DATA).partition(": ") for note in entry.get("licences", []) if note.startswith(_DATA)]
    kinds = {task: terms(licence) for task, _, licence in notes}
    found = dict.fromkeys((OPEN, NON_COMMERCIAL, NOT_STATED), (0, 0))
    counted: set[str] = set()
    for row in entry.get("trained_on", []):
        kind = kinds.get(row.get("task"), NOT_STATED)
        sets, rows = found[kind]
        found[kind] = sets + (row.get("task") not in counted), rows + (row.get("rows") or 0)
        counted.add(row.get("task"))
    return found


def _datasets(entry: Mapping[str, Any]) -> list[str]:
    """Hub ids of the training sets; a task that was given as a file has none."""
    known = set(converters.names())
    tasks = [converters.get(row["task"]) for row in entry.get("trained_on", []) if row.get("task") in known]
    return [hub for task in tasks if (hub := task.source.get("hub"))]


def _results(folder: Path) -> dict[str, Any]:
    from unimc import results_files

    path = folder / "results.json"
    if not path.is_file():
        raise InputError(f"{folder}: no results.json; name the folder that `unimc evaluate` wrote")
    results_files.read([str(path)])  # refuses what other commands write under that name
    return _json(path)


def _bias(folder: Path, data_dir: Path | None) -> PronounBias | None:
    """Figures by gender, if winogender was evaluated there."""
    split = next((task["split"] for task in _results(folder)["tasks"] if task["task"] == _WINOGENDER), None)
    if split is None:
        return None
    from unimc.pronoun_bias import pronoun_bias

    with (folder / "predictions.jsonl").open(encoding="utf-8") as file:  # `splitlines` would break texts with U+2028
        lines = [json.loads(line) for line in file]
    labels = {line["id"]: line["label"] for line in lines if line["task"] == _WINOGENDER}
    examples = converters.get(_WINOGENDER).load(split, data_dir)
    return pronoun_bias((example, labels[example.id]) for example in examples if example.id in labels)


def _json(path: Path) -> dict[str, Any]:
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as problem:
        raise InputError(f"{path} is not valid JSON ({problem})") from problem
    return value
