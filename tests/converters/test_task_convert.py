"""A row becomes an example."""

from __future__ import annotations

import pickle

import pytest

from converters import Task
from unimc import InputError

NLI = Task(
    name="follows",
    kind="classification",
    question="What follows?",
    passage="{premise}",
    labels={
        "column": "label",
        "values": {
            0: {"name": "yes", "wording": "surely {hypothesis}"},
            1: {"name": "open", "wording": "perhaps {hypothesis}"},
        },
    },
    variants={"short": {"question": "", "textb": "{hypothesis}", "labels": {0: "true", 1: "unknown"}}},
)
CHOICE = Task(
    name="选择",
    kind="multiple_choice",
    language="zh",
    question="{问题}",
    options="选项",
    answer={"column": "答案", "is": "text"},
)
TAGS = Task(
    name="tags",
    kind="multi_label",
    passage="{text}",
    labels={"column": "tags", "values": {"red": "it is red", "big": "it is big", "old": "it is old"}},
)


def choice(**answer: object) -> Task:
    """A task whose options are in `o` and whose answer is in `a`."""
    return Task(name="t", kind="multiple_choice", question="{q}", options="o", answer={"column": "a", **answer})


def test_wordings_are_filled_in_and_names_come_back() -> None:
    example = NLI.convert({"premise": "Ice is cold.", "hypothesis": "snow melts", "label": 1}, split="train", index=4)
    assert example.options == ("surely snow melts", "perhaps snow melts")
    assert (example.names, example.label, example.passage) == (("yes", "open"), 1, "Ice is cold.")
    assert (example.task, example.id, example.language) == ("follows", "train/4", "en")


def test_a_variant_changes_what_it_names_and_nothing_else() -> None:
    example = NLI.convert({"premise": "Ice is cold.", "hypothesis": "snow melts", "label": 0}, variant="short")
    assert (example.options, example.names) == (("true", "unknown"), ("yes", "open"))
    assert (example.question, example.passage, example.textb) == ("", "Ice is cold.", "snow melts")


def test_a_variant_that_reads_other_columns_is_the_same_item() -> None:
    labels = {"column": "y", "values": {0: "bad", 1: "good"}}
    variants = {"named": {"labels": {0: "the {dish} is bad", 1: "the {dish} is good"}}}
    task = Task(name="t", kind="classification", question="Is the {dish} good?", passage="{text}", labels=labels,
                variants=variants)  # fmt: skip
    row = {"text": "Warm soup.", "dish": "soup", "y": 1}
    assert task.convert(row).key == task.convert(row, variant="named").key == "warmsoup"


def test_an_unknown_variant_is_an_error() -> None:
    with pytest.raises(InputError, match="no variant 'shrot'; did you mean 'short'"):
        NLI.convert({}, variant="shrot")


def test_names_of_fixed_labels_are_known_before_any_row() -> None:
    assert NLI.label_names == ("yes", "open")
    assert TAGS.label_names == ("red", "big", "old")
    assert CHOICE.label_names is None


@pytest.mark.parametrize(
    "row", [{"premise": "a", "hypothesis": "b"}, {"premise": "a", "hypothesis": "b", "label": None}]
)
def test_a_row_without_a_label_is_unlabelled(row: dict[str, object]) -> None:
    assert NLI.convert(row).right is None


@pytest.mark.parametrize("label", [2, -1, "", "yes"])
def test_a_label_that_no_option_has_is_an_error(label: object) -> None:
    with pytest.raises(InputError, match=rf"task follows: row test/7 .*'label' is {label!r}.*\(0, 1\)"):
        NLI.convert({"premise": "a", "hypothesis": "b", "label": label}, split="test", index=7)


def test_several_labels_and_none_of_them() -> None:
    assert TAGS.convert({"text": "a barn", "tags": ["old", "red"]}).labels == (0, 2)
    assert TAGS.convert({"text": "a barn", "tags": []}).labels == ()
    assert TAGS.convert({"text": "a barn", "tags": None}).labels is None
    with pytest.raises(InputError, match="must hold a list"):
        TAGS.convert({"text": "a barn", "tags": "red"})
    with pytest.raises(InputError, match="'tags' is 'small'"):
        TAGS.convert({"text": "a barn", "tags": ["red", "small"]})


def test_an_answer_by_index_letter_text_or_key() -> None:
    row: dict[str, object] = {"q": "Which?", "o": ["x", "y", "z"]}
    assert choice(**{"is": "index"}).convert({**row, "a": 2}).label == 2
    assert choice(**{"is": "index", "start": 1}).convert({**row, "a": "2"}).label == 1
    assert choice(**{"is": "letter"}).convert({**row, "a": "c"}).label == 2
    assert choice(**{"is": "text"}).convert({**row, "a": "y"}).label == 1
    assert choice(**{"is": "key", "keys": "k"}).convert({**row, "a": "3", "k": [1, 2, 3]}).label == 2


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ({"is": "index"}, 3),
        ({"is": "index"}, -1),
        ({"is": "index"}, "--1"),
        ({"is": "index", "start": 1}, 0),
        ({"is": "index"}, "two"),
        ({"is": "letter"}, "D"),
        ({"is": "letter"}, ""),
        ({"is": "text"}, "w"),
        ({"is": "key", "keys": "k"}, "4"),
    ],
)
def test_an_answer_that_is_none_of_the_options_is_an_error(answer: dict[str, object], value: object) -> None:
    with pytest.raises(InputError, match=r"row 0 .*column 'a' is .*none of the row's 3 options"):
        choice(**answer).convert({"q": "Which?", "o": ["x", "y", "z"], "k": [1, 2, 3], "a": value})


@pytest.mark.parametrize(("answer", "label"), [(0, 0), (1, 1), (2, 0), (3, 2)])
def test_repeated_options_become_one_right_if_any_copy_is(answer: int, label: int) -> None:
    (found,) = choice(**{"is": "index"}).convert_all({"q": "?", "o": ["x", "y", "x ", "z"], "a": answer})
    example, merged = found.example, found.merged
    assert (example.options, example.label, merged) == (("x", "y", "z"), label, True)


def test_repeated_options_in_chinese() -> None:
    row = {"问题": "哪一个？", "选项": ["苹果", "苹果", "梨"], "答案": "梨"}
    (found,) = CHOICE.convert_all(row)
    example, merged = found.example, found.merged
    assert (example.options, example.label, example.language, merged) == (("苹果", "梨"), 1, "zh", True)


def test_an_answer_that_is_no_option_in_chinese() -> None:
    with pytest.raises(InputError, match=r"task 选择: row 0 .*'答案' is '桃'"):
        CHOICE.convert({"问题": "哪一个？", "选项": ["苹果", "梨"], "答案": "桃"})


def test_only_textb_may_be_empty() -> None:
    task = Task(
        name="t",
        kind="classification",
        passage="{a}",
        textb="{b}",
        labels={"column": "l", "values": {"p": "good", "n": "bad"}},
    )
    assert task.convert({"a": "x", "b": None}).textb == ""
    with pytest.raises(InputError, match=r"row 0 .*column 'a' is empty"):
        task.convert({"a": None, "b": "x"})


def test_options_that_are_no_list_are_an_error() -> None:
    with pytest.raises(InputError, match="'o' must hold a list of options, not str"):
        choice(**{"is": "index"}).convert({"q": "?", "o": "x", "a": 0})


def test_a_card_may_say_how_ids_are_made() -> None:
    task = Task(name="t", kind="multiple_choice", question="{q}", options=["{x}", "neither"], id="{n}-{q}")
    assert task.convert({"q": "why", "x": "so", "n": 3}, split="test", index=9).id == "test/3-why"


def test_a_task_can_be_sent_to_another_process() -> None:
    row = {"premise": "a", "hypothesis": "b", "label": 0}
    assert pickle.loads(pickle.dumps(NLI)).convert(row) == NLI.convert(row)
