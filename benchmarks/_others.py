"""The sides of others: the zero-shot pipeline of transformers, and GLiClass. Their weights are random, like in size."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from _names import LeftOut
from _sides import Answering, Scores, Side
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from unimc.example import InputError, MultipleChoiceExample


class Other(Side):
    """A side that takes one list of options for all texts, and the best of several batch sizes.

    Args:
        pairs: the most pairs of text and option that a pass over a workload may take, 0 for any number: a side that
            pays for each pair answers the first texts only.
        alone: whether texts come one at a time; the batch size is then the best for that.
    """

    sizes: tuple[int, ...]
    tried = 512
    """Pairs, at most, that each batch size is tried on."""

    def __init__(self, *, pairs: int, alone: bool) -> None:
        self.pairs = pairs
        self.alone = alone
        self.size = self.sizes[0]
        self.best: dict[str, int] = {}

    @abstractmethod
    def scores(self, texts: list[str], options: Sequence[str], size: int) -> Scores:
        """Probabilities of the options, in their order."""

    def settle(self, examples: Sequence[MultipleChoiceExample]) -> None:
        """The best batch size is sought here."""
        texts, options = self._asked(examples)
        some = texts[: max(1, self.tried // len(options))]
        times = {size: self._seconds(some, options, size) for size in self.sizes}
        self.size = min(times, key=lambda size: times[size])
        self.best[f"{len(options)} options"] = self.size

    def prepared(self, examples: Sequence[MultipleChoiceExample]) -> tuple[Answering, int]:
        """As many texts as `pairs` allows."""
        texts, options = self._asked(examples)
        return lambda: self.scores(texts, options, self.size), len(texts)

    def settings(self) -> dict[str, Any]:
        """The batch size by the number of options."""
        return {"batch_size": self.best, "sizes_tried": self.sizes}

    def _asked(self, examples: Sequence[MultipleChoiceExample]) -> tuple[list[str], tuple[str, ...]]:
        options = examples[0].options
        if any(example.options != options for example in examples):
            raise InputError("other sides take one list of options for all texts")
        most = max(1, self.pairs // len(options)) if self.pairs else None
        return [example.passage for example in examples][:most], options

    def _seconds(self, texts: list[str], options: Sequence[str], size: int) -> float:
        start = time.perf_counter()
        for some in [[text] for text in texts] if self.alone else [texts]:
            self.scores(some, options, size)
        return time.perf_counter() - start


class ZeroShotPipeline(Other):
    """The zero-shot-classification pipeline of transformers over a classifier of the same size.

    Its three labels (of entailment) have random weights: that changes no time. Batches are of pairs.
    """

    sizes = (1, 8, 16, 32, 64)

    def __init__(self, folder: Path, *, pairs: int = 0, alone: bool = False) -> None:
        from transformers import pipeline

        super().__init__(pairs=pairs, alone=alone)
        labels = ("contradiction", "neutral", "entailment")
        config = AutoConfig.from_pretrained(
            folder, id2label=dict(enumerate(labels)), label2id={label: number for number, label in enumerate(labels)}
        )
        torch.manual_seed(0)
        self.model = AutoModelForSequenceClassification.from_config(config).eval()
        tokenizer = AutoTokenizer.from_pretrained(folder)
        # A tokenizer that knows no limit would hand on more tokens than there are positions.
        tokenizer.model_max_length = min(tokenizer.model_max_length, config.max_position_embeddings)
        self.pipeline: Any = pipeline("zero-shot-classification", model=self.model, tokenizer=tokenizer, device="cpu")

    def scores(self, texts: list[str], options: Sequence[str], size: int) -> Scores:
        """A pass for each pair of text and option."""
        found = self.pipeline(texts, candidate_labels=list(options), batch_size=size)
        by_label = [dict(zip(one["labels"], one["scores"], strict=True)) for one in found]
        return [[one[option] for option in options] for one in by_label]


class GLiClass(Other):
    """A uni-encoder of the package `gliclass` (optional): all labels and the text in one pass, by its own pipeline.

    The encoder has our configuration and tokenizer, with its own tokens added, and as many positions as its pipeline
    reads tokens, so that 77 labels and the text fit; the weights are random, which changes no time. The question is
    not given to it.
    """

    sizes = (1, 4, 8, 16, 32)
    max_length = 1024  # the default of its pipeline

    def __init__(self, folder: Path, *, pairs: int = 0, alone: bool = False) -> None:
        del pairs  # it doesn't pay by the pair
        super().__init__(pairs=0, alone=alone)
        if find_spec("gliclass") is None:
            raise LeftOut("the package gliclass is not installed (benchmarks/README.md says how)")
        from gliclass import GLiClassModel, GLiClassModelConfig, ZeroShotClassificationPipeline

        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        marks = ["<<LABEL>>", "<<SEP>>", "<<EXAMPLE>>"]
        self.tokenizer.add_tokens(marks, special_tokens=True)
        label, separator, example = self.tokenizer.convert_tokens_to_ids(marks)
        config = GLiClassModelConfig(
            encoder_config=AutoConfig.from_pretrained(folder, max_position_embeddings=self.max_length),
            encoder_model=str(folder),
            class_token_index=label,
            text_token_index=separator,
            example_token_index=example,
            vocab_size=len(self.tokenizer),
            architecture_type="uni-encoder",
            prompt_first=True,
        )
        torch.manual_seed(0)
        self.model = GLiClassModel(config).eval()
        self.pipeline = ZeroShotClassificationPipeline(
            self.model,
            self.tokenizer,
            max_length=self.max_length,
            classification_type="single-label",
            device="cpu",
            progress_bar=False,
        )
        self.label = label

    def settle(self, examples: Sequence[MultipleChoiceExample]) -> None:
        """Checked first: one pass a batch, in which every label of every text stands."""
        self._check(examples[0])
        super().settle(examples)

    def scores(self, texts: list[str], options: Sequence[str], size: int) -> Scores:
        """A pass for each batch of texts."""
        found = self.pipeline(texts, list(options), batch_size=size, return_hierarchical=True)
        return [[one[option] for option in options] for one in found]

    def settings(self) -> dict[str, Any]:
        """And the bound of a row."""
        return {**super().settings(), "max_length": self.max_length, "passes_a_batch": 1}

    def _check(self, example: MultipleChoiceExample) -> None:
        passes: list[torch.Tensor] = []
        encoder = self.model.model.encoder_model
        hook = encoder.register_forward_pre_hook(
            lambda _, given, named: passes.append(named["input_ids"] if "input_ids" in named else given[0]),
            with_kwargs=True,
        )
        self.scores([example.passage] * 2, example.options, 2)
        hook.remove()
        read = [int(count) for ids in passes for count in (ids == self.label).sum(1)]
        if len(passes) != 1 or read != [len(example.options)] * 2 or passes[0].shape[1] >= self.max_length:
            raise RuntimeError(f"gliclass: {len(passes)} passes with {read} labels, of {len(example.options)}")


pipeline = ZeroShotPipeline
gliclass = GLiClass
