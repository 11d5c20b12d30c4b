"""The page of a server in a headless Chromium, and what a person does there.

Importing this skips the importing module where selenium is not installed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("selenium", reason="selenium is not installed (pip install -e '.[dev]')")

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

PROGRAMS = {
    "browser": shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome"),
    "driver": shutil.which("chromedriver"),
}
MISSING = [name for name, path in PROGRAMS.items() if path is None]
NEEDED = [
    pytest.mark.slow,
    pytest.mark.skipif(
        bool(MISSING), reason=f"no {' and no '.join(MISSING)} (apt-get install chromium chromium-driver)"
    ),
]
"""Marks of a module that opens the page."""
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
    "--window-size=1100,1600",
)
SAMPLES = {
    "en": ("The soup was cold.", "What is it about?", ["sport", "food", "music"]),
    "zh": ("今天的汤不好。", "这篇文章说什么？", ["体育", "食物", "音乐"]),
}
BOTH = pytest.mark.parametrize("language", ["en", "zh"])


@contextmanager
def started(downloads: Path, profile: Path) -> Iterator[Any]:
    """A browser that writes what it downloads into a folder, and everything else about itself into another."""
    options = webdriver.ChromeOptions()
    options.binary_location = PROGRAMS["browser"]
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
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
