"""Who sees what."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from apps.console.tests.cast import PAINT, job

pytestmark = pytest.mark.django_db
PAGES = ("/", "/jobs/", "/jobs/job-0/", "/run/", f"/run/{PAINT}/")
HTMX = {"HX-Request": "true"}


@pytest.mark.parametrize("path", PAGES)
def test_a_stranger_is_sent_to_the_login_page(client: Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer["Location"] == f"/admin/login/?next={path}"


@pytest.mark.parametrize("path", PAGES)
def test_an_account_that_is_not_staff_is_refused(client: Client, path: str) -> None:
    client.force_login(User.objects.create_user("bob"))
    answer = client.get(path)
    assert answer.status_code == 403
    assert b"These pages are for staff accounts." in answer.content


def test_a_live_part_reloads_its_page_when_the_session_has_ended(client: Client) -> None:
    assert client.get("/", headers=HTMX)["HX-Refresh"] == "true"


@pytest.mark.parametrize("path", ["/", "/jobs/", "/jobs/job-0/", "/run/"])
def test_staff_without_any_permission_may_look(staff_client: Client, path: str) -> None:
    job()
    assert staff_client.get(path).status_code == 200


def test_running_needs_the_tasks_own_permission(staff_client: Client, painter_client: Client) -> None:
    assert painter_client.get(f"/run/{PAINT}/").status_code == 200
    answer = painter_client.get("/run/apps.email.tasks.send_email_task/")
    assert answer.status_code == 403
    assert b"needs the permission jobs.run_apps.email.tasks.send_email_task" in answer.content


@pytest.mark.parametrize("path", [f"/run/{PAINT}/", "/jobs/job-0/again/"])
def test_submitting_needs_the_tasks_own_permission(staff_client: Client, path: str) -> None:
    job()
    assert staff_client.post(path, {"wall": "north"}).status_code == 403


def test_submitting_needs_a_token(painter: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(painter)
    assert client.post(f"/run/{PAINT}/", {"wall": "north"}).status_code == 403


@pytest.mark.parametrize("path", ["/", "/jobs/", "/jobs/job-0/", "/run/"])
def test_only_acts_are_posted(staff_client: Client, path: str) -> None:
    assert staff_client.post(path).status_code == 405


def test_acts_are_only_posted(painter_client: Client) -> None:
    job()
    assert painter_client.get("/jobs/job-0/again/").status_code == 405


def test_a_script_without_a_session_gets_json(client: Client) -> None:
    answer = client.get("/jobs/job-0.json")
    assert (answer.status_code, answer.json()) == (401, {"error": "Sign in with a staff account."})
    client.force_login(User.objects.create_user("bob"))
    assert client.get("/jobs/job-0.json").status_code == 403
