"""`Cloze`: a masked language model that classifies by filling in a blank."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import log

import torch
from torch import Tensor

from unimc.backends import onednn
from unimc.backends.torch import MAX_TOKENS, MAX_TOKENS_ON_CPU
from unimc.checkpoint import Checkpoint
from unimc.chunks import chunked
from unimc.cloze.pieces import PartTokenizer
from unimc.cloze.prompt import ClozePrompt, Scoring
from unimc.cloze.rows import Frame, Framer
from unimc.cloze.verbalizer import Word, tokenised
from unimc.collation import batches, collate
from unimc.encoding import Encoding
from unimc.example import InputError, MultipleChoiceExample, shown
from unimc.prediction import Prediction


class Cloze:
    """A frozen model with a prompt.

    The head is computed at the masks alone, and of the vocabulary only the words' pieces where nothing else is needed:
    where all words have as many pieces, what the softmax over the vocabulary divides by is the same for all of them.

    Attributes:
        words: the label words with their pieces.
        framer: puts examples into the template.
        rows: that an example takes: one for every length of word, or every beginning of one.

    Args:
        checkpoint: a model with a trained masked-LM head, and its tokenizer.
        prompt: what is asked.
        max_length: the most tokens in a row; the checkpoint's own if None.
        batch_size: the most examples in a batch.

    Raises:
        InputError: if the head was never trained, a word or a trigger is not in the vocabulary, or the template is too
            long.
    """

    def __init__(
        self, checkpoint: Checkpoint, prompt: ClozePrompt, *, max_length: int | None = None, batch_size: int = 32
    ) -> None:
        if checkpoint.fresh_head:
            raise InputError(
                "this model has no trained masked-LM head, so it can't fill in a blank; train one on plain texts "
                "first: unimc train --config configs/cloze/mlm_head.yaml"
            )
        self.checkpoint, self.prompt, self.batch_size = checkpoint, prompt, batch_size
        self.model = checkpoint.model
        self.tokenizer = PartTokenizer(checkpoint.tokenizer)
        self.words: tuple[Word, ...] = tokenised(prompt.verbalizer, self.tokenizer, glued=prompt.template.mask.glued)
        self.max_length = checkpoint.max_length if max_length is None else max_length
        self.longest = max(len(word.ids) for word in self.words)
        self.framer = Framer(
            self.tokenizer, self.model.layout, prompt.template, masks=self.longest, max_length=self.max_length
        )
        self.device = next(self.model.parameters()).device
        self._contexts = _contexts(self.words, prompt.scoring, self.device)
        self._sizes = torch.tensor([len(word.ids) for word in self.words], device=self.device)
        self.rows = len(self._contexts)
        self._prior = self._own_prior()
        self.model.eval()

    def with_prompt(self, prompt: ClozePrompt) -> Cloze:
        """The same model with another prompt."""
        return Cloze(self.checkpoint, prompt, max_length=self.max_length, batch_size=self.batch_size)

    # ---- scores

    def scores_of(self, frames: Sequence[Frame], *, normalised: bool = False) -> Tensor:
        """The words' scores for one batch of frames; gradients flow where they are asked for.

        Args:
            frames: the frames.
            normalised: whether they are to be true mean log-probabilities, also where a constant less will do.

        Returns:
            (frames, words).
        """
        whole = normalised or self.rows > 1 or self._prior is not None
        total = torch.zeros(len(frames), len(self.words), device=self.device)
        for context in self._contexts:
            found = self._read(frames, context, whole)  # (frames, reads, pieces)
            total = total.index_add(1, context.words, found[:, context.of_read, context.of_piece])
        return total / self._sizes

    def word_scores(self, examples: Sequence[MultipleChoiceExample], *, normalised: bool = False) -> Tensor:
        """(examples, words) on the CPU, in the examples' order; see `scores_of`."""
        return self._scores(self.framer(examples), normalised)

    def _scores(self, frames: Sequence[Frame], normalised: bool = False) -> Tensor:
        found = torch.empty(len(frames), len(self.words), dtype=torch.float64)
        with torch.inference_mode(), onednn.linear_layers(self.device.type):
            for chosen in self.batches(frames):
                scores = self.scores_of([frames[number] for number in chosen], normalised=normalised)
                found[chosen] = scores.double().cpu()
        return found

    def label_scores(self, word_scores: Tensor) -> Tensor:
        """(examples, words) -> (examples, labels): the prior taken off, and averaged over each label's words."""
        if self._prior is not None:
            word_scores = word_scores - self._prior.to(word_scores)
        found = []
        for label in range(len(self.prompt.verbalizer.labels)):
            own = word_scores[:, [place for place, word in enumerate(self.words) if word.label == label]]
            mean = own.mean(1) if self.prompt.average == "log_probability" else own.logsumexp(1) - log(own.shape[1])
            found.append(mean)
        return torch.stack(found, dim=1)

    def prior(self, examples: Sequence[MultipleChoiceExample]) -> dict[str, float]:
        """Each word's score over these examples, the logarithm of its mean probability: what it has without a text.

        Over content-free examples (`calibration.content_free_examples`) it is the prior of contextual calibration (Zhao
        et al. 2021, arXiv 2102.09690); over texts of the task the contextualised prior of KPT (Hu et al. 2022, arXiv
        2108.02035).
        """
        scores = self.word_scores(examples, normalised=True)
        return self.by_text((scores.logsumexp(0) - log(len(examples))).tolist())

    def by_text(self, of_words: Sequence[float]) -> dict[str, float]:
        """What `words` have, by every spelling that the prompt has for them."""
        by_text = {word.text: one for word, one in zip(self.words, of_words, strict=True)}
        by_ids = {word.ids: one for word, one in zip(self.words, of_words, strict=True)}
        for words in self.prompt.verbalizer.words.values():  # a word that is spelt as another one by the vocabulary
            for text in words:
                if text not in by_text:
                    (ids,) = self.tokenizer([text], glued=self.prompt.template.mask.glued)
                    by_text[text] = by_ids[tuple(ids)]
        return by_text

    def calibrated(self, examples: Sequence[MultipleChoiceExample]) -> Cloze:
        """The same with the prior over these examples."""
        plain = self.with_prompt(replace(self.prompt, prior=None))
        return self.with_prompt(replace(self.prompt, prior=plain.prior(examples)))

    # ---- predictions

    def predict(self, examples: Iterable[MultipleChoiceExample]) -> list[Prediction]:
        """Predictions in the examples' order; an option's score is that of the label of its name.

        `Prediction.margins` are the labels' scores before the softmax, in nats.

        Raises:
            InputError: if an example has an option whose name the prompt has no words for, or several labels.
        """
        found: list[Prediction] = []
        place = {label: number for number, label in enumerate(self.prompt.verbalizer.labels)}
        for chunk in chunked(examples, self.batch_size):
            for example in chunk:
                self._check(example, place)
            frames = self.framer(chunk)
            for example, frame, row in zip(chunk, frames, self.label_scores(self._scores(frames)), strict=True):
                margins = row[[place[name] for name in example.names]]
                best = int(margins.argmax())
                found.append(
                    Prediction(
                        options=example.options,
                        names=example.names,
                        scores=tuple(margins.softmax(0).tolist()),
                        margins=tuple(margins.tolist()),
                        label=best,
                        labels=(best,),
                        rows=self.rows,
                        truncated=frame.truncated,
                        calibrated=self._prior is not None,
                    )
                )
        return found

    def vocabulary(self, examples: Sequence[MultipleChoiceExample]) -> Iterator[tuple[list[int], Tensor]]:
        """Log-probabilities of the whole vocabulary at a single mask, batch by batch.

        Yields:
            Indices of the batch's examples, and (examples, vocabulary) on the CPU.
        """
        frames = self.framer(examples)
        with torch.inference_mode(), onednn.linear_layers(self.device.type):
            for chosen in self.batches(frames):
                rows = [frames[number].row([self.tokenizer.inert.mask], [0]) for number in chosen]
                yield chosen, self._logits(rows).log_softmax(1).cpu()

    def batches(self, frames: Sequence[Frame]) -> list[list[int]]:
        """Indices of frames in batches, the longest first."""
        lengths = [len(frame) + self.longest for frame in frames]
        most = MAX_TOKENS_ON_CPU if self.device.type == "cpu" else MAX_TOKENS
        order = sorted(range(len(frames)), key=lambda number: -lengths[number])
        return batches(lengths, order, max_rows=self.batch_size, max_tokens=most)

    # ----

    def _read(self, frames: Sequence[Frame], context: _Context, whole: bool) -> Tensor:
        mask = self.tokenizer.inert.mask
        ids = [mask if piece == _MASK else piece for piece in context.filled]
        logits = self._logits([frame.row(ids, context.reads) for frame in frames], None if whole else context.pieces)
        if whole:
            logits = logits[:, context.pieces] - logits.logsumexp(1, keepdim=True)
        return logits.view(len(frames), len(context.reads), -1)

    def _logits(self, rows: Sequence[Encoding], pieces: Tensor | None = None) -> Tensor:
        """(masks, pieces or vocabulary) in float32, at the masks of all rows; every row has as many."""
        batch = collate(rows, self.tokenizer.inert.pad).to(self.device)
        places = torch.tensor([row.option_positions for row in rows], device=self.device)
        states = self.model.states_at(
            places, batch.input_ids, batch.option_ids, batch.position_ids, batch.token_type_ids
        )
        return self.model.logits(states.flatten(0, 1), pieces).float()

    def _own_prior(self) -> Tensor | None:
        given = self.prompt.prior
        if given is None:
            return None
        return torch.tensor([given[word.text] for word in self.words], dtype=torch.float64, device=self.device)

    def _check(self, example: MultipleChoiceExample, known: dict[str, int]) -> None:
        if example.labels is not None:
            raise example.error("several labels may hold for it; a cloze prompt gives one, so take a task of that kind")
        for name in example.names:
            if name not in known:
                there = ", ".join(list(known)[:10])
                raise example.error(f"the prompt has no words for its label {shown(name)}; it has words for: {there}")


_MASK = -1
"""Stands for the mask in a context, whatever the mask's id is."""


@dataclass(frozen=True, slots=True)
class _Context:
    """What stands at the mask, and what is read there.

    Attributes:
        filled: ids, or `_MASK`.
        reads: which of them are read.
        pieces: the vocabulary rows wanted there.
        of_read, of_piece: for each reading its place among these,
        words: and the word that it belongs to.
    """

    filled: tuple[int, ...]
    reads: list[int]
    pieces: Tensor
    of_read: Tensor
    of_piece: Tensor
    words: Tensor


def _contexts(words: Sequence[Word], scoring: Scoring, device: torch.device) -> list[_Context]:
    """A context for every length of word, or for every beginning of one; every piece of a word is read once."""
    wanted: dict[tuple[int, ...], list[tuple[int, int, int]]] = defaultdict(list)  # (place, piece, word)
    for number, word in enumerate(words):
        size = len(word.ids)
        for place, piece in enumerate(word.ids):
            given = place if scoring == "left_to_right" else 0
            wanted[word.ids[:given] + (_MASK,) * (size - given)].append((place, piece, number))
    made = []
    for filled, readings in wanted.items():
        reads = sorted({place for place, _, _ in readings})
        pieces = sorted({piece for _, piece, _ in readings})
        column = {piece: number for number, piece in enumerate(pieces)}
        of = [(reads.index(place), column[piece], word) for place, piece, word in readings]
        of_read, of_piece, of_word = torch.tensor(of, device=device).unbind(1)
        made.append(_Context(filled, reads, torch.tensor(pieces, device=device), of_read, of_piece, of_word))
    return made
