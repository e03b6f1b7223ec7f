"""Schedules that ship with the code, in the admin."""

from dataclasses import replace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client
from django_celery_beat.models import PeriodicTask

from apps.jobs.permissions import codename, create_run_permissions
from apps.planner.tests.test_admin import row_names, text
from apps.planner.tests.test_rights import said
from apps.schedules import shipping
from apps.schedules.models import Timing
from apps.schedules.tests.making import ADD, LIST, allow, change_url, make_schedule
from project.recurring import Recurring

VIEW, CHANGE = "django_celery_beat.view_periodictask", "django_celery_beat.change_periodictask"
NIGHTLY = Recurring("nightly", ADD, "0 3 * * *", {"left": 1}, overlap="skip")


@pytest.fixture
def nightly(db: None, settings: Any) -> PeriodicTask:
    settings.SHIPPED_SCHEDULES = [NIGHTLY]
    shipping.sync()
    return PeriodicTask.objects.get()


def reset_url(schedule: PeriodicTask) -> str:
    return f"{LIST}{schedule.pk}/reset/"


def test_one_without_difference_says_so(admin_client: Client, nightly: PeriodicTask) -> None:
    page = text(admin_client, change_url(nightly))
    assert "This schedule ships with the code" in page
    assert "It is as the code says" in page
    assert "Reset to code" not in page


def test_the_difference_is_a_table(admin_client: Client, nightly: PeriodicTask) -> None:
    PeriodicTask.objects.update(kwargs='{"left": 5}', enabled=False)
    Timing.objects.update(overlap="queue", owner="alice")
    page = admin_client.get(change_url(nightly))
    assert page.context["shipped"]["table"]["rows"] == [
        ["Arguments: left", "1", "5"],
        ["Enabled", "yes", "no"],
        ["Owner", "–", "alice"],
        ["While the last job is still there", "skip this run", "wait for it; one at most"],
    ]
    assert reset_url(nightly) in page.content.decode()


def test_a_persons_own_has_no_panel(admin_client: Client) -> None:
    assert "ships with the code" not in text(admin_client, change_url(make_schedule()))


def test_a_retired_one_says_so(admin_client: Client, nightly: PeriodicTask, settings: Any) -> None:
    settings.SHIPPED_SCHEDULES = []
    shipping.sync()
    assert "The code no longer has it" in text(admin_client, change_url(nightly))


def test_a_bad_declaration_takes_no_page_down(
    admin_client: Client, nightly: PeriodicTask, settings: Any
) -> None:
    settings.SHIPPED_SCHEDULES = [replace(NIGHTLY, overlap="maybe")]
    assert "overlap: Input should be" in text(admin_client, change_url(nightly))
    assert "overlap: Input should be" in said(admin_client.post(reset_url(nightly), follow=True))
    assert "changed from code" in text(admin_client, LIST)


def test_the_list_marks_and_finds_each_kind(
    admin_client: Client, nightly: PeriodicTask, settings: Any
) -> None:
    settings.SHIPPED_SCHEDULES = [replace(NIGHTLY, name=name) for name in ("nightly", "other", "gone")]
    shipping.sync()
    settings.SHIPPED_SCHEDULES = settings.SHIPPED_SCHEDULES[:2]
    shipping.sync()
    PeriodicTask.objects.filter(name="other").update(priority=1)
    make_schedule("own")
    page = text(admin_client, LIST)
    for mark in ("as the code says", "changed from code", "no longer in the code"):
        assert mark in page
    assert row_names(admin_client, "origin=untouched") == ["nightly"]
    assert row_names(admin_client, "origin=changed") == ["other"]
    assert row_names(admin_client, "origin=retired") == ["gone"]
    assert row_names(admin_client, "origin=own") == ["own"]
    assert len(row_names(admin_client, "origin=odd")) == 4


def test_the_list_of_shipped_ones_asks_no_more_questions(
    admin_client: Client, settings: Any, django_assert_max_num_queries: Any
) -> None:
    settings.SHIPPED_SCHEDULES = [replace(NIGHTLY, name=f"number {n}") for n in range(40)]
    shipping.sync()
    with django_assert_max_num_queries(6):
        text(admin_client, LIST)


def test_reset_asks_first_and_is_logged(admin_client: Client, nightly: PeriodicTask) -> None:
    PeriodicTask.objects.update(enabled=False, queue="data")
    page = text(admin_client, reset_url(nightly))
    assert "Reset nightly to code?" in page
    assert not PeriodicTask.objects.get().enabled
    assert "is as the code says" in said(admin_client.post(reset_url(nightly), follow=True))
    assert (PeriodicTask.objects.get().enabled, PeriodicTask.objects.get().queue) == (True, None)
    history = text(admin_client, f"{LIST}{nightly.pk}/history/")
    assert "Reset to code. Queue: data → –; Enabled: no → yes" in history


def test_there_may_be_nothing_to_reset(admin_client: Client, nightly: PeriodicTask) -> None:
    assert "There is nothing to reset" in text(admin_client, reset_url(nightly))
    own = make_schedule("own")
    assert "doesn&#x27;t ship" in admin_client.post(reset_url(own), follow=True).content.decode()
    assert "doesn’t exist" in said(admin_client.post(f"{LIST}999/reset/", follow=True))


def test_reset_needs_the_rights_of_what_it_does(staff: User, client: Client, nightly: PeriodicTask) -> None:
    create_run_permissions(apps.get_app_config("jobs"))
    client.force_login(staff)
    allow(staff, VIEW)
    PeriodicTask.objects.update(enabled=False, kwargs='{"left": 5}')
    page = client.get(change_url(nightly)).content.decode()
    assert "Reset to code" not in page
    assert client.get(reset_url(nightly)).status_code == 403
    allow(staff, CHANGE)
    page = text(client, reset_url(nightly))
    assert "you may not enable schedules" in page
    assert "You may not run its task" in page
    assert client.post(reset_url(nightly)).status_code == 403
    allow(staff, "schedules.enable_schedule", f"jobs.{codename(ADD)}")
    assert client.post(reset_url(nightly)).status_code == 302
    assert PeriodicTask.objects.get().enabled
