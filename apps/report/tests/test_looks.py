"""An HTML report in a real browser, at both ends of the range of screens."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from apps.report.formats.html import HtmlFormat
from apps.report.tests.documents import document
from apps.report.tests.sample_reports import Everything

pytestmark = pytest.mark.browser
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def opened(browser: Any, path: Path, width: int, scheme: Any) -> tuple[Page, list[str]]:
    complaints: list[str] = []
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(path.as_uri())
    return page, complaints


@pytest.fixture
def report(tmp_path: Path) -> Path:
    return HtmlFormat().write(document(*Everything().build(since=None, until=None)), tmp_path)  # type: ignore[arg-type]


def test_it_fits_every_width_and_theme(report: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for width in (1280, 360):
            for scheme in ("light", "dark"):
                page, complaints = opened(browser, report, width, scheme)
                assert page.evaluate("document.documentElement.scrollWidth") == width
                assert complaints == []
        browser.close()


def test_its_style_is_applied_and_letters_keep_their_size(report: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        colours, heights = set(), set()
        for width, scheme in ((1280, "light"), (360, "dark")):
            page, _complaints = opened(browser, report, width, scheme)
            colours.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
            heights.add(round(page.locator(".plot text").first.bounding_box()["height"]))  # type: ignore[index]
            bar = page.locator("rect").first.bounding_box()
            assert bar
            assert bar["width"] > 5
        browser.close()
    assert len(colours) == 2
    assert len(heights) == 1
