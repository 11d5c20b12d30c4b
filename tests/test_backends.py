"""What runs the model: PyTorch, with oneDNN's linear layers on the CPU."""

from __future__ import annotations

import pytest
import tiny
import torch
from torch.nn import functional

from unimc import MultipleChoiceExample
from unimc.backends import onednn
from unimc.backends.torch import TorchBackend
from unimc.collation import collate

needs_onednn = pytest.mark.skipif(not onednn.available(), reason="this PyTorch has no oneDNN")
EXAMPLES = [
    MultipleChoiceExample(["sport", "food and snow", "old music"], "what is it", "the soup was late", "no rain"),
    MultipleChoiceExample(["early", "late"], "", "the train does not walk on the wall"),
]


@needs_onednn
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_onednn_changes_no_logit_beyond_rounding(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made, encoder = tiny.checkpoint(family), tiny.encoder(family)
    batch = collate([encoder(example) for example in EXAMPLES], encoder.tokenizer.pad)
    backend = TorchBackend(made.model, made.answers.ids)
    found = backend.logits(batch)
    monkeypatch.setattr(onednn, "available", lambda: False)
    torch.testing.assert_close(found, backend.logits(batch), rtol=1e-4, atol=1e-4)


@needs_onednn
@torch.inference_mode()
def test_onednn_takes_over_linear_layers_while_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    layer = torch.ops.mkldnn._linear_pointwise
    monkeypatch.setattr(
        torch.ops.mkldnn, "_linear_pointwise", lambda *given: calls.append(given[0].shape) or layer(*given)
    )
    linear, states = torch.nn.Linear(8, 4), torch.randn(2, 3, 8)
    expected = linear(states)
    with onednn.linear_layers("cpu"):
        found = linear(states)
        without_bias = functional.linear(states.transpose(0, 1), linear.weight)
        assert linear.bfloat16()(states.bfloat16()).dtype == torch.bfloat16  # PyTorch's own way is oneDNN already
    assert calls == [(2, 3, 8), (3, 2, 8)]
    torch.testing.assert_close(found, expected)
    assert without_bias.shape == (3, 2, 4)


@needs_onednn
def test_changed_weights_are_seen_at_once() -> None:
    """Nothing is packed beforehand: a model that is trained on and asked in between answers by its present weights."""
    linear, states = torch.nn.Linear(8, 4), torch.randn(2, 8)
    with torch.inference_mode(), onednn.linear_layers("cpu"):
        before = linear(states)
        linear.weight.data.mul_(2)
        after = linear(states)
    torch.testing.assert_close(after - linear.bias, 2 * (before - linear.bias))


def test_on_another_device_nothing_is_taken_over() -> None:
    with onednn.linear_layers("cuda:0") as mode:
        assert mode is None


def test_a_backend_says_what_it_runs() -> None:
    made = tiny.checkpoint("bert")
    backend = TorchBackend(made.model, made.answers.ids)
    assert (backend.device, backend.dtype, backend.max_tokens) == ("cpu", "float32", 1024)
    assert backend.parameters == sum(weight.numel() for weight in made.model.backbone.parameters())
