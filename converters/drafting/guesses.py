"""Guesses at what the columns of an unknown file are for. Each says what else would have fitted.

A guess is only made where something speaks for one column: its name, or its values. Where several would do equally
well it isn't `sure`, and the user has to say.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from converters import values
from converters.drafting.columns import Column, han_share
from converters.template import Row

LABEL_NAMES = (
    *(
        "label_text",
        "label_name",
        "label",
        "labels",
        "gold_label",
        "category",
        "categories",
        "class",
        "topic",
        "intent",
    ),
    *("sentiment", "emotion", "stance", "target", "tag", "tags", "type", "department", "rating", "stars", "score", "y"),
    *("标签", "标注", "类别", "分类", "类目", "意图", "情感", "情绪", "态度", "立场", "主题", "话题", "类型", "部门"),
    *("评分", "星级", "评级"),
)
_ANSWER_NAMES = ("answer", "answerkey", "answer_idx", "correct", "gold", "solution", "答案", "正确答案", "正确选项")
_OPTION_NAMES = ("options", "choices", "choice", "candidates", "endings", "选项", "候选", "备选")
_QUESTION_NAMES = ("question", "query", "problem", "prompt", "问题", "题目", "题干", "提问")
_PASSAGE_NAMES = (
    *("passage", "context", "article", "document", "paragraph", "story", "text", "texta", "premise"),
    *("文章", "材料", "正文", "背景", "段落", "上下文", "文本", "原文"),
)
_ID_NAMES = ("id", "idx", "index", "uid", "guid", "uuid", "qid", "pid", "key", "no", "编号", "序号", "标识")
_PAIRS = (("premise", "hypothesis"), ("前提", "假设"), ("query", "document"), ("查询", "文档"), ("texta", "textb"))
_NUMBERED = re.compile(r"(?P<stem>.*?)[ _-]?(?P<mark>[A-Ha-h]|[0-8]|[一二三四五六])$")
_OPTION_STEMS = ("", "option", "choice", "ending", "candidate", "answer", "opt", "ans", "sol", "选项", "候选", "答案")
MOST_LABELS = 1000
_MOST_UNNAMED_LABELS = 200
_LONGEST_LABEL = 40


@dataclass(frozen=True)
class Found:
    """Columns guessed for a part of a card.

    Args:
        columns: the guess; () = none fits.
        others: what would fit too.
        sure: whether the guess is better than `others`; otherwise the user must say.
    """

    columns: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    sure: bool = True


def _plain_name(name: str) -> str:
    return name.strip().casefold().replace(" ", "_").replace("-", "_")


def _named(columns: Sequence[Column], known: Sequence[str]) -> list[Column]:
    """The columns with one of the known names, in the order of those."""
    by_name = {_plain_name(column.name): column for column in reversed(columns)}
    return [by_name[name] for name in known if name in by_name]


def nested_options(columns: Sequence[Column]) -> str | None:
    """A column named as options are that holds mappings: a form which is not drafted."""
    return next((one.name for one in _named(columns, _OPTION_NAMES) if one.mapping), None)


def id_column(columns: Sequence[Column], rows: int) -> str | None:
    """The column that numbers the rows: named so, and different in every row."""
    found = [one for one in _named(columns, _ID_NAMES) if one.plain and one.distinct == rows and one.addressable]
    return found[0].name if found else None


def options(columns: Sequence[Column]) -> Found:
    """The column that holds a list of options, or several that hold one option each; empty if rows have no options."""
    named = {column.name for column in _named(columns, _OPTION_NAMES)}
    lists = [one for one in columns if one.lists and not one.mapping and (one.longest_list or 0) > 1]
    # Labels repeat from row to row; options of one's own mostly don't.
    fit = [one.name for one in lists if one.name in named or one.distinct * 2 > one.filled]
    fit = [name for name in fit if _plain_name(name) not in LABEL_NAMES]
    if fit:
        first = next((name for name in fit if name in named), fit[0])
        return Found((first,), tuple(name for name in fit if name != first), len(fit) == 1 or first in named)
    series: dict[str, list[str]] = {}
    for column in columns:
        match = _NUMBERED.fullmatch(column.name.strip())
        if not match or not column.plain or _plain_name(match["stem"]) not in _OPTION_STEMS:
            continue
        if match["stem"] or match["mark"].isalpha():  # "1" to "4" alone are too often measurements
            series.setdefault(_plain_name(match["stem"]), []).append(column.name)
    best = max(series.values(), key=len, default=[])
    return Found(tuple(best)) if len(best) > 1 and _follow(best) else Found()


def only_a_list(found: Found, rows: Sequence[Row], label: str) -> bool:
    """Whether a list that was taken for options is something else (tokens, tags): it is not called so, and the labels
    say nothing of its entries."""
    if len(found.columns) != 1 or _plain_name(found.columns[0]) in _OPTION_NAMES:
        return False
    lists = [row.get(found.columns[0]) for row in rows]
    return not answer_rules(rows, label, [list(map(str, one)) if isinstance(one, list) else [] for one in lists])


def _follow(names: Sequence[str]) -> bool:
    """Whether names are A, B, C or 1, 2, 3, and so on."""
    marks = [name.strip()[-1].upper() for name in names]
    order = [*"ABCDEFGH"], [*"012345678"], [*"一二三四五六"]
    return any(
        all(b in run and a in run and run.index(b) == run.index(a) + 1 for a, b in pairwise(marks)) for run in order
    )


def label(columns: Sequence[Column], rows: Sequence[Row], excluded: Collection[str] = ()) -> Found:
    """The column with the labels; empty if none looks like it, which means that the rows are unlabelled."""
    able = [
        one
        for one in columns
        if one.name not in excluded and (one.plain or (one.lists and not one.mapping)) and one.distinct >= 1
    ]
    named = [one for one in _named(able, LABEL_NAMES) if one.distinct <= MOST_LABELS and (_short(one) or _repeats(one))]
    strict = [
        one
        for one in able
        if one not in named
        and one.plain
        and 2 <= one.distinct <= _MOST_UNNAMED_LABELS
        and _repeats(one)
        and _short(one)
    ]
    others = tuple(one.name for one in strict)
    if named:
        # `label: 0` beside `label_text: sports`: the words say what the numbers mean.
        worded = [one for one in (*named, *strict) if named[0].numeric and not one.numeric]
        first = next((one for one in worded if _same(one, named[0], rows)), named[0])
        rest = [one.name for one in (*named, *strict) if one is not first]
        return Found((first.name,), tuple(rest))
    return Found(others[:1], others[1:], len(others) <= 1)


def _same(one: Column, other: Column, rows: Sequence[Row]) -> bool:
    """Whether two columns say the same in other words: each value of one goes with one of the other."""
    together = {(values.key(row.get(one.name)), values.key(row.get(other.name))) for row in rows}
    return len(together) == one.distinct == other.distinct


def _repeats(column: Column) -> bool:
    return column.distinct * 2 <= column.filled


def _short(column: Column) -> bool:
    """Whether its values could be labels by their form: no long texts, no measurements."""
    return column.mean_length <= _LONGEST_LABEL and not (
        column.numeric and any("." in value for value in column.counts)
    )


def texts(columns: Sequence[Column], excluded: Collection[str] = ()) -> Found:
    """The column that is judged: the longest texts, if no others are of their kind; or two that are named as a pair.

    Addresses, identifiers and times are longer than many a title, and are none.
    """
    able = [one for one in columns if one.name not in excluded and one.plain and not one.numeric]
    for pair in _pairs(able):
        return Found(pair, tuple(one.name for one in able if one.name not in pair))
    able = [one for one in able if not one.coded]
    varied = [one for one in able if one.distinct * 2 > one.filled] or able
    longest = max((one.mean_length for one in varied), default=0.0)
    fit = [one.name for one in varied if one.mean_length * 3 >= longest]
    others = tuple(one.name for one in able if one.name not in fit)
    if len(fit) > 1:
        return Found((), tuple(fit), sure=False)
    return Found(tuple(fit), others)


def _pairs(able: Sequence[Column]) -> list[tuple[str, str]]:
    names = {_plain_name(one.name): one.name for one in able}
    found = [(names[first], names[second]) for first, second in _PAIRS if first in names and second in names]
    for name in names:
        match = _NUMBERED.fullmatch(name)
        if match and match["stem"] and match["mark"] in "1a一":
            second = f"{name[:-1]}{chr(ord(match['mark']) + 1) if match['mark'] != '一' else '二'}"
            if second in names:
                found.append((names[name], names[second]))
    return found


def question_and_passages(columns: Sequence[Column], excluded: Collection[str]) -> tuple[str | None, tuple[str, ...]]:
    """For rows with options of their own: the column that asks, and what is asked about, all by name.

    What is asked about is a column, or two that are named as a pair; nothing if no column is named so.
    """
    able = [one for one in columns if one.name not in excluded and (one.plain or (one.lists and not one.mapping))]
    asks = next((one.name for one in _named(able, _QUESTION_NAMES)), None)
    about = next((one.name for one in _named(able, _PASSAGE_NAMES) if one.name != asks), None)
    if about is None:
        return asks, ()
    pairs = _pairs([one for one in able if one.name != asks])
    return asks, next((pair for pair in pairs if pair[0] == about), (about,))


def answer(columns: Sequence[Column], excluded: Collection[str]) -> Found:
    """The column that says which of a row's own options is right, by name."""
    able = [one for one in columns if one.name not in excluded and one.plain]
    named = [one.name for one in _named(able, (*_ANSWER_NAMES, *LABEL_NAMES))]
    return Found(tuple(named[:1]), tuple(named[1:]))


def answer_rules(rows: Sequence[Row], column: str, listed: Sequence[Sequence[str]]) -> list[Mapping[str, Any]]:
    """Every reading of an answer column that fits all rows: the option's text, its letter, or its index from 0 or 1.

    Args:
        rows: the rows.
        column: that of the answers.
        listed: the options of each row.
    """
    pairs = [
        (values.key(row[column]).strip(), [option.strip() for option in options])
        for row, options in zip(rows, listed, strict=True)
        if row.get(column) is not None and str(row[column]).strip()
    ]

    def letter(text: str, count: int) -> bool:
        return len(text) == 1 and text.isascii() and text.isalpha() and ord(text.upper()) - ord("A") < count

    found: list[Mapping[str, Any]] = []
    if pairs and all(text in options for text, options in pairs):
        found.append({"column": column, "is": "text"})
    if pairs and all(letter(text, len(options)) for text, options in pairs):
        found.append({"column": column, "is": "letter"})
    for start in (0, 1):
        if pairs and all(text.isdecimal() and 0 <= int(text) - start < len(options) for text, options in pairs):
            found.append({"column": column, "is": "index", **({"start": 1} if start else {})})
    return found


def language(texts: Sequence[str]) -> tuple[str | None, float | None]:
    """`en` or `zh`, and the share of Han characters; None where the texts are too mixed, or in neither script."""
    share = han_share(texts)
    if share is None or 0.2 < share < 0.5:
        return None, share
    return ("zh" if share >= 0.5 else "en"), share
