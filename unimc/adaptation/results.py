"""What several draws of a few rows gave: each draw, mean and deviation, as JSON and as a table."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from unimc.adaptation.config import AdaptConfig
from unimc.adaptation.loop import Tuned

if TYPE_CHECKING:
    from rich.table import Table

FORMAT = 1
"""Version of the form of the results; it goes up when a key changes its meaning or goes away."""
_CAPTION = (
    "held-out accuracy: before → after{of}, on the rows that chose the step: it looks better than it is; "
    "measure on other rows with unimc evaluate"
)


@dataclass(frozen=True)
class Shot:
    """One draw.

    Attributes:
        number: which, from 0.
        training: rows trained on.
        held_out: rows that only said when to stop; 0 with folds, where each does so once.
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
        parameters: of the adapted model, its prompt included.
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
        of = "" if self.config.folds == 1 else " (of the runs, not of their mean)"
        caption = f"{self.primary} on {self.evaluated}" if self.primary else _CAPTION.format(of=of)
        told = bool(self.primary) or any(shot.tuned.checks for shot in self.shots)
        table = Table("", title=title, caption=caption if told else None)
        for heading in ("rows", self.primary or "held-out accuracy", "steps", "trained", "seconds", "memory"):
            table.add_column(heading, justify="right")
        if self.zero_shot is not None:
            table.add_row("without adapting", "0", f"{self.zero_shot:.1%}", "", "", "", "")
        folds = self.config.folds
        for shot in self.shots:
            tuned = shot.tuned
            table.add_row(
                f"draw {shot.number}",
                f"{shot.training} + {shot.held_out}" if folds == 1 else f"{shot.training} in {folds} folds",
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
    kept = [_percent(check.accuracy) for check in tuned.checks if check.step == tuned.kept][-1:]  # folds may keep none
    return " → ".join([_percent(tuned.checks[0].accuracy), *kept]) if kept and kept[0] else ""


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"
