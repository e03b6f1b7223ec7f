"""“Only one run”: what ran is off, and what people do afterwards fires nothing by surprise."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from apps.jobs import Job
from apps.schedules import switching
from apps.schedules.models import Firing, Timing
from apps.schedules.tests.making import change_url, filled_in, make_schedule
from apps.schedules.timetable.claiming import fire_due
from apps.schedules.timetable.releasing import release_waiting
from apps.schedules.timetable.renewing import renew_stale

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def no_publishing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.jobs.submitting.publish_soon", bool)


def make_due(schedule: PeriodicTask) -> None:
    moment = timezone.now() - timedelta(seconds=1)
    Timing.objects.filter(pk=schedule.pk).update(next_run_at=moment)


def next_run(schedule: PeriodicTask) -> datetime | None:
    renew_stale()
    return Timing.objects.get(pk=schedule.pk).next_run_at


def ran_once(**fields: Any) -> PeriodicTask:
    """An hourly schedule that has had its only run."""
    schedule = make_schedule(rule="every 1 hours", one_off=True, **fields)
    renew_stale()
    make_due(schedule)
    fire_due()
    schedule.refresh_from_db()
    assert (schedule.enabled, schedule.total_run_count, next_run(schedule)) == (False, 1, None)
    return schedule


def save(schedule: PeriodicTask, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(schedule, name, value)
    schedule.save()


ENABLING: dict[str, Callable[[PeriodicTask], Any]] = {
    "the list": lambda schedule: switching.enable(PeriodicTask.objects.all()),
    "its page": lambda schedule: save(schedule, enabled=True),
    "a query": lambda schedule: PeriodicTask.objects.update(enabled=True),
}


@pytest.mark.parametrize("way", ENABLING)
def test_who_enables_it_again_gets_one_run_more_at_its_next_time(way: str) -> None:
    schedule, before = ran_once(), timezone.now()
    ENABLING[way](schedule)
    moment = next_run(schedule)
    assert moment is not None
    assert before + HOUR <= moment <= timezone.now() + HOUR
    assert fire_due() == 0
    make_due(schedule)
    fire_due()
    schedule.refresh_from_db()
    assert (schedule.enabled, Job.objects.count(), next_run(schedule)) == (False, 2, None)


def test_without_its_tick_it_stays_off_until_somebody_enables_it() -> None:
    schedule, before = ran_once(), timezone.now()
    save(schedule, one_off=False)
    assert (next_run(schedule), fire_due()) == (None, 0)
    save(schedule, enabled=True)
    moment = next_run(schedule)
    assert moment is not None
    assert moment >= before + HOUR
    for _ in range(2):
        make_due(schedule)
        fire_due()
    assert (Job.objects.count(), next_run(schedule) is None) == (3, False)


def test_a_form_that_was_opened_before_it_ran_and_says_enabled_fires_nothing_at_once(
    admin_client: Client,
) -> None:
    schedule, before = make_schedule(rule="every 1 hours", one_off=True), timezone.now()
    renew_stale()
    sent = filled_in(admin_client.get(change_url(schedule)), one_off=None)
    make_due(schedule)
    fire_due()
    assert admin_client.post(change_url(schedule), sent).status_code == 302
    schedule.refresh_from_db()
    moment = next_run(schedule)
    assert (schedule.one_off, schedule.enabled, fire_due()) == (False, True, 0)
    assert moment is not None
    assert moment >= before + HOUR


def test_a_single_time_that_is_still_to_come_runs_then() -> None:
    moment = timezone.now() + HOUR
    schedule = make_schedule(rule=f"once {moment.isoformat()}", enabled=False)
    assert next_run(schedule) is None
    assert switching.enable(PeriodicTask.objects.all()) == 1
    assert next_run(schedule) == moment


def test_a_single_time_that_passed_while_it_was_off_is_never_run() -> None:
    schedule = make_schedule(rule="once 2020-01-01T00:00:00+00:00", enabled=False)
    for _ in range(2):
        PeriodicTask.objects.update(enabled=False)
        PeriodicTask.objects.update(enabled=True, one_off=False)
        assert (next_run(schedule), fire_due()) == (None, 0)


def test_the_only_run_may_wait_for_the_job_before_and_is_still_the_only_one() -> None:
    schedule = ran_once()
    Timing.objects.update(overlap="queue")
    switching.enable(PeriodicTask.objects.all())
    assert next_run(schedule) is not None
    make_due(schedule)
    fire_due()
    schedule.refresh_from_db()
    assert (schedule.enabled, schedule.total_run_count, next_run(schedule)) == (False, 1, None)
    Job.objects.update(state="SUCCESS", finished_at=timezone.now())
    assert (release_waiting(), fire_due()) == (1, 0)
    assert [firing.outcome for firing in Firing.objects.all()] == ["fired", "fired"]
