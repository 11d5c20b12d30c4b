"""The rows of a file with the model's answers in new columns behind theirs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unimc.commands.asked_rows import Entry
from unimc.example import InputError, MultipleChoiceExample

if TYPE_CHECKING:
    from unimc.answer_rule import AnswerRule
    from unimc.inference import UniMC
    from unimc.prediction import Prediction
    from unimc.windows import Pooling


@dataclass(frozen=True, slots=True)
class Columns:
    """The new columns of a line."""

    prefix: str
    multi_label: bool
    top_k: int | None
    skips: bool

    @property
    def names(self) -> list[str]:
        """What they are called, in their order."""
        shown = ["answer", "score", "scores", *(["top"] if self.top_k else []), "truncated"]
        return [self.prefix + name for name in [*shown, *(["error"] if self.skips else [])]]

    def of(self, answer: Prediction) -> dict[str, Any]:
        """Those of an answer."""
        held = [answer.names[label] for label in answer.labels]
        best = max(answer.labels or (answer.label,), key=answer.scores.__getitem__)
        values: list[Any] = [held if self.multi_label else answer.answer, round(answer.scores[best], 4)]
        values.append({name: round(score, 4) for name, score in zip(answer.names, answer.scores, strict=True)})
        values += [[name for name, _ in answer.top(self.top_k)]] if self.top_k else []
        return dict(zip(self.names, [*values, answer.truncated, *([None] if self.skips else [])], strict=True))

    def without(self, problem: InputError) -> dict[str, Any]:
        """Those of a row that can't be asked."""
        return {**dict.fromkeys(self.names), self.prefix + "error": str(problem)}


def answered(
    model: UniMC,
    entries: Iterator[Entry],
    rule: AnswerRule,
    columns: Columns,
    batch_size: int,
    name: str,
    windows: Pooling | None = None,
) -> Iterator[dict[str, Any]]:
    """The rows with their answers behind them, in order, read ahead no further than the model does.

    Args:
        model: the model.
        entries: the rows and their examples.
        rule: what an answer is.
        columns: the new ones.
        batch_size: the most rows in a batch.
        name: of the file, beside the bar.
        windows: how a text too long for its row is read, as `UniMC.predict` has it; it is cut if None.

    Raises:
        InputError: if an example can't be asked, and such rows are not skipped.
    """
    from tqdm import tqdm

    waiting: deque[Entry] = deque()

    def examples() -> Iterator[MultipleChoiceExample]:
        for row, made in entries:
            one = _laid_out(model, made) if columns.skips else made
            waiting.append((row, one))
            if isinstance(one, MultipleChoiceExample):
                yield one

    def failed() -> Iterator[dict[str, Any]]:
        """Those in front that have no answer to wait for."""
        while waiting and isinstance(problem := waiting[0][1], InputError):
            bar.update()
            yield {**waiting.popleft()[0], **columns.without(problem)}

    answers = model.predict(
        examples(),
        multi_label=rule.multi_label,
        threshold=rule.threshold,
        top_k=rule.top_k,
        calibration=rule.calibration,
        batch_size=batch_size,
        windows=windows,
    )
    with tqdm(desc=name, unit="row", disable=None, mininterval=0.5) as bar:
        for answer in answers:
            yield from failed()
            bar.update()
            yield {**waiting.popleft()[0], **columns.of(answer)}
        yield from failed()


def _laid_out(model: UniMC, made: MultipleChoiceExample | InputError) -> MultipleChoiceExample | InputError:
    """An example that the model can be asked, or why it can't."""
    if isinstance(made, MultipleChoiceExample):
        try:
            model.answers.columns(made.language)
            model.encoder.rows(made)
        except InputError as problem:
            return problem
    return made
