"""Draws docs/figures/sequence.svg and sequence.zh.svg: a real row, token by token, and who may look at whom in it.

    python docs/figures/sequence.py [MODEL]

Tokens, options and positions come from `unimc.encoding.Encoder`, the mask from `unimc.attention.isolating_mask`: what
is drawn is what the model gets. MODEL is a folder or the name of a bundled model, the default one if not given; only
its tokenizer is read.
"""

from __future__ import annotations

import sys
from html import escape
from pathlib import Path

import torch

from unimc import MultipleChoiceExample, bundled
from unimc.attention import isolating_mask
from unimc.checkpoint import load_encoder
from unimc.encoding import Encoder, Encoding

EXAMPLES = {
    "en": MultipleChoiceExample(
        ["sports", "politics", "fine food"],
        question="What is this about?",
        passage="The striker scored twice.",
        language="en",
    ),
    "zh": MultipleChoiceExample(
        ["体育", "政治", "美味佳肴"], question="这段话说的是什么？", passage="前锋进了两个球。", language="zh"
    ),
}
FILES = {"en": "sequence.svg", "zh": "sequence.zh.svg"}
WORDS = {
    "en": ("token", "option", "position", "may look at", "options", "question", "passage", "may look", "may not"),
    "zh": ("词元", "选项", "位置", "可以看", "选项", "问题", "正文", "可以看", "不可以看"),
}
COLOURS = ("#5b6b78", "#0f8577", "#c2570c", "#6d4bc1")
"""Of the tokens that all share, and of each option."""
FONT = "system-ui, 'Noto Sans CJK SC', 'PingFang SC', 'Microsoft YaHei', 'DejaVu Sans', sans-serif"
CELL, LEFT, TOP, GAP = 22, 262, 104, 5
_PARTS, _TOKEN, _OPTION, _POSITION = 14, 40, 178, 232


def drawn(encoder: Encoder, language: str) -> str:
    """The picture, as SVG.

    Args:
        encoder: of any model.
        language: whose example and whose words.
    """
    token, option, position, sees, *parts, yes, no = WORDS[language]
    row = encoder(EXAMPLES[language])
    names = _names(encoder, row)
    mask = isolating_mask(torch.tensor([row.option_ids]))[0, 0].tolist()
    starts = _starts(encoder, row)
    size = len(row)
    width, height = LEFT + size * CELL + 20, TOP + size * CELL + len(starts) * GAP + 50
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="{FONT}" font-size="13">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        _text(_TOKEN, TOP - 12, token, "#8a949c", size=12),
        _text(_OPTION, TOP - 12, option, "#8a949c", size=12, anchor="middle"),
        _text(_POSITION, TOP - 12, position, "#8a949c", size=12, anchor="middle"),
        _text(LEFT, 16, f"{sees} →", "#8a949c", size=12),
    ]
    tops = [TOP + place * CELL + GAP * sum(start <= place for start in starts) for place in range(size)]
    for name, start, end in zip(parts, starts, [*starts[1:], size], strict=True):
        first, last = tops[start], tops[end - 1] + CELL
        out.append(f'<path d="M{_PARTS + 10} {first + 2}V{last - 2}" stroke="#cfd6db" stroke-width="2"/>')
        middle = (first + last) / 2
        turned = f'transform="rotate(-90 {_PARTS} {middle})"'
        out.append(_text(_PARTS, middle + 4, name, "#8a949c", size=12, anchor="middle", more=turned))
    for place, name in enumerate(names):
        number = row.option_ids[place]
        colour, weight = COLOURS[number], "700" if place in row.option_positions else "400"
        x, y = LEFT + place * CELL, tops[place]
        out.append(_text(_TOKEN, y + 16, name, colour, weight=weight))
        out.append(_text(_OPTION, y + 16, str(number), colour, anchor="middle"))
        out.append(_text(_POSITION, y + 16, str(row.position_ids[place]), colour, anchor="middle"))
        turned = f'transform="rotate(-60 {x + 13} {TOP - 6})"'
        out.append(_text(x + 13, TOP - 6, name, colour, weight=weight, size=12, more=turned))
        for key in range(size):
            of_key = row.option_ids[key]
            strong = number == of_key and number > 0  # within an option
            out.append(_cell(LEFT + key * CELL, y, mask[place][key], COLOURS[number or of_key], strong))
    y = tops[-1] + CELL + 18
    out += [_cell(LEFT, y, True, COLOURS[0]), _text(LEFT + CELL + 6, y + 16, yes, "#5b6b78", size=12)]
    out += [_cell(LEFT + 130, y, False, ""), _text(LEFT + 130 + CELL + 6, y + 16, no, "#5b6b78", size=12)]
    return "\n".join([*out, "</svg>"]) + "\n"


def _names(encoder: Encoder, row: Encoding) -> list[str]:
    """How each token is called: the special ones by what they do, whatever the vocabulary calls them."""
    special = {encoder.tokenizer.cls: "CLS", encoder.tokenizer.sep: "SEP", encoder.tokenizer.mask: "O-MASK"}
    pieces = encoder.tokenizer.pieces(row.input_ids)
    return [
        special.get(id_) or piece.strip("▁Ġ").removeprefix("##") or "▁"
        for id_, piece in zip(row.input_ids, pieces, strict=True)
    ]


def _starts(encoder: Encoder, row: Encoding) -> list[int]:
    """Where options (with CLS), question and passage begin."""
    ends = [place + 1 for place, id_ in enumerate(row.input_ids) if id_ == encoder.tokenizer.sep]
    return [0, *ends[:-1]]


def _cell(x: float, y: float, sees: bool, colour: str, strong: bool = False) -> str:
    look = f'fill="{colour}" fill-opacity="{0.9 if strong else 0.36}"' if sees else 'fill="#fff" stroke="#e3e8eb"'
    return f'<rect x="{x + 1}" y="{y + 1}" width="{CELL - 2}" height="{CELL - 2}" rx="3" {look}/>'


def _text(
    x: float,
    y: float,
    words: str,
    colour: str,
    *,
    weight: str = "400",
    size: int = 13,
    anchor: str = "start",
    more: str = "",
) -> str:
    look = f'fill="{colour}" font-weight="{weight}" font-size="{size}" text-anchor="{anchor}"'
    return f'<text x="{x}" y="{y}" {look} {more}>{escape(words)}</text>'


def main() -> None:
    """Writes both pictures beside this file."""
    encoder = load_encoder(sys.argv[1] if len(sys.argv) > 1 else bundled.default())
    for language, name in FILES.items():
        Path(__file__).with_name(name).write_text(drawn(encoder, language), encoding="utf-8")


if __name__ == "__main__":
    main()
