"""Near copies among normalised texts: MinHash finds candidates, the true similarity decides.

A key (`MultipleChoiceExample.key`) is one or more normalised parts joined by "|". Everything that is done to every
key is done in bulk on arrays; only candidates are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SEPARATOR = "|"
_PERMUTATIONS = 128
_CHUNK = 2_000_000  # characters worked on at a time: what bounds the memory
_STRIDE = 8


@dataclass(frozen=True, slots=True)
class Grain:
    """How finely texts of a language are compared, in characters.

    Args:
        shingle: length of a shingle; about one word. A changed character costs twice as many shingles, so that under
            0.8 a text needs ten times this length before one changed character is forgiven.
        shortest: parts shorter than this are compared as a whole, since one changed character makes another item; and
            one that has no counterpart at all doesn't matter (a marked pronoun, a word asked about).
        window: texts shorter than this are not looked for in longer ones.
    """

    shingle: int
    shortest: int
    window: int


GRAINS = {"en": Grain(shingle=5, shortest=25, window=48), "zh": Grain(shingle=2, shortest=15, window=16)}
"""A Chinese character carries about as much as two and a half letters."""


@dataclass(frozen=True, slots=True)
class Found:
    """A near copy.

    Args:
        query, place: which of the keys asked for, and which of those indexed.
        similarity: Jaccard of the shingles, of the part that is least like its counterpart; for a contained text, the
            share that the shorter is of the longer.
        contained: whether one stands whole within the other.
    """

    query: int
    place: int
    similarity: float
    contained: bool


class NearCopies:
    """An index over keys, searched for near copies of others.

    Two keys are near copies if their parts are alike one to one, at least `threshold` by the Jaccard
    similarity of their character shingles; or if one is the other with a longer text. An indexed text is found in texts
    of any length; a searched one only in texts at most twice as long: a sentence of a long passage is not the item.
    What is shorter than a window (16 characters in Chinese, 48 in English) is found in no longer text.

    Args:
        keys: what is searched in; each once.
        language: "en" or "zh"; decides the length of shingles.
        threshold: similarity from which on two keys are copies, from 0.5 to 0.95.
    """

    def __init__(self, keys: Sequence[str], language: str, threshold: float) -> None:
        from datasketch import MinHashLSH

        self._keys, self._grain, self._threshold = keys, GRAINS[language], threshold
        # Candidates are verified: finding all matters more than few. 98.5 % are found at just 0.8, 99.9 % at 0.85.
        self._lsh = MinHashLSH(threshold=threshold, num_perm=_PERMUTATIONS, weights=(0.01, 0.99))
        anchors: list[NDArray[np.uint64]] = []
        owners: list[NDArray[np.int64]] = []
        whole: list[NDArray[np.uint64]] = []
        for start, batch in _batches(keys):
            for row, minhash in batch.minhashes(self._grain):
                self._lsh.insert(start + row, minhash)
            hashes, rows = batch.windows(self._grain.window, _STRIDE)
            anchors.append(hashes)
            owners.append(start + rows)
            hashes, rows = batch.middles(self._grain.window, 1)
            whole.append(np.stack([hashes, (start + rows).astype(np.uint64)]))
        self._inner = _Table(_joined(anchors, np.uint64), _joined(owners, np.int64))
        heads = np.concatenate(whole, axis=1) if whole else np.empty((2, 0), np.uint64)
        self._whole = _Table(heads[0], heads[1].astype(np.int64))

    def search(self, keys: Sequence[str]) -> Iterator[Found]:
        """All near copies of the keys, in the keys' order; equal keys are not among them."""
        for start, batch in _batches(keys):
            found: dict[tuple[int, int], Found] = {}
            for row, minhash in batch.minhashes(self._grain):
                for place in self._lsh.query(minhash):
                    similarity = likeness(batch.keys[row], self._keys[place], self._grain)
                    if similarity >= self._threshold:
                        found[row, place] = Found(start + row, place, similarity, contained=False)
            for row, place in self._contained(batch):
                found.setdefault(
                    (row, place), Found(start + row, place, _share(batch.keys[row], self._keys[place]), contained=True)
                )
            for (row, place), one in sorted(found.items()):
                if batch.keys[row] != self._keys[place]:
                    yield one

    def _contained(self, batch: _Batch) -> Iterator[tuple[int, int]]:
        """Where one key stands whole in the other; what is contained shares its middle window."""
        hashes, rows = batch.windows(self._grain.window, 1)
        for row, place in self._whole.pairs(hashes, rows):
            if stands_in(self._keys[place], batch.keys[row], self._grain):
                yield row, place
        hashes, rows = batch.middles(self._grain.window, _STRIDE)
        for row, place in self._inner.pairs(hashes, rows):
            inner, outer = batch.keys[row], self._keys[place]
            if 2 * len(inner) >= len(outer) and stands_in(inner, outer, self._grain):
                yield row, place


def likeness(one: str, other: str, grain: Grain) -> float:
    """How like two keys are, from 0 to 1: the least of their parts' Jaccard similarities.

    Part by part, so that a pair of texts is not taken for another with the same long premise.
    """
    fewer, more = sorted((one.split(_SEPARATOR), other.split(_SEPARATOR)), key=len)
    least = 1.0
    for part in sorted(fewer, key=len, reverse=True):
        alike = [_jaccard(part, candidate, grain) for candidate in more]
        best = max(range(len(more)), key=alike.__getitem__)
        least = min(least, alike[best])
        del more[best]
    return least if _negligible(more, grain) else 0.0


def stands_in(inner: str, outer: str, grain: Grain) -> bool:
    """Whether one key is the other with a longer text: the longest part stands whole within, the others are the same.

    The others must be, because a longer hypothesis under the same premise is another item.
    """
    mine, theirs = inner.split(_SEPARATOR), outer.split(_SEPARATOR)
    longest = max(mine, key=len)
    mine.remove(longest)
    for part in mine:
        if part not in theirs:
            return False
        theirs.remove(part)
    around = next((part for part in theirs if longest in part), None)
    if around is None:
        return False
    theirs.remove(around)
    return _negligible(theirs, grain)


def _negligible(parts: Sequence[str], grain: Grain) -> bool:
    return all(len(part) < grain.shortest for part in parts)


def _jaccard(one: str, other: str, grain: Grain) -> float:
    if one == other:
        return 1.0
    if min(len(one), len(other)) < grain.shortest:
        return 0.0
    left, right = _shingles(one, grain.shingle), _shingles(other, grain.shingle)
    shared = len(left & right)
    return shared / (len(left) + len(right) - shared)


@lru_cache(maxsize=4096)
def _shingles(text: str, length: int) -> frozenset[str]:
    return frozenset(text[place : place + length] for place in range(len(text) - length + 1))


def _share(one: str, other: str) -> float:
    return min(len(one), len(other)) / max(len(one), len(other))


class _Batch:
    """Some keys as one array of characters, with a separator after each part."""

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = keys
        text = _SEPARATOR.join([*keys, ""])
        self._codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
        ends = np.cumsum([len(key) + 1 for key in keys])
        self._row = np.repeat(np.arange(len(keys)), np.diff(ends, prepend=0))
        self._starts = np.concatenate([[0], ends[:-1]])
        self._separators = np.concatenate([[0], np.cumsum(self._codes == ord(_SEPARATOR))])

    def _hashed(self, length: int) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
        """A hash of the `length` characters from every place on, and whether they are within one part."""
        count = max(len(self._codes) - length + 1, 0)
        hashes = np.zeros(count, np.uint64)
        codes = self._codes.astype(np.uint64)
        for offset in range(length):
            hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + codes[offset : offset + count]
        hashes ^= hashes >> np.uint64(32)
        hashes *= np.uint64(0xD6E8FEB86659FD93)
        hashes ^= hashes >> np.uint64(32)
        return hashes, self._separators[length : length + count] == self._separators[:count]

    def minhashes(self, grain: Grain) -> Iterator[tuple[int, Any]]:
        """Rows with a part that is long enough to be compared by shingles, and the MinHash of these parts."""
        from datasketch import MinHash

        hashes, valid = self._hashed(grain.shingle)
        ends = np.flatnonzero(self._codes == ord(_SEPARATOR))
        lengths = np.diff(ends, prepend=-1) - 1
        valid = valid & np.repeat(lengths >= grain.shortest, lengths + 1)[: len(hashes)]
        rows = self._row[: len(hashes)][valid].astype(np.uint64)
        tagged = np.sort(rows << np.uint64(32) | hashes[valid] >> np.uint64(32))
        # Of equal neighbours the first stays; ~first is not the first, so the first of all does.
        tagged = tagged[np.diff(tagged, prepend=~tagged[:1]) != 0]
        rows = tagged >> np.uint64(32)
        starts = np.flatnonzero(np.diff(rows, prepend=~rows[:1]))
        shingles = tagged.astype(np.uint32).tolist()
        sets = (shingles[start:end] for start, end in pairwise([*starts.tolist(), len(tagged)]))
        # The shingles are hashes already; MinHash mixes them once more.
        made = MinHash.generator(sets, num_perm=_PERMUTATIONS, seed=1, hashfunc=int)
        yield from zip(rows[starts].tolist(), made, strict=True)

    def windows(self, length: int, stride: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Hashes of windows at every `stride`-th place, and their rows; of short rows at every place.

        So that the one window that a short text has is met in a text that is hardly longer.
        """
        hashes, valid = self._hashed(length)
        chosen = np.flatnonzero(valid)
        short = np.array([len(key) < 2 * (length + stride) for key in self.keys])[self._row[chosen]]
        chosen = chosen[short | (chosen % stride == 0)]
        return hashes[chosen], self._row[chosen]

    def middles(self, length: int, count: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Hashes of windows in the middle of every row's longest part, and their rows.

        `count` neighbours, one of which begins at a place that a stride of `count` takes; of a part that is too short
        for them the middle one, which short rows are indexed for (`windows`); of a shorter one none.
        """
        hashes, _ = self._hashed(length)
        places: list[int] = []
        for start, key in zip(self._starts.tolist(), self.keys, strict=True):
            parts = key.split(_SEPARATOR)
            longest = max(parts, key=len)
            if len(longest) < length:
                continue
            before = sum(len(part) + 1 for part in parts[: parts.index(longest)])
            taken = count if len(longest) >= length + count - 1 else 1
            first = start + before + (len(longest) - length - taken + 1) // 2
            places += range(first, first + taken)
        chosen = np.array(places, np.int64)
        return hashes[chosen], self._row[chosen]


class _Filter:
    """A set of 32-bit hashes as a table of flags: it may say yes to a few that are not in it, never no to a member."""

    def __init__(self, hashes: NDArray[np.uint32]) -> None:
        bits = min(max(16, (16 * len(hashes)).bit_length()), 27)
        self._mask = np.uint32(2**bits - 1)
        self._flags = np.zeros(2**bits, np.bool_)
        self._flags[hashes & self._mask] = True

    def holds(self, hashes: NDArray[np.uint32]) -> NDArray[np.bool_]:
        """Whether each hash may be in the set."""
        found: NDArray[np.bool_] = self._flags[hashes & self._mask]
        return found


class _Table:
    """Hash -> the rows that have it."""

    def __init__(self, hashes: NDArray[np.uint64], rows: NDArray[np.int64]) -> None:
        order = np.argsort(hashes, kind="stable")
        self._hashes, self._rows = hashes[order], rows[order]
        self._filter = _Filter(self._hashes.astype(np.uint32))

    def pairs(self, hashes: NDArray[np.uint64], queries: NDArray[np.int64]) -> list[tuple[int, int]]:
        """All different (query, row) whose hash is the same, sorted."""
        maybe = self._filter.holds(hashes.astype(np.uint32))
        hashes, queries = hashes[maybe], queries[maybe]
        low, high = np.searchsorted(self._hashes, hashes, "left"), np.searchsorted(self._hashes, hashes, "right")
        counts = high - low
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        found = np.stack([np.repeat(queries, counts), self._rows[np.repeat(low, counts) + within]], axis=1)
        return [(int(query), int(row)) for query, row in np.unique(found, axis=0)]


def _batches(keys: Sequence[str]) -> Iterator[tuple[int, _Batch]]:
    """The keys in pieces of bounded size, each with the number of its first key."""
    start, size = 0, 0
    for place, key in enumerate(keys):
        size += len(key)
        if size >= _CHUNK or place + 1 == len(keys):
            yield start, _Batch(keys[start : place + 1])
            start, size = place + 1, 0


def _joined(arrays: Sequence[Any], kind: type) -> Any:
    return np.concatenate(arrays) if arrays else np.empty(0, kind)
