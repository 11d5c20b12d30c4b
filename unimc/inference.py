"""`UniMC`: examples or plain texts in, predictions out, in the order given (DESIGN, sections 4 and 8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import overload

import torch

from unimc import bundled
from unimc.answer_rule import AnswerRule, Threshold
from unimc.backends import Backend
from unimc.backends.device import check_device, known_device
from unimc.backends.onnx import OnnxBackend
from unimc.backends.torch import TorchBackend
from unimc.calibration import Calibration
from unimc.checkpoint import Checkpoint, load
from unimc.chunks import chunked
from unimc.encoding import Encoder
from unimc.example import InputError, MultipleChoiceExample, in_order, shown, whole_number
from unimc.judging import Judge
from unimc.prediction import Prediction, from_rows
from unimc.stored_calibration import find
from unimc.texts import Options, examples_of, options_of_each
from unimc.windows import Pooling, checked_stride


class UniMC:
    """A loaded model, ready to answer.

    Attributes:
        max_tokens: in a batch (rows times the longest): what bounds memory, whatever `batch_size` says.
        pack: put several short examples into rows of so many tokens at most; None packs none.

    Args:
        checkpoint: model, tokenizer and answer pieces.
        backend: what runs it; PyTorch, where the model is, if None.
        language: the language of texts given to `classify` without one.
        max_length: the most tokens in a row; the checkpoint's own if None.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        backend: Backend | None = None,
        *,
        language: str | None = None,
        max_length: int | None = None,
    ) -> None:
        self.checkpoint = checkpoint
        self.model = checkpoint.model
        self.answers = checkpoint.answers
        self.backend = TorchBackend(self.model, self.answers.ids) if backend is None else backend
        self.max_tokens = self.backend.max_tokens
        self.pack: int | None = None
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
        """Opens a folder, hub id or bundled model.

        Args:
            name_or_path: the folder, hub id or name of a bundled model (`unimc models`); the default one if None.
            language: the default language for `classify`; needed only if the checkpoint has several and the text's own
                can't be told.
            max_length: the most tokens in a row; the checkpoint's own if None.
            device: where to run; a GPU if there is one, else the CPU, if None.
            dtype: of the weights; float32 if None.
            backend: what runs the model: "torch", or "onnx" (onnxruntime) for a folder that `unimc export` wrote.

        Raises:
            InputError: if it can't be opened, with the reason.
        """
        # Resolved here, and not by `load` alone: other backends read files beside the weights.
        name_or_path = bundled.default() if name_or_path is None else bundled.resolve(name_or_path)
        if backend == "onnx":
            device = None if device is None else known_device(device)
            checkpoint = load(name_or_path, weights=False)
            runner = OnnxBackend.opened(name_or_path, checkpoint, device=device, dtype=dtype)
            return cls(checkpoint, runner, language=language, max_length=max_length)
        if backend != "torch":
            raise InputError(f"backend {shown(backend)} is not known; use 'torch' or 'onnx'")
        if device is not None:
            check_device(device)
        checkpoint = load(name_or_path, dtype=dtype)
        device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        checkpoint.model.to(device)
        return cls(checkpoint, language=language, max_length=max_length)

    def save_pretrained(self, folder: str | Path) -> None:
        """Writes a checkpoint that `from_pretrained` opens."""
        self.checkpoint.save(folder)

    def push_to_hub(
        self,
        repo_id: str,
        *,
        card_text: str | None = None,
        private: bool | None = None,
        revision: str | None = None,
        message: str = "Upload a UniMC model",
        token: str | None = None,
    ) -> str:
        """Uploads the model to the Hugging Face hub, with a card; see `unimc.hub.push` for arguments and errors.

        Returns:
            Where the model is now; `from_pretrained(repo_id)` opens it.
        """
        # By its name, as the command line finds its commands: it stands to the right of this module.
        push = import_module("unimc.hub").push
        where: str = push(
            self.checkpoint,
            repo_id,
            card_text=card_text,
            private=private,
            revision=revision,
            message=message,
            token=token,
        )
        return where

    @overload
    def classify(  # type: ignore[overload-overlap]  # a string is a sequence of strings too; it comes first
        self,
        texts: str,
        options: Options,
        *,
        question: str = ...,
        language: str | None = ...,
        multi_label: bool = ...,
        threshold: Threshold | None = ...,
        top_k: int | None = ...,
        calibration: Calibration | str | None = ...,
        batch_size: int = ...,
        windows: Pooling | None = ...,
        stride: int | None = ...,
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
        threshold: Threshold | None = ...,
        top_k: int | None = ...,
        calibration: Calibration | str | None = ...,
        batch_size: int = ...,
        windows: Pooling | None = ...,
        stride: int | None = ...,
    ) -> list[Prediction]: ...

    def classify(
        self,
        texts: str | Sequence[str],
        options: Options | Sequence[Options],
        *,
        question: str = "",
        language: str | None = None,
        multi_label: bool = False,
        threshold: Threshold | None = None,
        top_k: int | None = None,
        calibration: Calibration | str | None = None,
        batch_size: int = 32,
        windows: Pooling | None = None,
        stride: int | None = None,
    ) -> Prediction | list[Prediction]:
        """Which option fits a text.

        Args:
            texts: one text, or a list of them.
            options: one list of options (or a mapping of name to wording) for all texts, or one for each text.
            question: the instruction.
            language: of the texts; the model's default, or told from their script, if None.
            multi_label: see `predict`.
            threshold: see `predict`.
            top_k: see `predict`.
            calibration: see `predict`.
            batch_size: the most rows in a batch.
            windows: see `predict`.
            stride: see `predict`.

        Returns:
            A prediction for one text, a list in the texts' order for a list.

        Raises:
            InputError: if an option list doesn't fit its text, or a text is empty.
        """
        if isinstance(texts, str):
            texts, options, alone = [texts], options_of_each(options, 1), True
        elif in_order(texts):
            texts, alone = list(texts), False
        else:
            raise InputError(f"texts must be a text or a list of texts, not {type(texts).__name__}")
        found = self.predict(
            examples_of(texts, options, question, self.language if language is None else language, self.answers),
            multi_label=multi_label,
            threshold=threshold,
            top_k=top_k,
            calibration=calibration,
            batch_size=batch_size,
            windows=windows,
            stride=stride,
        )
        return found[0] if alone else found

    @overload
    def predict(  # type: ignore[overload-overlap]  # a list is an iterable too; it comes first
        self,
        examples: list[MultipleChoiceExample],
        *,
        multi_label: bool = ...,
        threshold: Threshold | None = ...,
        top_k: int | None = ...,
        calibration: Calibration | str | None = ...,
        batch_size: int = ...,
        windows: Pooling | None = ...,
        stride: int | None = ...,
    ) -> list[Prediction]: ...

    @overload
    def predict(
        self,
        examples: Iterable[MultipleChoiceExample],
        *,
        multi_label: bool = ...,
        threshold: Threshold | None = ...,
        top_k: int | None = ...,
        calibration: Calibration | str | None = ...,
        batch_size: int = ...,
        windows: Pooling | None = ...,
        stride: int | None = ...,
    ) -> Iterator[Prediction]: ...

    def predict(
        self,
        examples: Iterable[MultipleChoiceExample],
        *,
        multi_label: bool = False,
        threshold: Threshold | None = None,
        top_k: int | None = None,
        calibration: Calibration | str | None = None,
        batch_size: int = 32,
        windows: Pooling | None = None,
        stride: int | None = None,
    ) -> list[Prediction] | Iterator[Prediction]:
        """Predictions in the examples' order: a list for a list, an iterator (read lazily) for anything else.

        Args:
            examples: the examples; labels are ignored.
            multi_label: whether several options, or none, may hold.
            threshold: a probability, or one for each option by its name. With `multi_label` an option holds from it on;
                0.5 if None. Without, "none of these": the best option is the answer only if it is said "yes" for
                itself with that probability (the sigmoid of its margin); it always is if None.
            top_k: with `multi_label`, how many options hold at most: the best of those that do.
            calibration: a calibration, or the name of one in the checkpoint: a task's, or "default". Scores are then
                made of margins by it, and the threshold is its own, if it has one and none is given. None: none,
                whatever the checkpoint holds.
            batch_size: the most rows in a batch; `max_tokens` bounds it besides.
            windows: what becomes of a passage too long for its row: None cuts it; "max" and "mean" read all of it, in
                windows that stand in rows of their own, and pool each option's margins over them.
            stride: with `windows`, how many tokens neighbouring windows share at least; 64 if None.

        Raises:
            InputError: if a setting is out of range, the calibration is not there, is of the other kind or lacks an
                option, an example's options don't fit a row, or not even one row fits the device's memory.
        """
        if whole_number("batch_size", batch_size) < 1:
            raise InputError(f"batch_size is {shown(batch_size)}; it must be at least 1")
        rule = AnswerRule.of(multi_label, threshold, top_k, self._calibration(calibration))
        shared = checked_stride(windows, stride)
        ask = Judge(
            encoder=self.encoder,
            backend=self.backend,
            answers=self.answers,
            batch_size=batch_size,
            max_tokens=self.max_tokens,
            pack=self.pack,
            pooling=windows or "max",
            stride=shared,
            runoff=not rule.multi_label,
        )
        chunks = chunked(examples, batch_size)
        found = (
            from_rows(example, rows, rule, margins)
            for chunk in chunks
            for example, (rows, margins) in zip(chunk, ask(chunk), strict=True)
        )
        return list(found) if isinstance(examples, list) else found

    def _calibration(self, given: Calibration | str | None) -> Calibration | None:
        if given is None or isinstance(given, Calibration):
            return given
        if not isinstance(given, str):
            raise InputError(f"calibration must be a Calibration or the name of one, not {type(given).__name__}")
        return find(self.checkpoint.calibration, given)
