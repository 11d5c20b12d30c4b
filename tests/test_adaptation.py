"""Adapting: every strategy learns, saves and opens to the same predictions; zero, few and all rows are one call."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch

from unimc import InputError, MultipleChoiceExample, UniMC
from unimc.adaptation import NAMES, AdaptConfig, AdaptedCheckpoint, Drawn, adapt, draw, loop, strategy_of
from unimc.adaptation.adapting import Adapted
from unimc.adaptation.few_shot import few_shot
from unimc.adaptation.folder import TENSORS
from unimc.adaptation.loop import ALL_STEPS, HELD_OUT, SECONDS
from unimc.adaptation.rows import with_some_options
from unimc.bundled import folder_size
from unimc.checkpoint import Checkpoint, load, load_encoder
from unimc.evaluation_set import EvaluationSet

pytest.importorskip("peft")

TRAINED = tuple(name for name in NAMES if name != "zero-shot")
OPTIONS = {"en": ("sport", "food"), "zh": ("体育", "食物")}
RATES = {"lora": 1e-2}
PROMPT_RATES = {"prompt-tuning": 0.3, "p-tuning-v2": 1.0, "prompt-and-model": 0.03}
"""What a model of three layers with wide random weights learns by in forty steps."""
TEXTS = {
    "en": (("goal", "late goal", "goal goal"), ("soup", "good soup", "soup soup")),
    "zh": (("足球", "今天足球", "足球足球"), ("汤", "好汤", "汤汤")),
}


def rows(language: str = "en", times: int = 2) -> list[MultipleChoiceExample]:
    return [
        MultipleChoiceExample(
            OPTIONS[language],
            question="what is it about" if language == "en" else "说什么",
            passage=text,
            label=label,
            task="topics",
            id=f"{label}.{place}.{number}",
            language=language,
        )
        for label, texts in enumerate(TEXTS[language])
        for place, text in enumerate(texts)
        for number in range(times)
    ]


def drawn(language: str = "en", held_out: float = 0.25) -> Drawn:
    return draw(rows(language), None, seed=0, held_out=held_out, label_names=OPTIONS[language])


def config(strategy: str, **changes: Any) -> AdaptConfig:
    own = {"steps": 12, "checks": 4, "batch_size": 4, "patience": 9, "prompt_tokens": 4}
    own |= {"rate": RATES.get(strategy, 3e-3), "prompt_rate": PROMPT_RATES.get(strategy, 0.1)}
    return AdaptConfig(strategy, **{**own, **changes})


def adapted(base: Path, strategy: str, language: str = "en", **changes: Any) -> Adapted:
    return adapt(base, drawn(language), config(strategy, **changes), device="cpu", progress=False)


@pytest.fixture(scope="module")
def base(bert_folder: Path) -> Path:
    return bert_folder


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny BERT of the usual proportions: its weights weigh more than a page of JSON."""
    folder = tmp_path_factory.mktemp("wide")
    plain = tiny.checkpoint("bert")
    backbone = tiny.new_backbone("bert", hidden_size=128, intermediate_size=1024, num_hidden_layers=4)
    replace(plain, model=type(plain.model)(backbone)).save(folder)
    return folder


def margins(model: UniMC, language: str = "en") -> list[tuple[float, ...]]:
    return [one.margins for one in model.predict(rows(language))]


# ---- every strategy


@pytest.mark.parametrize("strategy", TRAINED)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_strategy_makes_the_right_options_likelier(base: Path, strategy: str, language: str) -> None:
    made = adapt(base, drawn(language, held_out=0), config(strategy, steps=30), device="cpu", progress=False)
    before, after = (few_loss(UniMC(checkpoint), language) for checkpoint in (load(base), made.checkpoint))
    assert after < before - 0.01
    assert made.tuned.steps == made.tuned.kept == 30
    assert made.tuned.stopped == ALL_STEPS


def few_loss(model: UniMC, language: str) -> float:
    """Mean negative log-likelihood of the right options."""
    found = model.predict(rows(language))
    right = [one.scores[example.label or 0] for one, example in zip(found, rows(language), strict=True)]
    return -float(torch.tensor(right).log().mean())


@pytest.mark.parametrize("strategy", NAMES)
def test_a_saved_model_opens_to_exactly_the_same_predictions(base: Path, strategy: str, tmp_path: Path) -> None:
    made = adapted(base, strategy)
    made.checkpoint.save(tmp_path / "saved")
    opened = UniMC.from_pretrained(tmp_path / "saved", device="cpu")
    assert margins(opened) == margins(UniMC(made.checkpoint))
    opened.save_pretrained(tmp_path / "again")
    assert margins(UniMC.from_pretrained(tmp_path / "again", device="cpu")) == margins(opened)
    fingerprints = {UniMC(made.checkpoint).backend.fingerprint(), opened.backend.fingerprint()}
    assert len(fingerprints) == 1


@pytest.mark.parametrize("strategy", [name for name in NAMES if not strategy_of(name).backbone])
def test_an_adapter_is_small_and_names_its_base(wide: Path, strategy: str, tmp_path: Path) -> None:
    made = adapted(wide, strategy, steps=2, rank=2)
    made.checkpoint.save(tmp_path / "adapter")
    assert folder_size(tmp_path / "adapter") < 0.03 * folder_size(wide)
    entry = json.loads((tmp_path / "adapter" / "unimc.json").read_text(encoding="utf-8"))
    assert entry["adapter"]["base"] == str(wide)
    assert entry["adapter"]["how"]["strategy"] == strategy


@pytest.mark.parametrize("strategy", TRAINED)
def test_only_what_the_strategy_says_moves(base: Path, strategy: str) -> None:
    before = load(base).model.backbone.state_dict()
    made = adapted(base, strategy, held_out=0)
    after = made.checkpoint.model.backbone.state_dict()
    moved = {name for name, value in before.items() if not torch.equal(value, after[name])}
    moves = strategy_of(strategy)
    if moves.lora:
        assert moved == {name for name in before if name.endswith(("query.weight", "value.weight"))}
    else:
        assert bool(moved) == moves.backbone


@pytest.mark.parametrize("family", ["albert", "roberta", "electra", "deberta-v2", "modernbert"])
@pytest.mark.parametrize("strategy", ["lora", "prompt-tuning", "p-tuning-v2"])
def test_other_families(family: str, strategy: str, tmp_path: Path) -> None:
    tiny.checkpoint(family).save(tmp_path / "base")
    if strategy == "p-tuning-v2" and family in ("modernbert", "deberta-v2"):
        with pytest.raises(InputError, match=f"{family} has not"):
            adapted(tmp_path / "base", strategy)
        return
    made = adapt(tmp_path / "base", drawn(held_out=0), config(strategy, steps=3), device="cpu", progress=False)
    made.checkpoint.save(tmp_path / "saved")
    opened = UniMC.from_pretrained(tmp_path / "saved", device="cpu")
    assert margins(opened) == margins(UniMC(made.checkpoint))
    assert margins(opened) != margins(UniMC.from_pretrained(tmp_path / "base", device="cpu"))


def test_lora_can_be_written_whole(base: Path, tmp_path: Path) -> None:
    made = adapted(base, "lora")
    assert isinstance(made.checkpoint, AdaptedCheckpoint)
    made.checkpoint.plain().save(tmp_path / "whole")
    assert type(load(tmp_path / "whole")) is Checkpoint
    assert margins(UniMC.from_pretrained(tmp_path / "whole", device="cpu")) == margins(UniMC(made.checkpoint))


def test_a_prompt_cannot_be_written_whole(base: Path) -> None:
    made = adapted(base, "prompt-tuning", steps=1)
    assert isinstance(made.checkpoint, AdaptedCheckpoint)
    with pytest.raises(InputError, match="keep the adapter's folder"):
        made.checkpoint.plain()


def test_a_prompt_trained_on_other_rows_can_be_the_start(base: Path, tmp_path: Path) -> None:
    first = adapted(base, "prompt-tuning", "zh")
    first.checkpoint.save(tmp_path / "first")
    start = first.checkpoint.model.prompt.vectors  # type: ignore[union-attr]
    for strategy in ("prompt-tuning", "p-tuning"):
        made = adapt(
            base,
            drawn(),
            config(strategy, steps=1, prompt_rate=1e-9),
            initial=tmp_path / "first",
            device="cpu",
            progress=False,
        )
        assert torch.allclose(made.checkpoint.model.prompt.vectors, start, atol=1e-6)  # type: ignore[union-attr]
    for strategy, problem in (("p-tuning-v2", "another kind of prompt"), ("lora", "has none")):
        with pytest.raises(InputError, match=problem):
            adapt(base, drawn(), config(strategy), initial=tmp_path / "first", device="cpu", progress=False)
    with pytest.raises(InputError, match="no adapter with a prompt"):
        adapt(base, drawn(), config("prompt-tuning"), initial=base, device="cpu", progress=False)
    with pytest.raises(InputError, match="holds a prompt of 4 tokens, not 9; leave --prompt-tokens out"):
        adapt(base, drawn(), config("prompt-tuning", prompt_tokens=9), initial=tmp_path / "first", device="cpu")
    tiny.checkpoint("electra").save(tmp_path / "other")
    with pytest.raises(InputError, match="a prompt made for other weights, those of "):
        adapt(tmp_path / "other", drawn(), config("prompt-tuning"), initial=tmp_path / "first", device="cpu")


# ---- how long


def test_the_same_seed_gives_the_same_model(base: Path) -> None:
    one, again, other = (adapted(base, "prompt-tuning", seed=seed) for seed in (0, 0, 1))
    assert margins(UniMC(one.checkpoint)) == margins(UniMC(again.checkpoint))
    assert margins(UniMC(one.checkpoint)) != margins(UniMC(other.checkpoint))


def test_adapting_leaves_the_randomness_of_others_alone(base: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    adapted(base, "p-tuning", steps=1)
    assert torch.equal(torch.rand(1), expected)


def test_the_best_state_on_the_held_out_rows_is_kept(base: Path) -> None:
    """Too high a rate makes it worse: what comes back is the state that was best, in its weights too."""
    made = adapted(base, "fine-tuning", rate=3.0, max_gradient_norm=100.0, patience=2)
    assert made.tuned.stopped == HELD_OUT
    assert made.tuned.steps < 12
    best = max(made.tuned.checks, key=lambda check: (check.accuracy, -check.loss))
    assert made.tuned.kept == best.step
    held = list(drawn().held_out)
    found = UniMC(made.checkpoint).predict(held)
    assert (
        sum(one.label == example.label for one, example in zip(found, held, strict=True)) / len(held) == best.accuracy
    )


def test_seconds_bound_the_training(base: Path) -> None:
    made = adapted(base, "fine-tuning", seconds=1e-3, held_out=0)
    assert made.tuned.stopped == SECONDS
    assert made.tuned.steps == 1


def test_a_step_split_for_memory_is_the_same_step(base: Path) -> None:
    one, split = (adapted(base, "fine-tuning", max_tokens=tokens) for tokens in (4096, 1))
    for before, after in zip(margins(UniMC(one.checkpoint)), margins(UniMC(split.checkpoint)), strict=True):
        assert before == pytest.approx(after, abs=1e-3)


def test_bfloat16_learns_too(base: Path) -> None:
    few = drawn("zh", held_out=0)
    made = adapt(base, few, config("lora", steps=30, precision="bfloat16"), device="cpu", progress=False)
    assert few_loss(UniMC(made.checkpoint), "zh") < few_loss(UniMC(load(base)), "zh") - 0.1
    assert made.checkpoint.model.backbone.dtype == torch.float32


def test_rows_can_change_from_epoch_to_epoch(base: Path) -> None:
    seen: set[int] = set()

    def vary(example: MultipleChoiceExample, epoch: int) -> MultipleChoiceExample:
        seen.add(epoch)
        return replace(example, question=f"what {epoch}")

    adapt(base, drawn(held_out=0), config("lora", steps=7), vary=vary, device="cpu", progress=False)
    assert seen == {0, 1, 2}


def test_some_options_are_shown_in_each_row_wherever_the_setting_is_given(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [replace(one, options=(*OPTIONS["en"], "rain", "snow"), names=None) for one in rows()]
    few = draw(given, None, seed=0, held_out=0, label_names=given[0].names)
    laid_out, taken = [], loop.TrainingSet

    def spy(asked: list[MultipleChoiceExample], *args: Any, **kwargs: Any) -> Any:
        laid_out.append([one.options for one in asked])
        return taken(asked, *args, **kwargs)

    monkeypatch.setattr(loop, "TrainingSet", spy)
    three = config("prompt-tuning", steps=4, options=3, held_out=0, seed=4)
    adapt(base, few, three, device="cpu", progress=False)
    expected = [[with_some_options(one, 3, 4, epoch).options for one in few.training] for epoch in range(len(laid_out))]
    assert laid_out == expected
    assert len(laid_out) == 2
    laid_out.clear()
    found = few_shot(base, given, three, k=None, draws=2, label_names=given[0].names, device="cpu", progress=False)
    assert len(found.shots) == 2
    assert {len(options) for asked in laid_out for options in asked} == {3}
    laid_out.clear()
    adapt(base, draw(given, None, seed=0, held_out=0.25, label_names=given[0].names), three, progress=False)
    assert {len(options) for asked in laid_out for options in asked} == {3}, "held-out rows too"


def test_several_labels_are_asked_for_one_by_one(base: Path) -> None:
    given = [replace(one, label=None, labels=() if " " in one.passage else (one.label or 0,)) for one in rows(times=1)]
    few = draw(given, None, seed=0, held_out=0, label_names=OPTIONS["en"])
    made = adapt(base, few, config("fine-tuning", steps=40), multi_label=True, device="cpu", progress=False)
    found = UniMC(made.checkpoint).predict(given, multi_label=True)
    before = UniMC(load(base)).predict(given, multi_label=True)
    right = [sum(one.labels == own.labels for one, own in zip(some, given, strict=True)) for some in (before, found)]
    assert right[0] < 4 <= right[1]


# ---- the folder


def test_what_it_was_adapted_on_is_on_record(base: Path, tmp_path: Path) -> None:
    for strategy in ("prompt-tuning", "fine-tuning"):
        adapted(base, strategy, steps=1).checkpoint.save(tmp_path / strategy)
        opened = load(tmp_path / strategy)
        assert opened.trained_on[-1] == {"task": "topics", "rows": 12}
        assert len(opened.training_texts["topics"]) == 6


def test_what_the_base_was_trained_on_stays_on_record_through_every_opening(base: Path, tmp_path: Path) -> None:
    known = replace(load(base), trained_on=[{"task": "旧", "rows": 9}], training_texts={"旧": np.array([3])})
    known.save(tmp_path / "base")
    for strategy in ("prompt-tuning", "prompt-and-model", "lora", "fine-tuning"):
        adapted(tmp_path / "base", strategy, steps=1).checkpoint.save(tmp_path / strategy)
        once = load(tmp_path / strategy)
        once.save(tmp_path / f"{strategy} again")
        for opened in (once, load(tmp_path / f"{strategy} again"), load(tmp_path / strategy, weights=False)):
            assert opened.trained_on == [{"task": "旧", "rows": 9}, {"task": "topics", "rows": 12}], strategy
            assert {task: len(texts) for task, texts in opened.training_texts.items()} == {"旧": 1, "topics": 6}


def test_calibrations_of_the_base_are_left_out_and_own_ones_kept(base: Path, tmp_path: Path) -> None:
    from unimc.calibration import Calibration
    from unimc.stored_calibration import store

    load(base).save(tmp_path / "base")
    store(tmp_path / "base", "topics", Calibration(3.0))
    assert load(tmp_path / "base").calibration
    adapted(tmp_path / "base", "prompt-tuning", steps=1).checkpoint.save(tmp_path / "one")
    assert not load(tmp_path / "one").calibration
    store(tmp_path / "one", "topics", Calibration(2.0))
    assert UniMC.from_pretrained(tmp_path / "one", device="cpu").predict(rows()[:1], calibration="topics")[0].calibrated


def test_the_adapter_and_its_base_can_be_moved_together(base: Path, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(base, tmp_path / "here" / "base")
    adapted(tmp_path / "here" / "base", "prompt-tuning").checkpoint.save(tmp_path / "here" / "mine")
    expected = margins(UniMC.from_pretrained(tmp_path / "here" / "mine", device="cpu"))
    (tmp_path / "here").rename(tmp_path / "there")
    assert margins(UniMC.from_pretrained(tmp_path / "there" / "mine", device="cpu")) == expected


def test_rows_are_laid_out_by_an_adapter_as_by_its_base(base: Path, tmp_path: Path) -> None:
    adapted(base, "prompt-tuning", steps=1).checkpoint.save(tmp_path / "mine")
    assert load_encoder(tmp_path / "mine")(rows()[0]) == load_encoder(base)(rows()[0])


def test_what_is_wrong_with_a_folder_is_said(base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    adapted(base, "prompt-tuning", steps=1).checkpoint.save(folder)
    whole = (folder / "unimc.json").read_text(encoding="utf-8")

    def changed(**own: Any) -> None:
        entry = json.loads(whole)
        entry["adapter"] |= own
        (folder / "unimc.json").write_text(json.dumps(entry), encoding="utf-8")

    changed(fingerprint="0" * 64)
    with pytest.raises(InputError, match="has other weights than this adapter was made for"):
        load(folder)
    changed(base="nowhere/at/all", path="../nowhere")
    with pytest.raises(InputError, match="nowhere/at/all is not there"):
        load(folder)
    changed(kind="magic")
    with pytest.raises(InputError, match="kind"):
        load(folder)
    changed(kind="lora")
    with pytest.raises(InputError, match="no whole pair"):
        load(folder)
    changed()
    (folder / TENSORS).write_bytes(b"cut")
    with pytest.raises(InputError, match="damaged"):
        load(folder)
    (folder / TENSORS).unlink()
    with pytest.raises(InputError, match="missing"):
        load(folder)


def test_an_adapter_is_no_base(base: Path, tmp_path: Path) -> None:
    adapted(base, "prompt-tuning", steps=1).checkpoint.save(tmp_path / "mine")
    with pytest.raises(InputError, match="is an adapter itself"):
        adapted(tmp_path / "mine", "lora")


@pytest.mark.parametrize("strategy", ["zero-shot", "lora", "prompt-tuning"])
def test_what_was_trained_on_since_is_not_saved_as_the_adapter(base: Path, strategy: str, tmp_path: Path) -> None:
    adapted(base, strategy, steps=1).checkpoint.save(tmp_path / "mine")
    opened = load(tmp_path / "mine")
    with torch.no_grad():
        next(opened.model.parameters()).add_(1.0)
    with pytest.raises(InputError, match="weights changed"):
        opened.save(tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_other_types_of_numbers(base: Path, tmp_path: Path) -> None:
    adapted(base, "prompt-tuning").checkpoint.save(tmp_path / "mine")
    whole, half = (UniMC.from_pretrained(tmp_path / "mine", device="cpu", dtype=one) for one in (None, torch.bfloat16))
    assert half.backend.dtype == "bfloat16"
    for one, other in zip(margins(whole), margins(half), strict=True):
        assert one == pytest.approx(other, abs=0.5)


# ---- zero, few, all


def evaluation() -> EvaluationSet:
    others = [replace(one, passage=f"{one.passage} again") for one in rows(times=1)]
    return EvaluationSet("topics", "test", others, OPTIONS["en"])


@pytest.mark.parametrize("k", [0, 2, None])
def test_zero_few_and_all_rows_are_the_same_call(base: Path, k: int | None, tmp_path: Path) -> None:
    found = few_shot(
        base,
        rows(),
        config("lora", steps=4),
        k=k,
        draws=2,
        label_names=OPTIONS["en"],
        evaluation=evaluation(),
        output=tmp_path / "out",
        device="cpu",
        progress=False,
    )
    assert [shot.training + shot.held_out for shot in found.shots] == [{0: 0, 2: 4, None: 12}[k]] * 2
    assert found.mean == pytest.approx(sum(found.values) / 2)
    assert found.deviation is not None
    written = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert (written["k"], written["mean"], len(written["draws"])) == (k, found.mean, 2)
    for number in range(2):
        assert UniMC.from_pretrained(tmp_path / "out" / f"draw-{number}", device="cpu").predict(rows())
    with pytest.raises(InputError, match="holds results already"):
        few_shot(base, rows(), config("lora"), k=k, output=tmp_path / "out", progress=False)


@pytest.mark.parametrize(("draws", "there"), [(1, "final"), (2, "draw-1")])
def test_another_model_in_the_output_stays(base: Path, draws: int, there: str, tmp_path: Path) -> None:
    """A training's, say: it has no results that would tell."""
    kept = tmp_path / "out" / there / "model.safetensors"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"weights")
    with pytest.raises(InputError, match=f"{there} is there already, a model perhaps; remove it, or name another"):
        few_shot(base, rows(), config("lora"), k=2, draws=draws, output=tmp_path / "out", progress=False)
    assert kept.read_bytes() == b"weights"


def test_an_output_that_is_a_file_is_refused_before_any_training(base: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("answers", encoding="utf-8")
    with pytest.raises(InputError, match="out is a file; name a folder for the model"):
        few_shot(base, rows(), config("lora"), k=2, output=tmp_path / "out", progress=False)


@pytest.mark.parametrize("strategy", ["zero-shot", "lora"])
def test_a_start_for_a_prompt_that_is_not_there_is_refused(base: Path, strategy: str) -> None:
    with pytest.raises(InputError, match=f"the start of a prompt, and {strategy} has none"):
        adapt(base, drawn(), config(strategy), initial="runs/anything", progress=False)


def test_what_is_measured_on_is_not_trained_on(base: Path) -> None:
    """Test rows of some data sets stand among their training rows."""
    given = [*rows(), *(replace(one, id=f"again {one.id}") for one in evaluation().examples)]
    found = few_shot(
        base, given, config("lora", steps=1), k=None, label_names=OPTIONS["en"], evaluation=evaluation(),
        zero_shot=False, device="cpu", progress=False,
    )  # fmt: skip
    assert found.shots[0].training + found.shots[0].held_out == 12
    assert found.warnings[0] == "6 rows were left out: their texts are among those measured on"


def test_a_base_that_saw_what_is_measured_is_not_called_zero_shot(base: Path, tmp_path: Path) -> None:
    known = load(base)
    replace(known, trained_on=[{"task": "topics", "rows": 12}]).save(tmp_path / "base")
    for folder, said in ((base, 0), (tmp_path / "base", 1)):
        found = few_shot(folder, rows(), AdaptConfig("zero-shot"), k=0, evaluation=evaluation(), progress=False)
        assert sum("not zero-shot" in warning for warning in found.warnings) == said


def test_zero_shot_says_that_it_took_no_rows(base: Path) -> None:
    found = few_shot(base, rows(), AdaptConfig("zero-shot"), k=None, label_names=OPTIONS["en"], progress=False)
    assert (found.k, found.table().title) == (0, "topics: zero-shot on 0 rows a label")


def test_what_the_held_out_rows_said_before_stands_beside_what_they_say_now(base: Path) -> None:
    found = few_shot(base, rows(), config("lora", steps=4), k=None, label_names=OPTIONS["en"], progress=False)
    first, *_ = checks = found.shots[0].tuned.checks
    kept = next(check for check in checks if check.step == found.shots[0].tuned.kept)
    assert list(found.table().columns[2].cells) == [f"{first.accuracy:.1%} → {kept.accuracy:.1%}"]
    assert "unimc evaluate" in str(found.table().caption)


def test_settings_that_make_no_sense_are_refused() -> None:
    for wrong, problem in (
        ({"strategy": "prompt_tuning"}, "did you mean 'prompt-tuning'"),
        ({"steps": 0}, "steps is 0"),
        ({"rate": float("nan")}, "rate is nan"),
        ({"held_out": 0.9}, "held_out is 0.9"),
        ({"precision": "half"}, "float32 or bfloat16"),
    ):
        with pytest.raises(InputError, match=problem):
            AdaptConfig(**wrong)


@pytest.mark.parametrize("strategy", ["lora", "p-tuning-v2"])
def test_a_row_of_many_options_that_a_short_row_cannot_hold_is_laid_out_in_a_longer_one(
    base: Path, strategy: str
) -> None:
    options = [f"{first} {second} {third}" for first in "abcd" for second in "efgh" for third in ("rain", "snow")]
    given = [MultipleChoiceExample(options, passage="goal " * 60, label=0, id=str(number)) for number in range(4)]
    few = draw(given, None, seed=0, held_out=0, label_names=options)
    made = adapt(base, few, config(strategy, steps=1, max_length=64), device="cpu", progress=False)
    assert made.tuned.steps == 1


def test_a_row_that_cannot_be_laid_out_is_told_among_however_many(base: Path) -> None:
    """Training on a mixture leaves out one in a hundred; here the places of those behind it would shift."""
    long = "rain snow " * 600
    given = [replace(one, id=f"row {number}") for number, one in enumerate(rows("en", 20))]
    broken = MultipleChoiceExample([f"{long}a", f"{long}b"], passage="goal", label=0, task="topics", id="broken")
    with pytest.raises(InputError, match="broken"):
        adapt(base, Drawn((broken, *given)), config("fine-tuning", steps=1), fixed=False, device="cpu", progress=False)


def test_where_several_labels_may_hold_the_loss_alone_is_looked_at(base: Path) -> None:
    given = [replace(one, label=None, labels=(one.label or 0,)) for one in rows()]
    few = draw(given, None, seed=0, held_out=0.25, label_names=OPTIONS["en"])
    made = adapt(base, few, config("lora", steps=4), multi_label=True, device="cpu", progress=False)
    assert {check.accuracy for check in made.tuned.checks} == {None}
    best = min(made.tuned.checks, key=lambda check: check.loss)
    assert made.tuned.kept == best.step
