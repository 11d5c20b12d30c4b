"""What one request, and all of them together, may ask of the server."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from unimc.example import InputError, shown


@dataclass(frozen=True, slots=True)
class Limits:
    """The most of everything; what is more is refused before it costs time or memory.

    Attributes:
        body: bytes of a request.
        texts: in a request.
        options: in a request.
        text: characters of a text.
        option: characters of an option's wording, and of its name.
        question: characters of the question.
        characters: that the model reads for a request: every text with all options (names too) and the question.
        waiting: requests that are read or wait for their answer at a time.
        seconds: that a request may wait for its answer; a tenth of it that its body may take to arrive before.

    Raises:
        InputError: if one of them is not positive, or without end.
    """

    body: int = 1_000_000
    texts: int = 1000
    options: int = 256
    text: int = 20_000
    option: int = 500
    question: int = 2000
    characters: int = 500_000
    waiting: int = 128
    seconds: float = 60.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not 0 < getattr(self, name) < inf:
                raise InputError(
                    f"the limit of {name} is {shown(getattr(self, name))}; it must be more than 0, and a number"
                )
