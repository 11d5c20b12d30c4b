"""An example as the model reads it: token ids, positions, types and the option each token belongs to.

    CLS [O-MASK] option_1 … [O-MASK] option_n SEP question SEP passage SEP textb SEP

(UniMC, section 3.2 and figure 3; DESIGN, section 3.) The row is put together from token ids, never by joining strings,
so the place of every O-MASK is known, not searched for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

from unimc.budget import PASSAGE_FLOOR, Budgets, Lengths, fit, groups
from unimc.example import InputError, MultipleChoiceExample, shown, whole_number
from unimc.tokenization import Ids, InertTokenizer
from unimc.windows import check_stride, fit_window, starts

SHARED, PADDING = 0, -1
"""`option_ids` of tokens that every token sees, and of tokens that none sees."""

_CACHED_TEXTS, _CACHED_LENGTH = 4096, 512  # how many are remembered, and the most characters of each
_SHORTEST = 5  # CLS, O-MASK, one token, SEP and the passage's SEP


@dataclass(frozen=True, slots=True)
class Encoding:
    """One row for the model; the first four lists have the row's length.

    Attributes:
        input_ids: token ids.
        position_ids: positions, which start again at each option, plus the backbone's offset.
        token_type_ids: 1 on the options and the SEP after them where the backbone has two types, else 0.
        option_ids: 0 on tokens that all share, i on the tokens of the row's i-th option (from 1).
        option_positions: where the O-MASKs stand.
        options: index, within the example, of each option in this row.
        truncated: tokens that were cut for this row.
        segment_ids: which example each token belongs to, where several were packed into the row; else ().
    """

    input_ids: list[int]
    position_ids: list[int]
    token_type_ids: list[int]
    option_ids: list[int]
    option_positions: list[int]
    options: tuple[int, ...]
    truncated: int = 0
    segment_ids: Sequence[int] = ()

    def __len__(self) -> int:
        return len(self.input_ids)


@dataclass(frozen=True, slots=True)
class Parts:
    """The token ids of an example's parts, cut to what fits: all that is needed to lay out its rows.

    Held for every example of a training set, which is why the ids are arrays and the rows are laid out when used.
    """

    options: tuple[Ids[int], ...]
    question: Ids[int]
    passage: Ids[int]
    textb: Ids[int]
    truncated: int = 0

    @property
    def lengths(self) -> Lengths:
        """Token counts of the parts."""
        return Lengths(tuple(map(len, self.options)), len(self.question), len(self.passage), len(self.textb))


@dataclass(frozen=True, slots=True)
class Layout:
    """What the backbone asks of a row: how positions are counted, how many there are, and whether there are types.

    `position_offset` is `padding_idx` + 1 for RoBERTa and XLM-R, whose embeddings count from there, else 0.
    """

    positions: int
    position_offset: int = 0
    two_types: bool = True


class FitError(InputError):
    """An example whose options a row can't hold, or a reader can't tell apart in it, or that leaves nothing to read."""


class Encoder:
    """Turns examples into rows.

    Args:
        tokenizer: a fast tokenizer of transformers.
        layout: what the backbone asks for.
        max_length: the most tokens in a row; positions are bounded by the backbone besides.

    Raises:
        InputError: if no row is as short as `max_length`.
    """

    def __init__(self, tokenizer: object, layout: Layout, max_length: int = 512) -> None:
        self.tokenizer = InertTokenizer(tokenizer)
        self.layout = layout
        self.max_length = whole_number("max_length", max_length)
        if self.max_length < _SHORTEST:
            raise InputError(f"max_length is {shown(max_length)}; the shortest row takes {_SHORTEST} tokens")
        # Texts that come back row after row (the options and the question of a classification task), and digests of
        # options that are known to differ. Several threads may ask: what one of them needs it has in hands of its own.
        self._known: dict[str, Ids[int]] = {}
        self._checked: set[bytes] = set()

    @property
    def budgets(self) -> Budgets:
        """The two budgets a row has to fit."""
        return Budgets(self.max_length, self.layout.positions)

    def __call__(self, example: MultipleChoiceExample) -> Encoding:
        """The example in one row, whatever has to be cut for it.

        Raises:
            InputError: if the options don't fit one row, or two of them become the same tokens.
        """
        return self.row(self.parts([example])[0])

    def rows(self, example: MultipleChoiceExample, stride: int | None = None) -> list[Encoding]:
        """The example in as many rows as it needs; see `batch`."""
        return self.batch([example], stride)[0]

    def batch(self, examples: Sequence[MultipleChoiceExample], stride: int | None = None) -> list[list[Encoding]]:
        """The rows of each example; all their texts are tokenised in one call.

        An example that fits takes one row. If it doesn't and its options take more than half a row, these are split
        into groups. A passage that is still too long is cut, or with a stride laid out in windows: every group of
        options stands before every window, and all of the passage is read.

        Args:
            examples: the examples.
            stride: how many tokens of the passage neighbouring windows share at least (half a window at most); no
                windows if None.

        Raises:
            InputError: if the options of an example don't fit, or two of them become the same tokens.
        """
        if stride is not None:
            check_stride(stride)
        tokenised = zip(examples, self._tokenised(examples), strict=True)
        return [self._rows(example, parts, stride) for example, parts in tokenised]

    def parts(self, examples: Sequence[MultipleChoiceExample]) -> list[Parts]:
        """The parts of each example, cut to fit one row; all texts are tokenised in one call."""
        return [
            self._fitted(example, parts) for example, parts in zip(examples, self._tokenised(examples), strict=True)
        ]

    def row(self, parts: Parts, options: Sequence[int] | None = None) -> Encoding:
        """Lays out one row of parts that fit.

        Args:
            parts: the token ids.
            options: which options stand in the row, in which order; all as given if None.
        """
        chosen = tuple(range(len(parts.options))) if options is None else tuple(options)
        tokenizer = self.tokenizer
        input_ids = [tokenizer.cls]
        position_ids = [0]
        option_ids = [SHARED]
        option_positions = []
        longest = 0
        for number, option in enumerate(chosen, start=1):
            ids = parts.options[option]
            size = len(ids) + 1
            option_positions.append(len(input_ids))
            input_ids.append(tokenizer.mask)
            input_ids.extend(ids)
            position_ids.extend(range(1, size + 1))
            option_ids.extend([number] * size)
            longest = max(longest, size)
        input_ids.append(tokenizer.sep)
        types = len(input_ids) - 1  # the options and the SEP after them
        for text, stands in ((parts.question, False), (parts.passage, True), (parts.textb, False)):
            if text or stands:  # an empty question or textb takes its SEP with it, the passage's always stands
                input_ids.extend(text)
                input_ids.append(tokenizer.sep)
        shared = len(input_ids) - len(option_ids)
        option_ids.extend([SHARED] * shared)
        position_ids.extend(range(longest + 1, longest + 1 + shared))
        if offset := self.layout.position_offset:
            position_ids = [position + offset for position in position_ids]
        one = int(self.layout.two_types)
        token_type_ids = [0] + [one] * types + [0] * (len(input_ids) - types - 1)
        return Encoding(input_ids, position_ids, token_type_ids, option_ids, option_positions, chosen, parts.truncated)

    def _rows(self, example: MultipleChoiceExample, parts: Parts, stride: int | None) -> list[Encoding]:
        whole = parts.lengths
        if whole.over(self.budgets) <= 0:
            return [self.row(parts)]
        half = self.max_length // 2
        few = sum(whole.options) + len(whole.options) <= half
        made = [list(range(len(whole.options)))] if few else groups(parts.options, self._options_room(whole))
        fits = fit if stride is None else fit_window
        picked = [replace(parts, options=_pick(parts.options, group)) for group in made]
        kept = [self._fit(example, one.lengths, fits) for one in picked]
        shortened = {
            option: ids[:length]
            for group, one, lengths in zip(made, picked, kept, strict=True)
            for option, ids, length in zip(group, one.options, lengths.options, strict=True)
        }
        self._distinct(example, [shortened[option] for option in range(len(shortened))], "once cut to fit")
        # The same question, passage and textb in every group: what fits the fullest.
        question, passage, textb = (min(getattr(lengths, text) for lengths in kept) for text in _TEXTS)
        if stride is None:
            texts = [parts.passage]
        else:
            texts = [parts.passage[start : start + passage] for start in starts(whole.passage, passage, stride)]
        rows = []
        for text in texts:
            for group, one, lengths in zip(made, picked, kept, strict=True):
                shorter = _cut(
                    replace(one, passage=text), Lengths(lengths.options, question, min(len(text), passage), textb)
                )
                rows.append(replace(self.row(shorter), options=tuple(group)))
        return rows

    def _options_room(self, whole: Lengths) -> int:
        """Tokens for a group of options: half a row, or in a short one what the question and the passage leave."""
        half = self.max_length // 2
        beside = replace(whole, options=(), passage=min(whole.passage, PASSAGE_FLOOR, half), textb=0).tokens
        return max(min(half, self.max_length - beside), self.max_length // 4)

    def _fitted(self, example: MultipleChoiceExample, parts: Parts) -> Parts:
        cut = _cut(parts, self._fit(example, parts.lengths, fit))
        if cut is not parts:
            self._distinct(example, cut.options, "once cut to fit")
        return cut

    def _fit(
        self, example: MultipleChoiceExample, lengths: Lengths, fits: Callable[[Lengths, Budgets], Lengths | None]
    ) -> Lengths:
        kept = fits(lengths, self.budgets)
        if kept is None:
            raise _unfit(
                example,
                f"{len(lengths.options)} options don't fit a row of {self.budgets.tokens} tokens and "
                f"{self.budgets.positions} positions; raise max_length or give fewer options",
            )
        return kept

    def _tokenised(self, examples: Sequence[MultipleChoiceExample]) -> list[Parts]:
        if max(len(self._known), len(self._checked)) > _CACHED_TEXTS:
            self._known.clear()
            self._checked.clear()
        often = dict.fromkeys(text for example in examples for text in (*example.options, example.question))
        known = {text: found for text in often if (found := self._known.get(text)) is not None}
        new = [text for text in often if text not in known]
        ids = iter(self.tokenizer([*new, *(text for one in examples for text in (one.passage, one.textb))]))
        known.update(zip(new, ids, strict=False))  # what is left of `ids` are the passages and textbs
        self._known.update((text, known[text]) for text in new if len(text) <= _CACHED_LENGTH)
        made, distinct = [], set()
        for example in examples:
            options = tuple(known[option] for option in example.options)
            if example.options not in distinct:
                if (digest := _digest(example.options)) not in self._checked:
                    self._distinct(example, options, "to this tokenizer")
                    self._checked.add(digest)
                distinct.add(example.options)
            parts = Parts(options, known[example.question], passage=next(ids), textb=next(ids))
            if not (parts.question or parts.passage or parts.textb):
                raise _unfit(example, "its texts have no tokens in this vocabulary; the model needs something to read")
            made.append(parts)
        return made

    @staticmethod
    def _distinct(example: MultipleChoiceExample, options: Sequence[Ids[int]], when: str) -> None:
        seen: dict[bytes, str] = {}
        for wording, ids in zip(example.options, options, strict=True):
            if not ids:
                raise _unfit(example, f"option {shown(wording)} has no tokens in this vocabulary; word it otherwise")
            other = seen.setdefault(ids.tobytes(), wording)
            if other != wording:
                raise _unfit(
                    example,
                    f"options {shown(other)} and {shown(wording)} are the same tokens {when}; word them so that they "
                    "differ (are they in a language that the vocabulary holds?)",
                )


_TEXTS = ("question", "passage", "textb")


def _digest(options: tuple[str, ...]) -> bytes:
    """What is remembered of options: their own texts, in ever new orders, would fill the memory."""
    return blake2b(repr(options).encode(), digest_size=16).digest()


def _unfit(example: MultipleChoiceExample, problem: str) -> FitError:
    return FitError(str(example.error(problem)))


def _pick(options: Sequence[Ids[int]], chosen: Sequence[int]) -> tuple[Ids[int], ...]:
    return tuple(options[option] for option in chosen)


def _cut(parts: Parts, to: Lengths) -> Parts:
    """The parts cut to these lengths, with the tokens lost added to `truncated`; the same object if nothing is cut."""
    now = parts.lengths
    lost = sum(now.options) - sum(to.options) + sum(getattr(now, text) - getattr(to, text) for text in _TEXTS)
    if not lost:
        return parts
    return Parts(
        options=tuple(ids[:length] for ids, length in zip(parts.options, to.options, strict=True)),
        question=parts.question[: to.question],
        passage=parts.passage[: to.passage],
        textb=parts.textb[: to.textb],
        truncated=parts.truncated + lost,
    )
