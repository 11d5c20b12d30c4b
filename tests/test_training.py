"""Training in one process: what it learns, what it writes, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from unimc import InputError, MultipleChoiceExample, UniMC
from unimc.accelerator import make_accelerator
from unimc.answers import Answers
from unimc.checkpoint import Checkpoint, load
from unimc.modeling import UniMCModel
from unimc.objectives import LossConfig, losses, total
from unimc.run_folder import RunFolder
from unimc.training import train
from unimc.training_config import TrainingConfig
from unimc.training_set import MicroBatch, TrainingSet

EN = [("sport", "early goal"), ("food", "soup was good"), ("music", "long clock"), ("train", "the train was late")]
ZH = [("体育", "早到的人"), ("食物", "汤好"), ("音乐", "音乐长"), ("财经", "价钱涨")]
EXAMPLES = [
    MultipleChoiceExample(
        [right for right, _ in pairs], question, passage, label=index, task=task, id=f"{index}", language=language
    )
    for language, task, question, pairs in (("en", "topic", "what is it", EN), ("zh", "主题", "说什么", ZH))
    for index, (_, passage) in enumerate(pairs)
]
QUICK = TrainingConfig(
    epochs=20,
    batch_size=4,
    max_length=64,
    learning_rate=2e-3,
    warmup=0.1,
    schedule="constant_with_warmup",
    loss=LossConfig(w_mlm=0.0),
    log_every=1,
)


@pytest.fixture(autouse=True)
def _on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    yield
    AcceleratorState._reset_state(True)


def fresh(dropout: float = 0.0) -> Checkpoint:
    """A tiny model that the test may change."""
    pieces = tiny.tokenizer("wordpiece")
    backbone = tiny.new_backbone(
        "bert", hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout, initializer_range=0.1
    )
    return Checkpoint(UniMCModel(backbone), pieces, Answers.look_up(pieces), tiny.POSITIONS)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def losses_of(folder: Path) -> list[float]:
    return [line["loss"] for line in lines(folder) if "loss" in line]


# ---- learning


@pytest.mark.parametrize("over", ["vocabulary", "pair"])
def test_a_model_learns_eight_examples_by_heart(over: Any, tmp_path: Path) -> None:
    config = replace(QUICK, epochs=70, loss=LossConfig(w_mlm=0.0, omlm=over))
    final = train(fresh(), EXAMPLES, config, tmp_path)
    found = lines(tmp_path)
    assert found[-1]["loss"] < 0.3 * found[0]["loss"]
    assert found[-1]["accuracy"] == 1.0
    model = UniMC.from_pretrained(final, device="cpu")
    assert [one.label for one in model.predict(EXAMPLES)] == [example.label for example in EXAMPLES]


def test_each_of_the_three_losses_falls_when_it_is_trained(tmp_path: Path) -> None:
    train(fresh(), EXAMPLES, replace(QUICK, epochs=60, loss=LossConfig()), tmp_path)
    found = lines(tmp_path)
    for name in ("mlm", "omlm", "op"):
        first, last = (sum(line[name] for line in part) for part in (found[:20], found[-20:]))
        assert last < first, name


def test_several_right_options_and_none_are_learnt(tmp_path: Path) -> None:
    several = [
        MultipleChoiceExample(["sport", "food", "snow"], "", text, labels=right, task="tags", id=text)
        for text, right in (("goal and soup", (0, 1)), ("the wall", ()), ("snow on the wall", (2,)), ("soup", (1,)))
    ]
    final = train(fresh(), several, replace(QUICK, epochs=60), tmp_path)
    found = UniMC.from_pretrained(final, device="cpu").predict(several, multi_label=True)
    assert [one.labels for one in found] == [example.labels for example in several]


# ---- what is written


def test_metrics_hold_losses_accuracy_speed_and_each_task(tmp_path: Path) -> None:
    train(fresh(), EXAMPLES, replace(QUICK, epochs=2, loss=LossConfig()), tmp_path)
    found = lines(tmp_path)
    assert [(line["step"], line["epoch"]) for line in found] == [(1, 0), (2, 0), (3, 1), (4, 1)]
    for line in found:
        assert line["loss"] > 0
        assert line["examples"] == sum(task["examples"] for task in line["task"].values()) == 4
        right = sum(task["accuracy"] * task["examples"] for task in line["task"].values())
        assert line["accuracy"] == pytest.approx(right / 4)
        op = sum(task["loss"] * task["examples"] for task in line["task"].values())
        assert line["op"] == pytest.approx(op / 4)
        assert line["gradient_norm"] > 0
        assert line["examples_per_second"] > 0
        assert line["tokens_per_second"] > 0
    assert {task for line in found for task in line["task"]} == {"topic", "主题"}


def test_a_line_covers_all_steps_since_the_line_before(tmp_path: Path) -> None:
    for name, every in (("each", 1), ("both", 2)):
        train(fresh(), EXAMPLES, replace(QUICK, epochs=1, log_every=every), tmp_path / name)
    each, (both,) = lines(tmp_path / "each"), lines(tmp_path / "both")
    assert both["step"] == 2
    assert both["op"] == pytest.approx(sum(line["op"] for line in each) / 2)
    assert both["examples"] == 8


def test_the_final_model_says_how_it_is_to_be_used(tmp_path: Path) -> None:
    checkpoint = fresh()
    checkpoint.trained_on = [{"task": "主题", "split": "train", "rows": 4, "language": "zh"}]
    opened = load(train(checkpoint, EXAMPLES, replace(QUICK, epochs=1), tmp_path))
    assert opened.max_length == 64
    assert opened.trained_on == checkpoint.trained_on
    assert not opened.fresh_head


def test_trackers_get_the_same_figures(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(fresh(), EXAMPLES, replace(QUICK, epochs=1, trackers=("tensorboard",)), tmp_path)
    # The settings have event files of their own, in a folder below that of the figures.
    file = min(tmp_path.rglob("events.out.tfevents.*"), key=lambda path: len(path.parts))
    events = EventAccumulator(str(file.parent))
    events.Reload()
    assert [one.value for one in events.Scalars("loss")] == pytest.approx(losses_of(tmp_path))
    assert "task/主题/accuracy" in events.Tags()["scalars"]


def test_an_unknown_tracker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"training.trackers: 'tensorbord' is not installed, or no tracker"):
        train(fresh(), EXAMPLES, replace(QUICK, trackers=("tensorbord",)), tmp_path)


# ---- validation


def test_the_best_checkpoint_of_the_validations_is_kept(tmp_path: Path) -> None:
    scores = iter([0.2, 0.9, 0.9, 0.4])
    states = []

    def validate(model: UniMC, accelerator: Accelerator) -> dict[str, float]:
        states.append({name: weight.clone() for name, weight in model.model.backbone.state_dict().items()})
        assert accelerator.num_processes == 1
        return {"主题": next(scores), "topic": 0.5}

    train(fresh(), EXAMPLES, replace(QUICK, epochs=4, validate_every=2), tmp_path, validate=validate)
    found = [(line["step"], line["validation"]["mean"]) for line in lines(tmp_path) if "validation" in line]
    assert found == [(2, 0.35), (4, pytest.approx(0.7)), (6, pytest.approx(0.7)), (8, pytest.approx(0.45))]
    best = load(RunFolder(tmp_path).best).model.backbone.state_dict()
    assert all(torch.equal(weight, states[1][name]) for name, weight in best.items())


def test_an_undefined_figure_is_left_out_of_the_mean_and_never_the_best(tmp_path: Path) -> None:
    undefined = float("nan")
    scores = iter([(undefined, undefined), (undefined, 0.5), (0.9, 0.3), (undefined, undefined)])
    train(
        fresh(),
        EXAMPLES,
        replace(QUICK, epochs=2, validate_every=1),
        tmp_path,
        validate=lambda *_: dict(zip(("topic", "主题"), next(scores), strict=True)),
    )
    text = (tmp_path / "metrics.jsonl").read_text(encoding="utf-8")
    found = [json.loads(line, parse_constant=pytest.fail) for line in text.splitlines()]
    assert [line["validation"] for line in found if "validation" in line] == [
        {"topic": None, "主题": None, "mean": None},
        {"topic": None, "主题": 0.5, "mean": 0.5},
        {"topic": 0.9, "主题": 0.3, "mean": pytest.approx(0.6)},
        {"topic": None, "主题": None, "mean": None},
    ]
    assert json.loads((tmp_path / "best" / "state.json").read_text(encoding="utf-8"))["step"] == 3


def test_without_a_rhythm_only_the_end_is_validated(tmp_path: Path) -> None:
    train(fresh(), EXAMPLES, replace(QUICK, epochs=2), tmp_path, validate=lambda *_: {"topic": 0.5})
    assert [line["step"] for line in lines(tmp_path) if "validation" in line] == [4]


def test_validating_changes_nothing_about_training(tmp_path: Path) -> None:
    def validate(model: UniMC, _: Accelerator) -> dict[str, float]:
        return {"topic": model.predict(EXAMPLES[:1])[0].scores[0]}

    config = replace(QUICK, epochs=2, loss=LossConfig())
    train(fresh(0.1), EXAMPLES, config, tmp_path / "plain")
    train(fresh(0.1), EXAMPLES, replace(config, validate_every=1), tmp_path / "validated", validate=validate)
    assert losses_of(tmp_path / "validated") == losses_of(tmp_path / "plain")


# ---- steps


def test_accumulating_two_halves_equals_one_whole_batch(tmp_path: Path) -> None:
    """Sum over count of the whole step: also where the halves hold different numbers of targets."""
    uneven = [*EXAMPLES[:7], MultipleChoiceExample(["rain", "snow"], "which", "snow", label=1, task="topic", id="9")]
    config = replace(QUICK, epochs=6, batch_size=8, loss=LossConfig(), shuffle_options=False)
    train(fresh(), uneven, config, tmp_path / "whole")
    train(fresh(), uneven, replace(config, batch_size=4, accumulation=2), tmp_path / "halves")
    assert losses_of(tmp_path / "halves") == pytest.approx(losses_of(tmp_path / "whole"), abs=1e-5)


def test_max_steps_ends_a_run_early(tmp_path: Path) -> None:
    train(fresh(), EXAMPLES, replace(QUICK, max_steps=3), tmp_path)
    assert [line["step"] for line in lines(tmp_path)] == [1, 2, 3]
    assert (tmp_path / "final" / "model.safetensors").is_file()


def test_batches_of_one_example_fill_the_last_step_with_nothing(tmp_path: Path) -> None:
    train(fresh(), EXAMPLES[:5], replace(QUICK, epochs=1, batch_size=1, accumulation=2), tmp_path)
    assert [line["examples"] for line in lines(tmp_path)] == [2, 2, 1]


def test_the_rate_warms_up_and_falls(tmp_path: Path) -> None:
    train(fresh(), EXAMPLES, replace(QUICK, epochs=5, schedule="linear", warmup=0.4), tmp_path)
    rates = [line["learning_rate"] for line in lines(tmp_path)]
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert max(rates) == pytest.approx(2e-3)


def test_matrices_decay_and_biases_and_norms_do_not(tmp_path: Path) -> None:
    """A rate so high that, without a loss to follow, decay alone would move a weight."""
    checkpoint = fresh()
    before = {name: weight.clone() for name, weight in checkpoint.model.backbone.state_dict().items()}
    silent = LossConfig(w_mlm=0.0, w_omlm=0.0, w_op=1e-30)  # far below Adam's epsilon
    config = replace(QUICK, epochs=1, weight_decay=0.5, learning_rate=0.1, warmup=0.0, loss=silent)
    train(checkpoint, EXAMPLES, config, tmp_path)
    for name, weight in checkpoint.model.backbone.named_parameters():
        kept = (1 - 0.1 * 0.5) ** 2 if weight.ndim > 1 else 1.0
        torch.testing.assert_close(weight.detach(), before[name] * kept, msg=name)


def test_the_seed_decides_everything(tmp_path: Path) -> None:
    config = replace(QUICK, epochs=3, loss=LossConfig())
    runs = {"first": config, "again": config, "other": replace(config, seed=1)}
    for name, one in runs.items():
        train(fresh(0.1), EXAMPLES, one, tmp_path / name)
    first, again, other = (losses_of(tmp_path / name) for name in runs)
    assert first == again
    assert first != other


# ---- folders that are there already


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    config = replace(QUICK, epochs=2)
    final = train(fresh(), EXAMPLES, config, tmp_path)
    before = {path: path.stat().st_mtime_ns for path in final.iterdir()}
    metrics = lines(tmp_path)
    assert train(fresh(), EXAMPLES, config, tmp_path) == final
    assert {path: path.stat().st_mtime_ns for path in final.iterdir()} == before
    assert lines(tmp_path) == metrics


def test_another_configuration_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    train(fresh(), EXAMPLES, replace(QUICK, epochs=1), tmp_path)
    with pytest.raises(InputError, match=r"another configuration \(other: learning_rate\); take another output folder"):
        train(fresh(), EXAMPLES, replace(QUICK, epochs=1, learning_rate=1e-5), tmp_path)


class Killed(BaseException):
    """As a kill: nothing catches it."""


def killed_after(step: int, examples: list[MultipleChoiceExample], folder: Path) -> TrainingConfig:
    """A run that ended after so many steps, with a checkpoint of each but the last."""
    config = replace(QUICK, epochs=2, save_every=1, validate_every=1)
    validations = iter(range(1, step))

    def validate(*_: object) -> dict[str, float]:
        if next(validations, None) is None:
            raise Killed
        return {"topic": 0.5}

    with pytest.raises(Killed):
        train(fresh(), examples, config, folder, validate=validate)
    return config


def test_other_words_of_the_same_length_are_other_examples(tmp_path: Path) -> None:
    """Same ids, labels and token counts; only the wording of one question has changed."""
    config = killed_after(3, EXAMPLES, tmp_path)
    assert (tmp_path / "checkpoint-00000002").is_dir()
    changed = [replace(EXAMPLES[0], question="is it what"), *EXAMPLES[1:]]
    with pytest.raises(InputError, match="was made with other examples: the data, a card or the tokenizer"):
        train(fresh(), changed, config, tmp_path)
    assert train(fresh(), EXAMPLES, config, tmp_path).is_dir()


def test_tokens_are_told_apart_by_the_part_that_they_stand_in() -> None:
    one = MultipleChoiceExample(["sport", "food"], "early", "goal soup", label=0, id="1", task="t")
    other = replace(one, question="early goal", passage="soup")
    assert training_set([one]).lengths == training_set([other]).lengths
    assert training_set([one]).fingerprint != training_set([other]).fingerprint == training_set([other]).fingerprint


def test_weights_that_are_no_numbers_are_not_kept(tmp_path: Path) -> None:
    """The loss before the update is finite, the weights after it are not."""
    config = replace(QUICK, epochs=1, max_steps=1, learning_rate=1e25, schedule="constant", weight_decay=1e15)
    with pytest.raises(InputError, match=r"no longer finite after step 1; lower training.learning_rate"):
        train(fresh(), EXAMPLES, config, tmp_path)
    assert not list(tmp_path.glob("checkpoint-*"))
    assert not (tmp_path / "final").exists()


def test_what_cannot_be_trained_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"mixture": {}, "training": {"epochs": 3}}), encoding="utf-8")
    before = config.read_bytes()
    with pytest.raises(InputError, match="can't fill a step of 500"):
        train(fresh(), EXAMPLES, replace(QUICK, accumulation=500), tmp_path)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


def test_checkpoints_are_kept_up_to_a_number(tmp_path: Path) -> None:
    train(fresh(), EXAMPLES, replace(QUICK, epochs=3, save_every=1, keep=3), tmp_path)
    names = sorted(path.name for path in tmp_path.glob("checkpoint-*"))
    assert names == ["checkpoint-00000004", "checkpoint-00000005", "checkpoint-00000006"]


# ---- the training set


def training_set(examples: list[MultipleChoiceExample] = EXAMPLES, seed: int = 0, **settings: Any) -> TrainingSet:
    made = tiny.checkpoint("bert")
    return TrainingSet(
        examples, tiny.encoder("bert", 64), made.answers, loss=settings.pop("loss", LossConfig()), seed=seed, **settings
    )


def parts_of(micro: MicroBatch) -> str:
    return repr([micro.batch.input_ids.tolist(), micro.targets.corrupted_ids.tolist(), micro.targets.right.tolist()])


def test_a_micro_batch_is_a_function_of_seed_epoch_and_example() -> None:
    made = training_set()
    made.micro_batch([3, 1], 0)  # what was drawn before has no say
    assert parts_of(made.micro_batch([0, 1, 2], 4)) == parts_of(training_set().micro_batch([0, 1, 2], 4))
    variants = [training_set(seed=seed).micro_batch([0, 1, 2], epoch) for seed in range(2) for epoch in range(3)]
    assert len({parts_of(one) for one in variants}) == 6


def test_batch_mates_have_no_say_in_how_an_example_is_shown() -> None:
    made = training_set()
    for index in range(4):
        alone, among = made.micro_batch([index], 2), made.micro_batch([7, index, 5], 2)
        length = alone.batch.input_ids.shape[1]
        assert among.batch.input_ids[1, :length].tolist() == alone.batch.input_ids[0].tolist()


def test_shuffled_options_keep_the_right_one_by_its_text() -> None:
    made, words = training_set(loss=LossConfig(w_mlm=0.0)), tiny.tokenizer("wordpiece")
    orders = set()
    for epoch in range(12):
        for index, example in enumerate(EXAMPLES):
            micro = made.micro_batch([index], epoch)
            ids, options = micro.batch.input_ids[0], micro.batch.option_ids[0]
            shown = [words.decode(ids[options == one][1:]) for one in range(1, len(example.options) + 1)]
            assert sorted(one.replace(" ", "") for one in shown) == sorted(
                one.replace(" ", "") for one in example.options
            )
            right = [one for one, holds in zip(shown, micro.targets.right.tolist(), strict=True) if holds]
            assert [one.replace(" ", "") for one in right] == [example.options[example.label or 0]]
            orders.add(tuple(shown))
    assert len(orders) > 8  # the two option sets come in many orders


def test_options_keep_their_order_unless_shuffled() -> None:
    made = training_set(loss=LossConfig(w_mlm=0.0), shuffle_options=False)
    for index, example in enumerate(EXAMPLES):
        right = made.micro_batch([index], 5).targets.right.tolist()
        assert [place for place, holds in enumerate(right) if holds] == [example.label]


def test_the_language_picks_the_answer_pieces() -> None:
    answers = tiny.checkpoint("bert").answers
    whole, pair = training_set(), training_set(loss=LossConfig(omlm="pair"))
    for index, language in ((0, "en"), (4, "zh")):
        targets = whole.micro_batch([index], 0).targets
        assert set(targets.yes.tolist()) == {answers[language].yes_id}
        assert set(targets.no.tolist()) == {answers[language].no_id}
        narrow = pair.micro_batch([index], 0).targets
        assert (narrow.yes[0], narrow.no[0]) == answers.columns(language)


def test_several_right_options_are_all_targets_and_none_is_no_op_target() -> None:
    examples = [
        MultipleChoiceExample(["sport", "food", "snow"], "what", labels=labels, id=str(number))
        for number, labels in enumerate([(0, 2), ()])
    ]
    micro = training_set(examples, shuffle_options=False).micro_batch([0, 1], 0)
    assert micro.targets.right.tolist() == [True, False, True, False, False, False]
    assert micro.targets.counts(micro.batch.option_rows)[1:].tolist() == [6, 1]


def test_without_mlm_the_text_stays_as_it_is() -> None:
    micro = training_set(loss=LossConfig(w_mlm=0.0)).micro_batch(range(8), 0)
    assert not micro.targets.corrupted_ids.numel()
    again = training_set(loss=LossConfig(w_mlm=0.0), shuffle_options=False)
    assert len({parts_of(again.micro_batch([0], epoch)) for epoch in range(5)}) == 1


def test_the_narrow_head_gives_the_same_losses() -> None:
    """O-MLM over the pair reads the two columns: the same as picking them out of the whole vocabulary."""
    model, config = tiny.checkpoint("bert").model, LossConfig(w_mlm=0.0, omlm="pair")
    made = training_set(loss=config)
    micro = made.micro_batch(range(8), 0)
    narrow, _ = model(**micro.batch.inputs(), pieces=torch.tensor(made.pieces))
    whole, _ = model(**micro.batch.inputs())
    ids = training_set(loss=LossConfig(w_mlm=0.0)).micro_batch(range(8), 0).targets
    counts = micro.targets.counts(micro.batch.option_rows)
    one = losses(narrow, None, micro.targets, micro.batch.option_rows, config)
    other = losses(whole, None, ids, micro.batch.option_rows, config)
    torch.testing.assert_close(total(one.sums, counts, config), total(other.sums, counts, config))


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (MultipleChoiceExample(["a", "b"], "what", task="topic", id="7"), r"example topic 7: no label; training needs"),
        (MultipleChoiceExample(["是的", "不是"], "什么", task="主题", id="七", language="zh"), r"主题 七: no label"),
        (MultipleChoiceExample(["a", "b"], "quoi", label=0, language="fr"), r"no answer pieces for language 'fr'"),
    ],
)
def test_an_example_that_cannot_be_trained_on_is_named(example: MultipleChoiceExample, message: str) -> None:
    with pytest.raises(InputError, match=message):
        training_set([*EXAMPLES, example])


def test_a_row_whose_options_cannot_be_told_apart_is_left_out_and_said() -> None:
    long = " ".join(["word"] * 90)
    broken = MultipleChoiceExample([f"{long} a", f"{long} b"], "which", label=0, task="dialogue", id="9")
    many = [replace(EXAMPLES[place % len(EXAMPLES)], id=str(place)) for place in range(120)]
    made = training_set([*many[:50], broken, *many[50:]])
    assert len(made) == len(made.lengths) == len(made.tasks) == 120
    assert "dialogue" not in made.tasks
    (said,) = made.left_out
    assert "example dialogue 9" in said
    whole = training_set(many)
    assert parts_of(made.micro_batch([49, 50, 51], 1)) == parts_of(whole.micro_batch([49, 50, 51], 1))
    with pytest.raises(InputError, match=r"2 of 122 examples can't be laid out; example dialogue 9: options"):
        training_set([*many, broken, broken])


def test_no_examples_is_an_error() -> None:
    with pytest.raises(InputError, match="the mixture holds no examples; check its tasks and caps"):
        training_set([])


def test_the_accelerator_takes_the_precision_asked_for(tmp_path: Path) -> None:
    assert make_accelerator(replace(QUICK, mixed_precision="bf16"), tmp_path).mixed_precision == "bf16"
