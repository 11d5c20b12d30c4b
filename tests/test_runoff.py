"""After groups, the best options meet in one row: that row decides among them, and nothing else changes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from unimc import MultipleChoiceExample, UniMC
from unimc.encoding import Encoding
from unimc.runoff import FINALISTS, decided, finalists

WORDS = [f"{one} {other}" for one in tiny.WORDS[:8] for other in tiny.WORDS[8:13]]
MARGINS = st.lists(st.floats(-30, 30), min_size=2, max_size=40)


def row(*sizes: int) -> Encoding:
    """A row of options alone, as far as it matters here."""
    ids = [number for number, size in enumerate(sizes, start=1) for _ in range(size)]
    return Encoding(ids, ids, ids, [0, *ids, 0, 0], [], tuple(range(len(sizes))))


@pytest.fixture
def grouped() -> UniMC:
    return UniMC(tiny.checkpoint("bert"), max_length=64)


def test_the_best_options_get_their_margins_from_a_row_of_their_own(grouped: UniMC) -> None:
    example = MultipleChoiceExample(WORDS, "what is it", "the soup was late")
    (found,) = grouped.predict([example])
    (groups,) = grouped.predict([example], multi_label=True)
    best = finalists(groups.margins, example.options, grouped.encoder.rows(example))
    assert 2 <= len(best) <= FINALISTS
    (alone,) = grouped.predict(
        [MultipleChoiceExample([WORDS[option] for option in best], "what is it", "the soup was late")]
    )
    assert alone.rows == 1
    assert [found.margins[option] for option in best] == pytest.approx(alone.margins, abs=1e-5)
    assert found.label == best[alone.margins.index(max(alone.margins))]


def test_options_that_fit_one_row_are_asked_once(model: UniMC) -> None:
    (found,) = model.predict([MultipleChoiceExample(WORDS, "", "rain")])
    assert found.rows == 1


@pytest.mark.parametrize("windows", ["max", "mean"])
def test_the_last_row_reads_every_window_too(grouped: UniMC, windows: str) -> None:
    example = MultipleChoiceExample(WORDS, "", "the train was late " * 12)
    (found,) = grouped.predict([example], windows=windows)  # type: ignore[call-overload]
    (cut,) = grouped.predict([example])
    assert found.rows > cut.rows
    assert found.truncated == 0


@given(MARGINS, st.data())
def test_the_finalists_keep_their_share_and_one_of_them_comes_first(margins: list[float], data: st.DataObject) -> None:
    best = finalists(margins, [str(number) for number in range(len(margins))], [row(*[2] * len(margins))])
    again = data.draw(st.lists(st.floats(-30, 30), min_size=len(best), max_size=len(best)))
    made = decided(margins, best, again)
    assert made.index(max(made)) in best or max(made) == pytest.approx(max(made[option] for option in best))

    def share(values: list[float]) -> float:
        top = max(values)
        weights = [math.exp(value - top) for value in values]
        return sum(weights[option] for option in best) / sum(weights)

    assert share(made) == pytest.approx(share(margins), abs=1e-9)
    assert [made[option] for option in best] == again


@given(MARGINS, st.randoms(use_true_random=False))
def test_who_is_asked_again_does_not_depend_on_the_order(margins: list[float], random: object) -> None:
    order = list(range(len(margins)))
    random.shuffle(order)  # type: ignore[attr-defined]
    names = [f"option {number}" for number in range(len(margins))]
    rows = [row(*(number % 5 + 1 for number in range(len(margins))))]
    turned = [replace(rows[0], options=tuple(order.index(option) for option in rows[0].options))]
    one = {names[option] for option in finalists(margins, names, rows)}
    other = finalists([margins[option] for option in order], [names[option] for option in order], turned)
    assert one == {names[order[option]] for option in other}


def test_they_take_no_more_room_than_a_group() -> None:
    groups = [row(10, 10), replace(row(10, 15), options=(2, 3))]
    assert finalists([3, 2, 1, 0], list("abcd"), groups) == (0, 1)
    assert finalists([0, 0, 1, 2], list("abcd"), groups) == (2, 3)
    assert finalists([3, 0, 0, 2], list("abcd"), [row(10, 1), replace(row(10, 8), options=(2, 3))]) == (0, 3)
    assert finalists([3, 0, 2, 0], list("abcd"), [row(10, 1), replace(row(12, 1), options=(2, 3))]) == ()
    assert len(finalists([0] * 40, WORDS, [row(*[3] * 40)])) == FINALISTS
