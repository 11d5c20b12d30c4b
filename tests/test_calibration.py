"""Calibration: what a temperature and a bias may change, what is fitted with and without labels, its form on disk."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unimc import metrics
from unimc.calibration import Calibration, Kind, batch_prior, content_free_examples, content_free_prior, fit
from unimc.example import InputError, MultipleChoiceExample

NAMES = ("体育", "财经", "music")
Rows = list[list[float]]


def kind_of(multi_label: bool) -> Kind:
    return "multi" if multi_label else "single"


finite = st.floats(-50, 50)
temperatures = st.floats(0.05, 20)


def rows_of(width: int = 3, *, least: int = 1) -> st.SearchStrategy[Rows]:
    return st.lists(st.lists(finite, min_size=width, max_size=width), min_size=least, max_size=8)


def names_for(rows: Any, names: tuple[str, ...] = NAMES) -> list[tuple[str, ...]]:
    return [names] * len(rows)


def drawn(count: int, *, scale: float = 1.0, shift: tuple[float, ...] = (0, 0, 0), seed: int = 0) -> Any:
    """Logits and labels: labels follow the softmax of the logits; then the logits are scaled and shifted."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 2, (count, 3))
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = [(int(generator.choice(3, p=row)),) for row in chances]
    return scale * (logits + np.array(shift)), labels


def drawn_several(count: int, *, scale: float = 1.0, shift: tuple[float, ...] = (0, 0, 0), seed: int = 0) -> Any:
    """Margins and labels: each label follows the sigmoid of its margin; then the margins are scaled and shifted."""
    generator = np.random.default_rng(seed)
    margins = generator.normal(-1, 2, (count, 3))
    holds = generator.random((count, 3)) < 1 / (1 + np.exp(-margins))
    return scale * (margins + np.array(shift)), [tuple(np.flatnonzero(row).tolist()) for row in holds]


# ---- applying


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=6), temperatures, st.booleans())
def test_a_temperature_keeps_the_best_option_whatever_the_logits(
    logits: list[float], temperature: float, multi_label: bool
) -> None:
    scores = Calibration(temperature, kind=kind_of(multi_label)).apply(logits)
    assert scores[int(np.argmax(logits))] == scores.max()
    assert ((scores >= 0) & (scores <= 1)).all()
    if not multi_label:
        assert scores.sum() == pytest.approx(1)


def test_no_calibration_gives_softmax_and_sigmoid() -> None:
    logits = [1.0, -2.0, 0.5]
    assert Calibration().apply(logits) == pytest.approx(np.exp(logits) / np.exp(logits).sum())
    assert Calibration(kind="multi").apply(logits) == pytest.approx(1 / (1 + np.exp(-np.array(logits))))


@given(rows_of(), temperatures)
def test_logarithms_of_scores_do_as_well_as_logits(rows: Rows, temperature: float) -> None:
    calibration = Calibration(temperature, (("体育", 0.5), ("财经", -1.0), ("music", 0.0)))
    logs = [row - np.logaddexp.reduce(row) for row in rows]
    np.testing.assert_allclose(calibration.apply(logs, NAMES), calibration.apply(rows, NAMES), atol=1e-9)


@given(rows_of(), temperatures, st.lists(finite, min_size=3, max_size=3), st.permutations(range(3)), st.booleans())
def test_the_order_of_the_options_only_orders_the_scores(
    rows: Rows, temperature: float, shifts: list[float], order: list[int], multi_label: bool
) -> None:
    calibration = Calibration(temperature, tuple(zip(NAMES, shifts, strict=True)), kind_of(multi_label))
    scores = calibration.apply(rows, NAMES)
    turned = calibration.apply(np.array(rows)[:, order], [NAMES[at] for at in order])
    np.testing.assert_allclose(turned, scores[:, order], rtol=1e-12)


def test_infinite_logits_are_certain() -> None:
    inf = float("inf")
    assert Calibration(3.0).apply([inf, 0, -inf]).tolist() == [1, 0, 0]
    assert Calibration(3.0).apply([-inf, -inf]).tolist() == [0.5, 0.5]
    assert Calibration(0.5, kind="multi").apply([inf, 0, -inf]).tolist() == [1, 0.5, 0]


def test_a_bias_needs_the_name_of_every_option() -> None:
    calibration = Calibration(1.0, (("好", 0.5), ("bad", -0.5)))
    assert calibration.apply([0.0], ["bad"]).tolist() == [1.0]  # a part of the options will do
    with pytest.raises(InputError, match="option '坏' has no bias; there is one for '好', 'bad'"):
        calibration.apply([0.0, 1.0], ["好", "坏"])
    with pytest.raises(InputError, match="0 names for 2 options"):
        calibration.apply([0.0, 1.0])


@pytest.mark.parametrize("logits", [[float("nan"), 0.0], 1.0, []])
def test_what_are_no_logits_is_refused(logits: Any) -> None:
    with pytest.raises(InputError, match="logits to calibrate must be numbers"):
        Calibration().apply(logits)


# ---- fitting with labels


@pytest.mark.parametrize(("draw", "multi_label"), [(drawn, False), (drawn_several, True)])
def test_calibrated_scores_get_a_temperature_of_one(draw: Any, multi_label: bool) -> None:
    logits, right = draw(3000)
    assert fit(logits, right, multi_label=multi_label).temperature == pytest.approx(1, abs=0.08)


@pytest.mark.parametrize("scale", [0.1, 4.0])
@pytest.mark.parametrize(("draw", "multi_label"), [(drawn, False), (drawn_several, True)])
def test_a_scale_is_found(draw: Any, multi_label: bool, scale: float) -> None:
    logits, right = draw(3000, scale=scale)
    assert fit(logits, right, multi_label=multi_label).temperature == pytest.approx(scale, rel=0.08)


@pytest.mark.parametrize(("draw", "multi_label"), [(drawn, False), (drawn_several, True)])
def test_a_scale_and_a_shift_are_found_together(draw: Any, multi_label: bool) -> None:
    logits, right = draw(6000, scale=2.0, shift=(1.5, 0, -1.5))
    found = fit(logits, right, names_for(logits), multi_label=multi_label, bias=True)
    assert found.temperature == pytest.approx(2, rel=0.08)
    assert dict(found.bias or ()) == pytest.approx({"体育": -1.5, "财经": 0, "music": 1.5}, abs=0.2)


@pytest.mark.parametrize(("draw", "multi_label"), [(drawn, False), (drawn_several, True)])
def test_twenty_labels_bring_scores_that_are_too_sure_nearer_to_the_shares(draw: Any, multi_label: bool) -> None:
    logits, right = draw(3000, scale=5.0)
    found = fit(logits[:20], right[:20], multi_label=multi_label)
    gold = [[int(at in held) for at in range(3)] for held in right] if multi_label else [held for (held,) in right]
    before, after = (
        metrics.get("ece").compute(predictions=calibration.apply(logits), references=gold)
        for calibration in (Calibration(kind=kind_of(multi_label)), found)
    )
    assert after["ece"] < before["ece"] / 2


def penalised(calibration: Calibration, logits: Any, right: Any, names: Any, multi_label: bool) -> float:
    """What `fit` minimises, written plainly."""
    inverse, loss = 1 / calibration.temperature, 0.0
    for row, held, own in zip(logits, right, names, strict=True):
        scores = np.clip(calibration.apply(row, own), 1e-300, 1)
        wrong = [index for index in range(len(row)) if index not in held]
        loss -= np.log(scores[list(held)]).sum()
        if multi_label:
            shifts = tuple((name, -value) for name, value in calibration.bias or ())
            negated = Calibration(calibration.temperature, shifts, "multi")
            loss -= np.log(np.clip(negated.apply(-np.array(row), own), 1e-300, 1))[wrong].sum()
    squares = sum(value**2 for _, value in calibration.bias or ())
    return float(loss + inverse - 1 - np.log(inverse) + squares / 2)


@given(rows_of(), st.data(), st.booleans())
def test_the_fit_is_the_minimum_whatever_the_examples(rows: Rows, data: st.DataObject, multi_label: bool) -> None:
    """Few examples, one class only, separable ones, wrong ones: nothing near is better, and no number runs away."""
    least, most = (0, 3) if multi_label else (1, 1)
    labels = st.lists(st.integers(0, 2), min_size=least, max_size=most, unique=True)
    right = [data.draw(labels) for _ in rows]
    names = names_for(rows)
    found = fit(rows, right, names, multi_label=multi_label, bias=True)
    assert found.kind == kind_of(multi_label)
    best = penalised(found, rows, right, names, multi_label)
    assert np.isfinite(best)
    nothing = Calibration(1.0, tuple((name, 0.0) for name in NAMES), found.kind)
    assert best <= penalised(nothing, rows, right, names, multi_label) + 1e-9
    for factor in (0.99, 1.01):
        near = replace(found, temperature=found.temperature * factor)
        assert best <= penalised(near, rows, right, names, multi_label) + 1e-9
    for name in NAMES:
        for step in (-0.01, 0.01):
            moved = tuple((other, value + step * (other == name)) for other, value in found.bias or ())
            near = replace(found, bias=moved)
            assert best <= penalised(near, rows, right, names, multi_label) + 1e-9


@given(rows_of(least=2), st.data(), st.booleans())
def test_a_fit_follows_names_not_places(rows: Rows, data: st.DataObject, multi_label: bool) -> None:
    right = [(data.draw(st.integers(0, 2)),) for _ in rows]
    orders = [data.draw(st.permutations(range(3))) for _ in rows]
    turned = [[row[at] for at in order] for row, order in zip(rows, orders, strict=True)]
    turned_names = [tuple(NAMES[at] for at in order) for order in orders]
    turned_right = [(order.index(held),) for (held,), order in zip(right, orders, strict=True)]
    one = fit(rows, right, names_for(rows), multi_label=multi_label, bias=True)
    other = fit(turned, turned_right, turned_names, multi_label=multi_label, bias=True)
    assert other.temperature == pytest.approx(one.temperature, rel=1e-5)
    assert dict(other.bias or ()) == pytest.approx(dict(one.bias or ()), abs=1e-5)


@pytest.mark.parametrize("size", [1e-6, 1e3, 9e5])
@pytest.mark.parametrize("multi_label", [False, True])
def test_logits_of_any_size_are_fitted_without_a_warning(size: float, multi_label: bool) -> None:
    logits, right = drawn(200)
    rows = np.clip(size / 10 * logits, -size, size)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = fit(rows, right, names_for(rows), multi_label=multi_label, bias=True)
    assert np.isfinite(list(dict(found.bias or ()).values())).all()
    if size > 1 and not multi_label:
        assert found.temperature == pytest.approx(size / 10, rel=0.35)


def test_one_class_only_pulls_towards_it_and_stays_finite() -> None:
    logits, _ = drawn(20)
    found = fit(logits, [(1,)] * 20, names_for(logits), bias=True)
    bias = dict(found.bias or ())
    assert max(bias, key=bias.__getitem__) == "财经"
    assert max(map(abs, bias.values())) < 10


def test_a_single_example_moves_little_and_many_move_all_the_way() -> None:
    one = fit([[0.0, 1.0]], [(0,)]).temperature
    many = fit([[0.0, 1.0]] * 500, [(0,)] * 500).temperature
    assert 1 < one < 3 < many < 5000


def test_a_strong_pull_leaves_everything_as_it_was() -> None:
    logits, right = drawn(30, scale=5.0)
    found = fit(logits, right, names_for(logits), bias=True, strength=1e9)
    assert found.temperature == pytest.approx(1, abs=1e-5)
    assert max(abs(value) for _, value in found.bias or ()) < 1e-5


def test_examples_with_their_own_options_get_a_temperature() -> None:
    """Different numbers of options, no names in common."""
    generator = np.random.default_rng(1)
    logits = [3 * generator.normal(0, 2, 2 + number % 4) for number in range(2000)]
    right = [(int(generator.choice(len(row), p=Calibration(3.0).apply(row))),) for row in logits]
    assert fit(logits, right).temperature == pytest.approx(3, rel=0.1)


def test_an_example_may_offer_a_part_of_the_options() -> None:
    found = fit([[0.0, 1.0], [2.0, 0.0, 1.0]], [(0,), (2,)], [("a", "b"), ("a", "b", "丙")], bias=True)
    assert dict(found.bias or ()).keys() == {"a", "b", "丙"}


def test_a_fit_is_the_same_every_time() -> None:
    logits, right = drawn(50, scale=3.0)
    assert fit(logits, right, names_for(logits), bias=True) == fit(logits, right, names_for(logits), bias=True)


def test_examples_with_infinite_logits_are_left_out() -> None:
    logits, right = drawn(50, scale=3.0)
    spoiled = [*logits, [float("inf"), 0, 0], [0, -float("inf"), 0]]
    assert fit(spoiled, [*right, (1,), (1,)]) == fit(logits, right)
    with pytest.raises(InputError, match="none of 2 examples has finite logits"):
        fit(spoiled[-2:], [(1,), (1,)])


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"logits": []}, "1 lists of right options for the logits of 0 examples"),
        ({"logits": [], "right": []}, "nothing to fit: none of 0 examples"),
        ({"logits": [[0.0, float("nan")]]}, "example 0: expected one logit, a number, for each of its 2"),
        ({"right": [()]}, r"example 0: right is \[\]; expected one index"),
        ({"right": [(2,)]}, r"example 0: right is \[2\]"),
        ({"right": [(0, 1)]}, r"example 0: right is \[0, 1\]"),
        ({"right": [(-1,)], "multi_label": True}, r"example 0: right is \[-1\]; expected indices"),
        ({"names": [("好",)]}, "example 0: expected one logit, a number, for each of its 1"),
        ({"names": [("好", "好")]}, "example 0"),
        ({"names": []}, "0 lists of names for the logits of 1 examples"),
        ({"bias": True}, "give the names"),
        ({"strength": 0}, "strength is 0"),
    ],
)
def test_what_cannot_be_fitted_is_said(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        fit(**{"logits": [[0.0, 1.0]], "right": [(0,)], **settings})


# ---- without labels


@given(rows_of(), st.lists(finite, min_size=3, max_size=3), temperatures, st.booleans())
def test_a_batch_prior_undoes_a_shift_exactly(
    rows: Rows, shift: list[float], temperature: float, multi_label: bool
) -> None:
    """However much a model favours an option, the calibrated scores are those of one that doesn't."""
    shift = [value - sum(shift) / 3 for value in shift]  # of several labels, only what sets them apart is taken
    shifted, names = np.array(rows) + shift, names_for(rows)
    plain = batch_prior(rows, names, multi_label=multi_label, temperature=temperature)
    found = batch_prior(shifted.tolist(), names, multi_label=multi_label, temperature=temperature)
    assert found.kind == kind_of(multi_label)
    np.testing.assert_allclose(found.apply(shifted, NAMES), plain.apply(rows, NAMES), atol=1e-9)


@pytest.mark.parametrize("content_free", [False, True])
def test_a_prior_restores_the_balance_of_a_shifted_set(content_free: bool) -> None:
    shift = (4.0, 0.0, -2.0)
    logits, _ = drawn(3000, shift=shift)
    if content_free:
        found = content_free_prior([shift, (4.1, 0.0, -2.0)], names_for("ab"))
    else:
        found = batch_prior(logits, names_for(logits))
    before = np.bincount(Calibration().apply(logits).argmax(1), minlength=3) / 3000
    after = np.bincount(found.apply(logits, NAMES).argmax(1), minlength=3) / 3000
    assert before.max() > 0.8
    assert after == pytest.approx([1 / 3] * 3, abs=0.04)


def test_of_several_labels_only_what_sets_them_apart_is_taken() -> None:
    margins, _ = drawn_several(3000, shift=(3.0, 0.0, -3.0))
    found = batch_prior(margins, names_for(margins), multi_label=True)
    assert sum(value for _, value in found.bias or ()) == pytest.approx(0, abs=1e-9)
    held = (found.apply(margins, NAMES) >= 0.5).mean(0)
    assert held == pytest.approx([held.mean()] * 3, abs=0.05)
    assert held.mean() < 0.4  # labels hold more rarely than not, as before


def test_a_content_free_prior_makes_the_content_free_even() -> None:
    """One content-free text: what it is answered becomes 1 / options (Zhao et al. 2021)."""
    logits = [[2.0, -1.0, 0.5]]
    assert content_free_prior(logits, [NAMES]).apply(logits[0], NAMES) == pytest.approx([1 / 3] * 3)
    found = content_free_prior(logits, [NAMES], multi_label=True).apply(logits[0], NAMES)
    assert found == pytest.approx([found[0]] * 3)


def test_a_content_free_prior_is_the_mean_of_probabilities() -> None:
    logits = [[2.0, -1.0, 0.5], [0.0, 3.0, 0.0]]
    mean = Calibration().apply(logits).mean(0)
    plain = Calibration().apply([1.0, 0.0, 0.0])
    expected = plain / mean / (plain / mean).sum()
    assert content_free_prior(logits, [NAMES] * 2).apply([1.0, 0.0, 0.0], NAMES) == pytest.approx(expected)


@pytest.mark.parametrize("prior", [batch_prior, content_free_prior])
@pytest.mark.parametrize("multi_label", [False, True])
def test_a_prior_follows_names_not_places_and_stays_finite(prior: Any, multi_label: bool) -> None:
    inf = float("inf")
    rows = [[900.0, -900.0], [0.0, 1.0], [inf, 0.0]]
    turned = [[-900.0, 900.0], [0.0, 1.0], [0.0, inf]]
    one = prior(rows, [("yes", "否")] * 3, multi_label=multi_label)
    other = prior(turned, [("否", "yes"), ("yes", "否"), ("否", "yes")], multi_label=multi_label)
    assert dict(other.bias) == pytest.approx(dict(one.bias))
    assert np.isfinite(list(dict(one.bias).values())).all()


def test_a_prior_needs_the_same_options_everywhere() -> None:
    with pytest.raises(InputError, match="an example lacks the option '财经'"):
        batch_prior([[0.0, 1.0], [0.0]], [("体育", "财经"), ("体育",)])
    with pytest.raises(InputError, match="nothing to fit"):
        content_free_prior([], [])


# ---- content-free examples


def test_content_free_examples_keep_question_and_options_and_nothing_of_the_text() -> None:
    pair = MultipleChoiceExample(
        ["是", "不是"],
        "两句话意思相同吗？",
        "今天下雨。",
        "外面在下雨。",
        label=0,
        id="对/3",
        language="zh",
        task="我的",
    )
    found = content_free_examples(pair)
    assert [(one.passage, one.textb) for one in found] == [("", ""), ("无", "无"), ("暂无", "暂无")]
    assert {(one.question, one.options, one.task, one.language, one.right) for one in found} == {
        (pair.question, pair.options, "我的", "zh", None)
    }
    assert len({one.id for one in found}) == 3


def test_without_a_question_the_empty_text_is_left_out() -> None:
    found = content_free_examples(MultipleChoiceExample(["good", "bad"], passage="The soup was cold.", labels=[0]))
    assert [(one.passage, one.textb) for one in found] == [("N/A", ""), ("nothing", "")]


def test_content_free_texts_may_be_given_and_must_be_for_other_languages() -> None:
    example = MultipleChoiceExample(["bon", "mauvais"], passage="La soupe est froide.", language="fr", id="7")
    assert [one.passage for one in content_free_examples(example, ["rien"])] == ["rien"]
    with pytest.raises(InputError, match="example 7: no content-free texts for the language 'fr'"):
        content_free_examples(example)
    with pytest.raises(InputError, match="example 7: no content-free example can be made"):
        content_free_examples(example, [" "])


# ---- on disk


shares = st.floats(0, 1)


@given(
    temperatures,
    st.none() | st.dictionaries(st.text(max_size=5), finite, max_size=4),
    st.sampled_from(["single", "multi"]),
    st.none() | shares | st.dictionaries(st.text(max_size=5), shares, max_size=4),
)
def test_a_calibration_comes_back_from_json_as_it_was(
    temperature: float, bias: dict[str, float] | None, kind: Kind, threshold: float | dict[str, float] | None
) -> None:
    limits = tuple(threshold.items()) if isinstance(threshold, dict) else threshold
    made = Calibration(temperature, None if bias is None else tuple(bias.items()), kind, limits)
    assert Calibration.from_dict(json.loads(json.dumps(made.to_dict()))) == made


def test_an_entry_from_before_there_were_two_kinds_is_for_one_label() -> None:
    assert Calibration.from_dict({"temperature": 2.0, "bias": None}) == Calibration(2.0, kind="single")


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ([], "expected an object with 'temperature' and 'bias'"),
        ({"temperature": 1.0}, "expected an object"),
        ({"temperature": 1.0, "bias": None, "T": 2}, "expected an object"),
        ({"temperature": 0, "bias": None}, "the temperature is 0; it must be a number over 0"),
        ({"temperature": float("inf"), "bias": None}, "the temperature is inf"),
        ({"temperature": True, "bias": None}, "the temperature is True"),
        ({"temperature": "1", "bias": None}, "the temperature is '1'"),
        ({"temperature": 1.0, "bias": None, "kind": "several"}, "the kind of a calibration is 'several'"),
        ({"temperature": 1.0, "bias": None, "kind": ["multi"]}, r"the kind of a calibration is \['multi'\]"),
        ({"temperature": 1.0, "bias": None, "threshold": 1.5}, "the threshold is 1.5; it is a probability"),
        ({"temperature": 1.0, "bias": None, "threshold": True}, "the threshold is True"),
        ({"temperature": 1.0, "bias": None, "threshold": {"好": "0.5"}}, "the threshold is '0.5'"),
        ({"temperature": 1.0, "bias": [1.0]}, "bias must be an object of option name: number"),
        ({"temperature": 1.0, "bias": {"好": None}}, "the bias of option '好' is None"),
    ],
)
def test_a_wrong_entry_is_named(entry: Any, problem: str) -> None:
    with pytest.raises(InputError, match=f"unimc.json, 情感: {problem}"):
        Calibration.from_dict(entry, "unimc.json, 情感")


def test_a_name_has_one_bias_and_one_threshold() -> None:
    with pytest.raises(InputError, match="an option name has two biases"):
        Calibration(1.0, (("好", 0.0), ("好", 1.0)))
    with pytest.raises(InputError, match="an option name has two thresholds"):
        Calibration(threshold=(("好", 0.0), ("好", 1.0)))
