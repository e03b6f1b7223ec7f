"""What a stranger sees in the first minute after `make run`."""

import base64
import json
import re
import urllib.error
import urllib.request

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.platform import Platform
from tests.waiting import wait_until

FAMILIES = ("email", "data", "report", "notification", "cleanup")
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture(scope="module")
def browser() -> "object":
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)


@pytest.fixture
def page(platform: Platform, browser: Browser) -> "object":
    """Signed in to the admin."""
    page = browser.new_page()
    page.goto(f"{platform.url}/admin/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", platform.password("the admin"))
    page.click("[type=submit]")
    yield page
    page.close()


@pytest.mark.parametrize("family", FAMILIES)
def test_one_job_of_each_family_succeeded(platform: Platform, family: str) -> None:
    assert re.search(rf"^{family} .* SUCCESS ", platform.said(), re.MULTILINE), platform.said()


def test_the_ledger_has_every_first_job(platform: Platform) -> None:
    lines = platform.manage("job", "list", "--state", "SUCCESS", "--json").splitlines()
    tasks = {json.loads(line)["task"] for line in lines}
    assert {task.split(".")[1] for task in tasks} >= set(FAMILIES)


def test_with_a_recorder_it_is_ready(platform: Platform) -> None:
    with urllib.request.urlopen(f"{platform.url}/health/ready", timeout=10) as answer:
        told = json.load(answer)
    assert {told[name] for name in ("status", "stream", "recorder", "outbox")} == {"ok"}


def test_a_mistyped_variable_is_told_at_the_start(platform: Platform) -> None:
    assert "CELERY_WORKER_CONCURENCY is set, but nothing reads it." in platform.said()
    assert "Did you mean CELERY_WORKER_CONCURRENCY?" in platform.said()


def test_the_overview_shows_what_ran(platform: Platform, page: Page) -> None:
    page.goto(f"{platform.url}/")
    expect(page.locator("h1")).to_be_visible()
    page.goto(f"{platform.url}/jobs/?state=SUCCESS")
    expect(page.get_by_role("main")).to_contain_text("Send email")


def test_a_schedule_edited_in_the_admin_fires_within_its_interval(platform: Platform, page: Page) -> None:
    name = "Count what is due for cleanup"
    edit_to_two_seconds(platform, page, name)
    job_id = wait_until(lambda: latest_job(page, platform, name), 30, f"{name} to fire")
    read = f"from project import celery_app; print(celery_app.AsyncResult({job_id!r}).state)"
    assert platform.python("-c", read).strip() == "SUCCESS"


def edit_to_two_seconds(platform: Platform, page: Page, name: str) -> None:
    page.goto(f"{platform.url}/admin/django_celery_beat/periodictask/?q={name.split(maxsplit=1)[0]}")
    page.get_by_role("link", name=name, exact=True).first.click()
    page.fill("#id_rule", "every 2 seconds")
    page.click("[name=_save]")
    expect(page.locator("body")).to_contain_text("changed successfully")


def latest_job(page: Page, platform: Platform, schedule: str) -> str:
    """The id of a job of that schedule that the admin lists as succeeded."""
    page.goto(f"{platform.url}/admin/django_celery_results/taskresult/?periodic_task_name={schedule}")
    link = page.locator("#result_list a[href*='/jobs/']").first
    return (link.get_attribute("href") or "").rstrip("/").rpartition("/")[2] if link.count() else ""


def test_celerys_own_commands_find_the_workers(platform: Platform) -> None:
    assert "apps.email.tasks.send_email_task" in platform.celery("inspect", "registered")
    assert "2 nodes online" in platform.celery("status")


def test_flower_asks_for_its_password(platform: Platform) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(platform.flower_url, timeout=10)
    request = urllib.request.Request(f"{platform.flower_url}/api/workers?refresh=1")
    token = base64.b64encode(f"admin:{platform.password('Flower')}".encode()).decode()
    request.add_header("Authorization", f"Basic {token}")
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert "general@" in answer.read().decode()


def test_ctrl_c_leaves_no_process(platform: Platform) -> None:
    """The last test of this file: it ends the platform."""
    family = platform.family()
    assert len(family) > 8
    assert platform.stop() == 0
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
