"""Who may do what: alice with each permission alone."""

import json
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django_celery_beat.models import PeriodicTask

from apps.jobs import reading
from apps.jobs.permissions import codename, create_run_permissions
from apps.planner.tests.test_admin import text
from apps.schedules.tests.making import ADD, LIST, allow, change_url, errors, filled_in, make_schedule

VIEW, CHANGE = "django_celery_beat.view_periodictask", "django_celery_beat.change_periodictask"
ADD_SCHEDULE = "django_celery_beat.add_periodictask"
ACTIONS = {"run_tasks": "run", "enable_tasks": "enable", "disable_tasks": "disable"}


@pytest.fixture
def alice(staff: User, client: Client) -> User:
    """Signed in, may look at schedules and no more."""
    create_run_permissions(apps.get_app_config("jobs"))
    allow(staff, VIEW)
    client.force_login(staff)
    return staff


def act(client: Client, name: str, *schedules: PeriodicTask) -> Any:
    return client.post(LIST, {"action": name, "_selected_action": [one.pk for one in schedules]}, follow=True)


def said(page: Any) -> str:
    return " ".join(str(message) for message in page.context["messages"])


@pytest.mark.parametrize("name", ACTIONS)
def test_without_the_right_an_action_is_hidden_and_refused(alice: User, client: Client, name: str) -> None:
    schedule = make_schedule()
    others = [f"schedules.{right}_schedule" for action, right in ACTIONS.items() if action != name]
    allow(alice, CHANGE, *others)
    assert f'value="{name}"' not in text(client, LIST)
    assert act(client, name, schedule).status_code == 403
    assert not reading.rows().exists()


@pytest.mark.parametrize("name", ACTIONS)
def test_with_the_right_an_action_is_offered(alice: User, client: Client, name: str) -> None:
    make_schedule()
    allow(alice, f"schedules.{ACTIONS[name]}_schedule")
    assert f'value="{name}"' in text(client, LIST)


def test_enabling_needs_no_more_than_its_right(alice: User, client: Client) -> None:
    schedule = make_schedule(enabled=False)
    allow(alice, "schedules.enable_schedule")
    assert "1 schedule was enabled." in said(act(client, "enable_tasks", schedule))
    schedule.refresh_from_db()
    assert schedule.enabled


def test_disabling_needs_no_more_than_its_right(alice: User, client: Client) -> None:
    schedules = [make_schedule("one"), make_schedule("two")]
    allow(alice, "schedules.disable_schedule")
    assert "2 schedules were disabled." in said(act(client, "disable_tasks", *schedules))
    assert not PeriodicTask.objects.filter(enabled=True).exists()


def test_what_stays_off_is_told(alice: User, client: Client) -> None:
    schedule = make_schedule(rule="once 2020-01-01T00:00:00+00:00", enabled=False)
    allow(alice, "schedules.enable_schedule")
    assert "1 stayed off" in said(act(client, "enable_tasks", schedule))


def test_the_run_page_needs_the_right(alice: User, client: Client) -> None:
    schedule = make_schedule()
    page = f"{LIST}{schedule.pk}/run/"
    assert "Run now" not in text(client, change_url(schedule))
    assert (client.get(page).status_code, client.post(page).status_code) == (403, 403)
    allow(alice, "schedules.run_schedule")
    assert "Run now" in text(client, change_url(schedule))
    assert client.get(page).status_code == 200


def test_looking_at_the_run_page_runs_nothing(alice: User, client: Client) -> None:
    allow(alice, "schedules.run_schedule")
    client.get(f"{LIST}{make_schedule().pk}/run/")
    assert not reading.rows().exists()


@pytest.mark.usefixtures("broker")
def test_run_now_starts_a_job_links_to_it_and_is_logged(alice: User, client: Client) -> None:
    schedule = make_schedule()
    allow(alice, "schedules.run_schedule")
    page = client.post(f"{LIST}{schedule.pk}/run/", follow=True)
    (job,) = reading.rows()
    assert (job.source, job.submitter, job.schedule) == ("admin", "alice", schedule.name)
    assert f"/jobs/{job.id}/" in said(page)
    assert "1 job was started" in said(page)
    history = text(client, f"{LIST}{schedule.pk}/history/")
    assert "Run now." in history
    assert "alice" in history


@pytest.mark.usefixtures("broker")
def test_many_are_run_at_once_and_what_fails_is_named(alice: User, client: Client) -> None:
    good, bad = make_schedule("good"), make_schedule("bad", kwargs={})
    allow(alice, "schedules.run_schedule")
    page = act(client, "run_tasks", good, bad)
    assert "1 job was started" in said(page)
    assert "bad: left: missing" in said(page)


def test_running_a_schedule_that_is_gone_is_told(alice: User, client: Client) -> None:
    allow(alice, "schedules.run_schedule")
    assert "doesn’t exist" in said(client.post(f"{LIST}99/run/", follow=True))


def test_the_switch_in_the_form_obeys_the_same_rights(alice: User, client: Client) -> None:
    allow(alice, CHANGE)
    on, off = make_schedule("on"), make_schedule("off", enabled=False)
    for schedule, switch in ((on, None), (off, "on")):
        data = filled_in(client.get(change_url(schedule)), enabled=switch)
        assert client.post(change_url(schedule), data).status_code == 302
    assert dict(PeriodicTask.objects.values_list("name", "enabled")) == {"on": True, "off": False}
    allow(alice, "schedules.disable_schedule")
    client.post(change_url(on), filled_in(client.get(change_url(on)), enabled=None))
    on.refresh_from_db()
    assert not on.enabled


def test_who_may_not_run_a_task_cannot_schedule_it(alice: User, client: Client) -> None:
    allow(alice, CHANGE)
    schedule = make_schedule()
    changed = filled_in(client.get(change_url(schedule)), kwargs=json.dumps({"left": 99}))
    assert "may not run" in errors(client.post(change_url(schedule), changed))["task"][0]
    described = filled_in(client.get(change_url(schedule)), description="x")
    assert client.post(change_url(schedule), described).status_code == 302
    allow(alice, f"jobs.{codename(ADD)}")
    assert client.post(change_url(schedule), changed).status_code == 302


def test_only_tasks_that_one_may_run_are_offered(alice: User, client: Client) -> None:
    allow(alice, ADD_SCHEDULE, f"jobs.{codename(ADD)}")
    page = text(client, f"{LIST}add/")
    assert f'value="{ADD}"' in page
    assert "send_email_task" not in page


def test_a_schedule_made_without_the_right_to_enable_is_off(alice: User, client: Client) -> None:
    allow(alice, ADD_SCHEDULE, f"jobs.{codename(ADD)}")
    page = client.get(f"{LIST}add/")
    data = filled_in(page, name="new", task=ADD, rule="0 2 * * *", kwargs='{"left": 1}')
    assert "It is disabled" in said(client.post(f"{LIST}add/", data, follow=True))
    assert not PeriodicTask.objects.get(name="new").enabled


def test_a_reader_sees_the_page_and_cannot_save(alice: User, client: Client) -> None:
    schedule = make_schedule()
    assert "Every day at 02:00" in text(client, change_url(schedule))
    assert client.post(change_url(schedule), {"name": "other"}).status_code == 403


def test_without_any_right_nothing_is_seen(staff: User, client: Client) -> None:
    client.force_login(staff)
    schedule = make_schedule()
    for page in (LIST, change_url(schedule), f"{LIST}add/", f"{LIST}{schedule.pk}/run/"):
        assert client.get(page).status_code == 403
    allow(staff, "schedules.run_schedule")
    assert client.post(f"{LIST}{schedule.pk}/run/").status_code == 403
