"""Rows that stand in held-out sets are found, however they are dressed, and nothing else is."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from converters.decontamination import HeldOut, Match, OverlapRow, decontaminate
from unimc import InputError, MultipleChoiceExample
from unimc.cli import main

ENGLISH = (
    "The ferry to the outer islands was cancelled because of high waves near the harbour.",
    "Our neighbour keeps seven hens in the garden and sells their eggs on Saturdays.",
    "A museum of clocks has opened in the old railway station, and entry is free until June.",
    "She repaired the violin with glue made from rice, as her grandfather had taught her.",
)
CHINESE = (
    "昨天下午村里的小学组织学生去河边捡垃圾，一共装了二十多袋。",
    "这家面馆的老板每天凌晨三点起床熬汤，汤头浓郁，价格也不贵。",
    "由于山路结冰，开往县城的班车今天全部停运，恢复时间另行通知。",
    "爷爷把旧收音机拆开修了一个星期，终于又能听到戏曲节目了。",
)
LONG = {
    "en": " ".join(ENGLISH),
    "zh": "".join(CHINESE),
}


def one(passage: str, language: str = "en", task: str = "train_task", id: str = "0", textb: str = ""):  # type: ignore[no-untyped-def]
    return MultipleChoiceExample(
        ["yes", "no"], "Is it so?", passage, textb, label=0, task=task, id=id, language=language
    )


def many(texts: tuple[str, ...], language: str, task: str) -> list[MultipleChoiceExample]:
    return [one(text, language, task, str(number)) for number, text in enumerate(texts)]


def held_out(near: float | None = 0.8) -> HeldOut:
    index = HeldOut(near)
    index.add("english", "test", many(ENGLISH, "en", "english"))
    index.add("chinese", "test", many(CHINESE, "zh", "chinese"))
    return index


def kinds(*examples: MultipleChoiceExample, near: float | None = 0.8, index: HeldOut | None = None) -> list[str]:
    """The kind of each example's one match; "" without any."""
    return [found[0].kind if found else "" for found in (index or held_out(near)).search(examples)]


# ---- exact copies


def wide(text: str) -> str:
    return "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text)


DISGUISES: dict[str, Callable[[str, random.Random], str]] = {
    "capitals": lambda text, _: text.upper(),
    "width": lambda text, _: wide(text),
    "spaces": lambda text, draw: "".join(letter + " \u3000\n"[: draw.randrange(3)] for letter in text),
    "punctuation": lambda text, draw: "".join(letter + draw.choice(["", "", ",", "！", "“", "-"]) for letter in text),
    "no punctuation": lambda text, _: "".join(letter for letter in text if letter.isalnum() or letter == " "),
}


@given(
    row=st.sampled_from([("en", text) for text in ENGLISH] + [("zh", text) for text in CHINESE]),
    worn=st.lists(st.sampled_from(sorted(DISGUISES)), max_size=4),
    seed=st.integers(0, 999),
)
def test_case_width_spaces_and_punctuation_never_hide_a_copy(row: tuple[str, str], worn: list[str], seed: int) -> None:
    language, text = row
    for name in worn:
        text = DISGUISES[name](text, random.Random(seed))
    (found,) = held_out(near=None).search([one(text, language)])
    assert [(match.kind, match.similarity) for match in found] == [("exact", 1.0)]


def test_the_wording_of_a_task_does_not_hide_a_copy() -> None:
    copy = MultipleChoiceExample(["wahr", "falsch"], "Stimmt das?", ENGLISH[0], label=1, language="en")
    assert kinds(copy) == ["exact"]


def test_short_texts_are_found_only_if_they_are_the_same() -> None:
    index = HeldOut()
    index.add("a", "test", [one("Book a table for six."), one("明天会下雨吗？", "zh")])
    rows = (
        one("book a table, for six"),
        one("book a table, for ten"),
        one("明天会下雨吗", "zh"),
        one("明天会下雪吗", "zh"),
    )
    assert kinds(*rows, index=index) == ["exact", "", "exact", ""]


# ---- near copies


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (ENGLISH[0].replace("harbour", "harbor"), "en"),
        (ENGLISH[1].replace("keeps", "kept"), "en"),
        (CHINESE[0].replace("一共", "总共"), "zh"),
        (CHINESE[2].replace("另行通知", "另行通告"), "zh"),
    ],
)
def test_a_small_change_leaves_a_near_copy(text: str, language: str) -> None:
    assert kinds(one(text, language)) == ["near"]
    assert kinds(one(text, language), near=None) == [""]


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The ferry to the mainland was late because of thick fog, but it did leave the harbour.", "en"),
        ("这家面馆的服务员态度很差，等了一个小时才上菜，价格还贵。", "zh"),
    ],
)
def test_another_text_about_the_same_is_no_copy(text: str, language: str) -> None:
    assert kinds(one(text, language)) == [""]


@pytest.mark.parametrize(
    ("language", "premise", "hypothesis", "other", "typo"),
    [
        (
            "en",
            LONG["en"],
            "The museum is in a former station.",
            "The hens belong to the neighbour.",
            "glue made of rice",
        ),
        ("zh", LONG["zh"], "面馆的老板每天起得比村里谁都早，汤也熬得好。", "学生们昨天去了山上。", "总共装了二十多袋"),
    ],
)
def test_a_pair_is_no_copy_of_another_pair_with_the_same_long_premise(
    language: str, premise: str, hypothesis: str, other: str, typo: str
) -> None:
    index = HeldOut()
    index.add("nli", "test", [one(premise, language, textb=hypothesis)])
    changed = premise.replace(*{"en": ("glue made from rice", typo), "zh": ("一共装了二十多袋", typo)}[language])
    assert changed != premise
    rows = (one(premise, language, textb=other), one(changed, language, textb=hypothesis), one(premise, language))
    assert kinds(*rows, index=index) == ["", "near", ""]


@pytest.mark.parametrize(("language", "text", "word"), [("en", ENGLISH[2], "museum"), ("zh", CHINESE[1], "老板")])
def test_a_word_asked_about_does_not_hide_the_text(language: str, text: str, word: str) -> None:
    """One task names the pronoun beside its sentence, another leaves a gap in it."""
    index = HeldOut()
    index.add("coreference", "test", [one(text, language, textb=word)])
    assert kinds(one(text, language), one(text.replace(word, "_"), language), index=index) == ["near", "near"]


def test_the_order_of_a_pair_does_not_hide_it() -> None:
    index = HeldOut()
    index.add("pairs", "test", [one(ENGLISH[0], textb=ENGLISH[3])])
    assert kinds(one(ENGLISH[3], textb=ENGLISH[0]), index=index) == ["exact"]
    assert kinds(one(ENGLISH[3], textb="Well: " + ENGLISH[0]), index=index) == ["near"]


@given(st.lists(st.text("abcdefgh ", min_size=30, max_size=80), min_size=1, max_size=8))
def test_no_row_is_dropped_when_nothing_is_near(texts: list[str]) -> None:
    """Letters that hardly make up a held-out sentence between them."""
    rows = [one(text, id=str(number)) for number, text in enumerate(texts) if text.strip()]
    kept, report = decontaminate(rows, held_out())
    assert (kept, report) == (rows, [])


@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.95])
def test_a_higher_threshold_finds_fewer(threshold: float) -> None:
    text = ENGLISH[0]
    rows = [one(text[: len(text) - cut] + "z" * cut) for cut in range(0, 60, 2)]
    for row, found in zip(rows, held_out(threshold).search(rows), strict=True):
        assert all(match.similarity >= threshold for match in found)
        lower = held_out(0.5).search([row])[0]
        assert {match.id for match in found} <= {match.id for match in lower}


@pytest.mark.parametrize("near", [0.0, 0.4, 0.99, 1.5])
def test_a_threshold_that_makes_no_sense_is_refused(near: float) -> None:
    with pytest.raises(InputError, match=r"near is .*; it must be from 0\.5 to 0\.95"):
        HeldOut(near)


# ---- contained texts


@pytest.mark.parametrize(("language", "texts"), [("en", ENGLISH), ("zh", CHINESE)])
def test_a_held_out_text_is_found_within_a_longer_one(language: str, texts: tuple[str, ...]) -> None:
    (found,) = held_out().search([one(LONG[language], language)])
    assert {match.kind for match in found} == {"contained"}
    assert found[0].similarity == pytest.approx(max(map(len, texts)) / len(LONG[language]), abs=0.05)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_text_is_found_within_a_held_out_one_if_it_is_most_of_it(language: str) -> None:
    index = HeldOut()
    index.add("long", "test", [one(LONG[language], language)])
    length = len(LONG[language])
    most, little = LONG[language][: length * 7 // 10], LONG[language][: length * 3 // 10]
    assert kinds(one(most, language), one(little, language), index=index) == ["contained", ""]


@pytest.mark.parametrize(("language", "window"), [("en", 48), ("zh", 16)])
@pytest.mark.parametrize("more", [0, 1, 3, 6, 7, 8, 9])
@pytest.mark.parametrize("before", range(9))
def test_a_text_of_a_window_or_hardly_more_is_found_wherever_it_stands(
    language: str, window: int, more: int, before: int
) -> None:
    draw = random.Random(f"{language} {more} {before}")
    letters = "abcdefghijklmnopqrstuvwxyz" if language == "en" else "".join(map(chr, range(0x4E00, 0x4F00)))
    counts = window + more, before, window * 3 // 4 - before
    inner, start, end = ("".join(draw.choices(letters, k=count)) for count in counts)
    index = HeldOut()
    index.add("held", "test", [one(f"{start}{inner}{end}", language)])
    assert kinds(one(inner, language), one(inner[: window - 1], language), index=index) == ["contained", ""]


@given(language=st.sampled_from(["en", "zh"]), before=st.integers(0, 9), length=st.integers(10, 90))
def test_what_is_found_within_a_text_does_not_depend_on_what_stands_beside_it(
    language: str, before: int, length: int
) -> None:
    held, row = one(LONG[language][: 2 * length - 9], language), one(LONG[language][:length], language)
    alone, among = HeldOut(), HeldOut()
    alone.add("long", "test", [held])
    among.add("long", "test", [one("x" * before + "?", language), held])
    expected = alone.search([row])
    assert among.search([row]) == expected
    assert among.search([one("y" * before + "!", language), row])[1:] == expected


# ---- what is counted and what is kept


def test_a_row_counts_for_every_set_that_it_stands_in_and_is_dropped_once() -> None:
    index = held_out()
    index.add("again", "validation", many(ENGLISH[:2], "en", "again"))
    rows = many((*ENGLISH, "Nothing that anyone holds out, a sentence of its own."), "en", "mine")
    kept, report = decontaminate(rows, index)
    assert kept == rows[-1:]
    assert report == [
        OverlapRow("mine", "again", "validation", exact=2, near=0, contained=0),
        OverlapRow("mine", "english", "test", exact=4, near=0, contained=0),
    ]


def test_a_match_says_which_held_out_row_it_is() -> None:
    (found,) = held_out().search([one(CHINESE[3], "zh")])
    assert found == (Match("chinese", "test", "3", "exact", 1.0),)


def test_the_best_match_of_a_set_is_the_one_that_counts() -> None:
    index = HeldOut()
    index.add("a", "test", [one(ENGLISH[0] + " Indeed.", id="near"), one(ENGLISH[0], id="exact")])
    (found,) = index.search([one(ENGLISH[0].lower())])
    assert [(match.id, match.kind) for match in found] == [("exact", "exact")]


def test_rows_are_kept_in_their_order_with_repeats() -> None:
    fresh = [one(f"Sentence number {number} of a list that nobody holds out.", id=str(number)) for number in (3, 1, 3)]
    kept, _ = decontaminate([fresh[0], one(ENGLISH[0]), fresh[1], fresh[2]], held_out())
    assert kept == fresh


@pytest.mark.parametrize("rows", [[], [one("lone")]])
def test_nothing_held_out_drops_nothing(rows: list[MultipleChoiceExample]) -> None:
    assert decontaminate(rows, HeldOut()) == (rows, [])


@given(st.randoms(use_true_random=False))
def test_order_changes_nothing(draw: random.Random) -> None:
    held = [*many(ENGLISH, "en", "english"), *many(CHINESE, "zh", "chinese")]
    rows = [one(text, example.language) for example in held for text in (example.passage, example.passage[4:], "x")]
    first, second = HeldOut(), HeldOut()
    for example in held:
        first.add(example.task, "test", [example])
    for example in draw.sample(held, len(held)):
        second.add(example.task, "test", [example])
    expected = dict(zip(rows, first.search(rows), strict=True))
    shuffled = draw.sample(rows, len(rows))
    assert dict(zip(shuffled, second.search(shuffled), strict=True)) == expected


def test_sets_can_be_added_after_a_search() -> None:
    index = HeldOut()
    row = one(ENGLISH[0].replace("harbour", "harbor"))
    index.add("a", "test", many(ENGLISH[1:], "en", "a"))
    assert kinds(row, index=index) == [""]
    index.add("b", "test", many(ENGLISH, "en", "b"))
    assert kinds(row, index=index) == ["near"]


# ---- the command


def card(folder: Path, name: str, language: str, train: tuple[str, ...], test: tuple[str, ...]) -> str:
    rows = {"train": [{"t": text, "y": 0} for text in train], "test": [{"t": text, "y": 0} for text in test]}
    content = {"name": name, "kind": "classification", "language": language, "passage": "{t}", "rows": rows}
    content["labels"] = {"column": "y", "values": {"0": "yes", "1": "no"}}
    path = folder / f"{name}.yaml"
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return str(path)


def said(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    capsys.readouterr()
    with mock.patch("sys.argv", ["unimc", "overlaps", *map(str, arguments)]), pytest.raises(SystemExit) as ended:
        main()
    captured = capsys.readouterr()
    assert (ended.value.code or 0) == code, captured.err
    return captured.err if code else captured.out


@pytest.mark.parametrize(("language", "texts"), [("en", ENGLISH), ("zh", CHINESE)])
def test_overlaps_prints_counts_and_shares(
    language: str, texts: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = card(tmp_path, "mine", language, (texts[0], texts[1] + "嗯"), ("[b]",))
    theirs = card(tmp_path, "theirs", language, ("[b]",), texts)
    rows = [line.replace("│", " ").split() for line in said(capsys, mine, "--against", theirs).splitlines()]
    assert ["mine:train", "theirs:test", "2", "1", "1", "0", "100.00%"] in rows
    exact = [line.replace("│", " ").split() for line in said(capsys, mine, "--against", theirs, "--exact").splitlines()]
    assert ["mine:train", "theirs:test", "2", "1", "0", "0", "50.00%"] in exact
    none = said(capsys, f"{mine}:test", "--against", f"{theirs}:test")
    assert "none of them" in none


def test_overlaps_shows_pairs_side_by_side_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    theirs = "一只 [red]猫[/] 在屋顶上睡着了"
    mine = card(tmp_path, "mine", "zh", ("一只[red]猫[/]在屋顶上睡着了。",), ("x",))
    other = card(tmp_path, "theirs", "zh", ("x",), (theirs,))
    out = said(capsys, mine, "--against", other, "--examples", 1)
    assert "exact: mine:train in theirs:test" in out
    assert theirs in out
    assert "一只[red]猫[/]在屋顶上睡着了。" in out
    assert theirs not in said(capsys, mine, "--against", other)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("sample_en_topic:test", "--against", "sample_en_topic:test"), "sample_en_topic:test: on both sides"),
        (("sample_zh_topic", "--against", ","), "--against is empty"),
        (("sample_zh_topic", "--against", "sample_zh_topci"), "did you mean"),
        (("sample_zh_topic", "--against", "sample_zh_topic", "--near", "7"), "near is 7"),
    ],
)
def test_overlaps_says_what_is_wrong(
    arguments: tuple[str, ...], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert problem in said(capsys, *arguments, code=2)
