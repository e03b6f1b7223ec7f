"""A user's own app: one line in INSTALLED_APPS, and its tasks are there."""

import shutil
from collections.abc import Iterator

import pytest
from celery.result import AsyncResult
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django_celery_results.models import TaskResult
from kombu import Connection
from playwright.sync_api import Browser, Page, expect, sync_playwright

from project.broker import declare
from tests.ownapp.serving import OwnSite, own_recorder, own_worker
from tests.vhosts import Vhost
from tests.waiting import WorkerProcess, ended, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TASKS = "tests.ownapp.tasks"
PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def _own_worker(no_others: None, vhost: Vhost) -> Iterator[WorkerProcess]:
    with Connection(vhost.url) as connection:
        declare(connection, settings.CELERY_TASK_QUEUES)
    process, recorder = own_worker(vhost.url), own_recorder(vhost.url)
    recorder.start()
    process.start()
    yield process
    process.stop()
    recorder.stop()


@pytest.fixture(scope="module")
def site(vhost: Vhost, _own_worker: WorkerProcess) -> Iterator[OwnSite]:
    served = OwnSite(vhost.url)
    served.start()
    yield served
    served.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium. Playwright's loop makes Django believe that tests are asynchronous."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def page(site: OwnSite, browser: Browser, _own_worker: WorkerProcess) -> Iterator[Page]:
    """A signed-in browser; an error in its console fails the test."""
    client = Client()
    client.force_login(User.objects.create_superuser("alice"))
    context = browser.new_context(base_url=site.url)
    session = client.cookies[settings.SESSION_COOKIE_NAME]
    context.add_cookies([{"name": session.key, "value": session.value, "url": site.url}])
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield opened
    context.close()
    assert complaints == []


def test_a_plain_task_is_listed_runs_through_the_broker_and_leaves_its_result(page: Page) -> None:
    page.goto("/run/")
    page.get_by_role("link", name="Greet").click()
    expect(page.get_by_text("Greets somebody by name.")).to_be_visible()
    page.get_by_label("Name").fill("Ann")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#job-state")).to_have_text("Success", timeout=PATIENCE_MS)
    job = ended(page.url.split("/")[-2])
    assert (job.task, job.result) == (f"{TASKS}.greet", "Hello, Ann!")
    assert AsyncResult(job.id).get(timeout=5) == "Hello, Ann!"


def test_one_watches_a_job_from_its_form_to_its_end(page: Page) -> None:
    page.goto(f"/run/{TASKS}.count_sheep/")
    page.get_by_label("Sheep").fill("20")
    page.get_by_label("Seconds each").fill("0.2")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("The job was handed in.")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("of 20")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("#job-state")).to_have_text("Success", timeout=PATIENCE_MS)
    expect(page.get_by_text('"sheep": 20')).to_be_visible()
    expect(page.get_by_role("button", name="Run again")).to_be_visible()


def test_the_overview_follows_a_running_job(page: Page) -> None:
    page.goto(f"/run/{TASKS}.count_sheep/?sheep=40")
    page.get_by_label("Seconds each").fill("0.2")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#job-state")).to_have_text("Started", timeout=PATIENCE_MS)
    page.goto("/")
    expect(page.locator("#overview").get_by_text("counting")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.get_by_text("Nothing runs at the moment.")).to_be_visible(timeout=PATIENCE_MS)
    expect(page.locator("#count-success strong")).to_have_text("1")


def test_bad_input_stays_on_the_form_and_is_corrected_there(page: Page) -> None:
    page.goto(f"/run/{TASKS}.send_parcels/")
    page.get_by_label("Parcels").fill('[{"weight": 2}]')
    page.get_by_label("Day").fill("2026-03-04")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("alert")).to_contain_text("Parcels: 0.address: Field required")
    expect(page.get_by_label("Parcels")).to_have_value('[{"weight": 2}]')
    page.get_by_label("Parcels").fill('[{"address": "1 Main St"}]')
    page.get_by_label("Speed").select_option("fast")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text('"speed": "fast"')).to_be_visible(timeout=PATIENCE_MS)
    assert TaskResult.objects.count() == 1


def test_a_failed_job_is_edited_and_run_again(page: Page) -> None:
    page.goto(f"/run/{TASKS}.trip/")
    page.get_by_label("Message").fill('<b>it\'s "wet"</b>')
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#job-state")).to_have_text("Failure", timeout=PATIENCE_MS)
    expect(page.locator(".message-error")).to_have_text('PermanentError: <b>it\'s "wet"</b>')
    page.get_by_role("link", name="Edit and run again").click()
    expect(page.get_by_label("Message")).to_have_value('<b>it\'s "wet"</b>')
    page.get_by_label("Message").fill("dry")
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".message-error")).to_have_text("PermanentError: dry", timeout=PATIENCE_MS)
    page.get_by_role("button", name="Run again").click()
    wait_until(lambda: TaskResult.objects.filter(status="FAILURE").count() == 3)


def test_a_job_that_will_be_retried_says_why(page: Page) -> None:
    page.goto(f"/run/{TASKS}.trip/?times_before_it_works=2")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#job-state")).to_have_text("Retry", timeout=PATIENCE_MS)
    expect(page.locator(".message-warning")).to_have_text("TemporaryError: the road was wet")


def test_tasks_are_searched_while_typing(page: Page) -> None:
    page.goto("/run/")
    page.get_by_label("Search").press_sequentially("sheep")
    expect(page.get_by_role("link", name="Greet")).to_have_count(0)
    expect(page.get_by_role("link", name="Count sheep")).to_be_visible()
    assert page.url.endswith("?q=sheep")


def test_everything_works_without_javascript(site: OwnSite, page: Page, browser: Browser) -> None:
    state = page.context.storage_state()
    plain = browser.new_context(base_url=site.url, java_script_enabled=False, storage_state=state).new_page()
    plain.goto("/run/?q=greet")
    plain.get_by_role("link", name="Greet").click()
    plain.get_by_label("Name").fill("Bob")
    plain.get_by_role("button", name="Run").click()
    ended(plain.url.split("/")[-2])
    plain.goto(plain.url)
    expect(plain.locator("#job-state")).to_have_text("Success")
    expect(plain.get_by_text("Hello, Bob!")).to_be_visible()
    plain.context.close()
