"""Several draws of a few rows, each adapted and measured, beside what the base does without any."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from unimc import bundled
from unimc.adaptation.adapting import Adapted, adapt
from unimc.adaptation.config import AdaptConfig
from unimc.adaptation.folder import check_apart
from unimc.adaptation.loop import Vary
from unimc.adaptation.results import FewShot, Shot
from unimc.adaptation.rows import draw, some_options_each
from unimc.adaptation.wordings import Wordings, in_wordings, varied, weights
from unimc.bundled import folder_size
from unimc.checkpoint import load
from unimc.evaluation import evaluate_task
from unimc.evaluation_set import PRIMARY, EvaluationSet
from unimc.example import InputError, MultipleChoiceExample
from unimc.inference import UniMC
from unimc.seen import seen

RESULTS = "results.json"


def few_shot(
    base: str | Path,
    examples: Sequence[MultipleChoiceExample],
    config: AdaptConfig,
    *,
    k: int | None,
    draws: int = 1,
    label_names: Sequence[str] | None = None,
    multi_label: bool = False,
    evaluation: EvaluationSet | None = None,
    output: str | Path | None = None,
    merge: bool = False,
    initial: str | Path | None = None,
    vary: Vary | None = None,
    wordings: Wordings | None = None,
    zero_shot: bool = True,
    name: str = "",
    after: Callable[[Shot, Adapted], None] | None = None,
    device: str | None = None,
    progress: bool = True,
) -> FewShot:
    """Draws rows, adapts and measures, as often as asked.

    Args:
        base: the model to start from.
        examples: labelled rows to draw from.
        config: the strategy and how far it goes; draw n is trained with seed + n.
        k: rows of each label; all if None, none (zero-shot) if 0.
        draws: how many; draw n is the same whatever the strategy.
        label_names: the fixed labels; None where each row has its own options.
        multi_label: whether several labels, or none, may hold.
        evaluation: the rows to measure on; rows of the same texts are not drawn.
        output: folder to write: `results.json`, and the model in `final`, or of several draws in `draw-N`.
        merge: write LoRA's models whole rather than as adapters.
        initial: see `adapt`.
        vary: see `adapt`; of `config.options` every draw has the same.
        wordings: instead of `vary`: the examples in several wordings, the first as in `examples`. Each epoch asks a row
            in one of them; where `evaluation` has wordings too, their answers are measured together, equal and
            weighted by the held-out rows.
        zero_shot: whether to measure the base too.
        name: what the task is called in the results; its own name if empty.
        after: called with each draw and its model.
        device: see `adapt`.
        progress: whether to show bars.

    Raises:
        InputError: if there are no rows or no draws, or the output is there already or is the base; see also `adapt`.
    """
    if draws < 1:
        raise InputError(f"draws is {draws}; it must be at least 1")
    if wordings is not None and config.folds > 1:
        raise InputError("folds leave no rows that say how much each wording counts; give folds or wordings")
    folder = None if output is None else Path(output)
    if folder is not None and folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the model")
    if folder is not None and (folder / RESULTS).exists():
        raise InputError(f"{folder} holds results already; remove it, or name another folder")
    homes = ["final"] if draws == 1 else [f"draw-{number}" for number in range(draws)]
    if folder is not None:
        check_apart(str(base) or bundled.default(), [folder, *(folder / home for home in homes)])
        if there := next((home for name in homes if (home := folder / name).exists()), None):
            raise InputError(f"{there} is there already, a model perhaps; remove it, or name another folder")
    vary = some_options_each(config.options, config.seed) if vary is None else vary
    if k == 0 and config.moves.group != "tuning-free":
        config = replace(config, strategy="zero-shot")
    k = 0 if config.moves.group == "tuning-free" else k
    shots: list[Shot] = []
    warnings: dict[str, None] = {}
    primary = PRIMARY[evaluation.kind] if evaluation is not None else ""
    parameters = 0
    measured = frozenset(one.fingerprint for one in evaluation.examples) if evaluation is not None else frozenset()
    for number in range(draws):
        rows = draw(
            examples,
            k,
            seed=config.seed,
            held_out=config.set_apart,
            label_names=label_names,
            number=number,
            apart_from=measured,
        )
        warnings |= dict.fromkeys(rows.warnings)
        made = adapt(
            base,
            rows,
            replace(config, seed=config.seed + number),
            fixed=label_names is not None,
            multi_label=multi_label,
            initial=initial,
            device=device,
            vary=vary if wordings is None else varied(wordings, config.seed + number),
            merge=merge,
            how={"k": k, "draw": number, "seed": config.seed},
            progress=progress,
        )
        parameters = sum(one.numel() for one in made.checkpoint.model.parameters())
        shot = Shot(number, len(rows.training), len(rows.held_out), made.tuned)
        if evaluation is not None:
            model = UniMC(made.checkpoint)
            shot = replace(shot, figures=_figures(model, replace(evaluation, wordings={}), progress))
            if wordings is not None and evaluation.wordings:
                shares = weights(model, wordings, rows.held_out, multi_label=multi_label)
                together = in_wordings(model, evaluation, shares)
                shot = replace(shot, figures=shot.figures | together, wordings=shares)
        if folder is not None:
            home = folder / homes[number]
            checkpoint = made.checkpoint.plain() if merge else made.checkpoint
            checkpoint.save(home)
            shot = replace(shot, folder=str(home), size=folder_size(home))
        shots.append(shot)
        if made.tuned.steps and not made.tuned.kept:
            warnings[f"draw {number}: no step was better on the held-out rows; the model answers as before"] = None
        if after is not None:
            after(shot, made)
    if evaluation is not None:
        known = load(str(base) or bundled.default(), weights=False)
        of = seen(evaluation.name, evaluation.examples, known.trained_on, known.training_texts)
        if of.status in ("seen", "overlapping"):
            warnings[f"the base was trained on {evaluation.name}, or on rows of it: it is not zero-shot there"] = None
    without = None
    if evaluation is not None and config.moves.group == "tuning-free":
        without = shots[0].figures[primary]
    elif evaluation is not None and zero_shot:
        alone = replace(evaluation, wordings={})
        without = _figures(UniMC.from_pretrained(base, device=device), alone, progress)[primary]
    found = FewShot(
        task=name or (evaluation.name if evaluation is not None else next((one.task for one in examples), "")),
        base=str(base),
        config=config,
        k=k,
        seed=config.seed,
        shots=shots,
        primary=primary,
        evaluated=f"{evaluation.split}, {len(evaluation.examples):,} rows" if evaluation is not None else "",
        zero_shot=without,
        parameters=parameters,
        warnings=tuple(warnings),
    )
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(found.to_dict(), ensure_ascii=False, indent=2)
        (folder / RESULTS).write_text(text + "\n", encoding="utf-8")
    return found


def _figures(model: UniMC, evaluation: EvaluationSet, progress: bool) -> dict[str, float]:
    result = evaluate_task(model, evaluation, resamples=0, progress=progress)
    return {name: one.value for name, one in result.figures.items() if not math.isnan(one.value)}
