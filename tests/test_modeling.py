"""The head is computed where an answer is read, and nowhere else."""

from __future__ import annotations

import pytest
import tiny
import torch
from torch import Tensor

from unimc import MultipleChoiceExample
from unimc.collation import Batch, collate
from unimc.modeling import UniMCModel

ROWS = [
    tiny.encoder("bert")(MultipleChoiceExample(["sport", "food and snow", "音乐"], "what", "the soup was late")),
    tiny.encoder("bert")(MultipleChoiceExample(["天晚", "汤"], "", "外面下雨")),
]


@pytest.fixture
def model() -> UniMCModel:
    return tiny.checkpoint("bert").model


@pytest.fixture
def batch() -> Batch:
    return collate(ROWS, pad=0)


def every_token(model: UniMCModel, batch: Batch) -> Tensor:
    """(batch * length, vocabulary), the slow way."""
    states = model.states(batch.input_ids, batch.option_ids, batch.position_ids, batch.token_type_ids)
    return model.backbone.cls(states).flatten(0, 1)


@torch.no_grad()
def test_option_logits_are_those_at_the_o_masks(model: UniMCModel, batch: Batch) -> None:
    logits, corrupted = model(**batch.inputs())
    torch.testing.assert_close(logits, every_token(model, batch)[batch.input_ids.flatten() == 4])
    assert logits.shape == (5, len(tiny.tokenizer("wordpiece")))
    assert corrupted is None


@torch.no_grad()
def test_only_the_pieces_asked_for_are_computed(model: UniMCModel, batch: Batch) -> None:
    whole, _ = model(**batch.inputs())
    pieces = torch.tensor([6, 5])
    some, _ = model(**batch.inputs(), pieces=pieces)
    torch.testing.assert_close(some, whole[:, pieces])


@torch.no_grad()
def test_corrupted_tokens_get_the_whole_vocabulary(model: UniMCModel, batch: Batch) -> None:
    places = torch.tensor([13, 30])
    some, corrupted = model(**batch.inputs(), pieces=torch.tensor([6, 5]), corrupted_places=places)
    assert some.shape == (5, 2)
    torch.testing.assert_close(corrupted, every_token(model, batch)[places])


@torch.no_grad()
def test_no_corrupted_token_is_no_error(model: UniMCModel, batch: Batch) -> None:
    _, corrupted = model(**batch.inputs(), corrupted_places=torch.tensor([], dtype=torch.long))
    assert corrupted is not None
    assert corrupted.shape == (0, len(tiny.tokenizer("wordpiece")))


@torch.no_grad()
def test_the_head_never_sees_the_other_tokens(model: UniMCModel, batch: Batch) -> None:
    seen: list[int] = []
    handle = model.backbone.cls.predictions.transform.register_forward_hook(
        lambda _module, inputs, _output: seen.append(len(inputs[0]))
    )
    model(**batch.inputs(), corrupted_places=torch.tensor([13, 30]))
    handle.remove()
    assert seen == [5, 2]
