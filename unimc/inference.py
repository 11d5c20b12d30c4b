"""`UniMC`: examples or plain texts in, predictions out, in the order given (DESIGN, sections 4 and 8)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import islice
from pathlib import Path
from typing import Any, overload

import torch

from unimc.checkpoint import Checkpoint, load
from unimc.collation import batches, collate
from unimc.encoding import Encoder, Encoding
from unimc.example import InputError, MultipleChoiceExample
from unimc.prediction import Prediction, from_rows

MAX_TOKENS, MAX_TOKENS_ON_CPU = 8192, 1024
"""Tokens in a batch (rows times the longest): what bounds memory, whatever `batch_size` says.

A CPU is busy with a thousand tokens; more only pad more and leave its caches (measured: benchmarks/README.md).
"""
_WINDOW = 64  # batches' worth of examples that are sorted by length together
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
_LATIN = re.compile(r"[A-Za-z]")

Options = Sequence[str] | Mapping[str, str]


class UniMC:
    """A loaded model, ready to answer.

    Args:
        checkpoint: model, tokenizer and answer pieces.
        language: the language of texts given to `classify` without one.
        max_length: the most tokens in a row; the checkpoint's own if None.
    """

    def __init__(self, checkpoint: Checkpoint, *, language: str | None = None, max_length: int | None = None) -> None:
        self.checkpoint = checkpoint
        self.model = checkpoint.model
        self.answers = checkpoint.answers
        on_cpu = self.model.backbone.device.type == "cpu"
        self.max_tokens = MAX_TOKENS_ON_CPU if on_cpu else MAX_TOKENS
        if language is not None:
            self.answers[language]
        self.language = language
        self.encoder = Encoder(
            checkpoint.tokenizer, self.model.layout, checkpoint.max_length if max_length is None else max_length
        )

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path | None = None,
        *,
        language: str | None = None,
        max_length: int | None = None,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
        backend: str = "torch",
    ) -> UniMC:
        """Opens a folder or hub id.

        Args:
            name_or_path: the folder or hub id.
            language: the default language for `classify`; needed only if the checkpoint has several and the text's own
                can't be told.
            max_length: the most tokens in a row; the checkpoint's own if None.
            device: where to run; a GPU if there is one, else the CPU, if None.
            dtype: of the weights; float32 if None.
            backend: what runs the model; "torch" so far.

        Raises:
            InputError: if it can't be opened, with the reason.
        """
        if name_or_path is None:
            raise InputError("no model is bundled yet; name a folder or a hub id")
        if backend != "torch":
            raise InputError(f"backend {backend!r} is not known; use 'torch'")
        checkpoint = load(name_or_path, dtype=dtype)
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        checkpoint.model.to(device)
        return cls(checkpoint, language=language, max_length=max_length)

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes a checkpoint that `from_pretrained` opens."""
        self.checkpoint.save(folder)

    @overload
    def classify(  # type: ignore[overload-overlap]  # a string is a sequence of strings too; it comes first
        self,
        texts: str,
        options: Options,
        *,
        question: str = ...,
        language: str | None = ...,
        multi_label: bool = ...,
        threshold: float | None = ...,
        batch_size: int = ...,
    ) -> Prediction: ...

    @overload
    def classify(
        self,
        texts: Sequence[str],
        options: Options | Sequence[Options],
        *,
        question: str = ...,
        language: str | None = ...,
        multi_label: bool = ...,
        threshold: float | None = ...,
        batch_size: int = ...,
    ) -> list[Prediction]: ...

    def classify(
        self,
        texts: str | Sequence[str],
        options: Options | Sequence[Options],
        *,
        question: str = "",
        language: str | None = None,
        multi_label: bool = False,
        threshold: float | None = None,
        batch_size: int = 32,
    ) -> Prediction | list[Prediction]:
        """Which option fits a text.

        Args:
            texts: one text, or a list of them.
            options: one list of options (or a mapping of name to wording) for all texts, or one for each text.
            question: the instruction.
            language: of the texts; the model's default, or told from their script, if None.
            multi_label: whether several options, or none, may hold.
            threshold: with `multi_label`, the probability from which an option holds; 0.5 if None.
            batch_size: the most rows in a batch.

        Returns:
            A prediction for one text, a list in the texts' order for a list.

        Raises:
            InputError: if an option list doesn't fit its text, or a text is empty.
        """
        if isinstance(texts, str):
            return self.classify(
                [texts],
                _per_text(options, 1),
                question=question,
                language=language,
                multi_label=multi_label,
                threshold=threshold,
                batch_size=batch_size,
            )[0]
        if not isinstance(texts, Iterable):
            raise InputError(f"texts must be a text or a list of texts, not {type(texts).__name__}")
        if threshold is not None and not multi_label:
            raise InputError("threshold has a meaning only with multi_label=True")
        texts = list(texts)
        examples = [
            self._example(text, one, question, language, f"text {number}")
            for number, (text, one) in enumerate(zip(texts, _per_text(options, len(texts)), strict=True))
        ]
        return self.predict(examples, multi_label=multi_label, threshold=threshold, batch_size=batch_size)

    @overload
    def predict(  # type: ignore[overload-overlap]  # a list is an iterable too; it comes first
        self,
        examples: list[MultipleChoiceExample],
        *,
        multi_label: bool = ...,
        threshold: float | None = ...,
        batch_size: int = ...,
    ) -> list[Prediction]: ...

    @overload
    def predict(
        self,
        examples: Iterable[MultipleChoiceExample],
        *,
        multi_label: bool = ...,
        threshold: float | None = ...,
        batch_size: int = ...,
    ) -> Iterator[Prediction]: ...

    def predict(
        self,
        examples: Iterable[MultipleChoiceExample],
        *,
        multi_label: bool = False,
        threshold: float | None = None,
        batch_size: int = 32,
    ) -> list[Prediction] | Iterator[Prediction]:
        """Predictions in the examples' order: a list for a list, an iterator (read lazily) for anything else.

        Args:
            examples: the examples; labels are ignored.
            multi_label: whether several options, or none, may hold.
            threshold: with `multi_label`, the probability from which an option holds; 0.5 if None.
            batch_size: the most rows in a batch; `max_tokens` bounds it besides.
        """
        if batch_size < 1:
            raise InputError(f"batch_size is {batch_size}; it must be at least 1")
        holds = 0.5 if threshold is None else threshold
        if not 0 <= holds <= 1:
            raise InputError(f"threshold is {threshold}; it is a probability, from 0 to 1")
        found = self._stream(iter(examples), multi_label, holds, batch_size)
        return list(found) if isinstance(examples, list) else found

    def _stream(
        self, examples: Iterator[MultipleChoiceExample], multi_label: bool, threshold: float, batch_size: int
    ) -> Iterator[Prediction]:
        while window := list(islice(examples, _WINDOW * batch_size)):
            for language in {example.language for example in window}:
                self.answers[language]  # said before the tokenizer finds nothing in its vocabulary
            encodings = self.encoder.batch(window)
            rows = [(owner, row) for owner, made in enumerate(encodings) for row in made]
            scored = self._scores([row for _, row in rows], [window[owner].language for owner, _ in rows], batch_size)
            of_example: list[list[tuple[Encoding, list[float], list[float]]]] = [[] for _ in window]
            for (owner, row), (yes, no) in zip(rows, scored, strict=True):
                of_example[owner].append((row, yes, no))
            for example, parts in zip(window, of_example, strict=True):
                yield from_rows(example, parts, multi_label, threshold)

    @torch.inference_mode()
    def _scores(
        self, rows: Sequence[Encoding], languages: Sequence[str], batch_size: int
    ) -> list[tuple[list[float], list[float]]]:
        """The yes and no logits at every O-MASK of each row, longest rows first so that memory peaks at once."""
        self.model.eval()
        device = next(self.model.parameters()).device
        pieces = torch.tensor(self.answers.ids, device=device)
        columns = torch.tensor([self.answers.columns(language) for language in languages])  # (rows, 2)
        lengths = [len(row) for row in rows]
        order = sorted(range(len(rows)), key=lambda row: -lengths[row])
        found: list[tuple[list[float], list[float]]] = [([], [])] * len(rows)
        for chosen in batches(lengths, order, max_rows=batch_size, max_tokens=self.max_tokens):
            batch = collate([rows[row] for row in chosen], self.encoder.tokenizer.pad)
            logits, _ = self.model(**batch.to(device).inputs(), pieces=pieces)
            logits = logits.float().cpu()  # (options, pieces)
            pair = logits.gather(1, columns[chosen][batch.option_rows])  # (options, 2)
            start = 0
            for row in chosen:
                end = start + len(rows[row].options)
                yes, no = pair[start:end].unbind(1)
                found[row] = (yes.tolist(), no.tolist())
                start = end
        return found

    def _example(
        self, text: str, options: Options, question: str, language: str | None, number: str
    ) -> MultipleChoiceExample:
        if not isinstance(text, str) or not text.strip():
            raise InputError(f"{number} is {'empty' if isinstance(text, str) else type(text).__name__}; give a text")
        names = list(options)
        wordings = list(options.values()) if isinstance(options, Mapping) else names
        language = language or self.language or self._told_from(" ".join(map(str, [text, question, *wordings])))
        return MultipleChoiceExample(wordings, question, text, names=names, language=language, id=number)

    def _told_from(self, words: str) -> str:
        """The language by its script, among those the checkpoint has answer pieces for."""
        languages = self.answers.languages
        if _HAN.search(words) and not (len(languages) == 1 and _LATIN.search(words)):
            self.answers["zh"]  # a vocabulary without Chinese would read it as unknown pieces, and answer all the same
            return "zh"
        if len(languages) == 1:
            return languages[0]
        if _LATIN.search(words):
            return "en"
        raise InputError(f"can't tell the language of {words[:40]!r}; give language= one of {', '.join(languages)}")


def _per_text(options: Options | Sequence[Options], count: int) -> Sequence[Options]:
    if isinstance(options, str):
        raise InputError(f"options must be a list, not one string; write [{options!r}]")
    if not isinstance(options, Iterable) or isinstance(options, Set):
        raise InputError(f"options must be a list or a mapping, not {type(options).__name__}")
    if isinstance(options, Mapping) or all(isinstance(option, str) for option in options):
        one: Any = options
        return [one] * count
    if len(options) != count:
        raise InputError(f"{len(options)} lists of options for {count} texts; give one for each, or one for all")
    for number, given in enumerate(options):
        if isinstance(given, str) or not isinstance(given, Sequence | Mapping):
            raise InputError(f"options of text {number} must be a list or a mapping, not {type(given).__name__}")
    return options
