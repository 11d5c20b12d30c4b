"""PyTorch, on any of its devices."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from unimc.backends import onednn
from unimc.collation import Batch
from unimc.modeling import UniMCModel

MAX_TOKENS, MAX_TOKENS_ON_CPU = 8192, 1024
"""A CPU is busy with a thousand tokens; more only pad more and leave its caches (measured: benchmarks/README.md)."""


class TorchBackend:
    """A model in PyTorch, where it was put.

    Args:
        model: the model.
        pieces: ids of the answer pieces, as `Answers.ids` gives them.
    """

    def __init__(self, model: UniMCModel, pieces: Sequence[int]) -> None:
        self.model = model
        weight = next(model.parameters())
        self.device = str(weight.device)
        self.dtype = str(weight.dtype).removeprefix("torch.")
        self.parameters = sum(one.numel() for one in model.parameters())
        self.max_tokens = MAX_TOKENS_ON_CPU if weight.device.type == "cpu" else MAX_TOKENS
        self._pieces = torch.tensor(list(pieces), device=weight.device)

    @torch.inference_mode()
    def logits(self, batch: Batch) -> Tensor:
        """See `Backend`."""
        if self.model.training or self.model.backbone.training:  # walking through all modules takes as long as a layer
            self.model.eval()
        with onednn.linear_layers(self.device):
            found, _ = self.model(**batch.to(self._pieces.device).inputs(), pieces=self._pieces)
        on_cpu: Tensor = found.float().cpu()
        return on_cpu

    def clear(self) -> None:
        """See `Backend`."""
        torch.cuda.empty_cache()

    def fingerprint(self) -> str:
        """SHA-256 over names, types, shapes and bytes of all weights; the same on every device."""
        digest = hashlib.sha256()
        for name, weight in sorted(self.model.backbone.state_dict().items()):
            digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}\n".encode())
            digest.update(weight.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        return digest.hexdigest()
