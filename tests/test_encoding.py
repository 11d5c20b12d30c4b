"""The sequence: what stands where, at which position, of which type, for which option."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
from typing import Any

import pytest
import tiny
from hypothesis import given
from hypothesis import strategies as st

from unimc import InputError, MultipleChoiceExample, encoding
from unimc.encoding import Encoder, Encoding, Layout
from unimc.tokenization import InertTokenizer

KINDS = pytest.mark.parametrize("kind", tiny.TOKENIZERS)
WORD = st.sampled_from([*tiny.WORDS, *tiny.HAN[:20], "xyz", "[MASK]", "<mask>", "</s>", "[SEP]", "＜mask＞"])
TEXT = st.lists(WORD, max_size=9).map(" ".join)
OPTIONS = st.lists(
    st.lists(st.sampled_from(tiny.WORDS), min_size=1, max_size=5).map(" ".join), min_size=1, max_size=6, unique=True
)
EXAMPLES = st.builds(MultipleChoiceExample, OPTIONS, TEXT, TEXT.map("the ".__add__), TEXT)
LAYOUTS = st.builds(Layout, st.just(512), st.sampled_from([0, 2]), st.booleans())


def encoder(kind: str = "wordpiece", layout: Layout = Layout(512), max_length: int = 512) -> Encoder:  # noqa: B008
    return Encoder(tiny.tokenizer(kind), layout, max_length)


@KINDS
@given(example=EXAMPLES, layout=LAYOUTS)
def test_the_table_of_the_sequence(kind: str, example: MultipleChoiceExample, layout: Layout) -> None:
    """Written out token by token: (id, option, position, type)."""
    row = encoder(kind, layout)(example)
    tokenizer = InertTokenizer(tiny.tokenizer(kind))
    options = tokenizer(example.options)
    table = [(tokenizer.cls, 0, 0, 0)]
    for number, ids in enumerate(options, start=1):
        for position, piece in enumerate([tokenizer.mask, *ids], start=1):
            table.append((piece, number, position, 1))
    position = max(len(ids) + 1 for ids in options) + 1
    table.append((tokenizer.sep, 0, position, 1))
    for part in ("question", "passage", "textb"):
        (ids,) = tokenizer([getattr(example, part)])
        if len(ids) or part == "passage":
            for piece in [*ids, tokenizer.sep]:
                position += 1
                table.append((piece, 0, position, 0))
    assert row.input_ids == [piece for piece, _, _, _ in table]
    assert row.option_ids == [option for _, option, _, _ in table]
    assert row.position_ids == [position + layout.position_offset for _, _, position, _ in table]
    assert row.token_type_ids == [kind * layout.two_types for _, _, _, kind in table]
    assert row.truncated == 0
    assert row.options == tuple(range(len(options)))


@KINDS
@given(example=EXAMPLES)
def test_every_mask_is_an_o_mask_and_where_it_is_said_to_be(kind: str, example: MultipleChoiceExample) -> None:
    row = encoder(kind)(example)
    mask = tiny.tokenizer(kind).mask_token_id
    assert [place for place, piece in enumerate(row.input_ids) if piece == mask] == row.option_positions
    assert [row.option_ids[place] for place in row.option_positions] == list(range(1, len(example.options) + 1))


@KINDS
@pytest.mark.parametrize("part", ["options", "question", "passage", "textb"])
@pytest.mark.parametrize("spelling", ["[MASK]", "[SEP]", "<mask>", "</s>", "＜mask＞"])
def test_a_special_in_any_part_changes_no_structure(kind: str, part: str, spelling: str) -> None:
    hostile = f"the {spelling} walk"
    texts: dict[str, Any] = {"options": ["sport", "food"], "question": "what", "passage": "it is", "textb": "rain"}
    texts[part] = ["sport", hostile] if part == "options" else hostile
    row = encoder(kind)(MultipleChoiceExample(**texts))
    pieces = tiny.tokenizer(kind)
    assert row.input_ids.count(pieces.mask_token_id) == 2
    assert row.input_ids.count(pieces.sep_token_id) == 4
    assert row.input_ids.count(pieces.cls_token_id) == 1
    assert pieces.pad_token_id not in row.input_ids


def test_the_passages_separator_stands_though_the_passage_is_empty() -> None:
    example = MultipleChoiceExample(["food", "sport"], question="which is soup")
    pieces = InertTokenizer(tiny.tokenizer("wordpiece")).pieces(encoder()(example).input_ids)
    assert " ".join(pieces) == "[CLS] [MASK] food [MASK] sport [SEP] which is soup [SEP] [SEP]"


def test_an_empty_question_takes_its_separator_with_it() -> None:
    example = MultipleChoiceExample(["食物", "体育"], passage="汤好", textb="天")
    pieces = InertTokenizer(tiny.tokenizer("wordpiece")).pieces(encoder()(example).input_ids)
    assert " ".join(pieces) == "[CLS] [MASK] 食 物 [MASK] 体 育 [SEP] 汤 好 [SEP] 天 [SEP]"


@KINDS
@given(example=EXAMPLES, data=st.data())
def test_options_stand_in_the_order_given(kind: str, example: MultipleChoiceExample, data: st.DataObject) -> None:
    """Shuffling them moves whole segments; the rest of the row stays as it is."""
    order = data.draw(st.permutations(range(len(example.options))))
    shuffled = MultipleChoiceExample(
        [example.options[option] for option in order], example.question, example.passage, example.textb
    )
    one, other = encoder(kind)(example), encoder(kind)(shuffled)

    def segment(row: Encoding, number: int) -> list[tuple[int, int]]:
        tokens = zip(row.input_ids, row.position_ids, row.option_ids, strict=True)
        return [(piece, position) for piece, position, option in tokens if option == number]

    assert [segment(one, option + 1) for option in order] == [segment(other, place + 1) for place in range(len(order))]
    assert segment(one, 0) == segment(other, 0)


class Counting:
    """A tokenizer that remembers the texts of every call."""

    def __init__(self, kind: str) -> None:
        self._pieces = tiny.tokenizer(kind)
        self.calls: list[list[str]] = []

    def __call__(self, texts: list[str], **options: Any) -> Any:
        self.calls.append(texts)
        return self._pieces(texts, **options)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pieces, name)

    def __len__(self) -> int:
        return len(self._pieces)


def test_all_texts_of_a_batch_are_tokenised_in_one_call_and_options_only_once() -> None:
    pieces = Counting("wordpiece")
    made = Encoder(pieces, Layout(512))
    pieces.calls.clear()
    first = [MultipleChoiceExample(["sport", "food"], "what", f"the walk {number}") for number in range(5)]
    made.batch(first)
    made.parts([MultipleChoiceExample(["sport", "food"], "what", "soup", "rain")])
    made(MultipleChoiceExample(["food", "snow"], "what", "late"))
    assert [sorted(filter(None, call)) for call in pieces.calls] == [
        sorted(["sport", "food", "what", *(example.passage for example in first)]),
        ["rain", "soup"],
        ["late", "snow"],
    ]


def test_a_full_cache_is_emptied_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unimc.encoding._CACHED_TEXTS", 3)
    made = encoder()
    examples = [MultipleChoiceExample([word, f"{word} soup"], "what", "it") for word in tiny.WORDS[:9]]
    assert [made(example) for example in examples * 2] == [encoder()(example) for example in examples * 2]
    assert len(made._known) <= 3 + 3
    assert len(made._checked) <= 3


def test_other_orders_of_the_same_options_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unimc.encoding._CACHED_TEXTS", 20)
    made = encoder()
    for order in permutations(tiny.WORDS[:5]):
        made(MultipleChoiceExample(list(order), "what", "it"))
    assert len(made._checked) <= 20 + 1


def test_of_options_a_digest_is_remembered_and_of_long_texts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many long options, in ever new orders, would fill the memory."""
    monkeypatch.setattr("unimc.encoding._CACHED_LENGTH", 20)
    made = encoder()
    options = [f"{word} soup" for word in tiny.WORDS[:5]]
    examples = [MultipleChoiceExample([*order, "rain " * 9], "what " * 9, "it") for order in permutations(options)]
    assert [made(one) for one in examples] == [encoder()(one) for one in examples]
    assert {len(digest) for digest in made._checked} == {16}
    assert len(made._checked) == len(examples)
    assert made._known.keys() == set(options)


def test_other_options_have_another_digest() -> None:
    lists = [("a", "b"), ("b", "a"), ("ab",), ("a, b",), ("a', 'b",), ("a", "b", "c"), ("a\x00b",), ("汤",)]
    assert len({encoding._digest(one) for one in lists}) == len(lists)


def test_what_another_thread_clears_is_still_there_for_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unimc.encoding._CACHED_TEXTS", 3)
    made = encoder()
    examples = [
        MultipleChoiceExample([word, f"{word} soup"], question, "it")
        for word, question in zip(tiny.WORDS[:4], ("what", "what", "what", "is"), strict=True)
    ]
    first, second, *others = examples
    expected = [encoder()(one) for one in examples]
    tokenised, found = made.tokenizer, [made(first)]

    class Interrupted:
        """A tokenizer during whose call another thread asks for the other examples, and so clears what was known."""

        def __call__(self, texts: Any) -> Any:
            monkeypatch.setattr(made, "tokenizer", tokenised)
            with ThreadPoolExecutor(1) as thread:
                after = thread.submit(lambda: [made(one) for one in others]).result(20)
            assert "what" not in made._known
            found.extend(after)
            return tokenised(texts)

        def __getattr__(self, name: str) -> Any:
            return getattr(tokenised, name)

    monkeypatch.setattr(made, "tokenizer", Interrupted())
    found.insert(1, made(second))
    assert found == expected


def test_several_threads_share_an_encoder_whose_cache_is_always_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unimc.encoding._CACHED_TEXTS", 2)
    made = encoder()
    examples = [MultipleChoiceExample([word, f"{word} soup"], "what", "it") for word in tiny.WORDS[:8]]
    expected = [encoder()(one) for one in examples]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: [made(one) for one in examples], range(8)))
    assert found == [expected] * 8


@given(EXAMPLES, st.integers(12, 60), st.integers(12, 60))
def test_what_does_not_fit_is_cut_and_counted(example: MultipleChoiceExample, tokens: int, positions: int) -> None:
    whole = encoder()(example)
    made = encoder("wordpiece", Layout(positions), tokens)
    try:
        row = made(example)
    except InputError:
        return  # no room for these options; what the error says is tested below
    assert len(row) <= tokens
    assert max(row.position_ids) < positions
    specials = {0, 2, 3, 4}
    text = [piece for piece in whole.input_ids if piece not in specials]
    kept = [piece for piece in row.input_ids if piece not in specials]
    assert row.truncated == len(text) - len(kept)


@given(EXAMPLES)
def test_the_offset_costs_no_positions(example: MultipleChoiceExample) -> None:
    """A backbone that counts from 2 has two positions more than its rows can use."""
    row = encoder(layout=Layout(40, position_offset=2), max_length=512)(example)
    assert max(row.position_ids) < 40 + 2


def many(count: int, passage: str = "the soup was cold") -> MultipleChoiceExample:
    options = [f"{tiny.WORDS[number % 40]} {tiny.WORDS[number // 40]} walk" for number in range(count)]
    return MultipleChoiceExample(options, "what is it about", passage)


def test_options_that_take_more_than_half_a_row_are_split_into_groups() -> None:
    made = encoder(max_length=80)
    example = many(40)
    rows = made.rows(example)
    assert len(rows) > 1
    assert sorted(option for row in rows for option in row.options) == list(range(40))
    assert all(len(row) <= 80 for row in rows)
    texts = {
        tuple(piece for piece, option in zip(row.input_ids, row.option_ids, strict=True) if option == 0) for row in rows
    }
    assert len(texts) == 1, "every group has the same question and passage"


def test_groups_of_unequal_size_have_the_text_that_fits_the_fullest() -> None:
    example = many(41, passage="rain " * 400)
    rows = encoder(max_length=300).rows(example)
    sizes = [sum(option > 0 for option in row.option_ids) for row in rows]
    assert len(set(sizes)) > 1
    kept = 300 - max(sizes) - (1 + 1 + 5 + 1)
    assert [len(row) - size for row, size in zip(rows, sizes, strict=True)] == [kept + 8] * len(rows)
    assert [row.truncated for row in rows] == [400 - kept] * len(rows)


def test_options_of_half_a_row_or_less_stay_together_and_the_text_is_cut() -> None:
    (row,) = encoder(max_length=300).rows(many(37, passage="rain " * 200))
    assert len(row) == 300
    assert row.truncated == 200 - (300 - (1 + 37 * 4 + 1 + 5 + 1))


def test_one_row_that_fits_is_never_split() -> None:
    example = many(16)
    (row,) = encoder(max_length=80).rows(example)
    assert row == encoder(max_length=80)(example)
    assert sum(option > 0 for option in row.option_ids) > 40


def test_groups_do_not_depend_on_the_order_given() -> None:
    example = many(40)
    turned = MultipleChoiceExample(example.options[::-1], example.question, example.passage)

    def shared(example: MultipleChoiceExample) -> set[frozenset[str]]:
        rows = encoder(max_length=80).rows(example)
        return {frozenset(example.options[option] for option in row.options) for row in rows}

    assert shared(example) == shared(turned)


def test_in_one_row_many_options_are_an_error_when_they_do_not_fit() -> None:
    with pytest.raises(InputError, match="40 options don't fit a row of 70 tokens and 512 positions"):
        encoder(max_length=70)(many(40))


def test_options_that_become_the_same_once_cut_are_an_error() -> None:
    long = "the old clock on the wall was late "
    example = MultipleChoiceExample([long * 3 + "rain", long * 3 + "snow"], passage="it is")
    with pytest.raises(InputError, match="are the same tokens once cut to fit"):
        encoder(max_length=40)(example)


def test_options_of_different_groups_must_stay_distinct_too() -> None:
    example = MultipleChoiceExample(["soup " * 30 + "rain", "soup " * 30 + "snow"], passage="it is")
    with pytest.raises(InputError, match="are the same tokens once cut to fit"):
        encoder(max_length=26).rows(example)


def test_options_that_become_the_same_tokens_are_an_error() -> None:
    """Two Chinese options on a vocabulary without Chinese are both unknown pieces."""
    english = Encoder(tiny.wordpiece(han=""), Layout(512))
    with pytest.raises(InputError, match="options '体育' and '食物' are the same tokens to this tokenizer"):
        english(MultipleChoiceExample(["体育", "食物"], passage="the soup"))


def test_uncased_vocabularies_see_no_difference_in_case() -> None:
    with pytest.raises(InputError, match="options 'Soup' and 'soup' are the same tokens"):
        encoder()(MultipleChoiceExample(["Soup", "soup"], passage="it"))


@pytest.mark.parametrize("option", ["\x00", "\u200b\u00ad"])
def test_an_option_without_tokens_is_an_error(option: str) -> None:
    with pytest.raises(InputError, match="has no tokens in this vocabulary"):
        encoder()(MultipleChoiceExample(["soup", option], passage="it"))


def test_errors_come_again_for_every_example_with_these_options() -> None:
    made = encoder()
    for number in ("1", "2"):
        with pytest.raises(InputError, match=f"^example {number}: "):
            made(MultipleChoiceExample(["Soup", "soup"], passage="it", id=number))
