"""A task: the declaration (card) that turns the rows of one data set into multiple-choice examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from converters import card, values
from converters.checks import check_fields
from converters.conversion import Converted, convert, reshaped
from converters.hub_files import HubFile
from converters.template import ColumnPath, Row, Template
from converters.wording import Answer, Labels, Wording, parsed
from unimc.example import InputError, MultipleChoiceExample

if TYPE_CHECKING:
    from converters.loading import Loaded


@dataclass(frozen=True, eq=False)
class Task:
    """One data set as a multiple-choice task; its fields are the keys of a card.

    Args:
        name: what it is called everywhere.
        kind: "classification" (one of fixed labels), "multi_label" (any number of them), or "multiple_choice" (every
            row has its own options).
        language: "en" or "zh".
        question, passage, textb: templates over the columns of a row. A None in a column is an error, except in
            `textb`, where it means that there is no second text.
        labels: `{column, values: {value: wording | {name, wording}}}`, for classification and multi_label.
        options: for multiple_choice: the column that holds the list, or a list of templates.
        answer: for multiple_choice: `{column, is: index | letter | text | key}`, with `start` (index) or `keys` (key).
        id: template of an example's id; by default the row's number in its file, from 0.
        skip: column -> values; rows left out on purpose.
        row: name of a function of `converters.rows` that changes a row before the templates see it.
        shuffle: for multiple_choice: options come in an order drawn from the row's texts, for sources where the
            position of the right answer gives it away.
        variants: name -> other wordings of question, passage, textb, labels or options. What a variant doesn't name
            stays as in the default.
        splits: our split name -> the hub's; None = not labelled there.
        source: where the rows are: `hub`, `config`, `folder`, `folder_splits`, `originals` (the files as their authors
            publish them), or `files`.
        rows: split -> rows, for a task that carries its rows itself.
        example: an invented row that shows the columns; converted when the card is tested.
        untested: whether the card never met real rows.
        path: the card's file, here or on the hub, if it was read from one.
        family, version, licence, citation, note: for people.

    Raises:
        InputError: if the declaration is not valid; the message names the file and the key.
    """

    name: str
    kind: str
    language: str = "en"
    question: str = ""
    passage: str = ""
    textb: str = ""
    labels: Mapping[str, Any] | None = None
    options: str | Sequence[str] | None = None
    answer: Mapping[str, Any] | None = None
    id: str | None = None
    skip: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    row: str | None = None
    shuffle: bool = False
    variants: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    splits: Mapping[str, str | None] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    rows: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    example: Mapping[str, Any] | None = None
    untested: bool = False
    family: str = ""
    version: int = 1
    licence: str = ""
    citation: str = ""
    note: str = ""
    path: Path | HubFile | None = None
    _labels: Labels | None = field(init=False, repr=False, default=None)
    _answer: Answer | None = field(init=False, repr=False, default=None)
    _id: Template | None = field(init=False, repr=False, default=None)
    _wordings: dict[str | None, Wording] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self, self.where)
        put, where = object.__setattr__, self.where
        labels = Labels.parse(self.labels, where) if self.labels is not None else None
        put(self, "_labels", labels)
        put(self, "_answer", Answer.parse(self.answer, where) if self.answer is not None else None)
        given = {name: getattr(self, name) for name in ("question", "passage", "textb", "options")}
        default = Wording.parse(given, labels, where)
        wordings: dict[str | None, Wording] = {None: default}
        for name, variant in self.variants.items():
            wordings[name] = default.variant(variant, labels, f"{where}: variants.{name}")
        put(self, "_wordings", wordings)
        put(self, "_id", parsed(Template.parse, self.id, f"{where}: id") if self.id is not None else None)

    @classmethod
    def from_file(cls, path: str | Path | HubFile) -> Task:
        """Read a card.

        Raises:
            InputError: if the file is not a valid card.
        """
        path = path if isinstance(path, HubFile) else Path(path)
        content = card.read(path.local if isinstance(path, HubFile) else path, str(path))
        known = [entry.name for entry in fields(cls) if entry.init and entry.name != "path"]
        card.known_keys(content, known, str(path))
        for required in ("name", "kind", "language"):
            if required not in content:
                raise InputError(f"{path}: the key `{required}` is missing")
        return cls(**content, path=path)

    @property
    def label_names(self) -> tuple[str, ...] | None:
        """Names of the fixed labels; None where every row has its own options."""
        return self._labels.names if self._labels is not None else None

    @property
    def split_names(self) -> tuple[str, ...]:
        """The labelled splits that the declaration names; a local folder may have fewer, or others."""
        if self.rows or "files" in self.source:
            return tuple(self.rows or self.source["files"])
        labelled = [name for name, there in self.splits.items() if there is not None]
        return tuple(dict.fromkeys([*labelled, *self.source.get("folder_splits", [])]))

    def convert(self, row: Row, variant: str | None = None, split: str = "", index: int = 0) -> MultipleChoiceExample:
        """One row as an example.

        Args:
            row: column -> value.
            variant: name of another wording.
            split: where the row comes from; it begins the example's id, `split/index`.
            index: the row's number there, from 0; not in the id if the card says how ids are made.

        Raises:
            InputError: if a column is missing or empty, or the label is none of the options.
        """
        found = self.convert_all(row, variant, split, index)
        if len(found) != 1:
            raise InputError(f"{self.where}: the row becomes {len(found)} examples; use convert_all")
        return found[0].example

    def convert_all(self, row: Row, variant: str | None = None, split: str = "", index: int = 0) -> list[Converted]:
        """As `convert`, for tasks where a row may become several examples; their ids are `split/index.0`, `.1` ….

        Each comes with whether repeated options were merged.
        """
        wording = self.wording(variant)
        where = f"{split}/{index}" if split else str(index)
        try:
            rows = reshaped(self.row, row)
            several = len(rows) > 1
            places = [f"{index}.{number}" if several else str(index) for number in range(len(rows))]
            return [convert(self, one, wording, split, place) for one, place in zip(rows, places, strict=True)]
        except InputError as problem:
            raise InputError(f"{self.where}: row {where} (from 0): {problem}") from None

    def wording(self, variant: str | None = None) -> Wording:
        """The templates of the default wording or of a variant."""
        if variant not in self._wordings:
            known = [name for name in self._wordings if name is not None]
            hint = card.did_you_mean(variant, known) if known else "the card has its default wording alone: name none"
            raise InputError(f"{self.where}: no variant {variant!r}; {hint}")
        return self._wordings[variant]

    def skips(self, column: str, value: Any) -> bool:
        """Whether a row with `value` in `column` is left out on purpose."""
        return values.find(value, dict.fromkeys(self.skip[column], True)) is not None

    def read(
        self,
        split: str,
        data_dir: str | Path | None = None,
        limit: int | None = None,
        seed: int = 0,
        variant: str | None = None,
        *,
        unlabelled: bool = False,
    ) -> Loaded:
        """The examples of a split, with what was counted on the way; see `load`."""
        from converters.loading import read

        return read(self, split, data_dir, limit, seed, variant, unlabelled)

    def load(
        self,
        split: str,
        data_dir: str | Path | None = None,
        limit: int | None = None,
        seed: int = 0,
        variant: str | None = None,
        *,
        unlabelled: bool = False,
    ) -> list[MultipleChoiceExample]:
        """The examples of a split.

        Args:
            split: "train", "validation", "test", or another that the task has.
            data_dir: folder that holds `<folder>/<split>.jsonl` (.json, .csv, .tsv, .parquet; .gz too); by default
                the environment variable UNIMC_DATA_DIR, without that the hub.
            limit: that many rows, drawn at random by `seed`, in the file's order.
            seed: of the draw.
            variant: name of another wording.
            unlabelled: whether rows may come without the label column; otherwise that is an error.

        Raises:
            InputError: if the split cannot be had, or a row cannot be converted.
        """
        return self.read(split, data_dir, limit, seed, variant, unlabelled=unlabelled).examples

    @property
    def label_column(self) -> ColumnPath | None:
        """Where a row says its label or answer; None for a task that has none."""
        source = self._labels or self._answer
        return source.column if source is not None else None

    @property
    def label_set(self) -> Labels | None:
        """The fixed labels, parsed; None where every row has its own options."""
        return self._labels

    @property
    def answer_rule(self) -> Answer | None:
        """How a row says which of its own options is right, parsed; None with fixed labels."""
        return self._answer

    @property
    def id_template(self) -> Template | None:
        """How an example's id is made; None = from the row's number."""
        return self._id

    @property
    def where(self) -> str:
        """The card's file, or the task's name: how its errors begin."""
        return str(self.path) if self.path is not None else f"task {self.name}"
