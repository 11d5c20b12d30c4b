"""The tables that stand behind a report's first one: what wordings do, and how far scores can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unimc.document import Marked, Section

IN_NATS = frozenset({"log_loss"})
"""Metrics that are no shares: shown as they are, not in per cent."""


def asked_for(results: Mapping[str, Any]) -> list[Section]:
    """What wordings and a calibration did, where there are any: what belongs on the terminal too."""
    found = [wordings(results)]
    if results["tasks"][0]["calibration"] is not None:
        found.append(trust(results))
    return [section for section in found if section is not None]


def wordings(results: Mapping[str, Any]) -> Section | None:
    """Each wording alone, their average, their spread; None if every task was asked in one."""
    rows = []
    for number, task in enumerate(results["tasks"], 1):
        if (found := task["wordings"]) is None:
            continue
        metric = task["primary"]
        head = [str(number), task["task"]]
        for wording, figure in found["each"].items():
            rows.append([*head, wording, metric, percent(figure["value"]), interval(figure), ""])
            head = ["", ""]
        together, gain = task["figures"][metric], found["gain"]
        gained = signed(gain["value"]) + (f" ({interval(gain, signed)})" if gain["low"] is not None else "")
        rows.append(["", "", "averaged", metric, percent(together["value"]), interval(together), gained])
        rows.append(["", "", "spread (best − worst)", metric, percent(found["spread"]), "", ""])
    if not rows:
        return None
    return Section(
        "Wordings",
        ("#", "task", "wording", "metric", "value", "95 % interval", "over the first wording"),
        rows,
        Marked(
            "In per cent. Every example is asked in each wording; *averaged*, the figure in the table above, averages "
            "the answers. *Over the first wording*: how much more than it, with the interval of the difference, both "
            "on the same resamples of the examples."
        ),
    )


def trust(results: Mapping[str, Any]) -> Section:
    """Calibration error and log-loss; beside what they, and the first metric, were before calibration."""
    calibrated = results["tasks"][0]["calibration"] is not None  # all tasks are, or none
    rows = []
    for number, task in enumerate(results["tasks"], 1):
        head = [str(number), task["task"]]
        for metric in [*([task["primary"]] if calibrated else []), "ece", "log_loss"]:
            shown = in_nats if metric in IN_NATS else percent
            sides = [task["figures"][metric], *([task["calibration"]["before"][metric]] if calibrated else [])]
            cells = [text for side in sides for text in (shown(side["value"]), interval(side, shown))]
            rows.append([*head, metric, *cells])
            head = ["", ""]
    columns = ["#", "task", "metric", "value", "95 % interval"]
    text = (
        "*ece*, expected calibration error, in per cent, is how far scores lie from the share of right answers; "
        "*log_loss*, in nats, is the mean of minus the logarithm of the probability given to what is right. Of both "
        "less is better."
    )
    if calibrated:
        columns += ["before calibration", "its 95 % interval"]
        given = []
        for number, task in enumerate(results["tasks"], 1):
            found = task["calibration"]
            biases = f", {len(found['bias'])} biases" if found["bias"] else ""
            given.append(f"#{number} temperature {found['temperature']:.3g}{biases}")
        text += f" Calibrated: {'; '.join(given)}."
    return Section("How far the scores can be trusted", columns, rows, Marked(text))


def reliability(results: Mapping[str, Any]) -> Section:
    """Of the answers with about the same score, how many are right; ranges without any are left out."""
    rows = []
    for number, task in enumerate(results["tasks"], 1):
        head = [str(number), task["task"]]
        for one in task["reliability"]:
            if one["count"]:
                ends = f"{100 * one['low']:.0f}–{100 * one['high']:.0f}"
                rows.append([*head, ends, str(one["count"]), percent(one["confidence"]), percent(one["accuracy"])])
                head = ["", ""]
    return Section(
        "Scores and right answers",
        ("#", "task", "score", "answers", "mean score", "right"),
        rows,
        "In per cent, but for the number of answers: of the answers with a score in a range, how many are right. Where "
        "scores can be taken at their word, mean score and share of right answers are alike. Where several labels may "
        "hold, every label of every example counts: with its score, and whether it holds.",
    )


def percent(value: float | None) -> str:
    """A share in per cent."""
    return "–" if value is None else f"{100 * value:.1f}"


def signed(value: float | None) -> str:
    """A difference of shares, in percentage points."""
    return "–" if value is None else f"{100 * value:+.1f}"


def in_nats(value: float | None) -> str:
    """A log-loss."""
    return "–" if value is None else f"{value:.3f}"


def interval(figure: Mapping[str, float | None], shown: Any = percent) -> str:
    """The ends of a figure's interval."""
    if figure["low"] is None:
        return "–"
    between = " to " if shown is signed else "–"
    return f"{shown(figure['low'])}{between}{shown(figure['high'])}"


def line(cells: Any) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(cells)} |"
