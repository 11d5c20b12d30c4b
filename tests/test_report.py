"""The report of an evaluation: labels, confusions, mistakes, cost; as Markdown and as a page."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import launching
import pytest
import terminal
from evaluated import TOPICS, evaluation, riddles, sure, tags, topics
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from unimc import confusion, cost, document_html, document_markdown, fonts, inert, mistakes, plots, report, sizes
from unimc.document import Document, Items, Marked, Paragraph, Picture, Section
from unimc.evaluation import Evaluation

RIGHT = ["weather", "weather", "weather", "sport", "sport", "food", "food"]
GIVEN = ["weather", "sport", "sport", "sport", "weather", "weather", "weather"]


def lines_of(found: Evaluation) -> list[Any]:
    return [result.lines() for result in found.tasks]


@pytest.fixture(scope="module")
def three() -> Evaluation:
    """Fixed labels, options of each example's own, several labels."""
    return evaluation(
        (topics(RIGHT), [sure(name, score=0.6 + place / 20) for place, name in enumerate(GIVEN)]),
        (riddles([0, 1, 2, 2]), [sure("a0"), sure("a1"), sure("a2"), sure("c3")]),
        (tags([["体育"], [], ["体育", "财经"]]), [sure("体育"), sure("音乐"), sure("财经")]),
    )


def markdown(found: Evaluation) -> str:
    return document_markdown.written(report.document(found.to_dict(), lines_of(found), plots.FILES))


def rows(text: str, title: str) -> list[list[str]]:
    """Cells of the table below a title, without its head."""
    section = text.split(f"## {title}\n")[1].split("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[2:]]


# ---- labels


def test_precision_recall_and_f1_are_those_of_scikit_learn() -> None:
    lines = [{"gold": gold, "answer": given} for gold, given in zip(RIGHT, GIVEN, strict=True)]
    found = confusion.counts(TOPICS, lines)
    expected = precision_recall_fscore_support(RIGHT, GIVEN, labels=TOPICS, zero_division=0)
    assert [one.precision or 0 for one in found] == pytest.approx(expected[0])
    assert [one.recall for one in found] == pytest.approx(expected[1])
    assert [one.f1 for one in found] == pytest.approx(expected[2])
    assert [one.right for one in found] == [*expected[3]]
    assert confusion.matrix(TOPICS, lines) == confusion_matrix(RIGHT, GIVEN, labels=TOPICS).tolist()


def test_a_figure_that_is_not_defined_is_no_zero() -> None:
    (never_given, nowhere) = confusion.counts(["a", "b"], [{"gold": "a", "answer": "c"}])
    assert (never_given.precision, never_given.recall, never_given.f1) == (None, 0.0, 0.0)
    assert (nowhere.precision, nowhere.recall, nowhere.f1) == (None, None, None)


def test_few_labels_have_their_matrix_as_a_table(three: Evaluation) -> None:
    text = markdown(three)
    assert rows(text, "#1 topics: confusion matrix") == [
        ["1", "weather", "1", "2", "0"],
        ["2", "sport", "1", "1", "0"],
        ["3", "food", "2", "0", "0"],
    ]
    assert rows(text, "#1 topics: labels")[2] == ["3", "food", "2", "0", "–", "0.0", "0.0"]


def test_of_many_labels_the_most_confused_pairs_are_listed() -> None:
    names = [f"标签{number}" for number in range(20)]
    right = [names[0], names[0], names[0], names[1], names[2]]
    given = [names[1], names[1], names[0], names[0], names[2]]
    text = markdown(evaluation((topics(right, labels=names), [sure(name) for name in given])))
    assert rows(text, "#1 topics: most confused pairs") == [
        ["标签0", "标签1", "2", "66.7", "1"],
        ["标签1", "标签0", "1", "100.0", "2"],
    ]
    assert "17 that no example has and none got" in text
    assert [row[0] for row in rows(text, "#1 topics: labels")] == ["1", "2", "3"]


def test_where_several_labels_may_hold_each_is_counted_for_itself(three: Evaluation) -> None:
    text = markdown(three)
    assert rows(text, "#3 标签: labels") == [
        ["1", "体育", "2", "1", "100.0", "50.0", "66.7"],
        ["2", "音乐", "0", "1", "0.0", "–", "0.0"],
        ["3", "财经", "1", "1", "100.0", "100.0", "100.0"],
    ]
    assert "标签: confusion" not in text


def test_options_of_each_examples_own_are_counted_by_their_place(three: Evaluation) -> None:
    """A model that leans towards the first option shows."""
    found = rows(markdown(three), "#2 riddles: places of the options")
    assert [row[1:4] for row in found] == [["option 1", "1", "3"], ["option 2", "1", "0"], ["option 3", "2", "1"]]


# ---- mistakes


def test_the_surest_mistakes_come_first_with_their_texts(three: Evaluation) -> None:
    found = rows(markdown(three), "#1 topics: surest mistakes")
    assert [row[0] for row in found] == ["90.0", "85.0", "80.0", "70.0", "65.0"]
    assert found[0] == ["90.0", "weather", "food", "0.0", "no 6: food", "t/6"]


def test_where_rows_differ_in_their_question_it_is_shown(three: Evaluation) -> None:
    assert [row[4] for row in rows(markdown(three), "#2 riddles: surest mistakes")] == ["what is 1", "what is 2"]
    assert "what is it about" not in markdown(three)


def test_a_question_that_holds_a_hypothesis_is_shown_too() -> None:
    task = topics(["food", "food"])
    asked = [replace(one, question=f"does no {place} follow") for place, one in enumerate(task.examples)]
    found = evaluation((replace(task, examples=asked), [sure("sport")] * 2))
    expected = [f"does no {place} follow ‖ no {place}: food" for place in (0, 1)]
    assert [row[4] for row in rows(markdown(found), "#1 topics: surest mistakes")] == expected


def test_a_wrong_set_of_labels_is_as_sure_as_its_surest_wrong_decision(three: Evaluation) -> None:
    found = rows(markdown(three), "#3 标签: surest mistakes")
    assert found == [
        ["100.0", "财经", "体育, 财经", "0.0", "第2条", "m/2"],  # 体育 was left out at a score of 0
        ["90.0", "音乐", "(none)", "–", "第1条", "m/1"],
    ]


def test_a_task_without_mistakes_has_no_such_table() -> None:
    found = evaluation((topics(["food"]), [sure("food")]))
    assert "surest mistakes" not in markdown(found)


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("short", 10, "short"),
        ("one two three four five six seven eight", 24, "one two three … eight"),
        ("天" * 30, 12, "天天天天天 … 天天天天"),
    ],
)
def test_a_long_text_is_cut_in_the_middle_between_words(text: str, most: int, expected: str) -> None:
    assert inert.cut(text, most) == expected
    assert len(inert.cut(text, most)) <= most


@pytest.mark.parametrize("count", [1, 3, 200])
def test_so_many_mistakes_are_listed_and_all_are_counted(count: int) -> None:
    found = evaluation((topics(["food"] * count), [sure("sport")] * count))
    assert len(rows(markdown(found), "#1 topics: surest mistakes")) == min(count, mistakes.COUNT)
    assert f"of {count} wrong answers in {count} examples" in markdown(found)


# ---- cost


def test_the_cost_of_every_task_and_of_all_is_given(three: Evaluation) -> None:
    assert rows(markdown(three), "Cost") == [
        ["1", "topics", "7", "7", "70", "2.0", "3.5", "35", "285.7"],
        ["2", "riddles", "4", "4", "40", "2.0", "2.0", "20", "500.0"],
        ["3", "标签", "3", "3", "30", "2.0", "1.5", "15", "666.7"],
        ["", "all", "14", "14", "140", "6.0", "2.3", "23", "428.6"],
    ]


def test_what_nobody_counted_or_timed_is_no_zero() -> None:
    task = {"task": "topics", "examples": 7, "rows": 7, "tokens": 0, "seconds": 0.0}
    assert cost.section({"tasks": [task]}).rows == [["1", "topics", "7", "7", "–", "0.0", "–", "–", "–"]]


def test_memory_is_said_where_it_is_known(three: Evaluation) -> None:
    assert "GiB" not in markdown(three)
    known = replace(three, settings={**three.settings, "peak_memory": {"process": 3 * 2**29, "gpu": 2**31}})
    assert "1.50 GiB of the (main) process, 2.00 GiB of its GPU" in markdown(known)


def test_the_peak_of_this_process_is_measured() -> None:
    assert cost.peak_memory("cpu").get("process", 2**30) > 2**24


def test_an_evaluation_records_its_memory_and_writes_both_forms(tmp_path: Path) -> None:
    arguments = ["--model", launching.sample_model(), "--tasks", "sample_zh_riddle", "--limit", 4, "--resamples", 0]
    said = terminal.unimc("evaluate", *arguments, "--output", tmp_path)
    assert said.code == 0, said.err
    for name in ("report.md", "report.html"):
        assert "GiB of the (main) process" in (tmp_path / name).read_text(encoding="utf-8")


# ---- the page


def test_the_page_needs_nothing_but_itself(three: Evaluation) -> None:
    page = report.files(three.to_dict(), lines_of(three))["report.html"].decode()
    assert "<script" not in page
    assert "http:" not in page
    assert "https:" not in page
    assert not re.findall(r"<(?:link|iframe|object|embed|base)\b", page)
    assert "default-src 'none'" in page
    assert all(source.startswith("data:image/png;base64,") for source in re.findall(r'src="([^"]*)"', page))


def test_both_forms_say_the_same(three: Evaluation) -> None:
    files = report.files(three.to_dict(), lines_of(three))
    text, page = files["report.md"].decode(), files["report.html"].decode()
    titles = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert re.findall(r"<h2 [^>]*>(.*?)</h2>", page) == titles
    assert re.findall(r'<a href="#s\d+">(.*?)</a>', page) == titles
    assert page.count("<tr>") == sum(line.startswith("|") for line in text.splitlines()) - text.count("\n| ---")
    assert page.count("<img") == text.count("\n![")


def test_our_own_marks_count_and_a_users_do_not() -> None:
    document = Document(
        "a *title*", [Paragraph(["*plain* ", Marked("*marked* `code`")]), Items([Marked("an *item*"), "an *item*"])]
    )
    assert document_markdown.written(document).splitlines() == [
        r"# a \*title\*",
        "",
        r"\*plain\* *marked* `code`",
        "",
        "- an *item*",
        r"- an \*item\*",
    ]
    page = document_html.written(document, {})
    assert "<p>*plain* <em>marked</em> <code>code</code></p>" in page
    assert "<li>an <em>item</em></li>" in page
    assert "<li>an *item*</li>" in page


def test_a_text_that_is_put_together_is_no_longer_marked() -> None:
    marked = Marked("*ours*")
    for together in (marked + "*theirs*", f"{marked}*theirs*", marked.replace("*", ""), "".join([marked])):
        assert not isinstance(together, Marked)


def test_a_section_is_the_same_table_on_the_terminal() -> None:
    table = Section("one", ("task", "value"), [["天气", "1"]], Marked("*x* is")).table()
    assert (table.row_count, str(table.title), str(table.caption)) == (1, "one", "x is")


# ---- pictures


def test_every_task_with_fixed_labels_has_a_picture_of_its_confusions(three: Evaluation, tmp_path: Path) -> None:
    three.write(tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert [path.name for path in tmp_path.glob("confusion*")] == ["confusion-1.png"]
    assert text.count("(confusion-") == 1


def test_pictures_of_an_earlier_evaluation_go(three: Evaluation, tmp_path: Path) -> None:
    many = evaluation(*[(topics(RIGHT, name=f"task {number}"), [sure("food")] * 7) for number in range(3)])
    many.write(tmp_path)
    assert len([*tmp_path.glob("confusion-*.png")]) == 3
    (tmp_path / "mine.png").write_bytes(b"mine")
    three.write(tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        "confusion-1.png",
        "mine.png",
        "plot.png",
        "reliability.png",
    ]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [2, 13, 41])
def test_confusions_of_any_number_of_labels_of_any_name_are_drawn(count: int) -> None:
    names = ["$x^{{{}", "标签{}", "label {}", "\n\x1b{}", "😀 {}"]
    labels = [names[number % 5].format(number) for number in range(count)]
    found = evaluation((topics(labels, labels=labels), [sure(labels[0])] * count))
    drawn = plots.drawn(found.to_dict(), lines_of(found))
    assert drawn["confusion-1.png"].startswith(b"\x89PNG")


def test_letters_without_a_font_are_not_drawn_as_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number stands for the name, and the table of labels says which it is."""
    monkeypatch.setattr(fonts, "families", lambda: ["DejaVu Sans"])
    assert fonts.can_draw("weather, Wetter, погода")
    assert not fonts.can_draw("天气")
    assert plots._numbered(3, "天气") == "3"
    assert plots._numbered(3, "weather") == "3 weather"


def test_a_font_with_chinese_is_used_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    class Font:
        name = "WenQuanYi Micro Hei"

    monkeypatch.setattr("matplotlib.font_manager.fontManager.ttflist", [Font()])
    assert fonts.families() == ["DejaVu Sans", "WenQuanYi Micro Hei"]


def test_a_picture_is_within_the_page_and_beside_the_markdown() -> None:
    document = Document("one", [Picture("a.png", "what it shows")])
    assert "![what it shows](a.png)" in document_markdown.written(document)
    assert 'src="data:image/png;base64,UE5H" alt="what it shows"' in document_html.written(document, {"a.png": b"PNG"})


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, ""), (999, "999"), (999.6, "1K"), (999_499, "999K"), (999_600, "1M"), (22_714_000, "22.7M"),
     (999_999_999, "1B"), (1.3e9, "1.3B"), (2e12, "2000B")],
)  # fmt: skip
def test_a_count_is_rounded_before_its_unit_is_chosen(count: float | None, text: str) -> None:
    assert sizes.short(count) == text
    assert (sizes.parsed(text) or 0) == pytest.approx(count or 0, rel=0.01)
