"""Model cards: nothing is said that isn't on record, and nothing on record that matters is left unsaid."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny
from terminal import unimc

from unimc import InputError, MultipleChoiceExample, UniMC
from unimc.adaptation.folder import AdaptedCheckpoint, fingerprint
from unimc.checkpoint import Checkpoint, load
from unimc.model_card import Subject, card
from unimc.pronoun_bias import PronounBias, pronoun_bias

ENTRY: dict[str, Any] = {
    "answers": {"en": ["yes", "no"], "zh": ["是", "非"]},
    "max_length": 192,
    "trained_on": [
        {"task": "letters", "split": "train", "rows": 300, "language": "en"},
        {"task": "邮件", "split": "train", "rows": 100, "language": "zh"},
    ],
    "licences": ["backbone tiny: MIT", "training data letters: MIT", "training data 邮件: not stated"],
    "versions": {"unimc": "0.1.0", "torch": "2.13.0"},
}
RUN = {
    "backbone": "/home/somebody/backbones/tiny",
    "mixture": {"held_out": ["ag_news", "sst2"]},
    "training": {
        "seed": 3,
        "epochs": 1,
        "batch_size": 32,
        "max_tokens": 8192,
        "learning_rate": 0.0001,
        "max_length": 192,
        "loss": {"w_mlm": 0.0, "w_omlm": 1.0, "w_op": 1.0},
    },
}
TASK: dict[str, Any] = {
    "task": "weather",
    "split": "test",
    "variant": None,
    "examples": 1200,
    "primary": "accuracy",
    "figures": {"accuracy": {"value": 0.625, "low": 0.6, "high": 0.65}},
    "chance": 0.25,
    "seen": {"status": "unseen", "rows": 0, "of": {}},
}
SUBJECT = Subject(
    name="unimc-tiny",
    family="BERT",
    order_invariant=True,
    parameters=22_700_000,
    dtype="float16",
    entry=ENTRY,
    terms={"open": (1, 300), "non-commercial": (0, 0), "not-stated": (1, 100)},
    runs=[RUN],
    datasets=["somebody/letters"],
    results=[{"model": {"fingerprint": "5a1e"}, "tasks": [TASK]}],
    fingerprint="5a1e",
    bias=PronounBias({"male": (6, 10), "female": (5, 10)}, 10, 3, {"male": 2, "female": 1}),
)


def text(subject: Subject = SUBJECT) -> str:
    return str(card(subject).content)


def test_the_hub_reads_its_metadata() -> None:
    data = card(SUBJECT).data
    assert (data.language, data.library_name, data.license) == (["en", "zh"], "transformers", "other")
    assert data.datasets == ["somebody/letters"]
    (result,) = data.eval_results
    assert (result.dataset_name, result.metric_type, result.metric_value) == ("weather", "accuracy", 0.625)


def test_stages_of_a_training_are_told_in_their_order() -> None:
    second = {"backbone": "runs/x/final", "training": {"seed": 1, "epochs": 1, "batch_size": 16, "accumulation": 2}}
    said = text(replace(SUBJECT, runs=[RUN, {**second, "mixture": {"held_out": []}}]))
    assert said.index("From the backbone `tiny`") < said.index("Then, stage 2: seed 1, 1 epoch(s), micro-batches")
    assert "at most 16 examples, 2 of them a step on each process, learning rate" in said
    assert "Held out" not in said, "the second stage held nothing out"


@pytest.mark.parametrize(
    "said",
    [
        "(BERT, 22.7M parameters, float16 on disk)",
        "in English and Chinese",
        "rows of 192 tokens at most",
        "seed 3, 1 epoch(s), micro-batches of at most 32 examples and 8,192 tokens, learning rate 0.0001",
        "Held out, with every row that overlaps them: ag_news, sst2.",
        "Versions: unimc 0.1.0, torch 2.13.0.",
        "400 examples of 2 tasks:",
        "| not-stated | 1 | 100 | 25.0 % |",
        "- training data 邮件: not stated",
        "| weather | test | 1,200 | accuracy | 62.5 | 60.0–65.0 | 25.0 | unseen |",
        "| female | 10 | 50.0 |",
        "Of 10 sentences answered with *he* and with *she*, 3 (30.0 per cent) are answered otherwise",
        "the occupation is then the answer 2 times with *he* and 1 times with *she*",
        "arXiv 2210.08590",
        'UniMC.from_pretrained("unimc-tiny")',
    ],
)
def test_it_says(said: str) -> None:
    assert said in text()


def test_it_has_a_chinese_summary_with_the_same_facts() -> None:
    summary = next(line for line in text().splitlines() if line.startswith("**中文摘要**"))
    for said in ("英文、中文", "22.7M", "2 个任务、抽取 400 条", "选项的顺序不影响得分", "未经校准", "未注明许可 1 个"):
        assert said in summary


def test_figures_of_other_weights_than_those_shipped_are_said_to_be_so() -> None:
    assert "Measured on the weights in this folder." in text()
    said = text(replace(SUBJECT, fingerprint="0ther"))
    assert "Measured before the weights (or the vocabulary) were made smaller for this folder: weather." in said


def test_it_names_no_folder_of_the_machine_it_was_made_on() -> None:
    assert "`tiny`" in text()
    assert "somebody/backbones" not in text()


def test_the_order_of_options_is_promised_only_where_it_holds() -> None:
    assert "order of the options can't change the scores" in text()
    moved = text(replace(SUBJECT, order_invariant=False))
    assert "order of the options changes the scores" in moved
    assert "选项的顺序会影响得分" in moved


def test_a_calibration_is_named_and_its_lack_too() -> None:
    assert "Its scores are not calibrated" in text()
    calibrated = {**ENTRY, "calibration": {"default": {"temperature": 2.0, "bias": None}}}
    assert "Calibrations come with it, for default; none is used unless asked for" in text(
        replace(SUBJECT, entry=calibrated)
    )


def test_a_language_that_it_was_not_trained_in_is_no_language_of_it() -> None:
    english = {**ENTRY, "trained_on": ENTRY["trained_on"][:1]}
    said = text(replace(SUBJECT, entry=english))
    assert "zero-shot, in English:" in said
    assert "It has answer pieces for zh too, but was not trained in it." in said


def test_what_is_not_on_record_is_said_to_be_so() -> None:
    bare = replace(SUBJECT, entry={"answers": ENTRY["answers"]}, terms={}, runs=[], datasets=[], results=[], bias=None)
    said = text(bare)
    assert "## Training\n\nNot on record." in said
    assert "## Results\n\nNone on record." in said
    assert "Not measured for this model." in said
    assert card(bare).data.eval_results is None


# ---- figures by the gender of a pronoun


def winogender(pronoun: str, label: int, end: str = "could pay later") -> MultipleChoiceExample:
    return MultipleChoiceExample(
        ["the baker", "the guest"],
        f"Who does *{pronoun}* in the sentence refer to?",
        f"The baker told the guest that *{pronoun}* {end}.",
        label=label,
        task="winogender",
    )


def test_right_answers_are_counted_by_gender_and_moved_ones_by_pairs() -> None:
    found = pronoun_bias(
        [
            (winogender("he", 1), 0),
            (winogender("she", 1), 1),
            (winogender("they", 1), 1),
            (winogender("he", 0, "can't pay"), 0),
            (winogender("she", 0, "can't pay"), 0),
            (winogender("she", 0, "has no partner"), 0),
        ]
    )
    assert found.right == {"male": (1, 2), "female": (3, 3), "neutral": (1, 1)}
    assert (found.pairs, found.moved, found.to_occupation) == (2, 1, {"male": 1, "female": 0})


def test_a_question_without_its_pronoun_is_named() -> None:
    wrong = MultipleChoiceExample(["the baker", "the guest"], "Who?", "The baker left.", label=0, id="test/4")
    with pytest.raises(InputError, match=r"example test/4: no pronoun between asterisks in 'Who\?'"):
        pronoun_bias([(wrong, 0)])
    with pytest.raises(InputError, match="no answers"):
        pronoun_bias([])


# ---- from the folders of a run


def test_a_bundle_s_card_tells_of_its_run_its_results_and_its_bias(tmp_path: Path) -> None:
    made = tiny.checkpoint("bert")
    trained_on = [{"task": "snli", "split": "train", "rows": 40, "language": "en"}]
    licences = ["backbone tiny: MIT", "training data snli: CC BY-SA 4.0"]
    Checkpoint(made.model, made.tokenizer, made.answers, 90, trained_on, licences).save(tmp_path / "run" / "final")
    (tmp_path / "run" / "config.json").write_text(json.dumps(RUN), encoding="utf-8")
    columns = {"sentence": "", "occupation": "baker", "participant": "guest", "label": 1}
    rows = [
        {**columns, "sentence": f"The baker told the guest that {pronoun} could pay later.", "pronoun": pronoun}
        for pronoun in ("he", "she")
    ]
    data = tmp_path / "data" / "en" / "winogender"
    data.mkdir(parents=True)
    (data / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    evaluation = tmp_path / "run" / "evaluation"
    evaluation.mkdir()
    results = {
        "format": 1,
        "model": {"fingerprint": UniMC(made).backend.fingerprint()},
        "tasks": [{**TASK, "task": "winogender"}],
    }
    (evaluation / "results.json").write_text(json.dumps(results), encoding="utf-8")
    answers = [{"id": f"test/{row}", "task": "winogender", "label": row} for row in (0, 1)]
    (evaluation / "predictions.jsonl").write_text("".join(json.dumps(answer) + "\n" for answer in answers))
    output = tmp_path / "unimc-tiny"
    arguments = ["--results", evaluation, "--data-dir", tmp_path / "data"]
    done = unimc("bundle", "--model", tmp_path / "run" / "final", "--output", output, *arguments)
    assert done.code == 0, done.err
    said = (output / "README.md").read_text(encoding="utf-8")
    assert "seed 3" in said
    assert "| open | 1 | 40 | 100.0 % |" in said
    assert "- stanfordnlp/snli" in said
    assert "| winogender | test | 1,200 | accuracy | 62.5 |" in said
    assert "Measured before the weights (or the vocabulary) were made smaller for this folder: winogender." in said
    assert "Of 1 sentences answered with *he* and with *she*, 1 (100.0 per cent) are answered otherwise" in said


def test_an_evaluation_of_another_model_is_refused(bert_folder: Path, tmp_path: Path) -> None:
    results = {"format": 1, "model": {"fingerprint": "0ther"}, "tasks": [TASK]}
    (tmp_path / "results.json").write_text(json.dumps(results), encoding="utf-8")
    done = unimc("bundle", "--model", bert_folder, "--output", tmp_path / "unimc-tiny", "--results", tmp_path)
    assert done.code == 2
    assert "is the evaluation of another model than" in done.err
    assert not (tmp_path / "unimc-tiny").exists()


def test_what_is_no_evaluation_is_refused_by_name(bert_folder: Path, tmp_path: Path) -> None:
    """`unimc adapt` writes a results.json too, of another form."""
    results = {"format": 1, "task": "邮件", "base": "tiny", "strategy": "lora", "draws": []}
    (tmp_path / "results.json").write_text(json.dumps(results), encoding="utf-8")
    done = unimc("bundle", "--model", bert_folder, "--output", tmp_path / "unimc-tiny", "--results", tmp_path)
    assert (done.code, f"{tmp_path / 'results.json'}: not the results.json of an evaluation" in done.err) == (2, True)
    assert not (tmp_path / "unimc-tiny").exists()


def test_an_adapter_s_card_tells_of_its_base_s_training_too(tmp_path: Path) -> None:
    """The adapter's own folder holds what was added alone; what is shipped is the whole model."""
    made = tiny.checkpoint("bert")
    trained_on = [{"task": "letters", "split": "train", "rows": 40, "language": "en"}]
    licences = ["backbone tiny: MIT", "training data letters: CC BY-NC 4.0"]
    base = tmp_path / "run" / "final"
    Checkpoint(made.model, made.tokenizer, made.answers, 90, trained_on, licences).save(base)
    (tmp_path / "run" / "config.json").write_text(json.dumps(RUN), encoding="utf-8")
    opened = load(base)
    how = {"strategy": "lora", "tuned": {"steps": 60, "kept": 24}}
    about = {"base": str(base), "base_fingerprint": fingerprint(opened.model), "kind": "nothing", "how": how}
    AdaptedCheckpoint.of(opened, own_rows=[{"task": "邮件", "rows": 8}], **about).save(tmp_path / "adapter")
    done = unimc("bundle", "--model", tmp_path / "adapter", "--output", tmp_path / "unimc-tiny")
    assert done.code == 0, done.err
    said = (tmp_path / "unimc-tiny" / "README.md").read_text(encoding="utf-8")
    told = "Then adapted (lora): 60 steps, of which 24 were kept."
    for part in ("48 examples of 2 tasks:", "| non-commercial | 1 | 40 |", told, *(f"- {note}" for note in licences)):
        assert part in said
    assert said.index("From the backbone") < said.index(told)


def test_what_is_not_on_record_of_a_training_is_not_made_up(bert_folder: Path, tmp_path: Path) -> None:
    """Of a model without unimc.json nothing is known; the versions that bundled it did not train it."""
    shutil.copytree(bert_folder, tmp_path / "bare", ignore=shutil.ignore_patterns("unimc.json"))
    assert unimc("bundle", "--model", tmp_path / "bare", "--output", tmp_path / "unimc-tiny").code == 0
    assert (
        "Not on record." in (tmp_path / "unimc-tiny" / "README.md").read_text(encoding="utf-8").split("## Licences")[0]
    )


@pytest.mark.parametrize("called", ["tiny", "final"])
def test_a_run_is_told_once_wherever_the_command_is_called(
    called: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within the run's folder a backbone named without a slash lies beside the run's own configuration."""
    run = tmp_path / "run"
    tiny.checkpoint("bert").save(run / "final")
    (run / "config.json").write_text(json.dumps({**RUN, "backbone": called}), encoding="utf-8")
    monkeypatch.chdir(run)
    done = unimc("bundle", "--model", "final", "--output", tmp_path / "unimc-tiny")
    assert done.code == 0, done.err
    assert (tmp_path / "unimc-tiny" / "README.md").read_text(encoding="utf-8").count("seed 3") == 1
