"""The way of the released UniMC code: its habits, written anew."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _names import LeftOut
from _sides import BATCH_SIZE, ONE_ROW, Answering, Scores, Side
from torch import Tensor

from unimc.checkpoint import load
from unimc.encoding import Encoder
from unimc.example import MultipleChoiceExample


class Released(Side):
    """The same checkpoint, run the way the released UniMC code runs it (its habits only; the code is ours).

    Every example is tokenised on its own and every option once more on its own; rows are padded to the longest of 32 in
    input order; the head gives the whole vocabulary at every token; each example brings a float mask made by numpy.

    In one thing it is always given more than the released code has: masks are made at the batch's length, not at 512.

    Args:
        folder: the checkpoint.
        fused: whether attention is PyTorch's fused one, which the released code, with models of its own, has not.
        autograd: whether graphs are recorded, as released.
    """

    def __init__(self, folder: Path, *, fused: bool, autograd: bool) -> None:
        self.attention = "sdpa" if fused else "eager"
        checkpoint = load(folder, attention=self.attention)
        if checkpoint.model.family.name not in ("BERT", "MegatronBERT", "ALBERT"):
            raise LeftOut("the released code knows BERT, MegatronBERT and ALBERT")
        self.model = checkpoint.model.backbone
        self.tokenizer = checkpoint.tokenizer
        self.answers = checkpoint.answers
        self.autograd = autograd
        self.max_length = checkpoint.max_length
        self.encoder = Encoder(checkpoint.tokenizer, checkpoint.model.layout, checkpoint.max_length)

    def prepared(self, examples: Sequence[MultipleChoiceExample]) -> tuple[Answering, int]:
        """Everything is timed; only whether one row is enough is looked at now (groups of options it knows none)."""
        one = all(len(rows) == 1 for rows in self.encoder.batch(examples))
        self.max_length = self.encoder.max_length if one else ONE_ROW
        return lambda: self._scores(examples), len(examples)

    def settings(self) -> dict[str, Any]:
        """As released."""
        return {
            "batch_size": BATCH_SIZE,
            "max_length": self.max_length,
            "attention": self.attention,
            "autograd": self.autograd,
        }

    def _scores(self, examples: Sequence[MultipleChoiceExample]) -> Scores:
        found: Scores = []
        for start in range(0, len(examples), BATCH_SIZE):
            chosen = examples[start : start + BATCH_SIZE]
            rows = [self._row(example) for example in chosen]
            with nullcontext() if self.autograd else torch.no_grad():
                logits = self.model(**self._batch(rows)).logits  # (batch, length, vocabulary)
                for line, (example, row) in enumerate(zip(chosen, rows, strict=True)):
                    yes = self.answers[example.language].yes_id
                    found.append(logits[line, row["places"], yes].softmax(0).tolist())
        return found

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False)
        return ids

    def _row(self, example: MultipleChoiceExample) -> dict[str, Any]:
        tokenizer = self.tokenizer
        ids, positions, places, spans = [tokenizer.cls_token_id], [0], [], []
        for option in example.options:
            tokens = [tokenizer.mask_token_id, *self._ids(option)]
            places.append(len(ids))
            spans.append((len(ids), len(ids) + len(tokens)))
            ids += tokens
            positions += range(1, len(tokens) + 1)
        ids.append(tokenizer.sep_token_id)
        types = [0] + [1] * (len(ids) - 1)
        for text in (example.question, example.passage, example.textb):
            if text:
                ids += [*self._ids(text), tokenizer.sep_token_id]
        ids = ids[: self.max_length]
        positions += range(max(positions) + 1, max(positions) + 1 + len(ids) - len(positions))
        mask = np.ones((len(ids), len(ids)), dtype=np.float32)
        first, last = spans[0][0], spans[-1][1]
        mask[first:last, first:last] = 0
        for begin, end in spans:
            mask[begin:end, begin:end] = 1
        types += [0] * (len(ids) - len(types))
        return {"ids": ids, "positions": positions, "types": types, "places": places, "mask": mask}

    def _batch(self, rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        longest = max(len(row["ids"]) for row in rows)
        masks = np.zeros((len(rows), 1, longest, longest), dtype=np.float32)
        for line, row in enumerate(rows):
            size = len(row["ids"])
            masks[line, 0, :size, :size] = row["mask"]

        def padded(field: str, filler: int) -> Tensor:
            return torch.tensor([row[field] + [filler] * (longest - len(row[field])) for row in rows])

        return {
            "input_ids": padded("ids", self.tokenizer.pad_token_id),
            "position_ids": padded("positions", 0),
            "token_type_ids": padded("types", 0),
            "attention_mask": (1 - torch.from_numpy(masks)) * -10000,
        }


def released_as_is(folder: Path) -> Side:
    """As it is."""
    return Released(folder, fused=False, autograd=True)


def released(folder: Path) -> Side:
    """Given fused attention."""
    return Released(folder, fused=True, autograd=True)


def released_no_grad(folder: Path) -> Side:
    """Given fused attention, and no graphs."""
    return Released(folder, fused=True, autograd=False)
