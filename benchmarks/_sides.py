"""What is compared: each side answers the same examples in its own way.

A side is made once, in a process of its own. `prepared(examples)` does whatever must not be timed and gives back the
function that is: it answers all examples and returns each one's probabilities in the options' order.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unimc import MultipleChoiceExample, UniMC
from unimc.checkpoint import load
from unimc.collation import batches, collate
from unimc.example import InputError

BATCH_SIZE = 32
"""Rows in a batch: the default of `UniMC.predict`, and of the released code."""
Scores = list[list[float]]


class Side(ABC):
    """One way to answer."""

    model: Any
    """The module whose weights count as loaded."""

    @abstractmethod
    def prepared(self, examples: Sequence[MultipleChoiceExample]) -> Callable[[], Scores]:
        """The function to be timed."""

    def settings(self) -> dict[str, Any]:
        """What the side settled on, for the record."""
        return {}


class Ours(Side):
    """`UniMC.predict` as it comes."""

    def __init__(self, folder: Path) -> None:
        self.unimc = UniMC.from_pretrained(folder, device="cpu")
        self.model = self.unimc.model

    def prepared(self, examples: Sequence[MultipleChoiceExample]) -> Callable[[], Scores]:
        """Examples in, predictions out."""
        chosen = list(examples)
        return lambda: [list(prediction.scores) for prediction in self.unimc.predict(chosen)]

    def settings(self) -> dict[str, Any]:
        """The bounds of a batch."""
        return {"batch_size": BATCH_SIZE, "max_tokens": self.unimc.max_tokens}


class BareEncoder(Side):
    """The floor: our rows through the encoder alone, from tensors made beforehand, sorted, with no mask, and no head.

    What it computes answers nothing; no way of prediction with this encoder in PyTorch can be much faster.
    """

    def __init__(self, folder: Path) -> None:
        self.unimc = UniMC.from_pretrained(folder, device="cpu")
        self.model = self.unimc.model.backbone.base_model

    def prepared(self, examples: Sequence[MultipleChoiceExample]) -> Callable[[], Scores]:
        """All tensors are made here."""
        rows = [row for made in self.unimc.encoder.batch(examples) for row in made]
        lengths = list(map(len, rows))
        order = sorted(range(len(rows)), key=lambda row: -lengths[row])
        cut = batches(lengths, order, max_rows=BATCH_SIZE, max_tokens=self.unimc.max_tokens)
        tensors = [collate([rows[row] for row in chosen], self.unimc.encoder.tokenizer.pad) for chosen in cut]

        @torch.inference_mode()
        def run() -> Scores:
            for batch in tensors:
                self.model(batch.input_ids, position_ids=batch.position_ids, token_type_ids=batch.token_type_ids)
            return []

        return run


class Released(Side):
    """The same checkpoint, run the way the released UniMC code runs it (its habits only; the code is ours).

    Every example is tokenised on its own and every option once more on its own; rows are padded to the longest of 32 in
    input order; the head gives the whole vocabulary at every token; each example brings a float mask made by numpy.

    In two things it is given more than the released code has, so that only habits are compared: the attention is
    PyTorch's fused one, and the masks are made at the row's length, not at 512.

    Args:
        folder: the checkpoint.
        autograd: whether graphs are recorded, as released.
    """

    max_length = 512

    def __init__(self, folder: Path, *, autograd: bool) -> None:
        checkpoint = load(folder)
        if checkpoint.model.family.name not in ("BERT", "MegatronBERT", "ALBERT"):
            raise InputError(f"{folder}: the released code knows BERT, MegatronBERT and ALBERT; take one of these")
        self.model = checkpoint.model.backbone
        self.tokenizer = checkpoint.tokenizer
        self.answers = checkpoint.answers
        self.autograd = autograd

    def prepared(self, examples: Sequence[MultipleChoiceExample]) -> Callable[[], Scores]:
        """Everything is timed."""
        return lambda: self._scores(examples)

    def settings(self) -> dict[str, Any]:
        """As released."""
        return {"batch_size": BATCH_SIZE, "max_length": self.max_length, "autograd": self.autograd}

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


class ZeroShotPipeline(Side):
    """The zero-shot-classification pipeline of transformers over a classifier of the same size.

    Its three labels (of entailment) have random weights: that changes no time. The batch size is the best of those
    tried on some of the examples.
    """

    sizes = (1, 8, 16, 32, 64)
    tried = 64

    def __init__(self, folder: Path) -> None:
        from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer, pipeline

        labels = ("contradiction", "neutral", "entailment")
        config = AutoConfig.from_pretrained(
            folder, id2label=dict(enumerate(labels)), label2id={label: number for number, label in enumerate(labels)}
        )
        torch.manual_seed(0)
        self.model = AutoModelForSequenceClassification.from_config(config).eval()
        tokenizer = AutoTokenizer.from_pretrained(folder)
        self.pipeline: Any = pipeline("zero-shot-classification", model=self.model, tokenizer=tokenizer, device="cpu")
        self.best: dict[int, int] = {}

    def prepared(self, examples: Sequence[MultipleChoiceExample]) -> Callable[[], Scores]:
        """The best batch size is sought here, the first time that a workload comes."""
        options = examples[0].options
        if any(example.options != options for example in examples):
            raise InputError("the pipeline takes one list of options for all texts")
        texts = [example.passage for example in examples]
        if len(options) not in self.best:
            times = {size: self._seconds(texts[: self.tried], options, size) for size in self.sizes}
            self.best[len(options)] = min(times, key=lambda size: times[size])
        return lambda: self._scores(texts, options, self.best[len(options)])

    def settings(self) -> dict[str, Any]:
        """The batch size (in pairs of text and option) by the number of options."""
        return {"batch_size": self.best, "sizes_tried": self.sizes}

    def _scores(self, texts: list[str], options: Sequence[str], size: int) -> Scores:
        found = self.pipeline(texts, candidate_labels=list(options), batch_size=size)
        by_label = [dict(zip(one["labels"], one["scores"], strict=True)) for one in found]
        return [[one[option] for option in options] for one in by_label]

    def _seconds(self, texts: list[str], options: Sequence[str], size: int) -> float:
        start = time.perf_counter()
        self._scores(texts, options, size)
        return time.perf_counter() - start


SIDES: dict[str, Callable[[Path], Side]] = {
    "ours": Ours,
    "released": lambda folder: Released(folder, autograd=True),
    "released_no_grad": lambda folder: Released(folder, autograd=False),
    "pipeline": ZeroShotPipeline,
    "bare_encoder": BareEncoder,
}
