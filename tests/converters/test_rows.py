"""Row functions: what each makes of a row, and what it says of a row that it can't use."""

from __future__ import annotations

from typing import Any

import pytest

from converters import rows
from converters.conversion import reshaped
from converters.task import Task
from unimc import InputError

MARKED = {"span1_index": 0, "span1_text": "小猫", "span2_index": 6, "span2_text": "它"}


@pytest.mark.parametrize(
    ("function", "row", "changed"),
    [
        (
            "strip_letters",
            {"options": ["(A)red", "B. blue", "（C）绿", "D、白", "Apple"]},
            ["red", "blue", "绿", "白", "Apple"],
        ),
        ("order_letters", {"options": ["A.甲", "C 丙", "B。乙"]}, ["甲", "乙", "丙"]),
    ],
)
def test_options_lose_their_letters(function: str, row: dict[str, Any], changed: list[str]) -> None:
    (found,) = reshaped(function, row)
    assert found["options"] == changed


@pytest.mark.parametrize(
    ("function", "row", "column", "value"),
    [
        ("clue_nli", {"label": 1}, "label", "entailment"),
        ("clue_nli", {"label": -1}, "label", None),
        ("clue_nli", {"label": "neutral"}, "label", "neutral"),
        ("clue_tnews", {"label": 0}, "label", "100"),
        ("clue_tnews", {"label": 14}, "label", "116"),
        ("control_nli", {"label": "c"}, "label", "contradiction"),
        ("event_types", {"event_list": [{"event_type": "比赛"}, {"event_type": "结婚"}]}, "event_types",
         ["比赛", "结婚"]),
        ("financial_events", {"events": [{"type": "投资"}]}, "event_types", ["投资"]),
        ("atis", {"category": "atis_fare#atis_meal"}, "category", ["atis_fare", "atis_meal"]),
        ("cluewsc", {"text": "小猫渴了，便它喝水。", "target": MARKED, "label": 0}, "label", "true"),
        ("cluewsc", {"text": "小猫渴了，便它喝水。", "target": MARKED, "label": 1}, "text",
         "【小猫】渴了，便【它】喝水。"),
        ("wsc", {"text": "Ann paid Eve because she won.", "span2_text": "she", "span2_index": 4}, "text",
         "Ann paid Eve because *she* won."),
        ("wsc", {"text": "Ann paid Eve because she won.", "span2_text": "she", "span2_index": 5}, "text",
         "Ann paid Eve because *she* won."),
        ("mark_pronoun", {"sentence": "Ann called; she rang.", "pronoun": "she"}, "sentence",
         "Ann called; *she* rang."),
        ("mark_pronoun", {"sentence": "She said she rang.", "pronoun": "said she"}, "sentence", "She *said she* rang."),
        ("winogender", {"sentence": "The cook met someone; he sat.", "pronoun": "he", "occupation": "cook",
                        "participant": "someone"}, "candidates", ["the cook", "someone"]),
        ("blank_pronoun", {"text": "Ann said she won.", "pronoun": "she", "pronoun_loc": 9}, "text", "Ann said _ won."),
        ("join_keywords", {"keyword": ["水稻", "产量"]}, "keyword", "水稻、产量"),
        ("idiom_blank", {"content": "他#idiom#地跑了。"}, "content", "他____地跑了。"),
        ("how_to_marks", {"ctx": "[header] How to rest [title] Sit [step] Breathe", "endings": ["[step] Sleep."]},
         "ctx", "How to rest. Sit. Breathe"),
        ("copa_in_chinese", {"question": "effect"}, "question", "结果"),
        ("title_and_content", {"title": "", "content": "雨停了"}, "content", "雨停了"),
        ("title_and_content", {"title": "天气", "content": "雨停了"}, "content", "天气\n雨停了"),
        ("question_and_answer", {"question_title": "Why?", "question_content": None, "best_answer": "So."}, "text",
         "Why?\nSo."),
        ("reuters", {"title": "CORN UP", "text": "******Blah blah blah."}, "text", "CORN UP"),
    ],
)  # fmt: skip
def test_a_column_becomes(function: str, row: dict[str, Any], column: str, value: Any) -> None:
    (found,) = reshaped(function, row)
    assert found[column] == value
    assert {**row, **found} == {**found}  # nothing of the row is lost


def test_a_text_with_several_blanks_becomes_several_rows() -> None:
    row = {"context": "早上[BLANK1]，晚上[BLANK2]。", "choices": ["起床", "睡觉"], "answers": [0, 1]}
    first, second = reshaped("sentence_blanks", row)
    assert (first["context"], first["answer"]) == ("早上____，晚上……。", 0)
    assert (second["context"], second["answer"]) == ("早上……，晚上____。", 1)
    idioms = {"content": ["#idiom1#而废，不可#idiom2#。"], "candidates": ["半途", "放弃"],
              "answers": [{"candidate_id": 0}, {"candidate_id": 1}]}  # fmt: skip
    assert [found["content"] for found in reshaped("idiom_blanks", idioms)] == [
        "____而废，不可……。",
        "……而废，不可____。",
    ]


def test_the_examples_of_one_row_have_ids_of_their_own() -> None:
    task = Task(
        name="t",
        kind="multiple_choice",
        language="zh",
        row="sentence_blanks",
        question="填哪一句？",
        passage="{context}",
        options="choices",
        answer={"column": "answer", "is": "index"},
        rows={
            "test": [{"context": "早上[BLANK1]，晚上[BLANK2]。", "choices": ["起床", "睡觉"], "answers": [0, 1]}] * 2
        },
    )
    assert [example.id for example in task.load("test")] == ["test/0.0", "test/0.1", "test/1.0", "test/1.1"]
    with pytest.raises(InputError, match="the row becomes 2 examples; use convert_all"):
        task.convert(task.rows["test"][0])


@pytest.mark.parametrize(
    ("function", "row", "problem"),
    [
        ("strip_letters", {"选项": ["A"]}, "no column 'options'; the columns are: 选项"),
        ("strip_letters", {"options": [1]}, "expected string"),
        ("order_letters", {"options": ["A.甲", "A.乙"]}, "each must begin with one of the letters AB"),
        ("cluewsc", {"text": "短", "target": MARKED, "label": 0}, "does not stand at character 6"),
        ("wsc", {"text": "Ann won.", "span2_text": "she", "span2_index": 1}, "'she' is not word 1"),
        ("mark_pronoun", {"sentence": "Ann rang.", "pronoun": "she"}, "'she' is not in the sentence"),
        ("blank_pronoun", {"text": "Ann won.", "pronoun": "she", "pronoun_loc": 2}, "does not stand at character 2"),
        ("sentence_blanks", {"context": "早[BLANK1]", "answers": [0, 1]}, "2 answers for 1 blanks"),
        ("copa_in_chinese", {"question": "why"}, "'why'; it must be one of: cause, effect"),
    ],
)
def test_a_row_that_a_function_cannot_use_is_an_error(function: str, row: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError) as caught:
        reshaped(function, row)
    assert problem in str(caught.value)


def test_an_unknown_function_is_an_error_of_the_card() -> None:
    with pytest.raises(InputError, match="row: no row function 'strip_leters'; did you mean 'strip_letters'"):
        Task(name="t", kind="classification", passage="{x}", row="strip_leters",
             labels={"column": "y", "values": {0: "a", 1: "b"}})  # fmt: skip
    assert rows.get("atis")({"category": None}) == [{"category": None}]
