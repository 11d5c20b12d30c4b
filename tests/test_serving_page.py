"""The page in a headless Chromium: English, Chinese, what goes wrong, a table, the keyboard."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
import serving
import tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from unimc import UniMC
from unimc.serving import page

pytest.importorskip("selenium", reason="selenium is not installed (pip install -e '.[dev]')")
PROGRAMS = {
    "browser": shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome"),
    "driver": shutil.which("chromedriver"),
}
MISSING = [name for name, path in PROGRAMS.items() if path is None]

from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.ui import Select, WebDriverWait  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(MISSING), reason=f"no {' and no '.join(MISSING)} (apt-get install chromium chromium-driver)"
    ),
]
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
    "--window-size=1100,1600",
)
SAMPLES = {
    "en": ("The soup was cold.", "What is it about?", ["sport", "food", "music"]),
    "zh": ("今天的汤不好。", "这篇文章说什么？", ["体育", "食物", "音乐"]),
}
KINDS = (".html", ".css", ".js", ".svg")
BOTH = pytest.mark.parametrize("language", ["en", "zh"])


@pytest.fixture(scope="module")
def model() -> UniMC:
    return UniMC(tiny.checkpoint("bert"))


@pytest.fixture(scope="module")
def address(model: UniMC) -> Iterator[str]:
    with serving.running(model, text=300) as (found, _):
        yield found


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(downloads: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = PROGRAMS["browser"]
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    one = webdriver.Chrome(options=options, service=webdriver.ChromeService(PROGRAMS["driver"]))
    try:
        yield one
    finally:
        one.quit()


class Page:
    """The page, opened afresh in a language."""

    def __init__(self, browser: Any, address: str, language: str) -> None:
        self.browser = browser
        browser.get("about:blank")
        browser.get_log("browser")  # that of the page before
        browser.get(f"{address}/?lang={language}")
        self.until(lambda: browser.execute_script("return document.documentElement.dataset.ready"))

    def __getitem__(self, name: str) -> Any:
        return self.browser.find_element(By.ID, name)

    def until(self, holds: Any) -> Any:
        return WebDriverWait(self.browser, 30, poll_frequency=0.02).until(lambda _: holds())

    def shown(self, name: str) -> Any:
        return self.until(lambda: self[name].is_displayed() and self[name])

    def put(self, name: str, text: str) -> None:
        self[name].clear()
        self[name].send_keys(text)

    def ask(self, text: str, question: str, options: list[str]) -> None:
        self.put("text", text)
        self.put("question-A", question)
        self.put("options-A", "\n".join(options))
        self["ask"].click()

    def bars(self) -> list[list[dict[str, Any]]]:
        """Of each chart, each bar: name, score as it stands there, width of the bar, whether it is the answer."""
        self.shown("results")
        found: list[list[dict[str, Any]]] = self.browser.execute_script(
            """return [...document.querySelectorAll("#charts .chart")].map((chart) =>
                 [...chart.querySelectorAll("li")].map((one) => ({
                   name: one.querySelector(".name").firstChild.textContent,
                   score: one.querySelector(".score").textContent,
                   width: one.querySelector(".fill").style.width,
                   holds: one.className === "holds"})))"""
        )
        return found

    def complaints(self) -> list[str]:
        """What the console says, the browser's own lines about refused requests apart."""
        said = [entry["message"] for entry in self.browser.get_log("browser")]
        return [line for line in said if "Failed to load resource" not in line]


def bars(found: Any) -> list[dict[str, Any]]:
    """What a prediction looks like as bars, the best first."""
    order = sorted(range(len(found.scores)), key=lambda place: -found.scores[place])
    return [
        {"name": found.names[one], "score": f"{100 * found.scores[one]:.1f} %", "holds": one in found.labels}
        for one in order
    ]


def without_width(chart: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in one.items() if name != "width"} for one in chart]


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


# ---- a table


@BOTH
def test_a_table_is_answered_row_by_row_and_downloaded(
    browser: Any, address: str, model: UniMC, downloads: Path, language: str
) -> None:
    shown = Page(browser, address, language)
    _, question, options = SAMPLES[language]
    shown.put("question-A", question)
    shown.put("options-A", "\n".join(options))
    head = {"en": ["id", "message", "answer"], "zh": ["编号", "留言", "answer"]}[language]
    soup, wall, rain = {
        "en": ("The soup, it was cold", 'the "old" wall', "rain\nand snow"),
        "zh": ("汤，不好", "有“雨”", "足球\n很好"),
    }[language]
    texts = [soup, wall, "", rain]
    texts += ["x" * 301, *(f"{texts[0]} {number}" for number in range(40))]
    rows = [[str(number), text, "old"] for number, text in enumerate(texts)]
    given_table = io.StringIO()
    csv.writer(given_table).writerows([head, *rows])
    browser.execute_script(
        "arguments[0].value = arguments[1]; arguments[0].dispatchEvent(new Event('input'))",
        shown["csv"],
        given_table.getvalue(),
    )
    assert Select(shown["column"]).first_selected_option.text == head[1]
    shown["run"].click()
    shown.shown("download").click()
    file = downloads / "unimc.csv"
    shown.until(file.is_file)
    read = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8-sig"), newline="")))
    file.unlink()
    assert list(read[0]) == [*head, "answer_2", "score", "scores", "truncated", "error"]
    for row, text in zip(read, texts, strict=True):
        assert row[head[1]] == text
        if text and len(text) < 301:
            expected = model.classify(text, options, question=question)
            assert row["answer_2"] == expected.answer
            assert float(row["score"]) == pytest.approx(max(expected.scores), abs=1e-4)
            assert list(json.loads(row["scores"])) == options
        else:
            assert row["error"]
            assert row["answer_2"] == ""
    assert len(browser.find_elements(By.CSS_SELECTOR, "#table tbody tr")) == len(texts)
    assert "43" in shown["progress-text"].text
    assert shown.complaints() == []


def test_a_row_that_the_server_refuses_costs_no_other_row_its_answer(browser: Any, address: str) -> None:
    shown = Page(browser, address, "en")
    shown.put("options-A", "1\n2")  # the language of a text that has no letter can't be told
    shown.put("question-A", "")
    shown.put("csv", "text\nthe soup\n1234\nthe rain\n")
    shown["run"].click()
    shown.shown("download")
    answers = [row.text for row in browser.find_elements(By.CSS_SELECTOR, "#table tbody tr")]
    assert "can't tell the language" in answers[1]
    assert all(answers[place].endswith("%") for place in (0, 2))


def test_a_file_as_spreadsheets_in_chinese_write_it_is_read(browser: Any, address: str, tmp_path: Path) -> None:
    shown = Page(browser, address, "zh")
    for encoding in ("utf-8", "utf-8-sig", "gb18030"):
        file = tmp_path / f"{encoding}.csv"
        file.write_text("编号;留言\r\n1;今天的汤不好\r\n", encoding=encoding, newline="")
        shown["file"].send_keys(str(file))
        shown.until(lambda name=file.name: shown["file-name"].text == name)
        assert [option.text for option in Select(shown["column"]).options] == ["编号", "留言"]
        assert ("GB18030" in shown["count"].text) == (encoding == "gb18030")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('id,text\n1,"open', "A quoted cell that begins in row 2 is never closed."),
        ("id,text\n1,a,b", "Row 2 has 3 cells, but there are 2 columns."),
        ("id,text\n", "There are no rows below the column names."),
    ],
)
def test_what_is_no_table_is_said(browser: Any, address: str, table: str, said: str) -> None:
    shown = Page(browser, address, "en")
    shown.put("csv", table)
    assert shown["csv-problem"].text == said
    assert not shown["run"].is_enabled()


cells = st.text(st.sampled_from('ab汤 ,;\t"\n\r'), max_size=5)
tables = st.integers(2, 4).flatmap(
    lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), min_size=1, max_size=5)
)


def test_tables_are_read_and_written_like_python_does(browser: Any, address: str) -> None:
    Page(browser, address, "en")

    @given(tables)
    @settings(max_examples=60, deadline=None)
    def alike(rows: list[list[str]]) -> None:
        rows = [["a,b", "a;b", *row] for row in rows]  # with these the separator is told, and no row is an empty line
        written = io.StringIO()
        csv.writer(written, quoting=csv.QUOTE_ALL).writerows(rows)
        read, again = browser.execute_async_script(
            """const [text, rows, done] = arguments;
            import('/static/csv.js').then((csv) => done([csv.parse(text), csv.written(rows[0], rows.slice(1))]))""",
            written.getvalue(),
            rows,
        )
        assert read == rows
        assert list(csv.reader(io.StringIO(again.removeprefix("\ufeff"), newline=""))) == rows

    alike()


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
