"""Batches that memory doesn't hold, and inputs longer than memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import tiny
import torch
from hypothesis import given
from hypothesis import strategies as st

from unimc import InputError, MultipleChoiceExample, Prediction, UniMC
from unimc.chunks import chunked


def example(words: int, options: tuple[str, ...] = ("sport", "food", "音乐")) -> MultipleChoiceExample:
    return MultipleChoiceExample(options, "what", "rain " * words, id=str(words))


class Small:
    """A model that fails on batches that `holds` refuses, as a full device does, and remembers their shapes."""

    def __init__(self, model: UniMC, holds: Callable[[int, int], bool]) -> None:
        self._forward, self._holds = model.model.forward, holds
        self.shapes: list[tuple[int, int]] = []
        self.failed: list[tuple[int, int]] = []

    def __call__(self, input_ids: torch.Tensor, *rest: Any, **named: Any) -> Any:
        rows, length = input_ids.shape
        if not self._holds(rows, length):
            self.failed.append((rows, length))
            raise torch.OutOfMemoryError("CUDA out of memory.")
        self.shapes.append((rows, length))
        return self._forward(input_ids, *rest, **named)


def small(holds: Callable[[int, int], bool]) -> tuple[UniMC, Small]:
    made = tiny.checkpoint("bert")
    model = UniMC(type(made)(type(made.model)(made.model.backbone), made.tokenizer, made.answers, made.max_length))
    model.max_tokens = 10_000
    watched = Small(model, holds)
    model.model.forward = watched  # type: ignore[method-assign]
    return model, watched


def same(found: list[Prediction], expected: list[Prediction]) -> None:
    assert [one.options for one in found] == [one.options for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-5)
        assert (one.rows, one.truncated) == (other.rows, other.truncated)


# ---- a full device


@given(
    st.lists(st.tuples(st.integers(1, 200), st.permutations(tiny.WORDS[:4])), min_size=1, max_size=20),
    st.integers(160, 900),
    st.sampled_from([None, "max"]),
)
def test_a_full_device_changes_nothing_but_the_batches(
    drawn: list[tuple[int, list[str]]], tokens: int, windows: Any
) -> None:
    """Whatever it holds, if one row at least: nothing is lost, nothing comes in another order."""
    examples = [example(words, tuple(options)) for words, options in drawn]
    model, device = small(lambda rows, length: rows * length <= tokens)
    expected = UniMC(tiny.checkpoint("bert")).predict(examples, windows=windows)
    same(model.predict(examples, windows=windows), expected)
    assert sum(rows for rows, _ in device.shapes) == sum(one.rows for one in expected), "no row is scored twice"


def test_a_batch_is_halved_until_it_fits_and_what_is_left_keeps_to_that() -> None:
    model, device = small(lambda rows, _: rows <= 3)
    model.predict([example(9)] * 32, batch_size=16)
    assert [rows for rows, _ in device.failed] == [16, 8, 4]
    assert [rows for rows, _ in device.shapes] == [2] * 16


def test_a_fault_in_the_middle_repeats_no_batch_before_it() -> None:
    calls = iter(range(100))
    model, device = small(lambda *_: next(calls) != 2)
    examples = [example(words) for words in range(40, 28, -1)]
    same(model.predict(examples, batch_size=4), UniMC(tiny.checkpoint("bert")).predict(examples))
    assert [rows for rows, _ in device.shapes] == [4, 4, 2, 2]


def test_a_row_that_no_memory_holds_is_an_error_that_says_what_to_do() -> None:
    model, device = small(lambda _, length: length < 100)
    with pytest.raises(InputError, match=r"^a row of 160 tokens takes more memory than cpu has left; lower max_length"):
        model.predict([example(5), example(300), example(7)])
    assert device.failed[-1] == (1, 160)


def test_other_faults_are_no_matter_of_memory(model: UniMC, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("something else")

    monkeypatch.setattr(model.model, "forward", broken)
    with pytest.raises(RuntimeError, match="something else"):
        model.predict([example(5)] * 8)


# ---- a long input


@pytest.mark.parametrize("windows", [None, "mean"])
@pytest.mark.parametrize(("words", "total", "chunks"), [(3, 300, [128, 128, 44]), (400, 20, [9, 9, 2])])
def test_a_generator_is_read_ahead_so_far_and_no_further(
    model: UniMC, monkeypatch: pytest.MonkeyPatch, windows: Any, words: int, total: int, chunks: list[int]
) -> None:
    """Some batches' worth of short examples, or fewer long ones, and the next only when these are answered."""
    monkeypatch.setattr("unimc.chunks._CHARACTERS", 9 * 5 * 400)
    read = 0

    def many() -> Iterator[MultipleChoiceExample]:
        nonlocal read
        for _ in range(total):
            read += 1
            yield example(words)

    ahead = [read - done for done, _ in enumerate(model.predict(many(), batch_size=2, windows=windows))]
    assert ahead == [left for size in chunks for left in range(size, 0, -1)]


def test_options_and_question_count_for_what_is_read_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unimc.chunks._CHARACTERS", 100)
    for asked in (
        MultipleChoiceExample(["a" * 20, "b" * 20], passage="0123456789"),
        MultipleChoiceExample(["a", "b"], question="c" * 38, passage="0123456789"),
    ):
        assert [len(chunk) for chunk in chunked([asked] * 5, 32)] == [2, 2, 1]


def test_what_was_read_and_answered_is_let_go(model: UniMC) -> None:
    """The same number of rows is alive at the start of a long input and at its end."""
    import gc

    from unimc.encoding import Encoding

    alive = []
    for number, _ in enumerate(model.predict((example(3) for _ in range(64 * 6)), batch_size=1)):
        if number % 64 == 1:
            gc.collect()
            alive.append(sum(type(one) is Encoding for one in gc.get_objects()))
    assert len(alive) == 6
    assert max(alive) == alive[0]


def test_input_that_is_cut_short_by_an_error_has_been_answered_up_to_its_chunk(model: UniMC) -> None:
    def broken() -> Iterator[MultipleChoiceExample]:
        yield from (example(words) for words in range(64))
        raise InputError("row 65 has no text")

    found = model.predict(broken(), batch_size=1)
    same([next(found) for _ in range(64)], model.predict([example(words) for words in range(64)]))
    with pytest.raises(InputError, match="row 65"):
        next(found)
