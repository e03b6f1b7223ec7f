"""Deleting asks with the consequence."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from apps.jobs import Job
from apps.planner.tests.test_admin import make_job, text
from apps.schedules import shipping
from apps.schedules.models import Firing
from apps.schedules.tests.making import ADD, LIST, allow, make_schedule
from project.recurring import Recurring

DELETE = "django_celery_beat.delete_periodictask"


def make_past(schedule: PeriodicTask) -> None:
    now = timezone.now()
    Firing.objects.bulk_create(
        Firing(schedule=schedule, due_at=now + timedelta(hours=n), decided_at=now, outcome="fired")
        for n in range(3)
    )
    make_job(schedule.name, "SUCCESS")
    make_job(schedule.name, "PENDING")


def delete_url(schedule: PeriodicTask) -> str:
    return f"{LIST}{schedule.pk}/delete/"


def ask_for_all(client: Client, **data: Any) -> Any:
    chosen = list(PeriodicTask.objects.values_list("pk", flat=True))
    return client.post(LIST, {"action": "delete_selected", "_selected_action": chosen, **data})


def test_the_page_says_what_goes_and_what_stays(admin_client: Client, settings: Any) -> None:
    settings.SHIPPED_SCHEDULES = [Recurring("nightly", ADD, "0 3 * * *", {"left": 1})]
    shipping.sync()
    schedule = PeriodicTask.objects.get()
    make_past(schedule)
    page = text(admin_client, delete_url(schedule))
    for words in (
        "The history goes: 3 due times.", "2 jobs stay in the ledger.",
        "1 job that has not ended still runs.",
        "1 ships with the code and stays away until", "Disable instead",
    ):  # fmt: skip
        assert words in page
    assert "fired" not in page
    assert admin_client.post(delete_url(schedule), {"post": "yes"}).status_code == 302
    assert (PeriodicTask.objects.count(), Firing.objects.count(), Job.objects.count()) == (0, 0, 2)
    assert [change.outcome for change in shipping.sync()] == ["deleted"]


def test_many_are_counted_together(admin_client: Client) -> None:
    for name in ("one", "two"):
        make_past(make_schedule(name))
    page = ask_for_all(admin_client).content.decode()
    assert "The history goes: 6 due times." in page
    assert "4 jobs stay in the ledger." in page
    ask_for_all(admin_client, post="yes")
    assert not PeriodicTask.objects.exists()


def test_disabling_instead_is_one_click(admin_client: Client) -> None:
    schedule = make_schedule()
    page = admin_client.get(delete_url(schedule))
    found = page.context["consequences"].to_disable
    admin_client.post(page.context["list_url"], {"action": "disable_tasks", "_selected_action": found})
    assert not PeriodicTask.objects.get().enabled
    assert "Disable instead" not in text(admin_client, delete_url(schedule))


def test_who_may_not_disable_is_not_offered_it(staff: User, client: Client) -> None:
    client.force_login(staff)
    allow(staff, DELETE, "django_celery_beat.view_periodictask")
    assert "Disable instead" not in text(client, delete_url(make_schedule()))


def test_who_may_not_delete_is_refused(staff: User, client: Client) -> None:
    client.force_login(staff)
    allow(staff, "django_celery_beat.change_periodictask")
    assert client.get(delete_url(make_schedule())).status_code == 403
    ask_for_all(client, post="yes")
    assert PeriodicTask.objects.count() == 1
