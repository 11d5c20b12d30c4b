"""An example in a template, as the model reads it: `CLS … mask(s) … SEP`, put together from token ids.

Rows are those of `unimc.encoding` without options: every token sees every other, positions count through, all types are
0, and `option_positions` are the masks to be read. The head is then computed there alone, as for O-MASKs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unimc.budget import PASSAGE_FLOOR
from unimc.cloze.pieces import PartTokenizer
from unimc.cloze.template import Part, Template
from unimc.encoding import SHARED, Encoding, Layout
from unimc.example import InputError, MultipleChoiceExample, shown, whole_number

_AROUND = 2  # CLS and SEP


@dataclass(frozen=True, slots=True)
class Frame:
    """A row but for what stands at the mask.

    Attributes:
        before: the ids before the mask, CLS first.
        after: those behind it, SEP last.
        triggers: places of the trigger pieces among `before` and `after` together.
        truncated: tokens cut from the example's texts.
        offset: of the backbone's positions.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    triggers: tuple[int, ...]
    truncated: int
    offset: int

    def __len__(self) -> int:
        return len(self.before) + len(self.after)

    def row(self, filled: Sequence[int], read: Sequence[int]) -> Encoding:
        """The row with these ids at the mask (masks and, from left to right, pieces already given).

        Args:
            filled: the ids.
            read: which of them are to be read, from 0.
        """
        ids = [*self.before, *filled, *self.after]
        return Encoding(
            input_ids=ids,
            position_ids=list(range(self.offset, self.offset + len(ids))),
            token_type_ids=[0] * len(ids),
            option_ids=[SHARED] * len(ids),
            option_positions=[len(self.before) + place for place in read],
            options=tuple(range(len(read))),
            truncated=self.truncated,
        )

    def trigger_places(self, masks: int) -> list[int]:
        """Places of the triggers in a row with so many ids at the mask."""
        return [place if place < len(self.before) else place + masks for place in self.triggers]

    def with_triggers(self, ids: Sequence[int]) -> Frame:
        """The same frame with other trigger pieces."""
        whole = [*self.before, *self.after]
        for place, piece in zip(self.triggers, ids, strict=True):
            whole[place] = piece
        split = len(self.before)
        return Frame(tuple(whole[:split]), tuple(whole[split:]), self.triggers, self.truncated, self.offset)


class Framer:
    """Puts examples into a template.

    Args:
        tokenizer: of the model.
        layout: what its backbone asks for.
        template: the template.
        masks: the most masks that a word takes; all frames are cut so that so many fit.
        max_length: the most tokens in a row.

    Raises:
        InputError: if the template is too long for a row, or a trigger is not in the vocabulary.
    """

    def __init__(
        self, tokenizer: PartTokenizer, layout: Layout, template: Template, *, masks: int, max_length: int
    ) -> None:
        self._tokenizer, self._layout, self.template = tokenizer, layout, template
        limit = min(whole_number("max_length", max_length), layout.positions)
        self._fixed = [self._ids(part) for part in template.parts]
        self._room = limit - _AROUND - masks - sum(map(len, self._fixed))
        if self._room < len(template.columns):
            raise InputError(
                f"template {shown(template.text)}: with label words of {masks} pieces it leaves no room for a text in "
                f"{limit} tokens; shorten it or its words, or raise max_length"
            )

    def __call__(self, examples: Sequence[MultipleChoiceExample]) -> list[Frame]:
        """The frames of examples, cut to fit: the texts of their columns, never the template or the mask."""
        columns = [part for part in self.template.parts if part.kind == "column"]
        texts = {
            part.text: self._tokenizer([getattr(example, part.text) for example in examples], glued=part.glued)
            for part in columns
        }
        return [self._frame({name: ids[number] for name, ids in texts.items()}) for number in range(len(examples))]

    def _ids(self, part: Part) -> list[int]:
        if part.kind == "trigger":
            piece = self._tokenizer.piece(part.text)
            if piece is None:
                raise InputError(
                    f"the trigger {shown(part.text)} is no piece of this model's vocabulary; triggers belong to the "
                    "model that they were searched with"
                )
            return [piece]
        if part.kind == "text":
            return self._tokenizer([part.text], glued=part.glued)[0]
        return []

    def _frame(self, texts: dict[str, list[int]]) -> Frame:
        kept = shares({name: len(ids) for name, ids in texts.items()}, self._room)
        inert = self._tokenizer.inert
        halves: tuple[list[int], list[int]] = ([inert.cls], [])
        side = 0
        triggers: list[int] = []
        for part, fixed in zip(self.template.parts, self._fixed, strict=True):
            if part.kind == "mask":
                side = 1
                continue
            if part.kind == "trigger":
                triggers.append(len(halves[0]) + len(halves[1]))
            halves[side].extend(texts[part.text][: kept[part.text]] if part.kind == "column" else fixed)
        halves[1].append(inert.sep)
        lost = sum(len(ids) - kept[name] for name, ids in texts.items())
        return Frame(tuple(halves[0]), tuple(halves[1]), tuple(triggers), lost, self._layout.position_offset)


def shares(lengths: dict[str, int], room: int) -> dict[str, int]:
    """How many tokens of each column stay: of passage and textb the longer is cut first, then the question.

    Passage and textb keep up to 128 tokens each (in short rows a third of the room) while the question can be cut.
    """
    passage, textb, question = (lengths.get(name, 0) for name in ("passage", "textb", "question"))
    floor = min(PASSAGE_FLOOR, room // 3)
    question = max(min(question, room - min(passage, floor) - min(textb, floor)), 0)
    left = room - question
    if passage + textb > left:
        half = left // 2
        if textb <= half:
            passage = left - textb
        elif passage <= left - half:
            textb = left - passage
        else:
            passage, textb = left - half, half
    kept = {"passage": passage, "textb": textb, "question": question}
    return {name: kept[name] for name in lengths}
