"""Several examples in one row: each is answered as if it stood alone."""

from __future__ import annotations

import pytest
import tiny
import torch
from hypothesis import given
from hypothesis import strategies as st

from unimc import MultipleChoiceExample, UniMC
from unimc.collation import collate
from unimc.encoding import PADDING, SHARED
from unimc.packing import joined, packs

EXAMPLES = [
    MultipleChoiceExample(["sport", "food and snow", "old music"], "what is it", "the soup was late", "no rain"),
    MultipleChoiceExample(["early", "late"], "", "the train does not walk on the wall " * 3),
    MultipleChoiceExample(["good", "bad"], "which", ""),
    MultipleChoiceExample(["sport", "money"], "", "rain"),
]


@given(st.lists(st.integers(1, 60), max_size=40), st.integers(1, 80))
def test_every_row_goes_into_one_pack_and_no_pack_is_too_long(lengths: list[int], most: int) -> None:
    made = packs(lengths, most)
    assert sorted(row for pack in made for row in pack) == list(range(len(lengths)))
    for pack in made:
        assert len(pack) == 1 or sum(lengths[row] for row in pack) <= most


@given(st.lists(st.integers(1, 40), min_size=2, max_size=30))
def test_no_pack_could_take_in_a_whole_other_one(lengths: list[int]) -> None:
    sums = sorted(sum(lengths[row] for row in pack) for pack in packs(lengths, 60))
    assert len(sums) < 2 or sums[0] + sums[1] > 60


@torch.no_grad()
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_packed_row_gives_the_logits_of_its_rows(family: str) -> None:
    """Also where distances are counted by place in the row: within an example they stay the same."""
    rows = [tiny.encoder(family)(example) for example in EXAMPLES]
    alone = [tiny.option_logits(tiny.checkpoint(family), [row])[0] for row in rows]
    # Beside a longer, unpacked row, so that there is padding too.
    together = tiny.option_logits(tiny.checkpoint(family), [joined(rows[:3]), joined(rows[3:]), joined(rows)])
    torch.testing.assert_close(together[0], torch.cat(alone[:3]), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(together[2], torch.cat(alone), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_without_the_segments_it_would_not() -> None:
    """So that the test above can fail."""
    rows = [tiny.encoder("bert")(example) for example in EXAMPLES]
    batch = collate([joined(rows)], 0).inputs()
    with_segments, _ = tiny.checkpoint("bert").model(**batch)
    del batch["segment_ids"]
    without, _ = tiny.checkpoint("bert").model(**batch)
    assert tiny.largest(with_segments - without) > 1e-2


def test_options_count_on_and_shared_tokens_stay_shared() -> None:
    rows = [tiny.encoder("bert")(example) for example in EXAMPLES[:2]]
    row = joined(rows)
    assert row.option_positions == [*rows[0].option_positions, *(len(rows[0]) + at for at in rows[1].option_positions)]
    assert [row.option_ids[at] for at in row.option_positions] == [1, 2, 3, 4, 5]
    assert row.position_ids == rows[0].position_ids + rows[1].position_ids
    assert list(row.segment_ids) == [0] * len(rows[0]) + [1] * len(rows[1])
    assert row.option_ids[len(rows[0])] == SHARED
    assert joined(rows[:1]) is rows[0]


def test_a_batch_without_packed_rows_carries_no_segments() -> None:
    rows = [tiny.encoder("bert")(example) for example in EXAMPLES]
    assert collate(rows, 0).segment_ids is None
    mixed = collate([joined(rows[:2]), rows[2]], 0)
    assert mixed.segment_ids is not None
    assert mixed.segment_ids[1, len(rows[2]) :].unique().tolist() == [PADDING]


@pytest.mark.parametrize("pack", [1, 40, 200])
@pytest.mark.parametrize("windows", [None, "max"])
def test_predictions_are_the_same_in_the_same_order(model: UniMC, pack: int, windows: str | None) -> None:
    examples = [*EXAMPLES, MultipleChoiceExample(["音乐", "体育"], "这篇文章说什么", "天晚了", language="zh")] * 3
    examples.append(MultipleChoiceExample(["early", "late"], "", "the train does not walk " * 90))
    expected = model.predict(examples, windows=windows)  # type: ignore[arg-type]
    model.pack = pack
    for one, other in zip(model.predict(examples, windows=windows, batch_size=3), expected, strict=True):  # type: ignore[arg-type]
        assert one.options == other.options
        assert one.scores == pytest.approx(other.scores, abs=1e-5)
        assert (one.rows, one.truncated) == (other.rows, other.truncated)
