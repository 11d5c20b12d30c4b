"""A text of strangers stays text: in Markdown, on a terminal, cut short."""

from __future__ import annotations

import io
import re

import pytest
from hostile import HOSTILE, TERMINAL_CONTROLS, flat, ids, kinds, plain
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from unimc import inert


@pytest.mark.parametrize("text", HOSTILE, ids=ids)
def test_a_text_in_a_cell_of_markdown_is_read_as_itself(text: str) -> None:
    source = f"| a | b |\n| --- | --- |\n| {inert.markdown(text)} | right |\n"
    tokens = [*flat(source)]
    assert [token.type for token in tokens if token.type.endswith("td_open")] == ["td_open"] * 2
    assert not kinds(tokens) - {"table", "thead", "tbody", "tr", "th", "td", "inline", "text", "text_special"}
    assert plain(tokens)[-2:] == [inert.visible(text).strip(), "right"]


@pytest.mark.parametrize("text", HOSTILE, ids=ids)
def test_a_text_in_a_line_of_markdown_is_read_as_itself(text: str) -> None:
    tokens = [*flat(f"- Model: {inert.markdown(text)}.\n")]
    assert not kinds(tokens) - {"bullet_list", "list_item", "paragraph", "inline", "text", "text_special"}
    assert plain(tokens) == [f"Model: {inert.visible(text)}."]


@pytest.mark.parametrize("text", HOSTILE, ids=ids)
def test_no_address_in_a_text_becomes_a_link_by_itself(text: str) -> None:
    """GitHub makes links of addresses without any marks around them."""
    assert not re.search(r"https?://|www\.", inert.markdown(text))


@pytest.mark.parametrize("text", HOSTILE, ids=ids)
def test_a_text_steers_no_terminal(text: str) -> None:
    out = io.StringIO()
    Console(file=out, force_terminal=True, width=300, color_system="truecolor").print(inert.terminal(text))
    assert not TERMINAL_CONTROLS.search(out.getvalue())
    assert out.getvalue() == f"{inert.visible(text)}\n"


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="\\`*_{}[]()<>|~$&#:/w.@!'\"-+=; \n\tab1天。é\u00a0\u202e\x1b", max_size=24))
def test_no_text_at_all_breaks_out_of_its_cell(text: str) -> None:
    tokens = [*flat(f"| a | b |\n| --- | --- |\n| {inert.markdown(text)} | right |\n")]
    assert not kinds(tokens) - {"table", "thead", "tbody", "tr", "th", "td", "inline", "text", "text_special"}
    assert [cell.strip() for cell in plain(tokens)[-2:]] == [inert.visible(text).strip(), "right"]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab 天", max_size=80), st.integers(12, 60))
def test_a_cut_text_is_no_longer_than_asked_for_and_keeps_both_ends(text: str, most: int) -> None:
    short = inert.cut(text, most)
    assert len(short) <= max(most, 0)
    head, mark, tail = short.partition(" … ")
    assert text.startswith(head)
    assert text.endswith(tail)
    assert (short == text) is not bool(mark)


def test_what_has_no_form_is_shown_by_its_code_and_the_rest_as_it_is() -> None:
    assert inert.visible("a\x1b[31m\x9b\u202e天\ud800\n b") == "a\\x1b[31m\\x9b\\u202e天\\ud800 b"
    assert inert.visible("👩‍👩‍👧 é ไทย العربية") == "👩‍👩‍👧 é ไทย العربية"
    assert inert.markdown("snake_case_name, 蛇_形, 3 * 4") == r"snake_case_name, 蛇_形, 3 \* 4"


def test_what_is_not_made_inert_would_be_noticed() -> None:
    """So that the tests above can fail."""
    tokens = [*flat("<b>x</b> [a](b) `c` **d** ~~e~~\n\n| a |\n| --- |\n| b | c |\n")]
    assert kinds(tokens) >= {"html_inline", "link", "code_inline", "strong", "s", "table"}
