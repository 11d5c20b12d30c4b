"""The three losses against implementations that go row by row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from unimc.example import InputError
from unimc.objectives import LossConfig, Targets, by_row, losses, total

VOCABULARY = 11
YES, NO = (2, 5), (7, 9)  # the columns of two languages' yes and no


@dataclass
class Case:
    """A batch: for each row its language and whether each option is right; and the corrupted tokens."""

    rows: list[tuple[int, list[bool]]]
    corrupted: int
    seed: int

    @property
    def languages(self) -> list[int]:
        return [language for language, right in self.rows for _ in right]

    def tensors(self) -> tuple[Tensor, Tensor, Targets, Tensor]:
        draw = torch.Generator().manual_seed(self.seed)
        right = torch.tensor([one for _, row in self.rows for one in row])
        option_logits = torch.randn(len(right), VOCABULARY, generator=draw) * 4
        corrupted_logits = torch.randn(self.corrupted, VOCABULARY, generator=draw) * 4
        targets = Targets(
            yes=torch.tensor([YES[language] for language in self.languages]),
            no=torch.tensor([NO[language] for language in self.languages]),
            right=right,
            corrupted_places=torch.zeros(self.corrupted, dtype=torch.long),
            corrupted_ids=torch.randint(VOCABULARY, (self.corrupted,), generator=draw),
        )
        option_rows = torch.tensor([number for number, (_, row) in enumerate(self.rows) for _ in row])
        return option_logits, corrupted_logits, targets, option_rows


CASES = st.builds(
    Case,
    st.lists(
        st.tuples(st.sampled_from([0, 1]), st.lists(st.booleans(), min_size=1, max_size=5)), min_size=1, max_size=5
    ),
    st.integers(0, 6),
    st.integers(0, 2**31),
)
WEIGHTS = st.tuples(*map(st.sampled_from, ([0.0, 0.5, 1.0], [0.0, 1.0, 2.0], [0.0, 1.0, 0.3]))).filter(any)
CONFIGS = st.builds(
    lambda weights, *others: LossConfig(*weights, *others),
    WEIGHTS,
    st.sampled_from(["vocabulary", "pair"]),
    st.sampled_from(["joint", "separate"]),
)


def nll(logits: list[float], target: int) -> float:
    return math.log(sum(math.exp(logit) for logit in logits)) - logits[target]


def by_hand(case: Case, config: LossConfig) -> float:
    """The weighted loss as DESIGN, section 5, words it: one target after the other."""
    option_logits, corrupted_logits, targets, _ = (
        value.tolist() if isinstance(value, Tensor) else value for value in case.tensors()
    )
    mlm = [nll(logits, target) for logits, target in zip(corrupted_logits, targets.corrupted_ids.tolist(), strict=True)]
    omlm, op, at = [], [], 0
    for language, right in case.rows:
        logits = option_logits[at : at + len(right)]
        at += len(right)
        yes, no = YES[language], NO[language]
        for one, holds in zip(logits, right, strict=True):
            classes = one if config.omlm == "vocabulary" else [one[yes], one[no]]
            pieces = (yes, no) if config.omlm == "vocabulary" else (0, 1)
            omlm.append(nll(classes, pieces[0] if holds else pieces[1]))
        if any(right):
            scores = [one[yes] for one in logits]
            op.append(sum(nll(scores, option) for option, holds in enumerate(right) if holds) / sum(right))
    mean = lambda values: sum(values) / len(values) if values else 0.0  # noqa: E731
    if config.pooling == "joint":
        pooled = (mlm if config.w_mlm else []) + (omlm if config.w_omlm else [])
        language = config.w_mlm * sum(mlm) + config.w_omlm * sum(omlm)
        return language / max(len(pooled), 1) + config.w_op * mean(op)
    return config.w_mlm * mean(mlm) + config.w_omlm * mean(omlm) + config.w_op * mean(op)


def computed(case: Case, config: LossConfig) -> float:
    option_logits, corrupted_logits, targets, rows = case.tensors()
    found = losses(option_logits, corrupted_logits, targets, rows, config)
    return total(found.sums, targets.counts(rows), config).item()


@given(CASES, CONFIGS)
def test_the_loss_is_the_one_worked_out_by_hand(case: Case, config: LossConfig) -> None:
    assert computed(case, config) == pytest.approx(by_hand(case, config), rel=1e-4, abs=1e-4)


@given(CASES, CASES, CONFIGS)
def test_a_step_does_not_depend_on_how_it_was_split(one: Case, other: Case, config: LossConfig) -> None:
    """Sums and counts of two micro-batches make the loss of both together."""
    parts = []
    for case in (one, other):
        option_logits, corrupted_logits, targets, rows = case.tensors()
        parts.append(
            (
                option_logits,
                corrupted_logits,
                targets,
                rows,
                losses(option_logits, corrupted_logits, targets, rows, config),
            )
        )
    split = total(sum(part[4].sums for part in parts), sum(part[2].counts(part[3]) for part in parts), config)
    (a, b) = parts
    joined = Targets(*(torch.cat([getattr(a[2], name), getattr(b[2], name)]) for name in Targets.__slots__))
    rows = torch.cat([a[3], b[3] + len(one.rows)])
    whole = losses(torch.cat([a[0], b[0]]), torch.cat([a[1], b[1]]), joined, rows, config)
    assert total(whole.sums, joined.counts(rows), config).item() == pytest.approx(split.item(), rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("weights", [{"w_mlm": -0.1}, {"w_op": math.nan}, {"w_omlm": math.inf}])
def test_a_weight_that_is_none_is_refused(weights: dict[str, float]) -> None:
    with pytest.raises(InputError, match=rf"training.loss.{next(iter(weights))} is .*; it is a weight, 0 or more"):
        LossConfig(**weights)


def test_losses_that_all_weigh_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="w_mlm, w_omlm and w_op are all 0"):
        LossConfig(0.0, 0.0, 0.0)


def case(*rows: list[bool], corrupted: int = 0) -> Case:
    return Case([(0, row) for row in rows], corrupted, seed=3)


OP_ONLY = LossConfig(w_mlm=0, w_omlm=0)


def test_several_right_options_share_the_target_of_op() -> None:
    option_logits, *_ = case([True, False, True]).tensors()
    log_p = option_logits[:, YES[0]].log_softmax(0)
    assert computed(case([True, False, True]), OP_ONLY) == pytest.approx(-(log_p[0] + log_p[2]).item() / 2)


def test_a_row_without_a_right_option_is_left_out_of_op_and_keeps_o_mlm() -> None:
    both = case([True, False], [False, False, False])
    option_logits, _, targets, rows = both.tensors()
    assert computed(both, OP_ONLY) == pytest.approx(-option_logits[:2, YES[0]].log_softmax(0)[0].item())
    assert targets.counts(rows).tolist() == [0, 5, 1]


def test_a_batch_in_which_nothing_is_right_has_a_finite_loss_and_gradient() -> None:
    option_logits, corrupted_logits, targets, rows = case([False, False], [False]).tensors()
    option_logits.requires_grad_()
    found = losses(option_logits, corrupted_logits, targets, rows, LossConfig())
    total(found.sums, targets.counts(rows), LossConfig()).backward()
    assert found.op_rows.tolist() == [0, 0]
    assert option_logits.grad is not None
    assert option_logits.grad.isfinite().all()


def test_ragged_rows_have_finite_gradients() -> None:
    option_logits, _, targets, rows = case([True], [False, True, False], [True, True]).tensors()
    option_logits.requires_grad_()
    losses(option_logits, None, targets, rows, LossConfig()).sums.sum().backward()
    assert option_logits.grad is not None
    assert option_logits.grad.isfinite().all()


def test_without_corrupted_tokens_mlm_is_nothing() -> None:
    option_logits, _, targets, rows = case([True, False]).tensors()
    found = losses(option_logits, None, targets, rows, LossConfig())
    assert found.sums[0] == 0
    assert total(found.sums, targets.counts(rows), LossConfig()).isfinite()


@pytest.mark.parametrize("off", ["w_mlm", "w_omlm"])
def test_a_loss_of_no_weight_has_no_say_in_the_pooled_mean(off: str) -> None:
    one = case([True, False], corrupted=6)
    joint, separate = (LossConfig(**{off: 0.0}, pooling=pooling) for pooling in ("joint", "separate"))
    assert computed(one, joint) == pytest.approx(computed(one, separate))


@given(CASES)
def test_rows_report_their_own_op_and_whether_they_are_right(case: Case) -> None:
    option_logits, corrupted_logits, targets, rows = case.tensors()
    found = losses(option_logits, corrupted_logits, targets, rows, LossConfig())
    assert found.op_rows.sum().item() == pytest.approx(found.sums[2].item(), rel=1e-5, abs=1e-6)
    at = 0
    for number, (language, right) in enumerate(case.rows):
        best = int(option_logits[at : at + len(right), YES[language]].argmax())
        assert bool(found.correct[number]) == right[best]
        at += len(right)


def test_half_precision_logits_are_summed_in_full() -> None:
    option_logits, corrupted_logits, targets, rows = case([True, False], corrupted=4).tensors()
    found = losses(option_logits.bfloat16(), corrupted_logits.bfloat16(), targets, rows, LossConfig())
    assert found.sums.dtype == torch.float32


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_ragged_values_become_a_table(counts: list[int]) -> None:
    rows = torch.tensor([row for row, count in enumerate(counts) for _ in range(count)])
    values = torch.arange(len(rows), dtype=torch.float)
    table = by_row(values, rows, fill=-1.0)
    assert table.shape == (len(counts), max(counts))
    assert [row[:count] for row, count in zip(table.tolist(), counts, strict=True)] == [
        values[rows == row].tolist() for row in range(len(counts))
    ]
    assert (table == -1).sum() == table.numel() - len(rows)


def test_targets_move_together() -> None:
    *_, targets, _ = case([True, False], corrupted=2).tensors()
    moved: Any = targets.to("meta")
    assert all(getattr(moved, name).device.type == "meta" for name in Targets.__slots__)
