"""What the site needs beyond its configuration: two languages side by side, and links that leave the folder of docs.

A page `name.zh.md` is the Chinese form of `name.md`. Each page shows the navigation of its own language, says which one
it is (`<html lang>`, and the theme's own words), and has a switch to the other.
"""

from __future__ import annotations

import re
from typing import Any

_LANGUAGES = {"en": "English", "zh": "中文"}
_OUTSIDE = re.compile(r"\[([^\]]+)\]\(\.\./[^)\s]+\)")
"""A link to a file of the repository that is no page: it would lead nowhere on a site."""
_SWITCH = re.compile(r"^\[(?:中文|English)\]\([\w-]+(?:\.zh)?\.md\)\n+", re.MULTILINE)
"""The line below a page's title that leads to the other language, for those who read the files as they are."""


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links out of the folder become plain text; the site's own switch stands for the line below the title."""
    return _OUTSIDE.sub(r"\1", _SWITCH.sub("", markdown, count=1))


def on_page_context(context: dict[str, Any], page: Any, config: Any, nav: Any) -> dict[str, Any]:
    """The language of a page, its navigation, and its twin in the other language."""
    language = "zh" if page.file.src_uri.endswith(".zh.md") else "en"
    config.theme["language"] = language
    config.extra["alternate"] = [
        {"lang": other, "name": name, "link": _address(page, other, nav)} for other, name in _LANGUAGES.items()
    ]
    (section,) = [item for item in nav.items if item.title == _LANGUAGES[language]]
    home = next(item for item in section.children if item.is_page)
    context["nav"] = _Navigation(section.children, home)
    return context


class _Navigation:
    """What the theme reads of a navigation."""

    def __init__(self, items: list[Any], homepage: Any) -> None:
        self.items = items
        self.homepage = homepage

    def __iter__(self) -> Any:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


def _address(page: Any, language: str, nav: Any) -> str:
    """Where the same page is in a language, from the root of the site; the front page if it is in one alone."""
    suffix = ".zh.md" if language == "zh" else ".md"
    wanted = re.sub(r"(\.zh)?\.md$", suffix, page.file.src_uri)
    pages = {one.file.src_uri: one.url for one in nav.pages}
    return str(pages.get(wanted) or pages[f"index{suffix}"])
