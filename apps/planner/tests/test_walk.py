"""From nothing to a job in the history, as a person does it in the browser."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect, sync_playwright

from apps.schedules.tests.making import ADD, LIST
from tests.waiting import WorkerProcess, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.slow]
CHROMIUM = "/usr/bin/chromium"


@pytest.fixture
def page(worker: WorkerProcess, live_server: Any) -> Iterator[Page]:
    """Signed in to the admin, in New York."""
    User.objects.create_superuser("admin", "admin@example.com", "secret")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(base_url=live_server.url, timezone_id="America/New_York")
        page.goto("/admin/")
        page.fill("[name=username]", "admin")
        page.fill("[name=password]", "secret")
        page.click("[type=submit]")
        yield page
        browser.close()


def test_a_schedule_is_made_looked_at_saved_and_run(page: Page) -> None:
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{LIST}add/")
    page.fill("#id_name", "nightly sum")
    type_the_rule(page)
    page.select_option("#id_task", ADD)
    page.fill("[name=argument-left]", "4")
    page.click("[name=_continue]")
    expect(page.get_by_text("was added successfully").first).to_be_visible()
    expect(page.locator("#id_rule")).to_have_value("30 2 * * *")
    expect(page.locator("[name=argument-left]")).to_have_value("4")
    page.get_by_role("link", name="Run now").first.click()
    page.fill("[name=argument-left]", "40")
    page.get_by_role("button", name="Run now").click()
    expect(page.get_by_text("1 job was started")).to_be_visible()
    history = page.get_by_role("region", name="Last ten jobs")
    wait_until(lambda: shows_success(page, history), what="the job to succeed in the history")
    page.get_by_role("link", name="History").first.click()
    expect(page.get_by_text("Run now with other arguments.")).to_be_visible()
    assert complaints == []


def type_the_rule(page: Page) -> None:
    """The next runs follow every step."""
    runs = page.locator("#schedule-preview")
    expect(runs).to_contain_text("Type a rule, or choose an example.")
    page.get_by_role("radio", name="Interval").check()
    page.get_by_role("button", name="every 10 minutes").click()
    expect(runs).to_contain_text("Every 10 minutes")
    expect(page.locator("#id_zone")).to_be_hidden()
    page.fill("#id_rule", "")
    page.locator("#id_rule").press_sequentially("30 2 * *")
    expect(runs).to_contain_text("Expected “every 10 minutes”")
    page.locator("#id_rule").press_sequentially(" *")
    expect(runs).to_contain_text("Every day at 02:30 (UTC)")
    expect(page.get_by_role("radio", name="Crontab")).to_be_checked()
    page.fill("#id_zone", "Europe/Berlin")
    expect(runs).to_contain_text("Every day at 02:30 (Europe/Berlin)")
    year = datetime.now(UTC).year + 1
    change = next(day for day in range(25, 32) if datetime(year, 3, day, tzinfo=UTC).isoweekday() == 7)
    page.fill("#id_start_time_0", f"{year}-03-{change - 1}")
    page.fill("#id_start_time_1", "00:00:00")
    expect(runs.locator("tbody tr").nth(1)).to_contain_text(f"Sun {change} Mar {year} 03:00 UTC+02:00")
    expect(runs.locator("tbody tr").nth(1)).to_contain_text("clocks change")
    expect(runs.locator("tbody tr").nth(1)).to_contain_text("02:30 does not exist on this day")
    expect(runs.locator("tbody tr").nth(1)).to_contain_text(f"Sat {change - 1} Mar {year} 21:00 UTC-04:00")


def shows_success(page: Page, history: Any) -> bool:
    page.reload()
    return bool(history.get_by_text("success").count())
