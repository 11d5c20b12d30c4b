"""Several draws of a few rows, each adapted and measured: mean and deviation, beside what the base does without any."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from unimc import bundled
from unimc.adaptation.adapting import Adapted, adapt
from unimc.adaptation.config import AdaptConfig
from unimc.adaptation.folder import check_apart
from unimc.adaptation.loop import Tuned, Vary
from unimc.adaptation.rows import draw, some_options_each
from unimc.adaptation.wordings import Wordings, in_wordings, varied, weights
from unimc.bundled import folder_size
from unimc.checkpoint import load
from unimc.evaluation import evaluate_task
from unimc.evaluation_set import PRIMARY, EvaluationSet
from unimc.example import InputError, MultipleChoiceExample
from unimc.inference import UniMC
from unimc.seen import seen

if TYPE_CHECKING:
    from rich.table import Table

RESULTS = "results.json"
_CAPTION = (
    "held-out accuracy: before → after, on the rows that chose the step: it looks better than it is; "
    "measure on other rows with unimc evaluate"
)
FORMAT = 1
"""Version of the form of the results; it goes up when a key changes its meaning or goes away."""


@dataclass(frozen=True)
class Shot:
    """One draw.

    Attributes:
        number: which, from 0.
        training: rows trained on.
        held_out: rows that said when to stop.
        tuned: how the tuning went.
        figures: metric -> value on the evaluated rows; {} if none were.
        wordings: wording -> how much its answers count, where rows were asked in several.
        folder: where the model was written; "" if it wasn't.
        size: bytes of that folder.
    """

    number: int
    training: int
    held_out: int
    tuned: Tuned
    figures: dict[str, float] = field(default_factory=dict)
    wordings: dict[str, float] = field(default_factory=dict)
    folder: str = ""
    size: int = 0


@dataclass(frozen=True)
class FewShot:
    """A strategy on a task, over several draws.

    Attributes:
        task: its name.
        base: the model that was adapted.
        config: the strategy and how far it went.
        k: rows of each label; None for all.
        seed: of the draws.
        shots: the draws.
        primary: the metric that counts; "" if nothing was evaluated.
        evaluated: the split and the number of rows that the figures are of, for people.
        zero_shot: what the base does on the same rows without adapting; None if not asked.
        parameters: of the base.
        warnings: what was wrong with the rows, a line each.
    """

    task: str
    base: str
    config: AdaptConfig
    k: int | None
    seed: int
    shots: list[Shot]
    primary: str = ""
    evaluated: str = ""
    zero_shot: float | None = None
    parameters: int = 0
    warnings: tuple[str, ...] = ()

    @property
    def values(self) -> list[float]:
        """The primary figure of each draw."""
        return [shot.figures[self.primary] for shot in self.shots if self.primary in shot.figures]

    @property
    def mean(self) -> float | None:
        """Of the draws."""
        return fmean(self.values) if self.values else None

    @property
    def deviation(self) -> float | None:
        """Of the draws: the sample's standard deviation; None of fewer than two."""
        return stdev(self.values) if len(self.values) > 1 else None

    def to_dict(self) -> dict[str, Any]:
        """The content of `results.json`."""
        own = {name: getattr(self, name) for name in ("task", "base", "k", "seed", "primary", "evaluated")}
        return {
            "format": FORMAT,
            **own,
            "strategy": self.config.strategy,
            "mean": self.mean,
            "deviation": self.deviation,
            "zero_shot": self.zero_shot,
            "parameters": self.parameters,
            "warnings": list(self.warnings),
            "settings": asdict(self.config),
            "draws": [asdict(shot) for shot in self.shots],
        }

    def table(self) -> Table:
        """For the terminal: a line a draw, then mean ± deviation."""
        from rich.table import Table

        rows = "all rows" if self.k is None else f"{self.k} rows a label"
        title = f"{self.task}: {self.config.strategy} on {rows}"
        caption = f"{self.primary} on {self.evaluated}" if self.primary else _CAPTION
        table = Table("", title=title, caption=caption if self.primary or self.k != 0 else None)
        for heading in ("rows", self.primary or "held-out accuracy", "steps", "trained", "seconds", "memory"):
            table.add_column(heading, justify="right")
        if self.zero_shot is not None:
            table.add_row("without adapting", "0", f"{self.zero_shot:.1%}", "", "", "", "")
        for shot in self.shots:
            tuned = shot.tuned
            table.add_row(
                f"draw {shot.number}",
                f"{shot.training} + {shot.held_out}",
                _percent(shot.figures.get(self.primary)) if self.primary else _held_out(tuned),
                f"{tuned.kept} of {tuned.steps}" + ("" if tuned.stopped != "seconds" else " (time)"),
                f"{tuned.trainable:,}",
                f"{tuned.seconds:.0f}",
                "" if tuned.memory is None else f"{tuned.memory / 2**20:,.0f} MiB",
            )
        if self.deviation is not None:
            table.add_section()
            table.add_row("mean ± deviation", "", f"{self.mean:.1%} ± {100 * self.deviation:.1f}", "", "", "", "")
        return table


def _held_out(tuned: Tuned) -> str:
    """What the held-out rows said before the first step and after the one kept; "" without such rows."""
    kept = [_percent(check.accuracy) for check in tuned.checks if check.step == tuned.kept]
    return " → ".join([_percent(tuned.checks[0].accuracy), *kept]) if kept and kept[0] else ""


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


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
    folder = None if output is None else Path(output)
    if folder is not None and (folder / RESULTS).exists():
        raise InputError(f"{folder} holds results already; remove it, or name another folder")
    homes = ["final"] if draws == 1 else [f"draw-{number}" for number in range(draws)]
    if folder is not None:
        check_apart(str(base) or bundled.default(), [folder, *(folder / home for home in homes)])
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
            held_out=config.held_out,
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
            checkpoint = made.checkpoint.plain() if merge and hasattr(made.checkpoint, "plain") else made.checkpoint
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
