"""The examples of a run, tokenised once and laid out, shuffled and corrupted anew in every epoch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b

import numpy as np
import torch
from tqdm.auto import tqdm

from unimc.answers import Answers
from unimc.collation import Batch, collate
from unimc.corruption import Corruption, untouched
from unimc.encoding import Encoder, FitError, Parts
from unimc.example import InputError, MultipleChoiceExample
from unimc.objectives import LossConfig, Targets
from unimc.randomness import generator, stable_hash

_AT_ONCE = 1024  # examples tokenised in one call
_LEFT_OUT = 0.01  # a row or two of a large mixture may be broken; more is a mistake in the task or in max_length


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """What one process computes at once: rows, their targets and which task each comes from."""

    batch: Batch
    targets: Targets
    tasks: list[str]


class TrainingSet:
    """All examples of a mixture, tokenised; each takes one row, cut to fit where it must be.

    Attributes:
        tasks: the task of each example.
        left_out: why examples were left out, a message each: their options can't be told apart in one row.
        lengths: the tokens of each.
        pieces: the vocabulary rows computed at O-MASKs; None for all.

    Args:
        examples: labelled examples.
        encoder: lays them out.
        answers: the answer pieces per language.
        loss: which losses are on: without MLM the text stays as it is, with O-MLM over the pair only the answer pieces
            are computed.
        seed: of the run.
        shuffle_options: whether options come in another order in every epoch. It changes nothing where options are
            isolated; DeBERTa-v2 counts distances by index.
        progress: whether to show a bar.

    Raises:
        InputError: if there is no example, one has no label, its language no answer pieces, or more than one in a
            hundred has to be left out.
    """

    def __init__(
        self,
        examples: Sequence[MultipleChoiceExample],
        encoder: Encoder,
        answers: Answers,
        *,
        loss: LossConfig,
        seed: int,
        shuffle_options: bool = True,
        progress: bool = False,
    ) -> None:
        if not examples:
            raise InputError("the mixture holds no examples; check its tasks and caps")
        self._encoder, self._answers, self._loss, self._seed = encoder, answers, loss, seed
        self._shuffle = shuffle_options
        self._corruption = Corruption(encoder.tokenizer)
        right = [_right(example, answers) for example in examples]
        self.left_out: list[str] = []
        made: list[Parts | None] = []
        bar = tqdm(total=len(examples), desc="tokenising", unit="example", disable=not progress, leave=False)
        for start in range(0, len(examples), _AT_ONCE):
            chunk = examples[start : start + _AT_ONCE]
            made += self._parts_of(chunk)
            bar.update(len(chunk))
        bar.close()
        if len(self.left_out) > _LEFT_OUT * len(examples):
            raise InputError(f"{len(self.left_out)} of {len(examples)} examples can't be laid out; {self.left_out[0]}")
        kept = [place for place, parts in enumerate(made) if parts is not None]
        self._parts = [parts for parts in made if parts is not None]
        self.tasks = [examples[place].task for place in kept]
        self._languages = [examples[place].language for place in kept]
        self._keys = [f"{examples[place].task}/{examples[place].id or place}" for place in kept]
        self._right = [right[place] for place in kept]
        self.lengths = [parts.lengths.tokens for parts in self._parts]
        self.pieces = answers.ids if loss.omlm == "pair" or not loss.w_omlm else None

    def __len__(self) -> int:
        return len(self._parts)

    @property
    def truncated(self) -> int:
        """How many examples lost tokens."""
        return sum(parts.truncated > 0 for parts in self._parts)

    @cached_property
    def fingerprint(self) -> str:
        """Differs where the examples, their labels, their order or any of their tokens do; resuming asks for it."""
        every = zip(self._keys, self._right, self._parts, strict=True)
        return f"{stable_hash(*(f'{key} {sorted(right)} {_digest(parts)}' for key, right, parts in every)):016x}"

    def micro_batch(self, indices: Sequence[int], epoch: int) -> MicroBatch:
        """The rows of these examples as this epoch has them: a function of (seed, epoch, example) alone."""
        rows, corrupted, right = [], [], []
        yes: list[int] = []
        no: list[int] = []
        for index in indices:
            parts = self._parts[index]
            order = list(range(len(parts.options)))
            if self._shuffle:
                order = generator(self._seed, epoch, "options", self._keys[index]).permutation(order).tolist()
            row = self._encoder.row(parts, order)
            rows.append(row)
            if self._loss.w_mlm:
                draws = generator(self._seed, epoch, "corruption", self._keys[index])
                corrupted.append(self._corruption(row, draws))
            else:
                corrupted.append(untouched(row))
            right += [option in self._right[index] for option in order]
            yes_column, no_column = self._columns(self._languages[index])
            yes += [yes_column] * len(order)
            no += [no_column] * len(order)
        batch = collate(rows, self._encoder.tokenizer.pad, [one.input_ids for one in corrupted])
        length = batch.input_ids.shape[1]
        places = [line * length + place for line, one in enumerate(corrupted) for place in one.places]
        targets = Targets(
            yes=torch.tensor(yes),
            no=torch.tensor(no),
            right=torch.tensor(right),
            corrupted_places=torch.tensor(places, dtype=torch.long),
            corrupted_ids=torch.tensor([token for one in corrupted for token in one.targets], dtype=torch.long),
        )
        return MicroBatch(batch, targets, [self.tasks[index] for index in indices])

    def _parts_of(self, examples: Sequence[MultipleChoiceExample]) -> list[Parts | None]:
        """The parts of each example; None for one that is left out."""
        try:
            return list(self._encoder.parts(examples))
        except FitError as problem:
            if len(examples) == 1:
                self.left_out.append(str(problem))
                return [None]
        return [parts for example in examples for parts in self._parts_of([example])]

    def _columns(self, language: str) -> tuple[int, int]:
        """Columns of yes and no in the option logits: of the pieces alone, or of the vocabulary."""
        if self.pieces is not None:
            return self._answers.columns(language)
        pair = self._answers[language]
        return pair.yes_id, pair.no_id


def _digest(parts: Parts) -> str:
    """A hash of an example's tokens, and of where one part ends and the next begins."""
    found = blake2b(digest_size=8)
    for ids in (*parts.options, parts.question, parts.passage, parts.textb):
        content = np.asarray(ids, np.int32).tobytes()  # one width everywhere, whatever the tokenizer's arrays have
        found.update(len(content).to_bytes(4, "big") + content)
    return found.hexdigest()


def _right(example: MultipleChoiceExample, answers: Answers) -> frozenset[int]:
    if example.right is None:
        raise example.error("no label; training needs the right option of every example")
    answers[example.language]
    return frozenset(example.right)
