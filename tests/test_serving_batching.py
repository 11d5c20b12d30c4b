"""Requests that wait share calls of the model, and none pays for another."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
import serving
import tiny
from hypothesis import given
from hypothesis import strategies as st

from unimc import InputError, MultipleChoiceExample, Prediction, UniMC
from unimc.serving.batching import EXAMPLES, Batcher, ClosedError, Predictor


def example(text: str) -> MultipleChoiceExample:
    return MultipleChoiceExample(["sport", "food"], passage=text)


def examples(name: str, count: int) -> list[MultipleChoiceExample]:
    return [example(f"{name}{number}") for number in range(count)]


class Echo:
    """A model that answers at once what it was asked."""

    def predict(self, examples: Any, **_: Any) -> list[Prediction]:
        return [serving.prediction(one) for one in examples]


@contextmanager
def batcher(model: Predictor, **settings: Any) -> Iterator[Batcher]:
    one = Batcher(model, **settings)
    one.start()
    try:
        yield one
    finally:
        if isinstance(model, serving.Held):
            model.free.set()
        one.close(20)


def said(answer: Future[list[Prediction]]) -> list[str]:
    return [one.names[0] for one in answer.result(20)]


@given(st.lists(st.tuples(st.integers(1, 90), st.booleans()), min_size=1, max_size=12))
def test_every_request_gets_its_own_answers_in_its_order(requests: list[tuple[int, bool]]) -> None:
    with batcher(Echo()) as one:
        answers = [
            one.submit(examples(f"{number} ", count), multi_label=several)
            for number, (count, several) in enumerate(requests)
        ]
        for number, (answer, (count, _)) in enumerate(zip(answers, requests, strict=True)):
            assert said(answer) == [f"{number} {place}" for place in range(count)]
        serving.until(lambda: len(one) == 0)


def test_requests_that_wait_share_a_call() -> None:
    model = serving.Held()
    with batcher(model) as one:
        first = one.submit([example("first")])
        model.entered.wait(20)
        others = [one.submit(examples(name, 2)) for name in "abc"]
        model.free.set()
        assert len(first.result(20)) == 1
        assert [len(answer.result(20)) for answer in others] == [2, 2, 2]
    assert [sorted(call) for call in model.asked] == [["first"], ["a0", "a1", "b0", "b1", "c0", "c1"]]


def test_one_label_and_several_are_asked_apart() -> None:
    model = serving.Held()
    with batcher(model) as one:
        one.submit([example("first")])
        model.entered.wait(20)
        several = one.submit([example("several")], multi_label=True)
        single = one.submit([example("single")])
        model.free.set()
        assert sum(single.result(20)[0].scores) == pytest.approx(1)
        assert sum(several.result(20)[0].scores) != pytest.approx(1)
    assert model.asked == [["first"], ["single"], ["several"]]


def test_a_long_request_delays_a_short_one_by_a_portion() -> None:
    model = serving.Held()
    with batcher(model) as one:
        long = one.submit(examples("long", 10 * EXAMPLES))
        model.entered.wait(20)
        short = one.submit([example("short")])
        ended: list[str] = []
        for answer, name in ((short, "short"), (long, "long")):
            answer.add_done_callback(lambda _, name=name: ended.append(name))
        model.free.set()
        assert len(long.result(60)) == 10 * EXAMPLES
        assert ended == ["short", "long"]
    assert "short" in model.asked[1]
    assert {len(call) for call in model.asked[:-1]} == {EXAMPLES}


def test_those_who_had_no_turn_come_first_the_next_time() -> None:
    model = serving.Held()
    with batcher(model) as one:
        one.submit([example("first")])
        model.entered.wait(20)
        answers = [one.submit(examples(f"{number} ", 2)) for number in range(EXAMPLES + 5)]
        model.free.set()
        for answer in answers:
            answer.result(60)
    left_out = {f"{number} 0" for number in range(EXAMPLES, EXAMPLES + 5)}
    assert left_out <= set(model.asked[2][:5])


def test_shared_calls_give_the_scores_of_calls_alone(model: UniMC) -> None:
    texts = ["the soup was cold", "rain", "今天的汤不好", "long walk and short train", "the goal"] * 3
    alone = [model.predict([example(text)])[0].scores for text in texts]
    with batcher(UniMC(tiny.checkpoint("bert"))) as one, ThreadPoolExecutor(15) as threads:
        answers = list(threads.map(lambda text: one.submit([example(text)]).result(20), texts))
    for (found,), expected in zip(answers, alone, strict=True):
        assert found.scores == pytest.approx(expected, abs=1e-5)


def test_a_request_that_cannot_be_answered_fails_alone() -> None:
    model = serving.Held()
    problem, fault = InputError("soup is no text"), RuntimeError("a wire is loose")
    model.fails = {"wrong": problem, "fault": fault}
    with batcher(model) as one:
        one.submit([example("first")])
        model.entered.wait(20)
        answers = {name: one.submit([example("the rain"), example(name)]) for name in ("a", "wrong", "b", "fault", "c")}
        model.free.set()
        for name in "abc":
            assert len(answers[name].result(20)) == 2
        assert answers["wrong"].exception(20) is problem
        assert answers["fault"].exception(20) is fault


def test_options_that_become_the_same_tokens_are_one_requests_own_problem(model: UniMC) -> None:
    with batcher(model) as one:
        wrong = MultipleChoiceExample(["Food", "food"], passage="the soup")
        answers = [one.submit([given]) for given in (example("rain"), wrong, example("snow"))]
        assert isinstance(answers[1].exception(20), InputError)
        assert answers[0].result(20)
        assert answers[2].result(20)


def test_what_is_cancelled_is_not_asked_and_leaves_nothing_behind() -> None:
    model = serving.Held()
    with batcher(model) as one:
        first = one.submit([example("first")])
        model.entered.wait(20)
        gone, stays = one.submit([example("gone")]), one.submit([example("stays")])
        assert gone.cancel()
        assert first.cancel()
        assert len(one) == 1
        model.free.set()
        stays.result(20)
    assert model.asked == [["first"], ["stays"]]
    with pytest.raises(CancelledError):
        gone.result()


def test_a_cancelled_long_request_stops_after_its_portion() -> None:
    model = serving.Held()
    with batcher(model) as one:
        long = one.submit(examples("long", 100 * EXAMPLES))
        model.entered.wait(20)
        long.cancel()
        model.free.set()
        one.submit([example("next")]).result(20)
    assert model.asked[1:] == [["next"]]


def test_closing_answers_those_who_wait_and_takes_no_more() -> None:
    model = serving.Held()
    with batcher(model) as one:
        first = one.submit([example("first")])
        model.entered.wait(20)
        waits = one.submit([example("waits")])
        with ThreadPoolExecutor(1) as thread:
            closing = thread.submit(one.close, 20)
            serving.until(lambda: not one.open)
            with pytest.raises(ClosedError):
                one.submit([example("late")])
            model.free.set()
            closing.result(20)
        assert len(first.result(0)) == len(waits.result(0)) == 1


def test_closing_fails_what_is_not_answered_in_time() -> None:
    model = serving.Held()
    with batcher(model) as one:
        answers = [one.submit([example("first")])]
        model.entered.wait(20)
        answers.append(one.submit([example("waits")]))
        one.close(0.05)
        assert [type(answer.exception(0)) for answer in answers] == [ClosedError, ClosedError]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_that_dies_leaves_nobody_waiting() -> None:
    model = serving.Held()
    model.fails = {"end": SystemExit()}
    model.free.set()
    with batcher(model) as one:
        assert isinstance(one.submit([example("end")]).exception(20), ClosedError)
        serving.until(lambda: not one.open)
        with pytest.raises(ClosedError):
            one.submit([example("late")])


def test_answers_that_come_before_anybody_waits_for_them_go_from_the_queue() -> None:
    """A model may be done before `submit` returns."""
    with batcher(Echo()) as one:
        for number in range(2000):
            one.submit([example(str(number))])
        serving.until(lambda: len(one) == 0)
        assert one.open


def test_an_answered_request_is_freed_at_once() -> None:
    """Not when Python next looks for rings of objects: until then they would pile up."""
    with batcher(Echo()) as one:
        gc.disable()
        try:
            answer = one.submit([example("the soup")])
            answer.result(20)
            watched = weakref.ref(answer)
            del answer
            one.submit([example("the rain")]).result(20)  # the worker holds its last portion until the next
            serving.until(lambda: watched() is None)
        finally:
            gc.enable()


def test_what_a_call_took_is_told() -> None:
    told: list[tuple[int, int, float]] = []
    with batcher(Echo(), observe=lambda *figures: told.append(figures)) as one:
        one.submit(examples("a", 3)).result(20)
        serving.until(lambda: told)
    ((requests, asked, seconds),) = told
    assert (requests, asked) == (1, 3)
    assert seconds >= 0
