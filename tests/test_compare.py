"""`unimc compare`: two evaluations of the same rows, joined by id."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import comb
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
import terminal
from evaluated import evaluation, riddles, sure, tags, topics

from unimc import InputError, gains, pairing
from unimc.evaluation import Evaluation
from unimc.figures import Judged, difference
from unimc.paired_figures import Comparison, Wins, compared, judged

RIGHT = ["weather", "sport", "food", "sport"] * 10
GOOD = ["weather", "sport", "food", "food"] * 10
BAD = ["weather", "food", "sport", "sport"] * 10


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take most of the time of writing an evaluation, and nothing here looks at them."""
    monkeypatch.setattr("unimc.plots.drawn", lambda *_: {})


def given(names: Sequence[str]) -> list[dict[str, float]]:
    return [sure(name) for name in names]


def written(folder: Path, found: Evaluation) -> Path:
    return found.write(folder)


def both(tmp_path: Path, a: Evaluation, b: Evaluation) -> tuple[Path, Path]:
    return written(tmp_path / "a", a), written(tmp_path / "b", b)


def figures(a: Path, b: Path, **settings: Any) -> Comparison:
    return compared(pairing.paired(pairing.read(a), pairing.read(b)), **{"resamples": 200, **settings})


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """`folders`, not to be changed."""
    tag_rows = [["体育"], [], ["体育", "财经"], ["音乐"]] * 3
    a = evaluation((topics(RIGHT), given(BAD)), (tags(tag_rows), [sure("体育")] * 12), name="模型甲")
    b = evaluation((topics(RIGHT), given(GOOD)), (tags(tag_rows), [sure(*held) for held in tag_rows]), name="model b")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("unimc.plots.drawn", lambda *_: {})
        return both(tmp_path_factory.mktemp("compare"), a, b)


@pytest.fixture
def folders(once: tuple[Path, Path], tmp_path: Path) -> tuple[Path, Path]:
    """A task with fixed labels and one with several, of two models."""
    return Path(copytree(once[0], tmp_path / "a")), Path(copytree(once[1], tmp_path / "b"))


def rewritten(folder: Path, change: Callable[[list[dict[str, Any]]], Any]) -> None:
    """Changes the lines of predictions.jsonl."""
    file = folder / "predictions.jsonl"
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    lines = change(lines) or lines
    file.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def recounted(folder: Path, **changes: Any) -> None:
    """Changes the first task of results.json."""
    file = folder / "results.json"
    results = json.loads(file.read_text(encoding="utf-8"))
    results["tasks"][0] |= changes
    file.write_text(json.dumps(results), encoding="utf-8")


# ---- figures


def test_wins_and_losses_are_rows_that_one_alone_got_right(folders: tuple[Path, Path]) -> None:
    found = figures(*folders)
    assert found.tasks[0].wins == Wins(both=10, only_a=10, only_b=20, neither=0)
    assert found.tasks[1].wins == Wins(both=3, only_a=0, only_b=9, neither=0)
    assert found.wins == Wins(both=13, only_a=10, only_b=29, neither=0)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (2, 8), (8, 2), (5, 5), (168, 80)])
def test_mcnemar_is_the_exact_binomial_test(only_a: int, only_b: int) -> None:
    apart = only_a + only_b
    tail = sum(comb(apart, k) for k in range(min(only_a, only_b) + 1)) / 2**apart
    assert Wins(3, only_a, only_b, 4).p == pytest.approx(min(1.0, 2 * tail))


def test_figures_of_each_side_are_those_of_its_evaluation(folders: tuple[Path, Path]) -> None:
    found = figures(*folders)
    for side, folder in zip("ab", folders, strict=True):
        tasks = json.loads((folder / "results.json").read_text(encoding="utf-8"))["tasks"]
        for one, task in zip(found.tasks, tasks, strict=True):
            mine = {name: getattr(figure, side) for name, figure in one.figures.items()}
            assert mine == pytest.approx({name: figure["value"] for name, figure in task["figures"].items()})
            assert one.primary == task["primary"]
    assert [one.primary for one in found.tasks] == ["accuracy", "micro_f1"]


def test_the_interval_is_that_of_the_difference_on_the_same_rows(tmp_path: Path) -> None:
    """Wider for answers that differ on more rows, though the accuracies are the same."""
    task = topics(["food"] * 60)
    a = given(["food"] * 30 + ["sport"] * 30)
    alike = given(["food"] * 30 + ["weather"] * 30)
    apart = given(["sport"] * 30 + ["food"] * 30)
    one = figures(*both(tmp_path / "one", evaluation((task, a)), evaluation((task, alike)))).mean.difference
    other = figures(*both(tmp_path / "other", evaluation((task, a)), evaluation((task, apart)))).mean.difference
    assert (one.value, one.low, one.high) == (0, 0, 0)
    assert other.value == 0
    assert other.low < -0.15
    assert other.high > 0.15


def test_the_interval_agrees_with_that_of_an_evaluations_wordings(tmp_path: Path) -> None:
    task, number = topics(RIGHT), 4000
    a, b = evaluation((task, given(BAD))), evaluation((task, given(GOOD)))
    expected = difference(
        task, *(Judged.of(task, one.tasks[0].predictions) for one in (b, a)), seed=0, resamples=number
    )
    found = figures(*both(tmp_path, a, b), resamples=number).mean.difference
    assert found.value == pytest.approx(expected.value)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=0.03)


def test_the_mean_has_an_interval_of_its_own(folders: tuple[Path, Path]) -> None:
    """Tasks are resampled each for itself: the mean of two is known better than each."""
    found = figures(*folders)
    values = [one.figures[one.primary] for one in found.tasks]
    assert found.mean.difference.value == pytest.approx(np.mean([one.difference.value for one in values]))
    widths = [one.difference.high - one.difference.low for one in [*values, found.mean]]
    assert widths[2] < np.mean(widths[:2])


def test_nothing_follows_from_the_order_of_rows_tasks_or_sides(folders: tuple[Path, Path]) -> None:
    before = figures(*folders)
    rewritten(folders[1], lambda lines: random.Random(1).sample(lines, len(lines)))
    assert figures(*folders).to_dict() == before.to_dict()
    back = figures(*reversed(folders))
    for one, other in zip([*before.tasks, before], [*back.tasks, back], strict=True):
        assert (one.wins.only_a, one.wins.p) == (other.wins.only_b, other.wins.p)
    one, other = before.mean.difference, back.mean.difference
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))


def test_the_seed_decides(folders: tuple[Path, Path]) -> None:
    assert figures(*folders, seed=3).to_dict() == figures(*folders, seed=3).to_dict()
    assert figures(*folders, seed=3).mean.difference != figures(*folders, seed=4).mean.difference


def test_intervals_can_be_left_out(folders: tuple[Path, Path]) -> None:
    found = figures(*folders, resamples=0).to_dict()
    assert found["mean"]["difference"]["low"] is None
    assert found["tasks"][0]["figures"]["accuracy"]["difference"]["value"] == pytest.approx(0.25)


@pytest.mark.parametrize("kind", ["fixed", "own", "several"])
def test_lines_are_judged_as_the_evaluation_judged_them(kind: str) -> None:
    task, scores = {
        "fixed": (topics(RIGHT), given(BAD)),
        "own": (riddles([0, 1, 2]), [sure("a0"), sure("c1"), sure("b2")]),
        "several": (tags([["体育"], ["音乐"]]), [sure("音乐"), sure("音乐")]),
    }[kind]
    (result,) = evaluation((task, scores)).tasks
    assert judged(result.to_dict(), result.lines()) == Judged.of(task, result.predictions)


# ---- gained and lost


def test_what_changed_most_is_listed_first(tmp_path: Path) -> None:
    task = topics(["food"] * 4)
    a = [sure("sport", score=0.5), sure("sport"), sure("food", score=0.6), sure("food")]
    b = [{"food": 0.6, "sport": 0.1}, sure("food"), sure("sport"), sure("food")]
    (pair,) = pairing.paired(*map(pairing.read, both(tmp_path, evaluation((task, a)), evaluation((task, b)))))
    found = gains.changes(pair)
    assert [(one.a["id"], one.gained) for one in found] == [("t/1", True), ("t/0", True), ("t/2", False)]
    assert found[0].scores == (0.0, 0.9)


def test_a_row_with_several_labels_is_won_by_who_has_exactly_the_right_ones(tmp_path: Path) -> None:
    task = tags([["体育", "财经"], ["音乐"]])
    a = [sure("体育"), sure("音乐")]
    b = [sure("体育", "财经"), sure("音乐", "财经")]
    (pair,) = pairing.paired(*map(pairing.read, both(tmp_path, evaluation((task, a)), evaluation((task, b)))))
    found = {one.a["id"]: one for one in gains.changes(pair)}
    assert [found[row].gained for row in ("m/0", "m/1")] == [True, False]
    assert found["m/0"].scores == (0.0, 0.9)
    assert found["m/1"].scores == (0.9, pytest.approx(0.1))


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


def test_a_folder_that_is_no_evaluation_is_refused(tmp_path: Path, folders: tuple[Path, Path]) -> None:
    with pytest.raises(InputError, match=r"no results\.json in it; `unimc evaluate --output` writes it"):
        pairing.read(tmp_path / "nothing")
    folders[0].rename(tmp_path / "evaluation")
    with pytest.raises(InputError, match=r"did you mean .*evaluation\?"):
        pairing.read(tmp_path)
    rewritten(folders[1], lambda lines: lines[1:])
    with pytest.raises(InputError, match=r"predictions.jsonl has 39 rows of topics \(test\), results.json says 40"):
        pairing.read(folders[1])


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


@pytest.mark.parametrize("changes", [{"kind": "else"}, {"kind": []}, {"labels": None}, {"labels": [1]}, {"task": 1}])
def test_results_that_do_not_say_what_was_asked_are_refused(
    folders: tuple[Path, Path], changes: dict[str, Any]
) -> None:
    recounted(folders[0], **changes)
    with pytest.raises(InputError, match="lacks its kind or labels"):
        pairing.read(folders[0])


# ---- the command


def test_the_command_says_what_differs_and_how_it_ends(folders: tuple[Path, Path]) -> None:
    said = terminal.unimc("compare", *folders, "--resamples", 100, "--list", 2)
    assert said.code == 0, said.err
    assert f"A: {folders[0]}, model 模型甲" in said.out
    assert "Differing: nothing on record" in said.out
    assert "#1 topics: only B right" in said.out
    assert "2 of 20, what changed most first" in said.out
    last = said.out.splitlines()[-1]
    assert last.startswith("B is ")
    assert last.endswith("B is better on these tasks.")


def test_the_same_answers_are_not_told_apart(tmp_path: Path) -> None:
    one = evaluation((topics(RIGHT), given(BAD)))
    said = terminal.unimc("compare", *both(tmp_path, one, one), "--resamples", 100)
    assert "B is 0.0 points above A (50.0 and 50.0)" in said.out
    assert "these rows don't tell them apart" in said.out
    assert "only B right" not in said.out


@pytest.mark.parametrize(("rows", "trusted"), [(1, False), (5, False), (6, True)])
def test_a_verdict_needs_rows_that_tell_them_apart(tmp_path: Path, rows: int, trusted: bool) -> None:
    """If B wins them all the bootstrap knows no other outcome, however few they are; McNemar's test does."""
    task = topics(["food"] * rows)
    a, b = evaluation((task, given(["sport"] * rows))), evaluation((task, given(["food"] * rows)))
    folders = both(tmp_path, a, b)
    last = terminal.unimc("compare", *folders, "--resamples", 50).out.splitlines()[-1]
    assert last.endswith("B is better on these tasks.") is trusted
    assert last.endswith(f"rows that tell them apart are too few to trust it: {rows}.") is not trusted
    assert (figures(*folders).wins.p < 0.05) is trusted


def test_of_several_labels_rows_with_other_answers_tell_them_apart(tmp_path: Path) -> None:
    """Neither is right on any row, but B finds more of the labels."""
    task = tags([["体育", "财经", "音乐"]] * 8)
    a, b = (evaluation((task, [sure(*held)] * 8)) for held in (["体育"], ["体育", "财经"]))
    last = terminal.unimc("compare", *both(tmp_path, a, b), "--resamples", 50).out.splitlines()[-1]
    assert last.endswith("B is better on these tasks.")


def test_settings_that_differ_are_named(tmp_path: Path) -> None:
    task = topics(RIGHT)
    a = evaluation((task, given(BAD)))
    b = evaluation((replace(task, variant="短"), given(BAD)), threshold=0.3)
    b = replace(b, model={**b.model, "fingerprint": "b" * 64, "max_length": 64})
    said = terminal.unimc("compare", *both(tmp_path, a, b), "--resamples", 0)
    assert (
        "Differing: weights; tokens in a row (128 in A, 64 in B); threshold (0.5 in A, 0.3 in B); "
        "wording of topics (default in A, 短 in B)"
    ) in said.out


def test_everything_is_written_to_the_folder(folders: tuple[Path, Path], tmp_path: Path) -> None:
    output = tmp_path / "结果" / "comparison"
    said = terminal.unimc("compare", *folders, "--resamples", 100, "--seed", 5, "--output", output)
    assert said.code == 0, said.err
    assert sorted(path.name for path in output.iterdir()) == ["compare.html", "compare.json", "compare.md"]
    found = json.loads((output / "compare.json").read_text(encoding="utf-8"))
    assert (found["kind"], found["seed"], found["resamples"], found["level"]) == ("comparison", 5, 100, 0.95)
    assert found["a"] == {"folder": str(folders[0]), "model": "模型甲", "fingerprint": "a" * 64}
    assert found["tasks"][0]["right"] == {
        "both": 10,
        "only_a": 10,
        "only_b": 20,
        "neither": 0,
        "p": pytest.approx(0.0987, abs=1e-4),
    }
    text = (output / "compare.md").read_text(encoding="utf-8")
    assert "| 1 | topics | test | 40 | accuracy | 50.0 | 75.0 | +25.0 |" in text
    assert "(100 resamples, seed 5)" in text
    assert "## Other figures" in text
    assert "no 1: sport" in text
    assert "no 1: sport" in (output / "compare.html").read_text(encoding="utf-8")


def test_all_rows_that_changed_can_be_written_to_a_file(folders: tuple[Path, Path], tmp_path: Path) -> None:
    file = tmp_path / "new" / "rows.jsonl"
    said = terminal.unimc("compare", *folders, "--resamples", 0, "--list", 0, "--all", file)
    assert f"39 rows written to {file}" in said.out
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [row["right"] for row in rows].count("B") == 29
    assert rows[0].keys() == {
        *("task", "split", "id", "question", "passage", "textb", "right", "gold", "a", "b", "scores"),
    }
    assert {row["task"] for row in rows} == {"topics", "标签"}
    refused = terminal.unimc("compare", *folders, "--all", tmp_path / "rows.csv")
    assert (refused.code, "give a name that ends in .jsonl" in refused.err) == (2, True)


def test_evaluations_of_earlier_versions_have_no_texts_and_it_is_said(folders: tuple[Path, Path]) -> None:
    for folder in folders:
        rewritten(folder, lambda lines: [line.pop(name) for line in lines for name in ("question", "passage")] and None)
    said = terminal.unimc("compare", *folders, "--resamples", 0)
    assert said.code == 0, said.err
    assert "No texts: an earlier version wrote these predictions.jsonl" in said.out
    assert "39" not in said.err


def test_an_error_is_one_line(folders: tuple[Path, Path], tmp_path: Path) -> None:
    said = terminal.unimc("compare", folders[0], tmp_path)
    assert said.code == 2
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
