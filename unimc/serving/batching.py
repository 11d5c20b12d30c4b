"""One thread that asks the model, for all requests that wait: their examples share batches, and take turns.

While the model is busy requests gather, and the next call takes all of them. A call takes a portion: of every request
some examples in turn, so that a long request delays the others by a portion and not by its whole length.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, InvalidStateError
from dataclasses import dataclass, field
from threading import Condition, Thread
from time import monotonic, perf_counter
from typing import Protocol

from unimc.example import MultipleChoiceExample
from unimc.prediction import Prediction

Answers = list[Prediction]

EXAMPLES, CHARACTERS = 64, 32_768
"""What a portion ends with: how long those wait that come just after it was taken."""
WINDOW, MOST_WINDOWS = 0.004, 5
"""Just after a call its requesters may ask on: for as many requests as it had the next one waits, while they come at
least every so many seconds, and so many times that in all."""


class Predictor(Protocol):
    """What is asked of the model (`UniMC`)."""

    def predict(
        self, examples: list[MultipleChoiceExample], *, multi_label: bool = ..., batch_size: int = ...
    ) -> Answers:
        """See `UniMC.predict`."""
        ...


class ClosedError(Exception):
    """The server is going down."""


@dataclass(eq=False, slots=True)
class _Job:
    """A request's examples and what was found so far; only the worker changes it."""

    examples: Sequence[MultipleChoiceExample]
    multi_label: bool
    answer: Future[Answers]
    found: Answers = field(default_factory=list)

    @property
    def left(self) -> int:
        return len(self.examples) - len(self.found)


Portion = list[tuple[_Job, list[MultipleChoiceExample]]]


class Batcher:
    """The queue and its worker.

    Args:
        model: asked by the worker alone.
        batch_size: the most rows in a batch.
        observe: told after every call how many requests and examples it had, and its seconds.
    """

    def __init__(
        self,
        model: Predictor,
        *,
        batch_size: int = 32,
        observe: Callable[[int, int, float], None] | None = None,
    ) -> None:
        self._model = model
        self._batch_size = batch_size
        self._observe = observe
        self._jobs: dict[Future[Answers], _Job] = {}  # in the order in which they have their turn
        self._changed = Condition()
        self._closing = False
        self._together = 0  # requests in the last portion
        self._worker = Thread(target=self._work, name="unimc-model", daemon=True)

    @property
    def open(self) -> bool:
        """Whether requests are taken."""
        return not self._closing and self._worker.is_alive()

    def __len__(self) -> int:
        return len(self._jobs)

    def start(self) -> None:
        """Starts the worker."""
        self._worker.start()

    def submit(self, examples: Sequence[MultipleChoiceExample], *, multi_label: bool = False) -> Future[Answers]:
        """Puts examples into the queue.

        Returns:
            Their predictions to be; without threshold or calibration. Cancelled, they are not asked any more.

        Raises:
            ClosedError: if the server goes down.
        """
        answer: Future[Answers] = Future()
        # Answered, failed or cancelled, it goes at once: who asks and runs away leaves nothing behind. Said before the
        # worker can see it, or an answered one would still be there for the next portion. The callback knows the future
        # alone: one that held the job would be a ring, and rings pile up until Python looks for them.
        answer.add_done_callback(self._drop)
        with self._changed:
            if not self.open:
                raise ClosedError
            self._jobs[answer] = _Job(examples, multi_label, answer)
            self._changed.notify()
        return answer

    def close(self, seconds: float) -> None:
        """Takes no more requests, answers those that wait, and fails what is not answered in time."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._worker.ident is not None:
            self._worker.join(seconds)
        self._give_up()

    def _work(self) -> None:
        try:
            while portion := self._taken():
                for multi_label in (False, True):
                    if asked := [one for one in portion if one[0].multi_label is multi_label]:
                        self._ask(asked, multi_label)
        finally:
            self._closing = True  # also if the worker dies: nobody shall wait for it
            self._give_up()

    def _taken(self) -> Portion:
        """The next portion, as soon as there is one; empty if there will be none."""
        with self._changed:
            deadline = monotonic() + MOST_WINDOWS * WINDOW
            while len(self._jobs) < self._together and not self._closing and monotonic() < deadline:
                if not self._changed.wait(WINDOW):
                    break
            self._changed.wait_for(lambda: self._jobs or self._closing)
            self._together = len(self._jobs)
            return self._in_turn()

    def _in_turn(self) -> Portion:
        taken: dict[_Job, list[MultipleChoiceExample]] = {job: [] for job in self._jobs.values()}
        turns, examples, characters = deque(taken), 0, 0
        while turns and examples < EXAMPLES and characters < CHARACTERS:
            job = turns.popleft()
            example = job.examples[len(job.found) + len(taken[job])]
            taken[job].append(example)
            examples += 1
            characters += len(example.question) + len(example.passage) + sum(map(len, example.options))
            if len(taken[job]) < job.left:
                turns.append(job)
        # Who had fewer turns comes first the next time.
        self._jobs = {job.answer: job for job in sorted(taken, key=lambda job: len(taken[job]))}
        return [(job, part) for job, part in taken.items() if part]

    def _ask(self, portion: Portion, multi_label: bool) -> None:
        start = perf_counter()
        try:
            examples = [example for _, part in portion for example in part]
            found = self._model.predict(examples, multi_label=multi_label, batch_size=self._batch_size)
        except Exception as error:
            if len(portion) > 1:  # each by itself: only who gave what can't be answered is told so
                for one in portion:
                    self._ask([one], multi_label)
            else:
                _settle(portion[0][0].answer, error)
            return
        if self._observe is not None:
            self._observe(len(portion), len(examples), perf_counter() - start)
        predictions = iter(found)
        for job, part in portion:
            job.found += [next(predictions) for _ in part]
            if not job.left:
                _settle(job.answer, job.found)

    def _drop(self, answer: Future[Answers]) -> None:
        with self._changed:
            self._jobs.pop(answer, None)

    def _give_up(self) -> None:
        with self._changed:
            left = list(self._jobs)
        for answer in left:
            _settle(answer, ClosedError())


def _settle(answer: Future[Answers], outcome: Answers | Exception) -> None:
    try:
        if isinstance(outcome, Exception):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
    except InvalidStateError:
        pass  # cancelled meanwhile: nobody waits
