"""Templates of prompts that callers may give: a text with named places, checked before anything is asked."""

from __future__ import annotations

from collections.abc import Collection
from string import Formatter

from unimc.example import InputError, shown


def check(template: str, places: Collection[str], *, needed: str | None, what: str) -> None:
    """Whether `template.format` will do: only these places, the needed one among them, and nothing else in braces.

    What is filled in is never read as a template: braces in a user's text stay text.

    Args:
        template: such as "yes: {label}"; `{{` and `}}` are braces.
        places: names that may stand in braces.
        needed: the one that must; None for none.
        what: the template is, for the message.

    Raises:
        InputError: if a place is not known or has a format of its own, the needed one is missing, or braces don't
            match.
    """
    known = ", ".join(f"{{{place}}}" for place in places)
    if not isinstance(template, str):
        raise InputError(f"{what} must be a text with {known}, not {type(template).__name__}")
    try:
        parts = list(Formatter().parse(template))
    except ValueError as problem:
        raise InputError(f"{what} {shown(template)}: {problem}; write {{{{ and }}}} for braces") from None
    found = [(name, bool(form or conversion)) for _, name, form, conversion in parts if name is not None]
    for name, formatted in found:
        if name not in places or formatted:
            raise InputError(f"{what} {shown(template)}: in braces only {known}; write {{{{ and }}}} for braces")
    if needed is not None and needed not in [name for name, _ in found]:
        raise InputError(f"{what} {shown(template)} has no {{{needed}}}")
