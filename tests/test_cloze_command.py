"""`unimc cloze` as a user meets it: figures, files, and what is said of wrong prompts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from launching import ROOT
from terminal import Said, unimc

import converters
from unimc.cloze import ClozePrompt
from unimc.commands.cloze_prompts import drawn

WORDS = {"en": "positive=good, early; negative=late,old", "zh": "好评=好，长；差评=坏"}
TEMPLATES = {"en": "{passage} It was {mask}.", "zh": "{passage}这是{mask}的。"}
CARDS = sorted(path for path in (ROOT / "configs" / "cloze").glob("*.yaml") if not path.name.startswith("mlm_head"))


@pytest.fixture
def training(tmp_path: Path) -> Path:
    """A task of our own with rows to learn from."""
    rows = [
        {"text": f"{text} {number}", "label": label}
        for number in range(4)
        for text, label in (("the soup was good", "good"), ("the train was late", "bad"))
    ]
    path = tmp_path / "soups.yaml"
    card = {
        "name": "soups",
        "kind": "classification",
        "language": "en",
        "question": "How was it?",
        "passage": "{text}",
        "labels": {"column": "label", "values": {"good": "it is good", "bad": "it is bad"}},
        "rows": {"train": rows, "test": [{**row, "text": f"{row['text']} again"} for row in rows[:3]]},
    }
    path.write_text(yaml.safe_dump(card), encoding="utf-8")
    return path


def sentiment(folder: Path, language: str, *more: object) -> Said:
    given = ["--template", TEMPLATES[language], "--words", WORDS[language], "--resamples", 20, "--limit", 12]
    return unimc("cloze", "--model", folder, "--task", f"sample_{language}_sentiment", *given, *more)


# ---- figures and files


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_prompt_on_the_command_line_is_measured(language: str, bert_folder: Path, tmp_path: Path) -> None:
    said = sentiment(bert_folder, language, "--ways", "calibrated", "--output", tmp_path / "found")
    assert said.code == 0, said.err
    assert "12 examples" in said.out
    assert "masked-LM head" in said.out
    results = json.loads((tmp_path / "found" / "results.json").read_text(encoding="utf-8"))
    given, calibrated = results["ways"]
    assert (given["way"], given["examples"], results["seed"]) == ("given", 12, 0)
    accuracy = given["figures"]["accuracy"]
    assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
    assert given["prompt"]["template"] == TEMPLATES[language]
    assert "prior" not in given["prompt"]
    assert set(calibrated["prompt"]["prior"]) == {word for words in given["prompt"]["words"].values() for word in words}
    lines = (tmp_path / "found" / "predictions.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 24


def test_every_way_writes_a_prompt_that_gives_its_figures_again(
    bert_folder: Path, training: Path, tmp_path: Path
) -> None:
    asked = ["--task", training, "--model", bert_folder, "--resamples", 0]
    ways = ["--ways", "calibrated,kpt,words,autoprompt", "--shots", 2, "--texts", 6, "--size", 2]
    small = ["--iterations", 2, "--candidates", 3, "--triggers", 2, "--output", tmp_path / "found"]
    template = ["--template", TEMPLATES["en"], "--words", "good=good;bad=late"]
    said = unimc("cloze", *asked, *template, *ways, *small)
    assert said.code == 0, said.err
    results = json.loads((tmp_path / "found" / "results.json").read_text(encoding="utf-8"))
    found = {entry["way"]: entry for entry in results["ways"]}
    assert [found[name]["labelled"] for name in ("given", "kpt", "words", "autoprompt")] == [0, 0, 4, 8]
    for name, entry in found.items():
        again = unimc(
            "cloze", *asked, "--prompt", tmp_path / "found" / f"prompt_{name}.yaml", "--output", tmp_path / name
        )
        assert again.code == 0, again.err
        (only,) = json.loads((tmp_path / name / "results.json").read_text(encoding="utf-8"))["ways"]
        assert only["figures"] == entry["figures"]


def test_the_same_seed_gives_the_same_search(bert_folder: Path, training: Path, tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        search = ["--ways", "autoprompt,words", "--shots", 2, "--iterations", 2, "--candidates", 3, "--seed", 5]
        given = ["--task", training, "--template", TEMPLATES["en"], "--words", "good=good;bad=late"]
        said = unimc("cloze", "--model", bert_folder, *given, *search, "--output", tmp_path / name)
        assert said.code == 0, said.err
        found.append([(tmp_path / name / f"prompt_{way}.yaml").read_bytes() for way in ("autoprompt", "words")])
    assert found[0] == found[1]


def test_names_are_the_words_if_none_are_given(bert_folder: Path, training: Path) -> None:
    said = unimc("cloze", "--model", bert_folder, "--task", training, "--template", TEMPLATES["en"], "--resamples", 0)
    assert said.code == 0, said.err


# ---- wrong prompts


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--words", "positve=good; negative=late"], "no label 'positve'; did you mean 'positive'?"),
        (["--words", "positive=good"], "two labels or more"),
        (["--words", "positive good"], "is not label=word,word"),
        (["--words", "positive=good; positive=late"], "'positive' is given twice"),
        (["--words", "positive=дождь; negative=late"], "the word 'дождь' of label 'positive' is unknown"),
        (["--template", "{passage} It was good."], "has no mask"),
        (["--template", "{textb} It was {mask}."], "reads {textb}, which is empty in this wording"),
        (["--ways", "calibratd"], "did you mean 'calibrated'?"),
        (["--ways", "words"], "no training split"),
        (["--ways", "words", "--train-split", "test"], "is what is measured on"),
        (["--shots", 0], "--shots is 0"),
        (["--beam", 0], "beam is 0"),
        (["--scoring", "fast"], "parallel, left_to_right"),
        (["--task", "sample_en_reading"], "has no fixed labels"),
    ],
)
def test_a_wrong_prompt_is_told_in_one_line(more: list[object], says: str, bert_folder: Path) -> None:
    said = sentiment(bert_folder, "en", *more)
    assert said.code == 2
    assert says in said.err
    assert said.err.count("\n") == 1


def test_without_a_prompt_it_says_where_there_are_some(bert_folder: Path) -> None:
    said = unimc("cloze", "--model", bert_folder, "--task", "sample_en_sentiment")
    assert said.code == 2
    assert "configs/cloze" in said.err


def test_without_a_task_it_asks_for_one(bert_folder: Path) -> None:
    said = unimc("cloze", "--model", bert_folder, "--template", "{passage} {mask}")
    assert said.code == 2
    assert "no task; name it with --task" in said.err


def test_too_few_rows_of_a_label_are_told(bert_folder: Path, training: Path) -> None:
    given = ["--task", training, "--template", TEMPLATES["en"], "--words", "good=good;bad=late"]
    said = unimc("cloze", "--model", bert_folder, *given, "--ways", "autoprompt", "--shots", 3)
    assert said.code == 2
    assert "soups:train has 4 rows of label 'bad', 6 are wanted; lower --shots" in said.err


def test_the_rows_are_those_of_adapting_and_none_that_is_measured_on() -> None:
    from unimc import MultipleChoiceExample
    from unimc.adaptation import draw

    names = ("good", "bad")
    rows = [
        MultipleChoiceExample(names, passage=f"soup {number}", label=number % 2, task="t", id=f"{number}")
        for number in range(40)
    ]
    known = {one.fingerprint for one in rows[:8]}
    ours = draw(rows, 6, seed=3, held_out=0.25, label_names=names, apart_from=known)
    (words,) = drawn(rows, 6, 3, "t:train", apart_from=known)
    first, second = drawn(rows, 6, 3, "t:train", times=2, apart_from=known)
    assert {one.id for one in words} == {one.id for one in (*ours.training, *ours.held_out)}
    assert words == first
    assert not {one.id for one in first} & {one.id for one in second}
    assert not {one.fingerprint for one in (*first, *second)} & known


def test_a_file_of_related_words_is_checked(bert_folder: Path, training: Path, tmp_path: Path) -> None:
    related = tmp_path / "related.yaml"
    related.write_text("good: nice\n", encoding="utf-8")
    given = ["--task", training, "--template", TEMPLATES["en"], "--words", "good=good;bad=late", "--ways", "kpt"]
    said = unimc("cloze", "--model", bert_folder, *given, "--related", related)
    assert said.code == 2
    assert "'good' must be a list of words" in said.err


# ---- the prompts that come with the project


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.stem)
def test_every_prompt_of_the_project_fits_its_task(path: Path) -> None:
    entry = yaml.safe_load(path.read_text(encoding="utf-8"))
    prompt = ClozePrompt.from_dict(entry, str(path))
    card = converters.get(prompt.task)
    assert card.label_names is not None
    assert set(prompt.verbalizer.labels) == set(card.label_names)
    example = card.convert(card.example, prompt.variant or None)
    assert all(getattr(example, column) for column in prompt.template.columns)


def test_the_heads_configurations_can_be_read() -> None:
    from unimc.commands import configuration
    from unimc.commands.run_config import RunConfig

    for path in sorted((ROOT / "configs" / "cloze").glob("mlm_head*.yaml")):
        made = configuration.build(RunConfig, configuration.read(path), str(path))
        assert made.training.loss.w_mlm
        assert not made.training.loss.w_omlm + made.training.loss.w_op
        assert made.mixture["held_out"]
