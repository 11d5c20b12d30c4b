"""Examples to the margins of their options: rows laid out, scored and put together, with a last row after groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unimc.answers import Answers
from unimc.backends import Backend
from unimc.encoding import Encoder
from unimc.example import MultipleChoiceExample
from unimc.prediction import Scored, pooled
from unimc.runoff import decided, finalists, narrowed
from unimc.scoring import score
from unimc.windows import Pooling


@dataclass(frozen=True, slots=True)
class Judge:
    """A model and how it is asked.

    Attributes:
        encoder: lays out the rows.
        backend: runs the model.
        answers: the answer pieces by language.
        batch_size: the most rows in a batch.
        max_tokens: the most tokens in a batch.
        pack: see `UniMC`.
        pooling: how the margins of an option over several windows become one.
        stride: tokens that windows over a long passage share; None cuts it.
        runoff: whether the best options of several groups meet in a last row; not where each stands for itself.
    """

    encoder: Encoder
    backend: Backend
    answers: Answers
    batch_size: int
    max_tokens: int
    pack: int | None
    pooling: Pooling
    stride: int | None
    runoff: bool

    def __call__(self, examples: Sequence[MultipleChoiceExample]) -> list[tuple[list[Scored], list[float]]]:
        """For each example all its rows, scored, and the margin of each of its options."""
        scored = self._scored(examples)
        margins = [self._pooled(one, rows) for one, rows in zip(examples, scored, strict=True)]
        chosen: dict[int, tuple[int, ...]] = {}
        for number, (example, rows) in enumerate(zip(examples, scored, strict=True)):
            if self.runoff and len(rows[0][0].options) < len(example.options):
                best = finalists(margins[number], example.options, (row for row, _, _ in rows))
                if best:
                    chosen[number] = best
        if chosen:
            last = [narrowed(examples[number], best) for number, best in chosen.items()]
            for (number, best), one, rows in zip(chosen.items(), last, self._scored(last), strict=True):
                margins[number] = decided(margins[number], best, self._pooled(one, rows))
                scored[number] += rows
        return list(zip(scored, margins, strict=True))

    def _pooled(self, example: MultipleChoiceExample, rows: Sequence[Scored]) -> list[float]:
        return pooled(len(example.options), rows, self.pooling)

    def _scored(self, examples: Sequence[MultipleChoiceExample]) -> list[list[Scored]]:
        """The rows of each example, scored."""
        # Said before the tokenizer finds nothing in its vocabulary, if there are no answer pieces.
        columns = {example.language: self.answers.columns(example.language) for example in examples}
        encodings = self.encoder.batch(examples, self.stride)
        rows = [(owner, row) for owner, made in enumerate(encodings) for row in made]
        scores = score(
            self.backend,
            [row for _, row in rows],
            [columns[examples[owner].language] for owner, _ in rows],
            pad=self.encoder.tokenizer.pad,
            batch_size=self.batch_size,
            max_tokens=self.max_tokens,
            pack=self.pack,
        )
        of_example: list[list[Scored]] = [[] for _ in examples]
        for (owner, row), (yes, no) in zip(rows, scores, strict=True):
            of_example[owner].append((row, yes, no))
        return of_example
