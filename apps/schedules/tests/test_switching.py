from datetime import timedelta
from typing import Any

from django.utils import timezone
from django_celery_beat.models import PeriodicTask, PeriodicTasks
from django_celery_beat.schedulers import ModelEntry

from apps.schedules import switching
from apps.schedules.tests.making import make_schedule

LONG_AGO = timezone.now() - timedelta(days=3)


def all_schedules() -> Any:
    return PeriodicTask.objects.all()


def test_enabling_counts_what_it_changed(db: None) -> None:
    make_schedule("on")
    make_schedule("off", enabled=False)
    assert switching.enable(all_schedules()) == 1
    assert switching.enable(all_schedules()) == 0
    assert switching.disable(all_schedules()) == 2


def test_beat_hears_of_it(db: None) -> None:
    make_schedule(enabled=False)
    PeriodicTasks.objects.update(last_update=LONG_AGO)
    switching.enable(all_schedules())
    assert PeriodicTasks.last_change() > LONG_AGO
    PeriodicTasks.objects.update(last_update=LONG_AGO)
    switching.disable(all_schedules())
    assert PeriodicTasks.last_change() > LONG_AGO


def test_enabling_fires_nothing_by_surprise(db: None) -> None:
    make_schedule("interval", rule="every 1 hours", enabled=False)
    make_schedule("crontab", rule="0 2 * * *", enabled=False)
    make_schedule("begun", rule="every 1 hours", enabled=False, start_time=LONG_AGO)
    PeriodicTask.objects.update(date_changed=LONG_AGO)
    switching.enable(all_schedules())
    assert [ModelEntry(schedule).is_due().is_due for schedule in all_schedules()] == [False] * 3


def test_a_time_that_has_passed_stays_off(db: None) -> None:
    make_schedule("once", rule="once 2020-01-01T00:00:00+00:00", enabled=False)
    make_schedule("ended", enabled=False, expires=LONG_AGO)
    assert switching.enable(all_schedules()) == 0


def test_a_one_off_that_ran_may_run_once_more(db: None) -> None:
    schedule = make_schedule(one_off=True, enabled=False, total_run_count=1)
    switching.enable(all_schedules())
    schedule.refresh_from_db()
    assert (schedule.enabled, schedule.total_run_count) == (True, 0)


def test_disabling_forgets_the_last_run_as_beat_does(db: None) -> None:
    schedule = make_schedule(last_run_at=LONG_AGO)
    switching.disable(all_schedules())
    schedule.refresh_from_db()
    assert (schedule.enabled, schedule.last_run_at) == (False, None)
