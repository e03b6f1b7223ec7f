"""The history of a schedule in a real browser, at both ends of the range of screens and in both themes."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from apps.planner.tests.test_strip import firing, run
from apps.schedules.tests.making import change_url, make_schedule

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
STRIP = ".switchyard-strip"


@pytest.fixture
def url(admin_client: Client, live_server: LiveServer) -> str:
    """Of a schedule with sixty due times of all kinds."""
    schedule = make_schedule()
    for minutes in range(60):
        if minutes % 13 == 5:
            firing(schedule, minutes, "missed")
        else:
            run(schedule, minutes, 2 + minutes % 7, "FAILURE" if minutes % 11 == 3 else "SUCCESS")
    return f"{live_server.url}{change_url(schedule)}"


@pytest.fixture
def browser() -> Iterator[Any]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


def opened(browser: Any, client: Client, url: str, width: int, scheme: str) -> Page:
    page: Page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    site = url.partition("/admin")[0]
    page.context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": site}])
    page.goto(url)
    page.locator(STRIP).scroll_into_view_if_needed()
    return page


@pytest.mark.parametrize("width", [1280, 380])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_strip_fits_and_its_bars_can_be_told_apart(
    admin_client: Client, url: str, browser: Any, width: int, scheme: str
) -> None:
    page = opened(browser, admin_client, url, width, scheme)
    box = page.locator(STRIP).bounding_box()
    assert box
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    bars = page.locator(f"{STRIP} > li")
    assert bars.count() == 60
    last = bars.last.bounding_box()
    assert last
    assert last["width"] >= 2
    assert last["x"] + last["width"] <= box["x"] + box["width"] + 1
    colours = {
        tone: page.locator(f"{STRIP} > .tone-{tone}").first.evaluate(
            "bar => getComputedStyle(bar).backgroundColor"
        )
        for tone in ("success", "failure", "missed")
    }
    assert len(set(colours.values())) == 3


def test_a_bar_leads_to_its_job(admin_client: Client, url: str, browser: Any) -> None:
    page = opened(browser, admin_client, url, 1280, "light")
    bar = page.locator(f"{STRIP} > .tone-failure a").first
    href = bar.get_attribute("href")
    bar.click()
    page.wait_for_url(f"**{href}")
    expect(page.locator("h1")).to_be_visible()
