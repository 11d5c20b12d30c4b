"""Evaluations whose rows can't be joined, and files that are none, are refused with what is wrong and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import terminal
from compared import BAD, RIGHT, both, figures, given, pair, recounted, rewritten, written
from evaluated import evaluation, riddles, sure, topics

from unimc import InputError, pairing
from unimc.paired_figures import Wins


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A task with fixed labels and one with several, of two models."""
    return pair(tmp_path)


# ---- rows that can't be joined


def test_other_rows_are_refused_with_their_task_and_count(tmp_path: Path) -> None:
    a = evaluation((topics(RIGHT), given(BAD)))
    b = evaluation((topics(RIGHT[:35]), given(BAD[:35])))
    folders = both(tmp_path, a, b)
    with pytest.raises(InputError, match=r"topics \(test\): the rows differ: 5 only in A, 0 only in B, 35 in both"):
        figures(*folders)
    (pair,) = pairing.paired(*map(pairing.read, folders), common=True)
    assert len(pair.lines) == 35


def test_rows_without_anything_in_common_are_refused_even_so(tmp_path: Path) -> None:
    other = topics(["food"])
    other = replace(other, examples=[replace(other.examples[0], id="else")])
    folders = both(tmp_path, evaluation((topics(["food"]), given(["food"]))), evaluation((other, given(["food"]))))
    with pytest.raises(InputError, match="no row in common"):
        pairing.paired(*map(pairing.read, folders), common=True)


def test_other_right_answers_are_refused(tmp_path: Path) -> None:
    one, other = topics(["food", "sport", "food"]), topics(["food", "food", "food"])
    folders = both(tmp_path, *(evaluation((task, given(["food"] * 3))) for task in (one, other)))
    with pytest.raises(InputError, match=r"1 of 3 rows have another right answer in B than in A .*'t/1'"):
        figures(*folders)


def test_another_wording_may_call_the_options_of_a_row_otherwise(tmp_path: Path) -> None:
    task = riddles([0, 1])
    renamed = [replace(one, names=[f"the {name}" for name in one.names]) for one in task.examples]
    other = replace(task, examples=renamed, variant="long")
    folders = both(
        tmp_path,
        evaluation((task, [sure("a0"), sure("a1")])),
        evaluation((other, [sure("the a0"), sure("the b1")])),
    )
    assert figures(*folders).wins == Wins(1, 0, 1, 0)


def test_other_labels_and_other_tasks_are_refused(tmp_path: Path) -> None:
    a = evaluation((topics(["food"]), given(["food"])))
    b = evaluation((topics(["food"], labels=("food", "sport")), given(["food"])))
    with pytest.raises(InputError, match="the labels of A and B differ"):
        figures(*both(tmp_path / "one", a, b))
    b = evaluation((topics(["food"], name="别的"), given(["food"])))
    with pytest.raises(InputError, match=r"no task is in both: .* has topics \(test\); .* has 别的 \(test\)"):
        figures(*both(tmp_path / "two", a, b))


def test_tasks_of_one_side_alone_are_named_and_left_out(tmp_path: Path) -> None:
    first = topics(["food"]), given(["food"])
    second = topics(["food"], name="更多"), given(["food"])
    folders = both(tmp_path, evaluation(second, first), evaluation(first))
    said = terminal.unimc("compare", *folders)
    assert "Only in A, not compared: 更多 (test)" in said.out
    assert len(figures(*folders).tasks) == 1


def test_rows_without_ids_are_refused(tmp_path: Path) -> None:
    task = topics(["food", "food"])
    bare = replace(task, examples=[replace(one, id="") for one in task.examples])
    folder = written(tmp_path, evaluation((bare, given(["food"] * 2))))
    with pytest.raises(InputError, match=r"line 2: rows have no ids, so they can't be joined"):
        pairing.read(folder)
    twice = replace(task, examples=[replace(one, id="甲") for one in task.examples])
    with pytest.raises(InputError, match=r"line 2: two rows have the id '甲'"):
        pairing.read(written(tmp_path, evaluation((twice, given(["food"] * 2)))))


def test_a_task_in_two_wordings_is_refused(tmp_path: Path) -> None:
    task = topics(["food"])
    both_wordings = evaluation((task, given(["food"])), (replace(task, variant="short"), given(["food"])))
    with pytest.raises(InputError, match=r"topics \(test\) is in it in two wordings"):
        pairing.read(written(tmp_path, both_wordings))


# ---- files that are none


def test_a_folder_that_is_no_evaluation_is_refused(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match=r"no results\.json in it; `unimc evaluate --output` writes it"):
        pairing.read(tmp_path / "nothing")
    folders[0].rename(tmp_path / "evaluation")
    with pytest.raises(InputError, match=r"did you mean .*evaluation\?"):
        pairing.read(tmp_path)
    rewritten(folders[1], lambda lines: lines[1:])
    with pytest.raises(InputError, match=r"predictions.jsonl has 39 rows of topics \(test\), results.json says 40"):
        pairing.read(folders[1])


def test_new_rows_beside_old_figures_are_refused(folders: tuple[Path, Path]) -> None:
    """The counts of rows agree, but another evaluation wrote the lines."""
    (folders[0] / "predictions.jsonl").write_bytes((folders[1] / "predictions.jsonl").read_bytes())
    with pytest.raises(
        InputError, match=r"30 rows of topics \(test\) are right, results.json says 20; .*evaluate again"
    ):
        pairing.read(folders[0])


def changed(**changes: Any) -> Callable[[list[dict[str, Any]]], None]:
    return lambda lines: lines[2].update(changes)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed(gold=3), "gold is 3, not one of the options"),
        (changed(gold="snow"), "gold is 'snow'"),
        (changed(gold=["food"]), "gold is"),
        (changed(answer=None), "answer is None"),
        (changed(label=7), "label is not the place of the answer"),
        (changed(scores=[1, 2]), "scores is not a table of numbers"),
        (changed(scores={"food": 10**400}), "scores is not a table of numbers"),
        (changed(scores={"food": float("nan")}), "scores is not a table of numbers"),
        (changed(scores={"food": True}), "scores is not a table of numbers"),
        (changed(scores={"snow": 0.5}), "'snow', which is none of the task's labels"),
        (changed(correct="yes"), "correct is not true or false"),
        (changed(correct=True), "correct is not what gold and answer say"),
        (changed(id=None), "id is None"),
        (changed(passage=3), "passage is 3"),
        (changed(task="else"), "has no task 'else'"),
        (lambda lines: [*lines[:2], 3], "not a JSON object"),
    ],
)
def test_a_line_that_is_no_prediction_is_refused_with_its_number(
    folders: tuple[Path, Path], change: Callable[[list[Any]], Any], said: str
) -> None:
    rewritten(folders[0], change)
    with pytest.raises(InputError, match=f"predictions.jsonl, line 3: .*{said}"):
        pairing.read(folders[0])


@pytest.mark.parametrize("content", ["{", "[" * 100_000, "9" * 5000, "\ufeff{}"])
def test_a_line_that_is_no_json_is_refused(folders: tuple[Path, Path], content: str) -> None:
    (folders[0] / "predictions.jsonl").write_text(content + "\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 1: not valid JSON"):
        pairing.read(folders[0])


@pytest.mark.parametrize("changes", [{"kind": "else"}, {"kind": []}, {"labels": None}, {"labels": [1]}])
def test_results_that_do_not_say_what_was_asked_are_refused(
    folders: tuple[Path, Path], changes: dict[str, Any]
) -> None:
    recounted(folders[0], **changes)
    with pytest.raises(InputError, match="lacks its kind or labels"):
        pairing.read(folders[0])
