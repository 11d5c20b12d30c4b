"""The form of requests and answers: what is checked, and what the OpenAPI description says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, create_model

from unimc.serving.limits import Limits

ONE, LIST, OBJECT, NULL = "<one>", "<list>", "<object>", "<null>"
"""The forms that a field can take; pydantic puts these names into the place of an error."""
_TEXT_WITHIN = r"\S"
_NAME = 200
"""The most characters of a language or calibration: of one that isn't there the closest is looked for."""


class Answer(BaseModel):
    """What the model says about one text: the fields of `Prediction.to_dict()`."""

    options: list[str] = Field(description="The options as read.")
    names: list[str] = Field(description="Their names.")
    scores: list[float] = Field(description="Probability of each option.")
    margins: list[float] = Field(description="Logit of yes minus logit of no, for each option.")
    label: int = Field(description="Index of the best option.")
    labels: list[int] = Field(description="With multi_label indices of the options that hold, else of the best alone.")
    rows: int = Field(description="How many rows of the model the text took.")
    tokens: int = Field(description="Of all these rows.")
    truncated: int = Field(description="Tokens cut from the row that lost most.")
    calibrated: bool = Field(description="Whether a calibration made the scores.")
    answer: str | None = Field(description="Name of the best option; null if none holds.")


class Problem(BaseModel):
    """What went wrong."""

    error: str = Field(description="One line: what was wrong, where, and what to do.")


class Health(BaseModel):
    """Whether the server answers."""

    status: str = Field(description="ok, or closing: it takes no new requests.")
    waiting: int = Field(description="Requests that wait for their answer.")


class ModelInfo(BaseModel):
    """A model that answers here."""

    name: str
    languages: list[str] = Field(description="That it answers in.")
    parameters: int
    max_length: int = Field(description="The most tokens in a row; longer texts are cut.")
    device: str
    dtype: str = Field(description="Of the weights.")
    calibrations: list[str] = Field(description="Names of those stored in it.")


class Models(BaseModel):
    """The models that answer here, and what a request may ask of them."""

    models: list[ModelInfo]
    limits: dict[str, int | float] = Field(description="What is more is refused.")


class Asked(BaseModel):
    """Texts and the options that each of them is judged by."""

    # The texts that people ask about are not kept, not even for speed: pydantic would remember short ones.
    model_config = ConfigDict(extra="forbid", strict=True, cache_strings="keys")

    texts: Any
    options: Any
    question: str = Field("", description="The instruction.")
    language: str | None = None
    multi_label: bool = Field(False, description="Whether several options, or none, may hold.")
    threshold: Any = None
    top_k: int | None = Field(None, ge=1, description="With multi_label, how many options hold at most.")
    calibration: str | None = None

    @property
    def texts_listed(self) -> list[str]:
        """The texts, also where one was given alone."""
        return [self.texts] if isinstance(self.texts, str) else self.texts

    @property
    def characters(self) -> int:
        """What the model reads for it: every text with all options, their names too, and the question."""
        named = self.options if isinstance(self.options, Mapping) else {"": "".join(self.options) * 2}
        beside = len(self.question) + sum(len(name) + len(wording) for name, wording in named.items())
        texts = self.texts_listed
        return sum(map(len, texts)) + len(texts) * beside


def request_model(limits: Limits, languages: Sequence[str], calibrations: Sequence[str]) -> type[Asked]:
    """The form of a request, with a server's limits.

    Args:
        limits: of the server.
        languages: that its model answers in.
        calibrations: names of those that its model has.
    """
    # Types made of values: `Any` keeps mypy from reading them as annotations.
    typed: Any = Annotated
    a_list: Any = list
    an_object: Any = dict
    text = typed[str, Field(min_length=1, max_length=limits.text, pattern=_TEXT_WITHIN)]
    wording = typed[str, Field(min_length=1, max_length=limits.option, pattern=_TEXT_WITHIN)]
    name = typed[str, Field(max_length=limits.option)]
    probability = typed[float, Field(ge=0, le=1, allow_inf_nan=False)]
    texts = typed[a_list[text], Field(min_length=1, max_length=limits.texts)]
    listed = typed[
        a_list[wording],
        Field(min_length=1, max_length=limits.options, json_schema_extra={"uniqueItems": True}),
    ]
    named = typed[an_object[name, wording], Field(min_length=1, max_length=limits.options)]
    limit_of_each = typed[an_object[name, probability], Field(max_length=limits.options)]
    fields: dict[str, Any] = {
        "texts": (
            _one_of({ONE: text, LIST: texts}),
            Field(description="One text, or a list of them.", examples=[["The striker scored twice."]]),
        ),
        "options": (
            _one_of({LIST: listed, OBJECT: named}),
            Field(
                description="The candidate answers as the model reads them, or an object of name: wording.",
                examples=[["sport", "politics"]],
            ),
        ),
        "question": (typed[str, Field(max_length=limits.question)], Field("", description="The instruction.")),
        "language": (
            _known(languages),
            Field(None, description="Of the texts; told from their script if null."),
        ),
        "threshold": (
            _one_of({ONE: probability, OBJECT: limit_of_each, NULL: None}),
            Field(
                None,
                description="With multi_label: from which probability an option holds (0.5 if null), one for all or "
                "one for each name. Without: from which the best option, judged for itself, is the answer, else none.",
            ),
        ),
        "calibration": (_known(calibrations), Field(None, description="Name of a calibration in the model.")),
    }
    made: type[Asked] = create_model("Classify", __base__=Asked, __doc__=Asked.__doc__, **fields)
    return made


def _one_of(forms: Mapping[str, Any]) -> Any:
    """A type that is one of these forms, told by the kind of the value: an error is then about the one form meant."""
    typed: Any = Annotated
    tagged = [typed[form, Tag(tag)] for tag, form in forms.items()]
    union = tagged[0]
    for one in tagged[1:]:
        union = union | one
    return typed[union, Discriminator(lambda value: tag if (tag := _form(value)) in forms else None)]


def _form(value: object) -> str:
    if isinstance(value, Mapping):
        return OBJECT
    if isinstance(value, list):
        return LIST
    return NULL if value is None else ONE


def _known(names: Sequence[str]) -> Any:
    """A text or null; the description lists what it can be, and the model says what is wrong with another."""
    typed: Any = Annotated
    most = max(_NAME, *map(len, names), 0)
    return typed[str, Field(max_length=most, json_schema_extra={"enum": list(names)} if names else {})] | None
