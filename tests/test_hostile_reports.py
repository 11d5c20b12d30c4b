"""Texts, labels, names and ids of strangers stay text in reports, on the page and on the terminal."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
import terminal
from evaluated import evaluation, riddles, sure, tags, topics
from hostile import HOSTILE, TERMINAL_CONTROLS, flat, json_lines, kinds, parsed, plain, table_rows
from rich.console import Console

from unimc import MultipleChoiceExample, inert
from unimc.evaluation import Evaluation, EvaluationSet

OURS = {
    *(
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "h1",
        "h2",
        "nav",
        "a",
        "div",
        "p",
        "em",
        "code",
        "ul",
        "li",
        "img",
    ),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "id", "href", "class", "dir", "src", "alt"}


@pytest.fixture(scope="module")
def hostile() -> Evaluation:
    """Every hostile text as label, option, passage, question, second text, id and name of a task and of the model."""
    labels = [f"{text} {number}" for number, text in enumerate(HOSTILE)]
    examples = [
        MultipleChoiceExample(labels, text, text, text, label=number, id=text) for number, text in enumerate(HOSTILE)
    ]
    fixed = EvaluationSet(
        HOSTILE[5], HOSTILE[17], examples, label_names=tuple(labels), family=HOSTILE[0], source=HOSTILE[3]
    )
    wrong = [sure(labels[(number + 1) % len(labels)]) for number in range(len(labels))]
    few = topics(labels[:4], name=HOSTILE[0], labels=labels[:4], variant=HOSTILE[9])
    several = tags([[label] for label in labels[:6]], name=HOSTILE[12], labels=labels)
    own = riddles([0] * len(HOSTILE), name=HOSTILE[19])
    return evaluation(
        (fixed, wrong),
        (few, [sure(labels[0])] * 4),
        (several, [sure(labels[7])] * 6),
        (own, [sure(f"b{number}") for number in range(len(HOSTILE))]),
        name=HOSTILE[1],
    )


@pytest.fixture(scope="module")
def files(hostile: Evaluation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hostile.write(tmp_path_factory.mktemp("hostile"))


# ---- the report


def test_the_report_holds_our_marks_and_pictures_alone(files: Path) -> None:
    text = (files / "report.md").read_text(encoding="utf-8")
    assert not TERMINAL_CONTROLS.search(text)
    tokens = [*flat(text)]
    assert not kinds(tokens) & {
        "html_block",
        "html_inline",
        "link",
        "fence",
        "code_block",
        "blockquote",
        "hr",
        "strong",
        "s",
    }
    assert {token.attrs["src"] for token in tokens if token.type == "image"} == {
        *("plot.png", "reliability.png", "confusion-1.png", "confusion-2.png"),
    }
    code = [token.content for token in tokens if token.type == "code_inline"]
    assert all(re.fullmatch("[0-9a-f]{64}", one) for one in code)


def test_every_table_of_the_report_has_its_columns(files: Path) -> None:
    text = (files / "report.md").read_text(encoding="utf-8")
    rows = [*table_rows(text)]
    assert len(rows) == sum(line.startswith("|") for line in text.splitlines()) - text.count("\n| ---")
    assert all(found == expected for found, expected in rows)


def test_texts_stand_in_the_report_as_they_are(files: Path) -> None:
    """Those of the surest mistakes, all equally sure: the first ten."""
    tokens = [*flat((files / "report.md").read_text(encoding="utf-8"))]
    cells = set(plain(tokens))
    for text in HOSTILE[:10]:
        assert inert.visible(text).strip() in cells
        assert inert.visible(f"{text} ‖ {text} ‖ {text}").strip() in cells


def test_the_page_holds_our_tags_and_attributes_alone(files: Path) -> None:
    page = parsed(files / "report.html")
    assert {tag for tag, _ in page.seen} <= OURS
    assert {name for _, attributes in page.seen for name in attributes} <= ATTRIBUTES
    assert not page.comments
    for tag, attributes in page.seen:
        assert tag != "a" or re.fullmatch(r"#s\d+", attributes["href"] or "")
        assert tag != "img" or str(attributes["src"]).startswith("data:image/png;base64,")
        assert attributes.get("class") in (None, "left", "wide")
    ids_of_page = [attributes["id"] for _, attributes in page.seen if "id" in attributes]
    assert len(ids_of_page) == len(set(ids_of_page))


def test_texts_stand_on_the_page_as_they_are(files: Path) -> None:
    cells = set(parsed(files / "report.html").cells)
    for text in HOSTILE[:10]:
        assert inert.visible(text) in cells


def test_no_name_becomes_a_path(files: Path) -> None:
    assert sorted(path.name for path in files.iterdir()) == [
        *("confusion-1.png", "confusion-2.png", "plot.png", "predictions.jsonl"),
        *("reliability.png", "report.html", "report.md", "results.json"),
    ]


def test_tables_of_an_evaluation_steer_no_terminal(hostile: Evaluation) -> None:
    from unimc import comparison

    results = hostile.to_dict()
    suite = {
        **{"name": HOSTILE[17], "source": HOSTILE[17], "published": []},
        "tasks": {HOSTILE[17]: f"{results['tasks'][1]['task']}:{results['tasks'][1]['split']}"},
    }
    out = io.StringIO()
    for table in [*hostile.tables(), comparison.text_table(results, suite)]:
        Console(file=out, width=400).print(table)
    assert not TERMINAL_CONTROLS.search(out.getvalue())


# ---- two evaluations


@pytest.fixture(scope="module")
def two(files: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The hostile evaluation, and one that is right everywhere else."""
    other = tmp_path_factory.mktemp("other")
    results = json.loads((files / "results.json").read_text(encoding="utf-8"))
    for task in results["tasks"]:
        task["correct"] = task["examples"]
    (other / "results.json").write_text(json.dumps(results, ensure_ascii=False), encoding="utf-8")
    lines = json_lines(files / "predictions.jsonl")
    for line in lines:
        line["correct"] = True
        line["answer"] = line["gold"]
        if not isinstance(line["gold"], list):
            line["label"] = [*line["scores"]].index(line["gold"])
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (other / "predictions.jsonl").write_text(text, encoding="utf-8")
    return files, other


def test_a_comparison_is_as_inert(two: tuple[Path, Path], tmp_path: Path) -> None:
    said = terminal.unimc(
        *("compare", *two, "--resamples", 0, "--list", 100, "--output", tmp_path, "--all", tmp_path / "rows.jsonl")
    )
    assert said.code == 0, said.err
    assert not TERMINAL_CONTROLS.search(said.out)
    tokens = [*flat((tmp_path / "compare.md").read_text(encoding="utf-8"))]
    assert not kinds(tokens) & {"html_block", "html_inline", "link", "image", "fence", "code_inline", "strong", "s"}
    cells, page = set(plain(tokens)), parsed(tmp_path / "compare.html")
    assert {tag for tag, _ in page.seen} <= OURS
    for text in HOSTILE:  # as ids, of which sixty characters are shown
        assert inert.visible(inert.cut(text, 60)).strip() in cells
        assert inert.visible(inert.cut(text, 60)) in page.cells
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("compare.html", "compare.json", "compare.md", "rows.jsonl"),
    ]
    rows = json_lines(tmp_path / "rows.jsonl")
    assert {row["passage"] for row in rows} >= set(HOSTILE)


def test_errors_about_hostile_files_steer_no_terminal(two: tuple[Path, Path], tmp_path: Path) -> None:
    for name in ("results.json", "predictions.jsonl"):
        (tmp_path / name).write_bytes((two[0] / name).read_bytes())
    first, *others = (tmp_path / "predictions.jsonl").read_text(encoding="utf-8").split("\n")
    (tmp_path / "predictions.jsonl").write_text("\n".join([first, first, *others]), encoding="utf-8")
    said = terminal.unimc("compare", two[0], tmp_path)
    assert said.code == 2
    assert "line 2: two rows have the id '<script>" in said.err
    (tmp_path / "predictions.jsonl").write_text("\n".join(others), encoding="utf-8")
    said = terminal.unimc("compare", two[0], tmp_path)
    assert said.code == 2
    assert not TERMINAL_CONTROLS.search(said.err)


def test_half_a_character_in_a_file_is_shown_and_written_again(two: tuple[Path, Path], tmp_path: Path) -> None:
    """JSON can say what UTF-8 can't."""
    folder = tmp_path / "half"
    folder.mkdir()
    (folder / "results.json").write_bytes((two[1] / "results.json").read_bytes())
    lines = (two[1] / "predictions.jsonl").read_bytes().decode().split("\n")
    line = {**json.loads(lines[0]), "passage": "half \ud800"}
    (folder / "predictions.jsonl").write_text("\n".join([json.dumps(line), *lines[1:]]), encoding="utf-8")
    said = terminal.unimc(
        *("compare", folder, two[0], "--resamples", 0, "--list", 100),
        *("--output", tmp_path / "out", "--all", tmp_path / "out.jsonl"),
    )
    assert said.code == 0, said.err
    assert r"half \ud800" in (tmp_path / "out/compare.html").read_text(encoding="utf-8")
    rows = json_lines(tmp_path / "out.jsonl")
    assert "half \ud800" in {row["passage"] for row in rows}
