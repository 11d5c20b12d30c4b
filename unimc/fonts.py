"""Which letters pictures can show: fonts that matplotlib finds, with one for Chinese if the system has any."""

from __future__ import annotations

from functools import cache

# Families that hold Chinese, of each usual system; of a collection's file matplotlib may know the Japanese one alone.
_CHINESE = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "Noto Sans SC",
    "Source Han Sans SC",
    "Source Han Sans CN",
    "WenQuanYi Micro Hei",
    "WenQuanYi Zen Hei",
    "PingFang SC",
    "Hiragino Sans GB",
    "Heiti TC",
    "Microsoft YaHei",
    "SimHei",
    "SimSun",
    "Droid Sans Fallback",
    "Arial Unicode MS",
    "AR PL UMing CN",
)


def families() -> list[str]:
    """Font families to draw with, each for the letters that those before it lack."""
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist}
    return ["DejaVu Sans", *[name for name in _CHINESE if name in installed][:1]]


def can_draw(text: str) -> bool:
    """Whether every letter of a text has a form in these fonts: without it a box would be drawn."""
    return _letters(tuple(families())).issuperset(map(ord, text))


@cache
def _letters(names: tuple[str, ...]) -> frozenset[int]:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(code for name in names for code in get_font(findfont(FontProperties(name))).get_charmap())
