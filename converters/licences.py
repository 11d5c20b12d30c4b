"""What the licences of data sets allow, for mixtures that are filtered by them. No legal advice: read the licence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from converters.card import did_you_mean
from unimc.example import InputError

OPEN, NON_COMMERCIAL, NOT_STATED = "open", "non-commercial", "not-stated"

TERMS = {
    "Apache-2.0": OPEN,
    "MIT": OPEN,
    "BSD-3-Clause": OPEN,
    "CC0-1.0": OPEN,
    "CC BY 1.0": OPEN,
    "CC BY 2.0": OPEN,
    "CC BY 3.0": OPEN,
    "CC BY 4.0": OPEN,
    "CC BY-SA 3.0": OPEN,
    "CC BY-SA 4.0": OPEN,
    "ODC-By 1.0": OPEN,
    "GPL-3.0": OPEN,
    "public domain": OPEN,
    "CC BY-NC 2.0": NON_COMMERCIAL,
    "CC BY-NC 3.0": NON_COMMERCIAL,
    "CC BY-NC 4.0": NON_COMMERCIAL,
    "CC BY-NC-SA 3.0": NON_COMMERCIAL,
    "CC BY-NC-SA 4.0": NON_COMMERCIAL,
    "CC BY-NC-ND 4.0": NON_COMMERCIAL,
    "research only": NON_COMMERCIAL,
    "not stated": NOT_STATED,
}
"""Licence id -> its terms: `open` also allows commercial use (with its conditions), `non-commercial` doesn't."""


def licence_id(licence: str) -> str:
    """The id that a card's licence begins with; what follows ";" or "(" is a remark."""
    return re.split(r"[;(]", licence, maxsplit=1)[0].strip()


def terms(licence: str) -> str:
    """`open`, `non-commercial` or `not-stated`; a licence that is not in the table counts as not stated."""
    return TERMS.get(licence_id(licence), NOT_STATED)


def allowed(licence: str, wanted: Sequence[str]) -> bool:
    """Whether a licence is among those wanted.

    Args:
        licence: as a card gives it.
        wanted: terms (`open`, `non-commercial`, `not-stated`), ids, or patterns of ids ("CC BY-SA*").

    Raises:
        InputError: if one of `wanted` is neither, and fits no known id.
    """
    for one in wanted:
        known = {OPEN, NON_COMMERCIAL, NOT_STATED, *TERMS}
        if one not in known and not any(fnmatchcase(name, one) for name in TERMS):
            raise InputError(f"licences: nothing is called {one!r}; {did_you_mean(one, known)}")
    name = licence_id(licence)
    return any(one == terms(licence) or fnmatchcase(name, one) for one in wanted)
