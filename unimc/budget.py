"""What is cut when an example doesn't fit its row, and by how much (DESIGN, section 6).

Two budgets hold at once. *Tokens* in a row is memory. *Positions* counts what the backbone's position embeddings can
tell apart: options share theirs, so only the longest of them counts.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass

PASSAGE_FLOOR = 128
"""Tokens that the passage keeps while anything else can be cut; in short rows half a row, for the options' sake."""


@dataclass(frozen=True, slots=True)
class Budgets:
    """The most tokens in a row and the most different positions of a backbone."""

    tokens: int
    positions: int


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of each part, without special tokens; `options` without their O-MASKs."""

    options: tuple[int, ...]
    question: int
    passage: int
    textb: int

    @property
    def tokens(self) -> int:
        """Length of the row: CLS, an O-MASK before each option, a SEP after the options and one after each part."""
        return 1 + sum(self.options) + len(self.options) + 1 + self._texts

    @property
    def positions(self) -> int:
        """How many positions the row uses: options restart, so the longest one counts once."""
        return 1 + max(self.options) + 1 + 1 + self._texts

    @property
    def _texts(self) -> int:
        # An empty question or textb takes its SEP with it; the passage's SEP always stands.
        return _with_separator(self.question) + self.passage + 1 + _with_separator(self.textb)

    def over(self, budgets: Budgets) -> int:
        """By how many tokens the row exceeds the tighter budget; 0 or less if it fits."""
        return max(self.tokens - budgets.tokens, self.positions - budgets.positions)

    def cut(self, *, cap: int, question: int, passage: int, textb: int) -> Lengths:
        """These lengths with each option cut to `cap` and each text to the length given."""
        options = tuple(min(option, cap) for option in self.options)
        return Lengths(options, min(self.question, question), min(self.passage, passage), min(self.textb, textb))


def fit(lengths: Lengths, budgets: Budgets) -> Lengths | None:
    """The lengths that fit both budgets: of passage and textb the longer is cut first, then question, then options.

    The passage keeps `PASSAGE_FLOOR` tokens while anything else can be cut, an option at least one. Options are cut
    from the longest down, to one common cap, so that what is cut does not depend on their order.

    Returns:
        The lengths to keep, or None if even one token an option and no text at all is too much.
    """
    if lengths.over(budgets) <= 0:
        return lengths
    floor = min(lengths.passage, PASSAGE_FLOOR, min(budgets.tokens, budgets.positions) // 2)

    def fits(*, cap: int, question: int = 0, passage: int = floor, textb: int = 0) -> bool:
        return lengths.cut(cap=cap, question=question, passage=passage, textb=textb).over(budgets) <= 0

    if not fits(cap=1):
        kept = floor - lengths.cut(cap=1, question=0, passage=floor, textb=0).over(budgets)
        return None if kept < 0 else lengths.cut(cap=1, question=0, passage=kept, textb=0)
    cap = _largest(lambda size: fits(cap=size), 1, max(lengths.options))
    question = _largest(lambda size: fits(cap=cap, question=size), 0, lengths.question)
    # One bound for both texts is "the longer first"; the passage stops falling at its floor.
    bound = _largest(
        lambda size: fits(cap=cap, question=question, passage=max(size, floor), textb=size),
        0,
        max(lengths.passage, lengths.textb),
    )
    passage = max(bound, floor)
    spare = fits(cap=cap, question=question, passage=passage + 1, textb=bound)
    return lengths.cut(cap=cap, question=question, passage=passage + spare, textb=bound)


def groups(keys: Sequence[Sequence[int]], most: int) -> list[list[int]]:
    """Deals options into as few groups as hold them, with as many options in each, give or take one.

    How sure a model is of an option falls with the number of others beside it, so options from a small group would win
    over those from a large one, whatever they say. Which options share a group depends on their token ids alone, never
    on the order in which they were given.

    Args:
        keys: the options' token ids.
        most: the most tokens in a group (O-MASKs included); half as many again if otherwise options stood alone, and
            where even pairs are longer than that, each stands alone.

    Returns:
        For each group the indices of its options.
    """
    order = sorted(range(len(keys)), key=lambda option: tuple(keys[option]))
    sizes = [len(key) + 1 for key in keys]
    for limit in (most, most * 3 // 2):
        for count in range(-(-sum(sizes) // limit), len(keys) // 2 + 1):
            dealt = [order[number::count] for number in range(count)]
            if max(sum(sizes[option] for option in group) for group in dealt) <= limit:
                return dealt
    return [[option] for option in order]


def _with_separator(length: int) -> int:
    return length + 1 if length else 0


def _largest(fits: Callable[[int], bool], low: int, high: int) -> int:
    """The largest size in low…high that fits, where `low` does and fitting ends once and for all."""
    return low + bisect_left(range(low, high + 1), True, key=lambda size: not fits(size)) - 1
