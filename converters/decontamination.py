"""Keeping training clean of what is evaluated: finding rows that stand in held-out sets too, and dropping them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from converters.shingles import NearCopies
from unimc.example import InputError, MultipleChoiceExample

KINDS = ("exact", "near", "contained")
NEAR = 0.8
_LIMITS = (0.5, 0.95)


@dataclass(frozen=True, slots=True)
class Match:
    """A held-out example that an example copies.

    Args:
        task, split, id: which held-out example.
        kind: "exact" (equal `key`), "near" (every part of the key alike), or "contained" (one stands whole in the
            other).
        similarity: 1 for exact ones; for near ones the Jaccard similarity of the character shingles of the part that
            is least like its counterpart; for contained ones the share that the shorter is of the longer.
    """

    task: str
    split: str
    id: str
    kind: str
    similarity: float


@dataclass(frozen=True, slots=True)
class OverlapRow:
    """How many examples of one task copy rows of one held-out set; each example counts once, by its best match.

    Args:
        task: where the examples are from.
        held_out, split: the held-out set.
        exact, near, contained: how many matches of each kind.
    """

    task: str
    held_out: str
    split: str
    exact: int
    near: int
    contained: int

    @property
    def total(self) -> int:
        """Examples with a match of any kind."""
        return self.exact + self.near + self.contained


class HeldOut:
    """An index over held-out sets.

    Exact copies have the same `MultipleChoiceExample.key`: case, width, spaces, punctuation and the wording of the
    task don't hide them, in whatever language. Near copies and contained texts are looked for within a language.

    Args:
        near: similarity from which on two items are near copies; None = exact copies only.
        progress: whether to show a progress bar; by default only on a terminal.

    Raises:
        InputError: if `near` is not from 0.5 to 0.95.
    """

    def __init__(self, near: float | None = NEAR, progress: bool | None = None) -> None:
        if near is not None and not _LIMITS[0] <= near <= _LIMITS[1]:
            raise InputError(f"near is {near}; it must be from {_LIMITS[0]} to {_LIMITS[1]}")
        self._near, self._progress = near, progress
        self._holders: dict[str, list[tuple[str, str, str]]] = {}
        self._keys: dict[str, dict[str, None]] = {}
        self._indices: dict[str, tuple[list[str], NearCopies]] = {}

    def add(self, task: str, split: str, examples: Iterable[MultipleChoiceExample]) -> None:
        """Holds a set out.

        Args:
            task: the name that its matches give.
            split: likewise.
            examples: its examples.
        """
        for example in examples:
            key = example.key
            self._holders.setdefault(key, []).append((task, split, example.id))
            self._keys.setdefault(example.language, {})[key] = None
            self._indices.pop(example.language, None)

    def search(self, examples: Sequence[MultipleChoiceExample]) -> list[tuple[Match, ...]]:
        """What each example copies.

        Returns:
            For every example its best match in each held-out set that has one, sorted by set; `()` without any. An
            example's matches depend neither on the other examples nor on the order in which sets were added.
        """
        keys = [example.key for example in examples]
        wanted: dict[str, dict[str, None]] = {}
        for key, example in zip(keys, examples, strict=True):
            wanted.setdefault(example.language, {})[key] = None
        found: dict[tuple[str, str], dict[tuple[str, str], Match]] = {}
        for language, unique in wanted.items():
            for key in unique:
                if key in self._holders:
                    self._note(found.setdefault((language, key), {}), key, "exact", 1.0)
            self._search_near(language, list(unique), found)
        matches = {where: tuple(best[group] for group in sorted(best)) for where, best in found.items()}
        return [matches.get((example.language, key), ()) for key, example in zip(keys, examples, strict=True)]

    def _search_near(
        self, language: str, keys: list[str], found: dict[tuple[str, str], dict[tuple[str, str], Match]]
    ) -> None:
        if self._near is None or language not in self._keys:
            return
        from tqdm import tqdm

        if language not in self._indices:
            held_out = list(self._keys[language])
            self._indices[language] = held_out, NearCopies(held_out, language, self._near)
        held_out, index = self._indices[language]
        # tqdm: None = off unless standard error is a terminal.
        disable = None if self._progress is None else not self._progress
        with tqdm(total=len(keys), desc=f"searching near copies ({language})", unit="row", disable=disable) as bar:
            for one in index.search(keys):
                bar.update(one.query - bar.n)
                kind = "contained" if one.contained else "near"
                best = found.setdefault((language, keys[one.query]), {})
                self._note(best, held_out[one.place], kind, one.similarity)
            bar.update(len(keys) - bar.n)

    def _note(self, best: dict[tuple[str, str], Match], key: str, kind: str, similarity: float) -> None:
        """Keeps the best match in each held-out set: exact before near before contained, then by similarity and id."""
        for task, split, name in self._holders[key]:
            match = Match(task, split, name, kind, similarity)
            known = best.get((task, split))
            if known is None or _rank(match) < _rank(known):
                best[task, split] = match


def decontaminate(
    examples: Sequence[MultipleChoiceExample], held_out: HeldOut
) -> tuple[list[MultipleChoiceExample], list[OverlapRow]]:
    """Leaves out what stands in held-out sets.

    Args:
        examples: of one task or several.
        held_out: what must not be trained on.

    Returns:
        The examples without any match, in their order; and per pair of task and held-out set how many matched, sorted.
        An example that matches several sets counts for each of them and is dropped once.
    """
    matches = held_out.search(examples)
    kept = [example for example, found in zip(examples, matches, strict=True) if not found]
    return kept, overlaps(examples, matches)


def overlaps(examples: Sequence[MultipleChoiceExample], matches: Sequence[tuple[Match, ...]]) -> list[OverlapRow]:
    """Counts the matches of examples per pair of task and held-out set, sorted."""
    counts: dict[tuple[str, str, str], Counter[str]] = {}
    for example, found in zip(examples, matches, strict=True):
        for match in found:
            counts.setdefault((example.task, match.task, match.split), Counter())[match.kind] += 1
    return [OverlapRow(*pair, *(counts[pair][kind] for kind in KINDS)) for pair in sorted(counts)]


def _rank(match: Match) -> tuple[int, float, str]:
    return KINDS.index(match.kind), -match.similarity, match.id
