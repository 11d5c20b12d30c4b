"""AutoPrompt: trigger pieces found by the gradient, on a frozen model (Shin et al. 2020, arXiv 2010.15980).

Triggers start as masks. At each iteration one place is drawn; the gradient of the loss with respect to its embedding,
accumulated over batches, says of every piece by how much the loss would fall, to first order, if it stood there
(HotFlip, Ebrahimi et al. 2018); the best k are tried out, and the best of those is kept if the loss does fall. As
published: one place at a time, k candidates by the gradient alone, compared on other rows than the gradient's where
there are enough. Two things are stricter: a swap also has to lower the loss over all search rows, which therefore never
rises, and several sets of triggers can be carried along (a beam, Wallace et al. 2019, arXiv 1908.07125).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from unimc.backends import onednn
from unimc.cloze.model import Cloze
from unimc.cloze.rows import Frame
from unimc.cloze.search import every_label, labels_of
from unimc.example import InputError, MultipleChoiceExample, shown
from unimc.randomness import generator

Objective = Literal["labels", "vocabulary"]
"""What is minimised: the cross-entropy over the labels, from which predictions are made, or over all words that the
model could have said (published)."""
_LEAST = {"triggers": 1, "iterations": 1, "candidates": 1, "beam": 1, "rows": 1, "seed": 0}


@dataclass(frozen=True)
class AutoPromptConfig:
    """How to search; the published search takes 3 to 6 triggers, 10 to 100 candidates and a beam of 1.

    Attributes:
        triggers: how many pieces, where the template doesn't say.
        iterations: swaps that are tried, a place each.
        candidates: pieces tried at a place.
        beam: sets of triggers carried along.
        rows: examples on which candidates are compared; all if there are fewer.
        objective: what is minimised.
        seed: of places and rows.
    """

    triggers: int = 3
    iterations: int = 30
    candidates: int = 20
    beam: int = 1
    rows: int = 32
    objective: Objective = "labels"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in _LEAST.items():
            if (value := getattr(self, name)) < least:
                raise InputError(f"{name} is {value}; it must be at least {least}")
        if self.objective not in get_args(Objective):
            raise InputError(
                f"objective is {shown(self.objective)}; it must be one of {', '.join(get_args(Objective))}"
            )


@dataclass(frozen=True, slots=True)
class Swap:
    """What one iteration did: the best triggers and their loss after it, on all search rows and on the validation."""

    iteration: int
    triggers: tuple[str, ...]
    loss: float
    validation: float | None
    accepted: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Attributes:
        cloze: the model with the triggers in its template: those with the lowest loss on the validation rows, without
            any on the search rows.
        history: the start, then an entry an iteration.
        forward_rows: rows that the model read, the cost of the search; gradients' rows count three times.
    """

    cloze: Cloze
    history: tuple[Swap, ...]
    forward_rows: int


def search(
    cloze: Cloze,
    examples: Sequence[MultipleChoiceExample],
    config: AutoPromptConfig,
    *,
    validation: Sequence[MultipleChoiceExample] = (),
    after: Callable[[Swap], None] | None = None,
) -> Found:
    """Searches trigger pieces for a prompt. A prior that it has stays as it is: a fixed weight of each word.

    Args:
        cloze: the model; triggers stand at the template's `{trigger}`s, else before its mask.
        examples: labelled examples to search on.
        config: how.
        validation: others, to choose among the sets of triggers that the search comes by.
        after: called with every entry of the history.

    Raises:
        InputError: if a label has no example, or an example no label.
    """
    mask = cloze.tokenizer.inert.pieces([cloze.tokenizer.inert.mask])[0]
    template = cloze.prompt.template
    count = len(template.triggers) or config.triggers
    start = template if template.triggers else template.with_places(count, [mask] * count)
    cloze = cloze.with_prompt(replace(cloze.prompt, template=start))
    return _Search(cloze, examples, config, validation, after).run()


_Ids = tuple[int, ...]


class _Search:
    def __init__(
        self,
        cloze: Cloze,
        examples: Sequence[MultipleChoiceExample],
        config: AutoPromptConfig,
        validation: Sequence[MultipleChoiceExample],
        after: Callable[[Swap], None] | None,
    ) -> None:
        self.cloze, self.config, self.after = cloze, config, after
        every_label(cloze, examples)
        self.frames, self.gold = cloze.framer(examples), _gold(cloze, examples)
        self.held, self.held_gold = cloze.framer(validation), _gold(cloze, validation)
        self.forward_rows = 0
        self.history: list[Swap] = []
        embedding: Any = cloze.model.backbone.get_input_embeddings()
        self.weight: Tensor = embedding.weight
        self.banned = self._banned()

    def run(self) -> Found:
        config, pieces = self.config, self.cloze.tokenizer
        first = tuple(_known(pieces.piece(piece)) for piece in self.cloze.prompt.template.triggers)
        everything = range(len(self.frames))
        beam = [(self.loss(first, everything), first)]
        best = self._note(0, beam[0], accepted=False)
        for iteration in range(1, config.iterations + 1):
            draws = generator(config.seed, iteration, "autoprompt")
            place = int(draws.integers(len(first)))
            gradient_rows, compared = self._rows(draws)
            grown = {ids: loss for loss, ids in beam}
            for loss, ids in beam:
                for tried in self._swaps(ids, place, gradient_rows, compared):
                    if tried not in grown and (after := self.loss(tried, everything)) < loss:
                        grown[tried] = after
            before = beam[0]
            beam = sorted((loss, ids) for ids, loss in grown.items())[: config.beam]
            best = min(best, self._note(iteration, beam[0], accepted=beam[0] != before))
        chosen = self.cloze.prompt.template.with_triggers(pieces.inert.pieces(best[2]))
        found = self.cloze.with_prompt(replace(self.cloze.prompt, template=chosen))
        return Found(found, tuple(self.history), self.forward_rows)

    def loss(self, triggers: _Ids, rows: Sequence[int]) -> float:
        """Mean loss on these search rows."""
        return self._loss([self.frames[row].with_triggers(triggers) for row in rows], self.gold[list(rows)])

    def _swaps(self, triggers: _Ids, place: int, rows: Sequence[int], compared: Sequence[int]) -> list[_Ids]:
        """The triggers with another piece at a place, where that is better on the rows compared: the best ones."""
        gradient = self._gradient(triggers, rows)[place]
        rising = (self.weight.detach().float() @ gradient).index_fill(0, self.banned, torch.inf)
        pieces = rising.topk(min(self.config.candidates, len(rising)), largest=False).indices.tolist()
        now = self.loss(triggers, compared)
        tried = [(*triggers[:place], piece, *triggers[place + 1 :]) for piece in pieces if rising[piece].isfinite()]
        better = sorted((loss, ids) for ids in tried if (loss := self.loss(ids, compared)) < now)
        return [ids for _, ids in better[: self.config.beam]]

    def _gradient(self, triggers: _Ids, rows: Sequence[int]) -> Tensor:
        """(triggers, embedding): of the summed loss, accumulated over batches."""
        frames = [self.frames[row].with_triggers(triggers) for row in rows]
        total = torch.zeros(len(triggers), self.weight.shape[1], device=self.weight.device)
        for chosen in self.cloze.batches(frames):
            batch = [frames[number] for number in chosen]
            gold = self.gold[[rows[number] for number in chosen]]
            with _captured(self.cloze.model.backbone.get_input_embeddings()) as outputs:
                loss = self._batch_loss(batch, gold).sum()
            for output, found in zip(outputs, torch.autograd.grad(loss, outputs), strict=True):
                masks = self._masks(output.shape[1], batch)
                places = torch.tensor([frame.trigger_places(masks) for frame in batch], device=found.device)
                total += found.float().gather(1, places[:, :, None].expand(-1, -1, found.shape[2])).sum(0)
            self.forward_rows += 3 * len(batch) * len(outputs)
        return total

    @staticmethod
    def _masks(length: int, batch: Sequence[Frame]) -> int:
        return length - max(map(len, batch))

    def _loss(self, frames: Sequence[Frame], gold: Tensor) -> float:
        total = 0.0
        with torch.inference_mode(), onednn.linear_layers(self.weight.device.type):
            for chosen in self.cloze.batches(frames):
                total += float(self._batch_loss([frames[number] for number in chosen], gold[chosen]).sum())
        self.forward_rows += len(frames) * self.cloze.rows
        return total / len(frames)

    def _batch_loss(self, frames: Sequence[Frame], gold: Tensor) -> Tensor:
        """(frames,) the loss of each."""
        vocabulary = self.config.objective == "vocabulary"
        scores = self.cloze.label_scores(self.cloze.scores_of(frames, normalised=vocabulary))
        gold = gold.to(scores.device)
        if vocabulary:
            return -scores.gather(1, gold[:, None]).squeeze(1)
        return functional.cross_entropy(scores, gold, reduction="none")

    def _rows(self, draws: np.random.Generator) -> tuple[list[int], list[int]]:
        """Rows for the gradient and rows to compare on: apart if there are enough, else the same."""
        most, order = self.config.rows, draws.permutation(len(self.frames)).tolist()
        return order[:most], order[most : 2 * most] if len(order) >= 2 * most else order[:most]

    def _note(self, iteration: int, state: tuple[float, _Ids], *, accepted: bool) -> tuple[float, int, _Ids]:
        loss, ids = state
        held = self.history[-1].validation if self.history and not accepted else None
        if self.held and held is None:
            held = self._loss([frame.with_triggers(ids) for frame in self.held], self.held_gold)
        swap = Swap(iteration, tuple(self.cloze.tokenizer.inert.pieces(ids)), loss, held, accepted)
        self.history.append(swap)
        if self.after is not None:
            self.after(swap)
        return (loss if held is None else held), iteration, ids

    def _banned(self) -> Tensor:
        """Special pieces, rows beyond the vocabulary, and the label words' own pieces: a trigger must not say them."""
        inert = self.cloze.tokenizer.inert
        beyond = range(len(inert), self.weight.shape[0])
        words = {piece for word in self.cloze.words for piece in word.ids}
        return torch.tensor(sorted({*inert.specials, *beyond, *words}), device=self.weight.device)


def _gold(cloze: Cloze, examples: Sequence[MultipleChoiceExample]) -> Tensor:
    labels = cloze.prompt.verbalizer.labels
    return torch.tensor([labels.index(label) for label in labels_of(cloze, examples)], dtype=torch.long)


def _known(piece: int | None) -> int:
    assert piece is not None  # the framer has looked it up
    return piece


@contextmanager
def _captured(embedding: Any) -> Iterator[list[Tensor]]:
    """The outputs of an embedding within it, as leaves that gradients are asked for: one for every forward pass."""
    outputs: list[Tensor] = []

    def keep(_module: Any, _inputs: Any, output: Tensor) -> Tensor:
        outputs.append(output.detach().requires_grad_())
        return outputs[-1]

    handle = embedding.register_forward_hook(keep)
    try:
        yield outputs
    finally:
        handle.remove()
