"""Run now, with the schedule's arguments or with others for this once."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django_celery_beat.models import PeriodicTask

from apps.jobs import Job
from apps.jobs.permissions import codename, create_run_permissions
from apps.planner.tests.test_admin import text
from apps.schedules import pausing
from apps.schedules.tests.making import ADD, LIST, allow, make_schedule

pytestmark = pytest.mark.usefixtures("broker")


def url(schedule: PeriodicTask) -> str:
    return f"{LIST}{schedule.pk}/run/"


def run(client: Client, schedule: PeriodicTask, **arguments: Any) -> Any:
    data = {"arguments_of": ADD} | {f"argument-{name}": value for name, value in arguments.items()}
    return client.post(url(schedule), data)


@pytest.fixture
def alice(staff: User, client: Client) -> User:
    create_run_permissions(apps.get_app_config("jobs"))
    allow(staff, "django_celery_beat.view_periodictask", "schedules.run_schedule")
    client.force_login(staff)
    return staff


def test_other_arguments_hold_for_one_run(admin_client: Client) -> None:
    schedule = make_schedule(queue="report", priority=7, headers='{"tenant": "a"}', expire_seconds=60)
    assert run(admin_client, schedule, left=40, right=2).status_code == 302
    job = Job.objects.get()
    assert (job.kwargs, job.queue, job.priority, job.schedule) == (
        {"left": 40, "right": 2}, "report", 7, "nightly",
    )  # fmt: skip
    assert job.expires_at is not None
    schedule.refresh_from_db()
    assert schedule.kwargs == '{"left": 1}'
    assert "Run now with other arguments." in text(admin_client, f"{LIST}{schedule.pk}/history/")


def test_arguments_left_as_they_are_are_the_schedules(admin_client: Client) -> None:
    schedule = make_schedule(args=[4], kwargs={"right": 1})
    run(admin_client, schedule, left=4, right=1)
    assert (Job.objects.get().args, Job.objects.get().kwargs) == ([4], {"right": 1})
    assert "Run now." in text(admin_client, f"{LIST}{schedule.pk}/history/")


def test_a_bad_argument_runs_nothing(admin_client: Client) -> None:
    page = run(admin_client, make_schedule(), left="many")
    assert "Enter a whole number." in page.content.decode()
    assert not Job.objects.exists()


def test_arguments_of_another_task_run_nothing(admin_client: Client) -> None:
    data = {"arguments_of": "old.tasks.gone", "argument-left": 4}
    page = admin_client.post(url(make_schedule()), data)
    assert "has another task by now" in page.content.decode()
    assert not Job.objects.exists()


def test_other_arguments_need_the_right_to_the_task(alice: User, client: Client) -> None:
    schedule = make_schedule()
    assert 'name="argument-left"' not in text(client, url(schedule))
    assert run(client, schedule, left=9).status_code == 403
    assert not Job.objects.exists()
    assert client.post(url(schedule)).status_code == 302
    assert Job.objects.get().kwargs == {"left": 1}
    allow(alice, f"jobs.{codename(ADD)}")
    assert 'name="argument-left"' in text(client, url(schedule))
    assert run(client, schedule, left=9).status_code == 302
    assert Job.objects.filter(kwargs={"left": 9}).count() == 1


def test_what_is_disabled_or_paused_can_be_run_by_hand(alice: User, client: Client) -> None:
    off, paused = make_schedule("off", enabled=False), make_schedule("paused")
    pausing.pause(PeriodicTask.objects.filter(pk=paused.pk), by="bob", reason="holidays")
    assert "The schedule is disabled and stays so" in text(client, url(off))
    assert "The schedule is paused by bob: holidays. It stays so" in text(client, url(paused))
    for schedule in (off, paused):
        assert client.post(url(schedule)).status_code == 302
    assert set(Job.objects.values_list("schedule", flat=True)) == {"off", "paused"}
    assert not PeriodicTask.objects.get(name="off").enabled
