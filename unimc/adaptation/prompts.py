"""Prompts that are learned: vectors before the words, or keys and values before those of every layer.

- `SoftPrompt`: prompt tuning (Lester et al. 2021, arXiv 2104.08691): vectors where words have their embeddings.
- `EncodedPrompt`: P-tuning (Liu et al. 2021, arXiv 2103.10385): the same vectors as the output of an LSTM or an MLP,
  which is thrown away after the training.
- `DeepPrompt`: prefix tuning and P-tuning v2 (Li and Liang 2021, arXiv 2101.00190; Liu et al. 2021, arXiv 2110.07602):
  keys and values in every layer.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from unimc.example import InputError

ENCODERS = ("lstm", "mlp")
_SPREAD = 0.5
"""Of the noise that tells the vectors of a new prompt apart, as a share of the vectors' own deviation."""


class SoftPrompt(nn.Module):
    """Vectors that are tuned themselves.

    Args:
        start: (tokens, embedding) where they start.
    """

    def __init__(self, start: Tensor) -> None:
        super().__init__()
        self.vectors = nn.Parameter(start.clone())

    def forward(self) -> Tensor:
        """(tokens, embedding)."""
        return self.vectors


class EncodedPrompt(nn.Module):
    """Vectors that an encoder makes, so that they move together; `plain` is what is left of it after the training.

    The encoder's output is added to the vectors where they start, and its last layer starts as zero (beyond the paper):
    so it starts where a plain prompt does.

    Args:
        start: (tokens, embedding) where the vectors start.
        kind: "lstm" (two layers in both directions, then the MLP, as in the paper) or "mlp".

    Raises:
        InputError: if the kind is not known, or the embedding is of odd size for the LSTM's two directions.
    """

    def __init__(self, start: Tensor, kind: str = "lstm") -> None:
        super().__init__()
        if kind not in ENCODERS:
            raise InputError(f"prompt encoder {kind!r} is not known; use {' or '.join(ENCODERS)}")
        size = start.shape[1]
        if kind == "lstm" and size % 2:
            raise InputError(f"embeddings of {size} numbers can't be halved for an LSTM in both directions; use mlp")
        self.start = nn.Parameter(start.clone())
        self.lstm = nn.LSTM(size, size // 2, num_layers=2, bidirectional=True) if kind == "lstm" else None
        last = nn.Linear(size, size)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.mlp = nn.Sequential(nn.Linear(size, size), nn.ReLU(), last)

    def forward(self) -> Tensor:
        """(tokens, embedding)."""
        states = self.start if self.lstm is None else self.lstm(self.start)[0]
        made: Tensor = self.start + self.mlp(states)
        return made

    @torch.no_grad()
    def plain(self) -> SoftPrompt:
        """The vectors, without what made them."""
        return SoftPrompt(self())


class DeepPrompt(nn.Module):
    """Keys and values for every layer.

    Args:
        keys: (layers, tokens, hidden) where they start.
        values: the same.
    """

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        super().__init__()
        self.keys = nn.Parameter(keys.clone())
        self.values = nn.Parameter(values.clone())


Prompt = SoftPrompt | EncodedPrompt | DeepPrompt


def start_vectors(words: Tensor, tokens: int, like: int, generator: torch.Generator) -> Tensor:
    """Where the vectors of a new prompt start: at the embedding of a token that stands in every row, with some noise.

    Tokens that the model knows from everywhere disturb it least: what it can do without the prompt it still can.

    Args:
        words: (vocabulary, embedding) the word embeddings.
        tokens: how many.
        like: id of the token.
        generator: of the noise.

    Returns:
        (tokens, embedding).
    """
    words = words.detach().float().cpu()
    noise = torch.randn(tokens, words.shape[1], generator=generator)
    return words[like] + _SPREAD * words.std() * noise


def length_of(prompt: Prompt) -> int:
    """How many tokens a prompt has."""
    if isinstance(prompt, DeepPrompt):
        return prompt.keys.shape[1]
    return (prompt.start if isinstance(prompt, EncodedPrompt) else prompt.vectors).shape[0]


def of_tensors(tensors: dict[str, Tensor]) -> SoftPrompt | DeepPrompt:
    """A prompt from what `state_dict` gave.

    Raises:
        InputError: if the tensors are those of no prompt.
    """
    shapes: dict[str, Any] = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if tensors.keys() == {"vectors"} and tensors["vectors"].ndim == 2:
        return SoftPrompt(tensors["vectors"])
    if tensors.keys() == {"keys", "values"} and shapes["keys"] == shapes["values"] and tensors["keys"].ndim == 3:
        return DeepPrompt(tensors["keys"], tensors["values"])
    raise InputError(f"the tensors {shapes} are no prompt; the adapter is damaged, copy it again")
