"""The few changes of a row that a declaration can't express; a card names one by its key `row`.

Each is a pure function of one row. They work before the templates do, so that wordings and variants stay in the card.
A new one goes into the file of its kind, with `@reshape` (a row for a row) or `@expand` (several rows for one).
"""

from converters.rows import blanks, labels, options, pronouns, texts
from converters.rows.registry import get

__all__ = ["blanks", "get", "labels", "options", "pronouns", "texts"]
