"""The page in a headless Chromium: scores in English and Chinese, what goes wrong, the keyboard, colours."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
import serving
import tiny
from browsing import BOTH, NEEDED, SAMPLES, Page, bars, without_width
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from unimc import UniMC
from unimc.serving import page

pytestmark = NEEDED
KINDS = (".html", ".css", ".js", ".svg")


@pytest.fixture(scope="module")
def model() -> UniMC:
    return UniMC(tiny.checkpoint("bert"))


@pytest.fixture(scope="module")
def address(model: UniMC) -> Iterator[str]:
    with serving.running(model, text=300) as (found, _):
        yield found


# ---- scores


@BOTH
def test_scores_are_shown_as_bars(browser: Any, address: str, model: UniMC, language: str) -> None:
    shown = Page(browser, address, language)
    text, question, options = SAMPLES[language]
    shown.ask(text, question, options)
    (chart,) = shown.bars()
    assert without_width(chart) == bars(model.classify(text, options, question=question))
    for bar in chart:
        assert float(bar["width"].rstrip("%")) == pytest.approx(float(bar["score"].rstrip(" %")), abs=0.06)
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == {"en": "en", "zh": "zh-CN"}[language]
    assert chart[0]["name"] in shown["said"].get_attribute("textContent")  # what a screen reader says
    assert shown.complaints() == []


@BOTH
def test_two_wordings_stand_side_by_side(browser: Any, address: str, model: UniMC, language: str) -> None:
    shown = Page(browser, address, language)
    text, question, options = SAMPLES[language]
    shown.ask(text, question, options)
    shown["second"].click()
    wordings = [f"{option} = {option} {option}" for option in options]
    shown.put("options-B", "\n".join(wordings))
    shown["ask"].click()
    shown.until(lambda: len(shown.bars()) == 2)
    first, second = shown.bars()
    named = model.classify(text, {option: f"{option} {option}" for option in options}, question=question)
    assert [bar["name"] for bar in second] == [bar["name"] for bar in first]
    assert sorted(without_width(second), key=itemgetter("name")) == sorted(bars(named), key=itemgetter("name"))
    shown["second"].click()
    assert not browser.find_elements(By.ID, "options-B")


@BOTH
def test_several_options_may_hold(browser: Any, address: str, model: UniMC, language: str) -> None:
    shown = Page(browser, address, language)
    text, question, options = SAMPLES[language]
    shown["several"].click()
    shown.put("threshold", "0.05")
    shown.ask(text, question, options)
    (chart,) = shown.bars()
    found = model.classify(text, options, question=question, multi_label=True, threshold=0.05)
    assert without_width(chart) == bars(found)
    assert len(browser.find_elements(By.CSS_SELECTOR, "#charts .limit")) == len(options)


def test_the_language_changes_all_words_and_an_untouched_example(browser: Any, address: str) -> None:
    shown = Page(browser, address, "en")
    shown["ask"].click()
    shown.bars()
    english = browser.find_element(By.TAG_NAME, "body").text
    browser.find_element(By.CSS_SELECTOR, "[data-language=zh]").click()
    chinese = browser.find_element(By.TAG_NAME, "body").text
    assert "前锋" in shown["text"].get_attribute("value")
    lines = {line for line in english.splitlines() if len(line.split()) > 2}
    assert not lines & set(chinese.splitlines())
    shown.put("text", "my own words")
    browser.find_element(By.CSS_SELECTOR, "[data-language=en]").click()
    assert shown["text"].get_attribute("value") == "my own words"


def test_both_languages_have_all_words_with_the_same_gaps(browser: Any, address: str) -> None:
    Page(browser, address, "en")
    words = browser.execute_async_script(
        "const done = arguments[0]; import('/static/words.js').then((found) => done(found.words))"
    )
    assert words["en"].keys() == words["zh"].keys()
    for name, english in words["en"].items():
        chinese = words["zh"][name]
        if isinstance(english, str):
            gaps = [sorted(part.split("}")[0] for part in text.split("{")[1:]) for text in (english, chinese)]
            assert gaps[0] == gaps[1], name
            assert english.strip(), name
        elif isinstance(english, list):
            assert len(english) == len(chinese), name
    scripts = "".join(file.read_text("utf-8") for file in Path(page.__file__).parent.iterdir() if file.suffix in KINDS)
    unused = {name for name in words["en"] if f'"{name}"' not in scripts}
    assert unused <= {"sampleNames", "sampleTexts", "unit", "en", "zh"}  # of these the page reads the values


# ---- what goes wrong


@BOTH
def test_an_empty_text_and_options_given_twice_are_said_at_their_fields(
    browser: Any, address: str, language: str
) -> None:
    shown = Page(browser, address, language)
    options = SAMPLES[language][2]
    shown.ask("", "", [*options, options[0]])
    assert {"en": "Type a text first.", "zh": "请先输入一条文本。"}[language] == shown["text-problem"].text
    assert options[0] in shown["options-problem-A"].text
    assert shown["text"].get_attribute("aria-invalid") == "true"
    assert browser.switch_to.active_element in (shown["text"], shown["options-A"])
    shown.ask("汤 soup", "", options)
    assert shown.bars()
    assert not shown["text-problem"].is_displayed()


@BOTH
def test_what_the_server_refuses_is_shown_with_its_line(browser: Any, address: str, language: str) -> None:
    shown = Page(browser, address, language)
    shown.ask("the soup", "", ["Food", "food"])
    problem = shown.shown("problem")
    assert {"en": "The server can't take this:", "zh": "服务器无法处理，它说："}[language] in problem.text
    assert "food" in problem.text.lower()
    assert problem.get_attribute("role") == "alert"
    assert browser.switch_to.active_element == problem


@BOTH
def test_a_server_that_is_gone_is_said(browser: Any, language: str) -> None:
    with serving.running() as (address, _):
        shown = Page(browser, address, language)
    shown["ask"].click()
    assert {"en": "does not answer", "zh": "没有回应"}[language] in shown.shown("problem").text


def test_text_is_never_made_into_html(browser: Any, address: str) -> None:
    shown = Page(browser, address, "en")
    bad = "<img src=x onerror=document.title='soup'>"
    shown.ask(bad, bad, [bad, "<b>food</b>", "<script>document.title='soup'</script>"])
    (chart,) = shown.bars()
    assert {bar["name"] for bar in chart} == {bad, "<b>food</b>", "<script>document.title='soup'</script>"}
    shown.put("csv", f'"{bad}"\n"{bad}"\n')
    shown["run"].click()
    shown.shown("download")
    assert not browser.find_elements(By.CSS_SELECTOR, "main img, main script, main b")
    assert "soup" not in browser.title
    assert shown.complaints() == []


def test_a_script_that_gets_in_all_the_same_does_not_run(browser: Any, address: str) -> None:
    Page(browser, address, "en")
    browser.execute_script(
        """const one = document.createElement("script");
        one.append("document.title = 'soup'");
        document.body.append(one)"""
    )
    with pytest.raises(Exception, match="TrustedHTML"):
        browser.execute_script("document.body.innerHTML = '<b>soup</b>'")
    assert "soup" not in browser.title
    browser.get_log("browser")


# ---- for everybody


def test_the_keyboard_is_enough(browser: Any, address: str) -> None:
    shown = Page(browser, address, "en")
    shown["text"].send_keys(Keys.CONTROL, Keys.ENTER)
    assert shown.bars()
    reached = set()
    for _ in range(40):
        webdriver.ActionChains(browser).send_keys(Keys.TAB).perform()
        reached.add(browser.switch_to.active_element.get_attribute("id"))
    assert {"text", "question-A", "options-A", "several", "ask", "second", "theme", "file", "csv", "head"} <= reached


@BOTH
def test_every_field_and_button_has_a_name(browser: Any, address: str, language: str) -> None:
    shown = Page(browser, address, language)
    shown["second"].click()
    shown["several"].click()
    for one in browser.find_elements(By.CSS_SELECTOR, "input, textarea, select, button, progress, [role=alert] ~ pre"):
        if one.is_displayed():
            assert one.accessible_name.strip(), one.get_attribute("outerHTML")
    assert len({one.get_attribute("id") for one in browser.find_elements(By.CSS_SELECTOR, "[id]")}) == len(
        browser.find_elements(By.CSS_SELECTOR, "[id]")
    )


COLOURS = """
const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
function rgb(colour) {
  paint.fillStyle = colour;
  paint.fillRect(0, 0, 1, 1);
  return [...paint.getImageData(0, 0, 1, 1).data];
}
function behind(one) {
  const colour = getComputedStyle(one).backgroundColor;
  return /, 0\\)/.test(colour) ? behind(one.parentElement) : colour;
}
const hasText = (one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
return [...document.querySelectorAll("body *")]
  .filter((one) => one.checkVisibility() && hasText(one) && !one.closest(":disabled"))
  .map((one) => [one.outerHTML.slice(0, 80), rgb(getComputedStyle(one).color), rgb(behind(one))]);
"""


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(browser: Any, address: str, theme: str) -> None:
    """At least 4.5 to 1, as WCAG 2 asks for."""
    shown = Page(browser, address, "en")
    shown.ask("the soup", "", ["Food", "food"])
    shown.shown("problem")
    browser.execute_script("document.documentElement.dataset.theme = arguments[0]", theme)
    pairs = browser.execute_script(COLOURS)
    assert len(pairs) > 20
    for what, front, back in pairs:
        light, dark = sorted((luminance(front), luminance(back)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (what, front, back)


def luminance(colour: list[int]) -> float:
    linear = [(c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4) for c in colour[:3]]
    return sum(weight * one for weight, one in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_page_asks_nothing_of_anybody_else() -> None:
    folder = Path(page.__file__).parent
    allowed = {"icon.svg": "http://www.w3.org/2000/svg"}
    for file in folder.iterdir():
        if file.is_file() and file.suffix in KINDS:
            content = file.read_text(encoding="utf-8").replace(allowed.get(file.name, "\0"), "")
            assert "http:" not in content
            assert "https:" not in content
            assert "innerHTML" not in content
            assert "//" not in content.replace("// ", "") or file.suffix == ".js"
