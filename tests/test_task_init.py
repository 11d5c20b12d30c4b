"""`unimc task init` writes a card that works for files as people have them, and asks where it can't know."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from terminal import Said, unimc

from converters import Task
from converters.drafting import columns, guesses
from converters.drafting.draft import Draft, escaped, quoted, readable

ENGLISH = [
    {"id": "m1", "message": "The parcel is two weeks late, where is it?", "label": "delivery"},
    {"id": "m2", "message": "Please pay back the second jacket, it was torn", "label": "money_back"},
    {"id": "m3", "message": "I can't log in since you changed the site", "label": "account"},
    {"id": "m4", "message": "The courier left the box in the rain", "label": "delivery"},
    {"id": "m5", "message": "When do I get my money for the lamp?", "label": "money_back"},
    {"id": "m6", "message": "Somebody else uses my password", "label": "account"},
]
CHINESE = [
    {"编号": "1", "留言": "包裹晚了两个星期，现在到哪儿了？", "类别": "物流"},
    {"编号": "2", "留言": "第二件外套是破的，请把钱退给我", "类别": "退款"},
    {"编号": "3", "留言": "网站改版以后我就登录不上了", "类别": "账户"},
    {"编号": "4", "留言": "快递员把箱子放在雨里，全淋湿了", "类别": "物流"},
    {"编号": "5", "留言": "台灯的钱什么时候退回来？", "类别": "退款"},
    {"编号": "6", "留言": "有人在用我的密码登录", "类别": "账户"},
]
FILES = {"en": ENGLISH, "zh": CHINESE}
COLUMNS = {"en": ("id", "message", "label"), "zh": ("编号", "留言", "类别")}


def as_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_jsonl(rows: Sequence[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def put(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode(encoding))
    return path


def drafted(file: Path, *options: object, **more: Any) -> tuple[Task, Said]:
    """The card that the command writes beside a file, read again, and what was said."""
    said = unimc("task", "init", file, *options, **more)
    assert said.code == 0, said.err
    written = said.out.partition("written: ")[2].splitlines()[0]  # what was asked last may stand in front of it
    return Task.from_file(written), said


def refused(file: Path, *options: object) -> str:
    """The one line of error; no card was written."""
    before = set(file.parent.iterdir()) if file.parent.exists() else set()
    said = unimc("task", "init", file, *options)
    assert said.code == 2, said.out
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert (set(file.parent.iterdir()) if file.parent.exists() else set()) == before
    return said.err


# ---- what it finds out by itself


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("kind", ["csv", "csv with a BOM", "tsv", "jsonl", "json", "parquet"])
def test_text_label_id_and_language_are_found_in_every_format(language: str, kind: str, tmp_path: Path) -> None:
    rows, (identity, text, label) = FILES[language], COLUMNS[language]
    file = tmp_path / f"inbox.{kind.split()[0]}"
    if kind == "parquet":
        from datasets import Dataset

        Dataset.from_list(rows).to_parquet(str(file))
    else:
        content = {"tsv": as_csv(rows).replace(",", "\t"), "jsonl": as_jsonl(rows), "json": json.dumps(rows)}
        if kind == "tsv":
            content["tsv"] = "\n".join("\t".join(row) for row in [list(rows[0]), *(list(r.values()) for r in rows)])
        put(file, content.get(kind, as_csv(rows)), "utf-8-sig" if "BOM" in kind else "utf-8")
    task, said = drafted(file)
    assert (task.name, task.language, task.kind) == ("inbox", language, "classification")
    assert (task.passage, task.id) == (f"{{{text}}}", f"{{{identity}}}")
    assert task.label_column is not None
    assert task.label_column.text == label
    assert set(task.label_names or ()) == {row[label] for row in rows}
    examples = task.load("test")
    assert [example.passage for example in examples] == [row[text] for row in rows]
    assert [example.names[example.label or 0] for example in examples] == [row[label] for row in rows]
    assert all(column in said.out for column in (identity, text, label))


def test_names_stay_the_values_and_wordings_are_made_readable(tmp_path: Path) -> None:
    task, _ = drafted(put(tmp_path / "inbox.csv", as_csv(ENGLISH)))
    example = task.load("test")[1]
    assert (example.names, example.options) == (
        ("delivery", "money_back", "account"),
        ("delivery", "money back", "account"),
    )


@pytest.mark.parametrize(("language", "word"), [("en", "Which"), ("zh", "哪")])
def test_the_card_says_in_its_own_language_where_to_edit_and_how_often_a_label_occurs(
    language: str, word: str, tmp_path: Path
) -> None:
    file = put(tmp_path / "inbox.csv", as_csv(FILES[language]))
    drafted(file)
    text = (tmp_path / "inbox.yaml").read_text(encoding="utf-8")
    marked = [line for line in text.splitlines() if "# EDIT" in line]
    assert [line.split(":")[0].strip() for line in marked] == ["licence", "question", "values"]
    assert word in yaml.safe_load(text)["question"]
    assert text.count("# rows: 2" if language == "en" else "# 行数：2") == 3


@pytest.mark.parametrize(
    ("column", "question"),
    [("sentiment", "What is the sentiment of this text?"), ("意图", "What does the user want?")],
)
def test_the_name_of_the_label_column_proposes_the_question(column: str, question: str, tmp_path: Path) -> None:
    rows = [{"text": row["message"], column: row["label"]} for row in ENGLISH]
    task, _ = drafted(put(tmp_path / "inbox.csv", as_csv(rows)))
    assert task.question == question


def test_splits_that_lie_side_by_side_become_one_card(tmp_path: Path) -> None:
    put(tmp_path / "inbox/train.csv", as_csv(ENGLISH))
    put(tmp_path / "inbox/dev.csv", as_csv([{**ENGLISH[0], "label": "other"}]))
    put(tmp_path / "inbox/test.csv", "id,message\nm1,no label here\n")
    put(tmp_path / "inbox/test.tsv", "another kind of file")
    task, said = drafted(tmp_path / "inbox/train.csv")
    assert task.name == "inbox"
    assert task.source["files"] == {"train": "train.csv", "validation": "dev.csv"}
    assert "other" in (task.label_names or ())
    assert "test.csv: not taken into the card, it has no column label" in said.out


def test_ids_that_only_some_splits_have_are_not_taken(tmp_path: Path) -> None:
    put(tmp_path / "inbox/train.csv", as_csv([{**row, "id": f"m{place}"} for place, row in enumerate(ENGLISH)]))
    put(tmp_path / "inbox/test.csv", as_csv(ENGLISH))
    task, _ = drafted(tmp_path / "inbox/train.csv")
    assert task.source["files"] == {"train": "train.csv", "test": "test.csv"}
    assert [len(task.load(split)) for split in ("train", "test")] == [len(ENGLISH), len(ENGLISH)]


def test_a_card_elsewhere_finds_its_file(tmp_path: Path) -> None:
    file = put(tmp_path / "data/inbox.csv", as_csv(ENGLISH))
    task, _ = drafted(file, "--output", tmp_path / "cards/new/mine.yaml", "--name", "mine")
    assert task.source["files"] == {"test": "../../data/inbox.csv"}
    assert len(task.load("test")) == 6


@pytest.mark.parametrize("count", [2, 7, 200])
def test_two_to_two_hundred_labels(count: int, tmp_path: Path) -> None:
    rows = [{"q": f"Sentence number {place} of many", "intent": f"want_{place % count}"} for place in range(2 * count)]
    task, _ = drafted(put(tmp_path / "intents.csv", as_csv(rows)))
    assert len(task.label_names or ()) == count
    assert task.load("test")[1].options[1] == "want 1"


def test_a_column_of_few_values_is_the_label_whatever_its_name(tmp_path: Path) -> None:
    rows = [{"words": row["message"], "folder": row["label"]} for row in ENGLISH]
    task, _ = drafted(put(tmp_path / "inbox.csv", as_csv(rows)))
    assert task.label_column is not None
    assert task.label_column.text == "folder"


def test_words_beside_numbers_are_the_better_label(tmp_path: Path) -> None:
    number = {"delivery": 0, "money_back": 1, "account": 2}
    rows = [{"text": row["message"], "label": number[row["label"]], "label_text": row["label"]} for row in ENGLISH]
    task, said = drafted(put(tmp_path / "inbox.jsonl", as_jsonl(rows)))
    assert set(task.label_names or ()) == set(number)
    assert "not used: label" in said.out


def test_words_that_go_with_the_numbers_by_chance_are_no_label(tmp_path: Path) -> None:
    rows = [{"text": r["message"], "label": n % 2, "shop": "AABBAB"[n]} for n, r in enumerate(ENGLISH)]
    task, said = drafted(put(tmp_path / "inbox.jsonl", as_jsonl(rows)))
    assert set(task.label_names or ()) == {"0", "1"}
    assert "not used: shop" in said.out


def test_labels_that_are_numbers_want_words(tmp_path: Path) -> None:
    rows = [{"text": row["message"], "label": place % 2} for place, row in enumerate(ENGLISH)]
    task, said = drafted(put(tmp_path / "inbox.jsonl", as_jsonl(rows)))
    assert [example.label for example in task.load("test")] == [0, 1] * 3
    assert "they are numbers" in said.out


@pytest.mark.parametrize(
    ("first", "second"), [("sentence1", "sentence2"), ("premise", "hypothesis"), ("句子1", "句子2")]
)
def test_two_texts_become_passage_and_textb(first: str, second: str, tmp_path: Path) -> None:
    rows = [{first: f"{row['message']} It is long.", second: row["id"] * 2, "label": row["label"]} for row in ENGLISH]
    task, _ = drafted(put(tmp_path / "pairs.csv", as_csv(rows)))
    assert (task.passage, task.textb) == (f"{{{first}}}", f"{{{second}}}")


def test_a_list_of_labels_makes_a_task_of_several(tmp_path: Path) -> None:
    tags = [["delivery"], ["delivery", "money_back"], [], ["money_back"], ["money_back", "delivery"], ["delivery"]]
    rows = [{"text": row["message"], "tags": one} for row, one in zip(ENGLISH, tags, strict=True)]
    task, _ = drafted(put(tmp_path / "inbox.jsonl", as_jsonl(rows)))
    assert task.kind == "multi_label"
    assert [example.labels for example in task.load("test")] == [(0,), (0, 1), (), (1,), (0, 1), (0,)]


RIDDLES = [
    ("What hangs on the wall and ticks?", ["a clock", "a lamp", "a map"], 0),
    ("What has teeth and combs?", ["a dog", "a comb", "a saw"], 1),
    ("What runs but never walks?", ["a cat", "a river", "a stone"], 1),
    ("What has a neck but no head?", ["a bottle", "a duck", "a chair"], 0),
    ("What is full of holes and holds water?", ["a cup", "a net", "a sponge"], 2),
]


@pytest.mark.parametrize("says", ["text", "letter", "index", "index from 1"])
@pytest.mark.parametrize("form", ["a list", "columns"])
def test_rows_with_options_of_their_own(says: str, form: str, tmp_path: Path) -> None:
    rows = []
    for question, options, right in RIDDLES:
        answer = {"text": options[right], "letter": "ABC"[right], "index": right, "index from 1": right + 1}[says]
        own: dict[str, Any] = {"choices": options} if form == "a list" else dict(zip("ABC", options, strict=True))
        rows.append({"question": question, **own, "answer": answer})
    task, _ = drafted(put(tmp_path / "riddles.jsonl", as_jsonl(rows)))
    assert (task.kind, task.question) == ("multiple_choice", "{question}")
    assert [(e.question, list(e.options), e.label) for e in task.load("test")] == RIDDLES


@pytest.mark.parametrize("second", ["", "And nobody has seen it."])
def test_the_form_of_the_released_unimc_is_known(second: str, tmp_path: Path) -> None:
    common = {"question": "谜底是什么？", "choice": ["猫", "河"]}
    rows = [
        {"texta": "只跑不走", "textb": "", **common, "answer": "河", "label": 1, "id": 0},
        {"texta": "会抓老鼠", "textb": second, **common, "answer": "猫", "label": 0, "id": 1},
    ]
    task, said = drafted(put(tmp_path / "riddles.json", json.dumps(rows)), "--language", "zh")
    assert (task.question, task.passage, task.textb) == ("{question}", "{texta}", "{textb}" if second else "")
    assert ("not used: textb" in said.out) is not bool(second)
    assert [example.label for example in task.load("test")] == [1, 0]


def test_the_split_of_a_file_that_is_not_named_as_one_is_said(tmp_path: Path) -> None:
    assert (
        "  split: test, as the file's name tells none" in drafted(put(tmp_path / "inbox.csv", as_csv(ENGLISH)))[1].out
    )
    assert "split: " not in drafted(put(tmp_path / "mail" / "train.csv", as_csv(ENGLISH)))[1].out


def test_what_was_found_is_said_before_the_question_is_asked_for(tmp_path: Path) -> None:
    _, said = drafted(put(tmp_path / "inbox.csv", as_csv(ENGLISH)), typed="What is it about?\n")
    asked = (said.out + said.err).index("Question to the model")
    assert said.out.index("labels: column label") < asked


# ---- what is odd in a file


@pytest.mark.parametrize("language", ["en", "zh"])
def test_empty_cells_are_counted_and_left_out(language: str, tmp_path: Path) -> None:
    identity, text, label = COLUMNS[language]
    rows = [*FILES[language], {identity: "7", text: " ", label: FILES[language][0][label]}]
    rows += [{identity: "8", text: FILES[language][0][text] * 2, label: ""}, {identity: "9", text: "", label: ""}]
    task, said = drafted(put(tmp_path / "inbox.csv", as_csv(rows)))
    assert f"empty cells: 2 in column {text}" in said.out
    assert f"empty cells: 2 in column {label}" in said.out
    loaded = task.read("test")
    assert (loaded.rows, loaded.skipped, len(loaded.examples)) == (9, 3, 6)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_line_breaks_and_commas_in_quotes_are_kept(language: str, tmp_path: Path) -> None:
    _, text, label = COLUMNS[language]
    rows = [{text: f'{row[text]}\n"{row[text]}", 1', label: row[label]} for row in FILES[language]]
    task, _ = drafted(put(tmp_path / "inbox.csv", as_csv(rows)))
    assert [example.passage for example in task.load("test")] == [row[text] for row in rows]


ODD = [
    *("no: thanks", 'so "quoted"', "two\nlines", "{braces}", "no", "007"),
    *("# hash", "- dash", "退货：不要了", "null", "a_b", "a b"),
]


def test_labels_of_any_form_round_trip(tmp_path: Path) -> None:
    rows = [{"text": f"sentence number {place}", "label": label} for place, label in enumerate(ODD * 2)]
    task, _ = drafted(put(tmp_path / "odd.csv", as_csv(rows)))
    examples = task.load("test")
    assert [example.names[example.label or 0] for example in examples] == ODD * 2
    assert "two lines" in examples[0].options
    assert "{braces}" in examples[0].options


@given(st.lists(st.text(min_size=1, max_size=9).filter(str.strip), min_size=2, max_size=6, unique_by=str.strip))
def test_whatever_the_labels_are_the_card_gives_them_back(labels: list[str]) -> None:
    rows = [{"text": "some words", "label": label} for label in labels]
    draft = Draft("t", "en", "f.jsonl", {"test": "f.jsonl"}, rows, columns.columns(rows), ("text",), "label")
    content = yaml.safe_load(draft.text())
    task = Task(**{**content, "source": {}, "rows": {"test": rows}})
    assert [example.names[example.label or 0] for example in task.load("test")] == labels


@given(st.text(max_size=20))
def test_a_quoted_text_is_read_as_it_was(text: str) -> None:
    assert yaml.safe_load(quoted(text)) == text
    assert "\n" not in quoted(text)
    assert escaped(text).replace("{{", "{").replace("}}", "}") == text or "{{" in text or "}}" in text
    assert readable(text) or not text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_file_without_labels_gets_a_card_to_fill(language: str, tmp_path: Path) -> None:
    _, text, _ = COLUMNS[language]
    rows = [{text: row[text]} for row in FILES[language]]
    task, said = drafted(put(tmp_path / "inbox.csv", as_csv(rows)))
    assert "no column looks like one" in said.out
    assert f"unimc task check {tmp_path / 'inbox.yaml'} --unlabelled" in said.out
    assert len(task.load("test", unlabelled=True)) == 6
    checked = unimc("task", "check", tmp_path / "inbox.yaml", "--unlabelled")
    assert checked.code == 2
    assert "labels.values.option_1: still says 'EDIT" in checked.err
    card = (tmp_path / "inbox.yaml").read_text(encoding="utf-8")
    for place, words in enumerate(("物流", "退款"), start=1):
        card = card.replace(f'"EDIT: option {place}"', words).replace(f'"EDIT：选项{place}"', words)
    put(tmp_path / "inbox.yaml", card)
    checked = unimc("task", "check", tmp_path / "inbox.yaml", "--unlabelled")
    assert (checked.code, "unlabelled: 6" in checked.out) == (0, True)


# ---- what it can't know


def test_several_columns_that_could_be_the_label_are_asked_for(tmp_path: Path) -> None:
    rows = [{"words": r["message"], "folder": r["label"], "shop": "AB"[n % 2]} for n, r in enumerate(ENGLISH)]
    file = put(tmp_path / "inbox.csv", as_csv(rows))
    assert "which column holds the labels? folder, shop would do; say it with --label" in refused(file)
    task, _ = drafted(file, "--label", "shop")
    assert set(task.label_names or ()) == {"A", "B"}
    task, said = drafted(file, "--force", typed="drawer\nfolder\nWhich drawer is it for?\n")
    assert "'drawer' is none of: folder, shop, none" in said.out
    assert set(task.label_names or ()) == {"delivery", "money_back", "account"}
    assert task.question == "Which drawer is it for?"
    task, _ = drafted(file, "--force", typed="none\n\n")
    assert task.label_names == ("option_1", "option_2")


def test_several_columns_that_could_be_the_text_are_asked_for(tmp_path: Path) -> None:
    rows = [
        {"a": r["message"], "b": r["message"].upper(), "c": r["message"][::-1], "label": r["label"]} for r in ENGLISH
    ]
    file = put(tmp_path / "inbox.csv", as_csv(rows))
    file = put(tmp_path / "inbox.csv", file.read_text("utf-8").replace("a,b,c,", "mail,loud,back,"))
    assert "which column holds the text? mail, loud, back would do; say it with --text" in refused(file)
    task, _ = drafted(file, "--text", "back", "--text", "mail")
    assert (task.passage, task.textb) == ("{back}", "{mail}")
    task, _ = drafted(file, "--force", typed="mail\nnone\n\n")
    assert (task.passage, task.textb, task.question) == ("{mail}", "", "Which of these fits this text best?")
    task, _ = drafted(file, "--force", typed="mail\nback\n\n")
    assert (task.passage, task.textb, task.question) == ("{mail}", "{back}", "How do these two texts relate?")


@pytest.mark.parametrize(
    ("text", "why"),
    [("Где моя посылка?", "neither script"), ("快递 is very late today 呢", "of column text is Chinese")],
)
def test_a_language_that_cannot_be_told_is_asked_for(text: str, why: str, tmp_path: Path) -> None:
    rows = [{"text": f"{text} {number}", "label": "ab"[number % 2]} for number in range(6)]
    file = put(tmp_path / "inbox.csv", as_csv(rows))
    said = refused(file)
    assert why in said
    assert "--language en or --language zh" in said
    assert drafted(file, "--language", "zh")[0].language == "zh"
    assert drafted(file, "--force", typed="de\nen\n\n")[0].language == "en"


def test_what_is_given_is_not_guessed(tmp_path: Path) -> None:
    rows = [{**row, "place": f"In the {row['label']} office, second floor"} for row in ENGLISH]
    file = put(tmp_path / "inbox.csv", as_csv(rows))
    asked = "Is {it} urgent?"
    task, _ = drafted(
        file, "--text", "place", "--label", "label", "--question", asked, "--language", "zh", "--name", "紧急"
    )
    assert (task.name, task.passage, task.language) == ("紧急", "{place}", "zh")
    assert task.load("test")[0].question == asked
    assert (tmp_path / "紧急.yaml").is_file()


# ---- what is refused


def test_a_card_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    file = put(tmp_path / "inbox.csv", as_csv(ENGLISH))
    card = put(tmp_path / "inbox.yaml", "mine")
    assert "inbox.yaml is there already; give another name by --output, or --force" in refused(file)
    assert card.read_text(encoding="utf-8") == "mine"
    drafted(file, "--force")
    assert Task.from_file(card).name == "inbox"


@pytest.mark.parametrize(
    ("content", "options", "problem"),
    [
        (as_csv(ENGLISH), ["--label", "lable"], "no column 'lable'; the columns are: id, message, label"),
        (as_csv(CHINESE), ["--text", "正文"], "no column '正文'; the columns are: 编号, 留言, 类别"),
        (as_csv(ENGLISH), ["--label", "message", "--text", "message"], "--text names one or two columns, --label and"),
        (as_csv(ENGLISH), ["--text", "id", "--text", "message", "--text", "label"], "--text names one or two columns"),
        (as_csv(ENGLISH), ["--language", "de"], "--language 'de': there are en, zh"),
        (as_csv(ENGLISH), ["--output", "card.txt"], "--output card.txt: the name of a card ends in .yaml"),
        (as_csv(ENGLISH), ["--name", "a/b"], "a name has no slash"),
        (as_csv(CHINESE).replace(",", ";"), [], "'编号;留言;类别', that ';' seems to divide; save it with commas"),
        (
            "编号，留言，类别\n1，包裹丢了，物流\n2，请退款，退款\n",
            [],
            "'编号，留言，类别', that '，' seems to divide; save it",
        ),
        (as_csv(ENGLISH).replace("label", "is it {so}?"), ["--label", "is it {so}?"], "rename it in the file"),
        ("message,label\nHello there,a\nGood evening,a \n", [], "'a' and 'a ', which differ only in blanks"),
        ("n,label\n1,7\n2,8\n", [], "no column holds texts; say with --text"),
        ("", [], "the file has no rows"),
        ("message,label\n", [], "the file has no rows"),
        ('message,label\n"The box is wet,a\n', [], "line 2: not a valid table"),
        ("message,label\nThe box, still wet,a\n", [], "line 2: 3 cells for 2 columns"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(content: str, options: list[str], problem: str, tmp_path: Path) -> None:
    assert problem in refused(put(tmp_path / "inbox.csv", content), *options)


def test_a_file_that_is_not_there_or_of_no_known_kind_is_said(tmp_path: Path) -> None:
    assert "there is no such file" in refused(tmp_path / "inbox.csv")
    assert "cannot tell its format" in refused(put(tmp_path / "inbox.xlsx", "x"))


def test_a_file_in_gb18030_is_named_with_the_line_that_converts_it(tmp_path: Path) -> None:
    file = put(tmp_path / "留言.csv", as_csv(CHINESE), "gb18030")
    said = refused(file)
    assert (
        "留言.csv, line 1: cannot be read as UTF-8 text: it looks like GB18030; convert it by `iconv -f GB18030" in said
    )


def test_many_different_texts_are_no_labels(tmp_path: Path) -> None:
    rows = [{"text": f"sentence {number}", "code": f"c{number}"} for number in range(1200)]
    file = put(tmp_path / "inbox.csv", as_csv(rows))
    assert "column 'code' has 1,200 different values, which are no labels" in refused(file, "--label", "code")


def test_several_columns_of_lists_are_asked_for(tmp_path: Path) -> None:
    rows = [{"riddle": q, "said": [f"{q} 1", f"{q} 2"], "offered": own, "answer": own[at]} for q, own, at in RIDDLES]
    file = put(tmp_path / "riddles.jsonl", as_jsonl(rows))
    assert "which column holds each row's own options? said, offered would do; say it with --options" in refused(file)
    for how in ({"typed": "offered\nwhat fits?\n"}, {}):
        options = [] if how else ["--options", "offered", "--question", "what fits?"]
        task, _ = drafted(file, "--force", "--language", "en", *options, **how)
        assert (task.options, task.question) == ("offered", "what fits?")
        assert [example.label for example in task.load("test")] == [at for _, _, at in RIDDLES]


@pytest.mark.parametrize("named", [("--label", "label"), ("--text", "text", "--label", "label")])
def test_a_list_that_the_labels_say_nothing_of_is_no_list_of_options(named: tuple[str, ...], tmp_path: Path) -> None:
    rows = [
        {"text": f"{text} {number}", "label": label, "tokens": [*text.split(), str(number)]}
        for number in range(4)
        for text, label in (("the parcel is late", "post"), ("my money back", "refund"))
    ]
    file = put(tmp_path / "mail.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    task, _ = drafted(file, *named)
    assert (task.kind, task.label_names, task.options) == ("classification", ("post", "refund"), None)


def test_options_in_mappings_are_left_to_a_card_written_by_hand(tmp_path: Path) -> None:
    rows = [
        {"question": q, "choices": {"text": options, "label": list("ABC")}, "answer": "A"} for q, options, _ in RIDDLES
    ]
    said = refused(put(tmp_path / "riddles.jsonl", as_jsonl(rows)))
    assert "column 'choices' holds mappings; write this card by hand: `options: choices.KEY`" in said


def test_answers_that_name_no_option_are_said(tmp_path: Path) -> None:
    rows = [{"question": q, "choices": options, "answer": "Z"} for q, options, _ in RIDDLES]
    said = refused(put(tmp_path / "riddles.jsonl", as_jsonl(rows)))
    assert "column 'answer' doesn't say which of a row's options is right" in said


# ---- single guesses


@pytest.mark.parametrize(
    ("texts", "language"),
    [
        (["It rains."], "en"),
        (["下雨了。"], "zh"),
        (["这台 iPhone 的屏幕坏了"], "zh"),
        (["The word 雨 means rain in that language"], "en"),
        (["12 + 7"], None),
    ],
)
def test_the_language_is_told_from_the_script(texts: list[str], language: str | None) -> None:
    assert guesses.language(texts)[0] == language


@pytest.mark.parametrize(
    "codes",
    [
        ["https://example.org/a", "https://example.org/bb", "https://example.org/ccc", "http://example.org/4"],
        ["9f1c2d3e-0000-4000-8000-00000000000a", "9f1c2d3e0b", "9f1c2d3e0c", "a9f1c2d3e0d"],
        ["2024-05-01 10:30:00", "2024-05-02 10:31", "2024年5月3日 10时", "2024/05/04"],
    ],
)
def test_addresses_identifiers_and_times_are_not_taken_for_the_text(codes: list[str], tmp_path: Path) -> None:
    titles = ["汤很咸", "面很好吃", "等了很久", "又来了"]
    rows = [{"标题": a, "别的": b, "标签": "好坏"[n % 2]} for n, (a, b) in enumerate(zip(titles, codes, strict=True))]
    task, said = drafted(put(tmp_path / "评论.csv", as_csv(rows)))
    assert (task.passage, task.language) == ("{标题}", "zh")
    assert "not used: 别的" in said.out


def test_a_table_without_a_header_is_told_by_a_label_in_its_place(tmp_path: Path) -> None:
    body = "".join(f"{row['留言']},{row['类别']}\n" for row in CHINESE)
    assert "the first line seems to be a row, not the columns' names: '物流'" in refused(put(tmp_path / "a.csv", body))


def test_labels_that_differ_only_in_width_are_noted(tmp_path: Path) -> None:
    rows = [{**row, "类别": ("Ａ类", "A类")[number % 2]} for number, row in enumerate(CHINESE)]
    assert "some differ only in capitals or width" in drafted(put(tmp_path / "a.csv", as_csv(rows)))[1].out
