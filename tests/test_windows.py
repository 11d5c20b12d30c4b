"""Windows over a long passage: where they begin, what a row of theirs holds, what is said of them together."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean
from typing import Any

import pytest
import tiny
from hypothesis import assume, given
from hypothesis import strategies as st
from test_budget import cases, without_texts

from unimc import InputError, MultipleChoiceExample, UniMC
from unimc.budget import Budgets, Lengths, fit
from unimc.encoding import Encoder, Encoding, Layout
from unimc.tokenization import InertTokenizer
from unimc.windows import WINDOW_FLOOR, fit_window, starts

SIZES = st.tuples(st.integers(0, 900), st.integers(1, 200), st.integers(0, 200))

# ---- where they begin


@given(SIZES)
def test_every_token_of_the_passage_is_in_a_window(sizes: tuple[int, int, int]) -> None:
    passage, window, _ = sizes
    read = {place for start in starts(*sizes) for place in range(start, min(start + window, passage))}
    assert read == set(range(passage))


@given(SIZES)
def test_windows_are_full_and_share_the_stride(sizes: tuple[int, int, int]) -> None:
    passage, window, stride = sizes
    found = starts(*sizes)
    assert found[-1] == max(0, passage - window)
    for one, after in pairwise(found):
        assert window > one + window - after >= min(stride, window // 2)


@given(SIZES)
def test_there_are_no_more_windows_than_needed(sizes: tuple[int, int, int]) -> None:
    passage, window, stride = sizes
    fewer = len(starts(*sizes)) - 1
    new = window - min(stride, window // 2)  # tokens that each window after the first adds at most
    assert fewer == 0 or window + (fewer - 1) * new < passage


# ---- what a row holds


@given(cases())
def test_a_row_with_a_window_fits_both_budgets(case: tuple[Lengths, Budgets]) -> None:
    lengths, budgets = case
    if kept := fit_window(lengths, budgets):
        assert kept.over(budgets) <= 0
        assert kept.passage >= min(lengths.passage, 1)


@given(cases())
def test_it_is_given_up_only_when_no_token_of_the_passage_has_a_place(case: tuple[Lengths, Budgets]) -> None:
    lengths, budgets = case
    least = without_texts(lengths).tokens, without_texts(lengths).positions
    more = min(lengths.passage, 1)
    fits = least[0] + more <= budgets.tokens and least[1] + more <= budgets.positions
    assert (fit_window(lengths, budgets) is not None) == fits


@given(cases())
def test_never_more_is_cut_beside_a_window_than_without_windows(case: tuple[Lengths, Budgets]) -> None:
    lengths, budgets = case
    kept, cut = fit_window(lengths, budgets), fit(lengths, budgets)
    assume(kept is not None and cut is not None)
    assert (kept.question, kept.textb) >= (cut.question, cut.textb)
    assert all(one >= other for one, other in zip(kept.options, cut.options, strict=True))


@given(cases())
def test_a_passage_that_one_window_holds_is_laid_out_as_without_windows(case: tuple[Lengths, Budgets]) -> None:
    lengths, budgets = case
    kept = fit_window(lengths, budgets)
    if kept and kept.passage == lengths.passage:
        assert kept == fit(lengths, budgets)


@given(cases())
def test_nothing_is_cut_where_a_small_window_has_a_place(case: tuple[Lengths, Budgets]) -> None:
    lengths, budgets = case
    window = min(lengths.passage, WINDOW_FLOOR, min(budgets.tokens, budgets.positions) // 4)
    beside = Lengths(lengths.options, lengths.question, window, lengths.textb)
    if beside.over(budgets) <= 0:
        kept = fit_window(lengths, budgets)
        assert kept is not None
        assert (kept.options, kept.question, kept.textb) == (lengths.options, lengths.question, lengths.textb)


def test_in_a_short_row_the_least_window_is_a_quarter_of_it() -> None:
    lengths = Lengths((5, 5), question=19, passage=300, textb=0)
    assert fit_window(lengths, Budgets(46, 512)) == Lengths((5, 5), question=19, passage=46 // 4, textb=0)
    assert fit_window(lengths, Budgets(45, 512)) == Lengths((5, 5), question=7, passage=45 // 2, textb=0)


def test_options_that_leave_no_token_to_the_passage_are_given_up() -> None:
    """Without windows they'd have a row, and the passage none of it."""
    lengths = Lengths((1,) * 20, question=0, passage=30, textb=0)
    assert fit(lengths, Budgets(43, 100)) is not None
    assert fit_window(lengths, Budgets(43, 100)) is None
    assert fit_window(lengths, Budgets(44, 100)) == Lengths((1,) * 20, question=0, passage=1, textb=0)


# ---- the rows of an example


def encoder(max_length: int = 100) -> Encoder:
    return Encoder(tiny.tokenizer("wordpiece"), Layout(512), max_length)


def text_of(words: int, among: Sequence[str] = tiny.WORDS) -> str:
    """A text that nowhere repeats itself for long."""
    return " ".join(random.Random(0).choices(among, k=words))


def parts_of(row: Encoding) -> tuple[str, ...]:
    """The texts of a row: options, question, passage, textb."""
    pieces = InertTokenizer(tiny.tokenizer("wordpiece")).pieces(row.input_ids)
    return tuple(part.strip() for part in " ".join(pieces).split("[SEP]")[:-1])


LONG = [
    pytest.param(["sport", "food"], text_of(400), id="English"),
    pytest.param(["体育", "食物"], text_of(400, tiny.HAN[:30]), id="中文"),
]


@pytest.mark.parametrize(("options", "passage"), LONG)
@pytest.mark.parametrize("stride", [0, 10, 64])
def test_windows_hold_all_of_the_passage_and_the_same_of_all_else(
    options: list[str], passage: str, stride: int
) -> None:
    rows = encoder().rows(MultipleChoiceExample(options, "what", passage, "rain 雨"), stride)
    assert len({(options, question, textb) for options, question, _, textb in map(parts_of, rows)}) == 1
    assert [row.truncated for row in rows] == [0] * len(rows)
    assert {len(row) for row in rows} == {100}
    texts = [parts_of(row)[2].split() for row in rows]
    read: list[str] = texts[0]
    for text in texts[1:]:
        shared = max(count for count in range(len(text)) if not count or read[-count:] == text[:count])
        assert shared >= min(stride, len(text) // 2)
        read = read + text[shared:]
    assert read == passage.split()


@given(st.integers(1, 120), st.integers(0, 60))
def test_an_example_that_fits_has_the_row_that_it_had(words: int, stride: int) -> None:
    made = encoder(128)
    example = MultipleChoiceExample(["sport", "食物"], "what", "rain " * words, "soup")
    (cut,) = made.rows(example)
    rows = made.rows(example, stride)
    assert (rows == [cut]) == (cut.truncated == 0)


def test_every_group_of_options_stands_before_every_window() -> None:
    options = [f"{one} {other}" for one in tiny.WORDS[:8] for other in tiny.WORDS[8:13]]
    rows = encoder().rows(MultipleChoiceExample(options, "what", text_of(200)), 8)
    groups = {row.options for row in rows}
    windows = {parts_of(row)[2] for row in rows}
    assert min(len(groups), len(windows)) > 1
    assert len({(row.options, parts_of(row)[2]) for row in rows}) == len(rows) == len(groups) * len(windows)
    assert sorted(option for group in groups for option in group) == list(range(40))


def test_what_has_no_place_beside_the_least_window_is_cut_and_counted() -> None:
    rows = encoder().rows(MultipleChoiceExample(["sport", "food"], "what", text_of(300), "rain " * 200), 0)
    kept = len(parts_of(rows[0])[3].split())
    assert 0 < kept < 200
    assert {row.truncated for row in rows} == {200 - kept}


def test_a_stride_is_a_number_of_tokens(model: UniMC) -> None:
    example = MultipleChoiceExample(["sport", "food"], passage="rain")
    with pytest.raises(InputError, match="stride is -1"):
        encoder().rows(example, -1)
    with pytest.raises(InputError, match="stride is -1"):
        model.predict(iter([example]), windows="max", stride=-1)


# ---- what is said of them together


def long(options: list[str], words: int = 90, **changes: Any) -> MultipleChoiceExample:
    return MultipleChoiceExample(options, **{"question": "what", "passage": text_of(words), **changes})


@pytest.fixture
def short() -> UniMC:
    """A model of short rows."""
    return UniMC(tiny.checkpoint("bert"), max_length=64)


@pytest.mark.parametrize(("windows", "pooled"), [("max", max), ("mean", fmean)])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_an_options_margin_is_pooled_over_the_windows(short: UniMC, windows: Any, pooled: Any, language: str) -> None:
    example = long(["sport", "food", "音乐"], language=language)
    (found,) = short.predict([example], windows=windows, stride=5)
    rows = short.encoder.rows(example, 5)
    texts = [parts_of(row)[2] for row in rows]
    alone = short.predict([long(list(example.options), passage=text, language=language) for text in texts])
    margins = [pooled(one.margins[option] for one in alone) for option in range(3)]
    assert found.margins == pytest.approx(margins, abs=1e-4)
    assert found.scores == pytest.approx([math.exp(m) / sum(map(math.exp, margins)) for m in margins], abs=1e-4)
    assert (found.rows, found.truncated) == (len(rows), 0)
    assert found.rows > 1
    (several,) = short.predict([example], windows=windows, stride=5, multi_label=True)
    assert several.scores == pytest.approx([1 / (1 + math.exp(-margin)) for margin in margins], abs=1e-4)


@pytest.mark.parametrize("windows", ["max", "mean"])
@pytest.mark.parametrize("multi_label", [False, True])
def test_one_window_is_no_windows(short: UniMC, windows: Any, multi_label: bool) -> None:
    examples = [long(["sport", "food"], words, textb=textb) for words in (0, 1, 50) for textb in ("", "rain")]
    plain = short.predict(examples, multi_label=multi_label)
    assert short.predict(examples, multi_label=multi_label, windows=windows) == plain
    assert {one.rows for one in plain} == {1}


def test_without_being_asked_a_passage_is_cut(short: UniMC) -> None:
    (found,) = short.predict([long(["sport", "food"])])
    assert found.rows == 1
    assert found.truncated > 0


def test_the_default_stride_is_64_tokens(model: UniMC) -> None:
    example = long(["sport", "food"], 600)
    assert model.predict([example], windows="max") == model.predict([example], windows="max", stride=64)
    assert model.predict([example], windows="max") != model.predict([example], windows="max", stride=0)


def test_classify_reads_windows_too(short: UniMC) -> None:
    text = text_of(90)
    found = short.classify(text, ["sport", "food"], windows="mean", stride=7)
    example = MultipleChoiceExample(["sport", "food"], passage=text)
    assert found == short.predict([example], windows="mean", stride=7)[0]
    assert found.rows > 1
    assert short.classify([text], ["sport", "food"], windows="mean", stride=7) == [found]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"windows": "sum"}, "windows is 'sum'; use 'max', 'mean' or None"),
        ({"stride": 64}, "stride has a meaning only with windows="),
    ],
)
def test_wrong_settings_are_named_at_once(model: UniMC, settings: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        model.predict(iter([]), **settings)
