"""`UniMC`: what goes in, what comes out, in which order."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny
import torch

from unimc import InputError, MultipleChoiceExample, Prediction, UniMC
from unimc.checkpoint import load
from unimc.collation import collate

TEXTS = ["The soup was cold.", "外面下雨，火车晚", "A goal, late, and then music: it was very good!"]
OPTIONS = ["sport", "food and snow", "音乐"]


def example(words: int = 3, **changes: Any) -> MultipleChoiceExample:
    return MultipleChoiceExample(**{"options": OPTIONS, "question": "what", "passage": "rain " * words, **changes})


def logits_of(model: UniMC, one: MultipleChoiceExample) -> tuple[list[float], list[float]]:
    """Yes and no at the O-MASKs of the example's one row, the plain way."""
    pair = model.answers[one.language]
    with torch.no_grad():
        logits, _ = model.model(**collate([model.encoder(one)], 0).inputs())
    return logits[:, pair.yes_id].tolist(), logits[:, pair.no_id].tolist()


# ---- the figures


@pytest.mark.parametrize("language", ["en", "zh"])
def test_one_label_is_a_softmax_over_the_yes_logits(model: UniMC, language: str) -> None:
    yes, no = logits_of(model, example(language=language))
    (found,) = model.predict([example(language=language)])
    assert found.scores == pytest.approx(torch.tensor(yes).softmax(0).tolist(), abs=1e-6)
    assert found.margins == pytest.approx([y - n for y, n in zip(yes, no, strict=True)], abs=1e-5)
    assert found.label == max(range(3), key=lambda option: yes[option])
    assert found.labels == (found.label,)
    assert found.answer == OPTIONS[found.label]


@pytest.mark.parametrize("threshold", [None, 0.1, 0.9, 1.0])
def test_several_labels_are_each_a_sigmoid_of_the_margin(model: UniMC, threshold: float | None) -> None:
    (found,) = model.predict([example()], multi_label=True, threshold=threshold)
    assert found.scores == pytest.approx([1 / (1 + math.exp(-margin)) for margin in found.margins], abs=1e-6)
    holds = 0.5 if threshold is None else threshold
    assert found.labels == tuple(option for option, score in enumerate(found.scores) if score >= holds)


def test_none_may_hold(model: UniMC) -> None:
    (found,) = model.predict([example()], multi_label=True, threshold=1.0)
    assert (found.labels, found.answer) == ((), None)
    assert found.scores[found.label] == max(found.scores)


@pytest.mark.parametrize("threshold", [-0.1, 1.5, math.nan])
def test_a_threshold_is_a_probability(model: UniMC, threshold: float) -> None:
    with pytest.raises(InputError, match="threshold"):
        model.predict([example()], multi_label=True, threshold=threshold)


def test_with_one_label_a_threshold_lets_none_of_these_be_the_answer(model: UniMC) -> None:
    """The best option has to be said "yes" for itself; the scores stay what they are."""
    always, low, high = (model.predict([example()], threshold=at)[0] for at in (None, 0.0, 1.0))
    assert low == always
    assert (high.labels, high.answer) == ((), None)
    assert (high.scores, high.margins, high.label) == (always.scores, always.margins, always.label)
    said = 1 / (1 + math.exp(-always.margins[always.label]))
    assert model.predict([example()], threshold=said - 1e-9)[0].labels == (always.label,)
    assert model.predict([example()], threshold=said + 1e-9)[0].labels == ()


def test_languages_of_one_batch_are_read_with_their_own_pieces(model: UniMC) -> None:
    both = [example(language="en"), example(language="zh")]
    for found, one in zip(model.predict(both), both, strict=True):
        assert found.margins == pytest.approx(model.predict([one])[0].margins, abs=1e-5)
    assert model.predict(both)[0].margins != pytest.approx(model.predict(both)[1].margins, abs=1e-2)


def test_the_label_has_no_say(model: UniMC) -> None:
    assert model.predict([example(label=2)]) == model.predict([example()])


def test_options_come_back_under_their_names(model: UniMC) -> None:
    (found,) = model.predict([example(names=["s", "f", "m"])])
    assert found.options == tuple(OPTIONS)
    assert found.names == ("s", "f", "m")
    assert found.answer == found.names[found.label]


def test_the_tokens_of_all_rows_are_counted(model: UniMC) -> None:
    one, long = example(), example(400)
    rows = model.encoder.rows(one)
    assert model.predict([one])[0].tokens == sum(map(len, rows))
    (read,) = model.predict([long], windows="max")
    assert read.rows > 1
    assert read.tokens > tiny.POSITIONS > model.predict([long])[0].tokens - 1


def test_a_prediction_is_json(model: UniMC) -> None:
    (found,) = model.predict([example()], multi_label=True)
    entry = json.loads(json.dumps(found.to_dict(), ensure_ascii=False))
    assert entry["options"] == OPTIONS
    assert entry["answer"] == found.answer
    assert entry.keys() >= {
        "options",
        "names",
        "scores",
        "margins",
        "label",
        "labels",
        "rows",
        "tokens",
        "truncated",
        "answer",
    }


# ---- many examples


MIXED = [example(words, id=f"{words}") for words in (3, 90, 1, 40, 40, 7, 120, 2)]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 100])
def test_results_come_in_the_order_of_the_examples(model: UniMC, batch_size: int) -> None:
    """Though rows are batched by length."""
    together = model.predict(MIXED, batch_size=batch_size)
    for one, found in zip(MIXED, together, strict=True):
        (alone,) = model.predict([one])
        assert found.scores == pytest.approx(alone.scores, abs=1e-5)


def test_a_token_budget_bounds_the_batches(model: UniMC, monkeypatch: pytest.MonkeyPatch) -> None:
    shapes: list[tuple[int, int]] = []
    forward = model.model.forward

    def watched(input_ids: torch.Tensor, *rest: Any, **named: Any) -> Any:
        shapes.append(tuple(input_ids.shape))
        return forward(input_ids, *rest, **named)

    monkeypatch.setattr(model.model, "forward", watched)
    model.max_tokens = 200
    model.predict(MIXED, batch_size=3)
    assert all(rows <= 3 and (rows == 1 or rows * length <= 200) for rows, length in shapes)
    assert len(shapes) > 3


def test_a_list_gives_a_list_and_anything_else_an_iterator(model: UniMC) -> None:
    assert isinstance(model.predict(MIXED), list)
    for examples in (tuple(MIXED), iter(MIXED), (one for one in MIXED)):
        found = model.predict(examples)
        assert isinstance(found, Iterator)
        assert list(found) == model.predict(MIXED)
    assert model.predict([]) == []
    assert list(model.predict(iter([]))) == []


def test_an_iterator_is_read_as_far_as_needed(model: UniMC) -> None:
    read = 0

    def endless() -> Iterator[MultipleChoiceExample]:
        nonlocal read
        while True:
            read += 1
            yield example()

    found = model.predict(endless(), batch_size=1)
    assert read == 0
    assert isinstance(next(found), Prediction)
    assert 0 < read <= 100


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_holds_one_row_at_least(model: UniMC, batch_size: int) -> None:
    with pytest.raises(InputError, match=f"batch_size is {batch_size}"):
        model.predict(MIXED, batch_size=batch_size)


def test_the_model_is_in_evaluation_mode_and_keeps_no_graph() -> None:
    backbone = tiny.new_backbone("bert", hidden_dropout_prob=0.5).train()
    made = tiny.checkpoint("bert")
    model = UniMC(type(made)(type(made.model)(backbone), made.tokenizer, made.answers))
    assert model.predict([example()]) == model.predict([example()])


# ---- classify


def test_one_text_gives_one_prediction_and_a_list_a_list(model: UniMC) -> None:
    alone = model.classify(TEXTS[0], OPTIONS, language="en")
    assert isinstance(alone, Prediction)
    assert model.classify([TEXTS[0]], OPTIONS, language="en") == [alone]
    assert model.classify([], OPTIONS) == []


def test_classify_is_predict_in_short(model: UniMC) -> None:
    found = model.classify(TEXTS, OPTIONS, question="what is it about?", language="zh", batch_size=2)
    examples = [MultipleChoiceExample(OPTIONS, "what is it about?", text, language="zh") for text in TEXTS]
    assert [one.scores for one in found] == [pytest.approx(one.scores, abs=1e-5) for one in model.predict(examples)]


def test_a_mapping_gives_names_and_wordings(model: UniMC) -> None:
    options = {"体育": "sport", "食物": "food and snow"}
    (listed,) = model.classify(TEXTS[:1], options)
    assert listed == model.classify(TEXTS[0], options)
    assert listed.names == ("体育", "食物")
    assert listed.options == ("sport", "food and snow")
    assert listed.answer in options


@pytest.mark.parametrize("kind", [list, tuple])
def test_every_text_may_have_its_own_options(model: UniMC, kind: type) -> None:
    options = kind([["sport", "food"], {"m": "音乐", "t": "天"}, ("a walk", "a train", "rain")])
    found = model.classify(TEXTS, options)
    assert [one.names for one in found] == [("sport", "food"), ("m", "t"), ("a walk", "a train", "rain")]
    assert found[1].scores == pytest.approx(model.classify(TEXTS[1], {"m": "音乐", "t": "天"}).scores, abs=1e-5)


def test_several_labels_and_their_threshold_reach_classify(model: UniMC) -> None:
    low, high = (model.classify(TEXTS[0], OPTIONS, multi_label=True, threshold=at) for at in (0.0, 1.0))
    assert (low.labels, high.labels) == ((0, 1, 2), ())


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        pytest.param(
            TEXTS[0], "sport", r"must be a list, not one string; write \['sport'\]", id="a-string-for-one-text"
        ),
        pytest.param(TEXTS, "sport", r"must be a list, not one string; write \['sport'\]", id="a-string-for-all"),
        pytest.param(TEXTS, [["a", "b"]] * 2, "2 lists of options for 3 texts", id="too-few-lists"),
        pytest.param(TEXTS[0], [["a", "b"]] * 2, "2 lists of options for 1 text", id="too-many-lists"),
        pytest.param(
            TEXTS, [["a", "b"], "ab", ["c"]], "options of text 1 must be a list or a mapping, not str", id="mixed"
        ),
        pytest.param(TEXTS, [["a", "b"], None, ["c"]], "options of text 1 must be a list .*, not NoneType", id="none"),
        pytest.param(TEXTS[0], [], "no options", id="no-options"),
        pytest.param(TEXTS[0], ["sport", ""], "option 1 is empty", id="empty-option"),
        pytest.param(TEXTS[0], ["sport", "sport"], "option 'sport' is given twice", id="twice"),
        pytest.param(TEXTS[0], {"a": "sport", "b": "sport"}, "option 'sport' is given twice", id="wording-twice"),
        pytest.param(TEXTS[0], {"a": "sport", "b": None}, "must be a string, not NoneType", id="wording-none"),
        pytest.param(TEXTS[0], None, "options must be a list or a mapping, not NoneType", id="options-none"),
        pytest.param(TEXTS[0], {"sport", "food"}, "options must be a list or a mapping, not set", id="options-set"),
        pytest.param(["rain", ""], OPTIONS, "text 1 is empty", id="empty-text"),
        pytest.param(" \n", OPTIONS, "text 0 is empty", id="blank-text"),
        pytest.param(["rain", None], OPTIONS, "text 1 is NoneType; give a text", id="none-text"),
        pytest.param(["rain", 3.5], OPTIONS, "text 1 is float; give a text", id="number"),
        pytest.param(None, OPTIONS, "texts must be", id="texts-none"),
        pytest.param(7, OPTIONS, "texts must be", id="texts-number"),
    ],
)
def test_what_is_wrong_is_named(model: UniMC, texts: Any, options: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        model.classify(texts, options)


def test_a_wrong_text_is_found_by_its_number(model: UniMC) -> None:
    with pytest.raises(InputError, match=r"^example text 1: option 'x' is given twice"):
        model.classify(TEXTS, [["a", "b"], ["x", "x"], ["c"]])


# ---- languages


def spied(model: UniMC, text: str, options: list[str], **settings: Any) -> str:
    """The language a text is read in, seen by its margins."""
    found = model.classify(text, options, **settings)
    return next(
        language
        for language in ("en", "zh")
        if found.margins == pytest.approx(model.classify(text, options, language=language).margins, abs=1e-6)
    )


@pytest.mark.parametrize(
    ("text", "options", "language"),
    [
        ("the soup was cold", ["food", "sport"], "en"),
        ("外面下雨", ["天", "足球"], "zh"),
        ("外面下雨", ["food", "sport"], "zh"),
        ("3 : 2 !", ["足球", "天"], "zh"),
        ("3 : 2 !", ["sport", "food"], "en"),
        ("The sign 中 was on the box of soup", ["food", "sport"], "en"),
        ("外面下雨，去 Starbucks 喝 coffee", ["food", "sport"], "zh"),
    ],
)
def test_the_language_is_told_by_the_script(model: UniMC, text: str, options: list[str], language: str) -> None:
    assert spied(model, text, options) == language


def test_logits_that_are_no_numbers_are_no_answer(bert_folder: Path) -> None:
    """Half precision that overflows gives them; the first option would be the best of nan."""
    broken = load(bert_folder)
    with torch.no_grad():
        next(broken.model.parameters()).fill_(float("nan"))
    with pytest.raises(InputError, match="the model's logits are no numbers"):
        UniMC(broken).classify("the soup", ["food", "sport"])


def test_a_language_given_rules(model: UniMC) -> None:
    assert spied(model, "the soup", ["food", "sport"], language="zh") == "zh"
    by_default = UniMC(model.checkpoint, language="zh")
    assert spied(by_default, "the soup", ["food", "sport"]) == "zh"
    assert spied(by_default, "外面", ["food", "sport"], language="en") == "en"


def test_a_language_that_cannot_be_told_is_an_error(model: UniMC) -> None:
    with pytest.raises(InputError, match=r"can't tell the language of '3 : 2 .*'; give language= one of en, zh"):
        model.classify("3 : 2", ["1", "2"])


def test_a_checkpoint_of_one_language_is_read_in_it() -> None:
    model = UniMC(tiny.checkpoint("roberta"))
    assert model.classify("3 : 2", ["1", "2"]) == model.classify("3 : 2", ["1", "2"], language="en")


def test_a_language_without_answer_pieces_is_an_error() -> None:
    checkpoint = tiny.checkpoint("roberta")
    message = "no answer pieces for language 'zh', only for en"
    with pytest.raises(InputError, match=message):
        UniMC(checkpoint, language="zh")
    with pytest.raises(InputError, match=message):
        UniMC(checkpoint).classify("rain", OPTIONS, language="zh")
    with pytest.raises(InputError, match=message):
        UniMC(checkpoint).predict([example(language="zh")])


# ---- too many options, too long texts


WORDS = [f"{one} {other}" for one in tiny.WORDS[:8] for other in tiny.WORDS[8:13]]


def test_many_options_are_scored_in_groups_by_their_margins() -> None:
    model = UniMC(tiny.checkpoint("bert"), max_length=64)
    one = example(options=WORDS)
    (found,) = model.predict([one])
    assert found.rows == len(model.encoder.rows(one)) + 1 > 2, "the groups and the last row"
    assert found.scores == pytest.approx(torch.tensor(found.margins).softmax(0).tolist(), abs=1e-6)
    assert sum(found.scores) == pytest.approx(1)


def test_with_several_labels_groups_give_each_option_the_margin_of_its_own_row() -> None:
    model = UniMC(tiny.checkpoint("bert"), max_length=64)
    one = example(options=WORDS)
    (found,) = model.predict([one], multi_label=True)
    assert found.rows == len(model.encoder.rows(one))
    for row in model.encoder.rows(one):
        alone = model.predict([example(options=[WORDS[option] for option in row.options])])[0]
        assert alone.rows == 1
        assert alone.margins == pytest.approx([found.margins[option] for option in row.options], abs=1e-5)


def test_groups_and_single_rows_share_batches(model: UniMC) -> None:
    model = UniMC(model.checkpoint, max_length=64)
    mixed = [example(), example(options=WORDS), example(2), example(options=WORDS[::-1], language="zh")]
    for one, found in zip(mixed, model.predict(mixed, batch_size=3), strict=True):
        (alone,) = model.predict([one])
        assert found.rows == alone.rows
        assert found.margins == pytest.approx(alone.margins, abs=1e-5)


def test_one_row_that_fits_is_one_row(model: UniMC) -> None:
    (found,) = model.predict([example(options=WORDS)])
    assert (found.rows, found.truncated) == (1, 0)


def test_what_was_cut_is_reported(model: UniMC) -> None:
    (found,) = model.predict([example(500)])
    assert found.truncated == 500 - (tiny.POSITIONS - (1 + (2 + 4 + 3) + 1 + 2 + 1))


@pytest.mark.parametrize("given", [None, 40, 100])
def test_the_maximum_length_holds(given: int | None) -> None:
    model = UniMC(tiny.checkpoint("bert"), max_length=given)
    lengths = [len(row) for row in model.encoder.rows(example(400)) + model.encoder.rows(example(options=WORDS[:9]))]
    assert max(lengths) == (given or tiny.POSITIONS)


@pytest.mark.parametrize("max_length", [0, -3, 2])
def test_a_length_that_holds_nothing_is_an_error(max_length: int) -> None:
    with pytest.raises(InputError, match=r"max_length|don't fit"):
        UniMC(tiny.checkpoint("bert"), max_length=max_length).predict([example()])


# ---- opening


def test_settings_reach_the_model(bert_folder: Path) -> None:
    model = UniMC.from_pretrained(bert_folder, language="zh", max_length=99, device="cpu", dtype=torch.bfloat16)
    assert (model.language, model.encoder.max_length) == ("zh", 99)
    assert model.model.backbone.dtype == torch.bfloat16
    assert math.isfinite(sum(model.classify(TEXTS[0], OPTIONS).scores))


def test_a_path_or_its_text_will_do(bert_folder: Path) -> None:
    by_path, by_text = (UniMC.from_pretrained(name) for name in (bert_folder, str(bert_folder)))
    assert by_path.classify("rain", OPTIONS, language="en") == by_text.classify("rain", OPTIONS, language="en")


def test_an_unknown_backend_is_refused(bert_folder: Path) -> None:
    with pytest.raises(InputError, match="backend 'tensorflow' is not known; use"):
        UniMC.from_pretrained(bert_folder, backend="tensorflow")


@pytest.mark.parametrize(
    ("device", "message"),
    [("bogus", r"^device 'bogus' can't be used here \(.+\); try cpu$"), ("cuda:99", "^device 'cuda:99' can't be used"),
     ("meta", "^device 'meta' can't be used here"), (torch.device("cuda:99"), "^device 'cuda:99' can't be used")],
)  # fmt: skip
def test_a_device_that_is_not_there_is_refused(bert_folder: Path, device: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        UniMC.from_pretrained(bert_folder, device=device)


def test_a_device_that_nobody_knows_is_refused_by_every_backend(bert_folder: Path) -> None:
    with pytest.raises(InputError, match="device 'bogus' can't be used here"):
        UniMC.from_pretrained(bert_folder, device="bogus", backend="onnx")
