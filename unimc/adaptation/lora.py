"""LoRA (Hu et al. 2021, arXiv 2106.09685): a product of two thin matrices is added to chosen linear layers.

peft trains them. A finished adapter is added to the weights by our own few lines: opening one needs no peft, and it
costs no time when predicting.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from unimc.example import InputError

TARGETS: dict[str, tuple[str, ...]] = {
    "albert": ("query", "value"),
    "modernbert": ("Wqkv",),
    "deberta-v2": ("query_proj", "value_proj"),
}
"""Layers by `config.model_type`; all other families call them query and value."""
_DEFAULT = ("query", "value")
_ADAPTER = "default"


def begin(backbone: Any, rank: int, alpha: int) -> None:
    """Puts untrained matrices into a backbone, in place; nothing else can be trained then.

    Raises:
        InputError: if peft is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as problem:
        raise InputError('LoRA needs peft; pip install "unimc[adapt]"') from problem
    targets = TARGETS.get(backbone.config.model_type, _DEFAULT)
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules=list(targets))
    inject_adapter_in_model(config, backbone)


def finish(backbone: Any) -> dict[str, Tensor]:
    """Takes the matrices out again and adds them to the weights, in place.

    Returns:
        For each layer `NAME.a` (rank, inputs) and `NAME.b` (outputs, rank), the latter with its scale multiplied in.
    """
    tensors: dict[str, Tensor] = {}
    for name, layer in list(backbone.named_modules()):
        if not hasattr(layer, "lora_A"):
            continue
        tensors[f"{name}.a"] = layer.lora_A[_ADAPTER].weight.detach().clone()
        tensors[f"{name}.b"] = layer.lora_B[_ADAPTER].weight.detach() * layer.scaling[_ADAPTER]
        parent, _, own = name.rpartition(".")
        setattr(backbone.get_submodule(parent), own, layer.base_layer)
    if hasattr(backbone, "peft_config"):
        del backbone.peft_config
    backbone.requires_grad_(True)
    add(backbone, tensors)
    return tensors


@torch.no_grad()
def add(backbone: Any, tensors: dict[str, Tensor]) -> None:
    """Adds the products to the weights, in place.

    Raises:
        InputError: if a layer is not there, or of another size.
    """
    for name in sorted({key.rpartition(".")[0] for key in tensors}):
        try:
            a, b = tensors[f"{name}.a"], tensors[f"{name}.b"]
            layer = backbone.get_submodule(name)
        except (KeyError, AttributeError) as problem:
            raise InputError(f"the adapter has no whole pair for a layer {name!r} of this backbone") from problem
        if not isinstance(layer, nn.Linear) or layer.weight.shape != (b.shape[0], a.shape[1]):
            raise InputError(f"the adapter's layer {name!r} is of another size than the backbone's")
        layer.weight += (b @ a).to(layer.weight)
