"""Labels: classes by their names, lists out of records and joined texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from converters.rows.registry import reshape
from converters.template import Row


def clue_class(value: Any, names: Sequence[str]) -> Any:
    """The hub numbers CLUE's classes, -1 where a row has none; the authors' files and ours name them."""
    if not isinstance(value, int) or value >= len(names):
        return value
    return names[value] if value >= 0 else None


_CLUE_NLI = ("neutral", "entailment", "contradiction")


@reshape
def clue_nli(row: Row) -> Row:
    """Names the classes of CMNLI and OCNLI."""
    return {**row, "label": clue_class(row.get("label"), _CLUE_NLI)}


_CLUE_TNEWS = tuple(str(code) for code in range(100, 117) if code not in (105, 111))


@reshape
def clue_tnews(row: Row) -> Row:
    """Gives the topics of TNEWS by their codes, 100 to 116."""
    return {**row, "label": clue_class(row.get("label"), _CLUE_TNEWS)}


@reshape
def control_nli(row: Row) -> Row:
    """Names the classes of ConTRoL, which its authors' files give as letters and ours as numbers."""
    names = {"e": "entailment", "n": "neutral", "c": "contradiction", 0: "entailment", 1: "neutral", 2: "contradiction"}
    label = row.get("label")
    return {**row, "label": names.get(label, label)}


@reshape
def event_types(row: Row) -> Row:
    """The types alone of the events in a text."""
    return {**row, "event_types": [event["event_type"] for event in row["event_list"]]}


@reshape
def financial_events(row: Row) -> Row:
    """The types alone of the events in a text of FewFC."""
    return {**row, "event_types": [event["type"] for event in row["events"]]}


@reshape
def atis(row: Row) -> Row:
    """Makes a list of the intents that ATIS joins by "#" (in other copies "+")."""
    joined = row.get("category")
    return {**row, "category": re.split("[#+]", joined) if isinstance(joined, str) else joined}
