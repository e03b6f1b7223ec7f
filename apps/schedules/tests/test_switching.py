from datetime import timedelta
from typing import Any

from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from apps.schedules import switching
from apps.schedules.models import Timing
from apps.schedules.tests.making import make_schedule
from apps.schedules.timetable.renewing import renew_stale

LONG_AGO = timezone.now() - timedelta(days=3)


def all_schedules() -> Any:
    return PeriodicTask.objects.all()


def test_enabling_counts_what_it_changed(db: None) -> None:
    make_schedule("on")
    make_schedule("off", enabled=False)
    assert switching.enable(all_schedules()) == 1
    assert switching.enable(all_schedules()) == 0
    assert switching.disable(all_schedules()) == 2


def test_enabling_fires_nothing_by_surprise(db: None) -> None:
    make_schedule("interval", rule="every 1 hours", enabled=False)
    make_schedule("crontab", rule="0 2 * * *", enabled=False)
    make_schedule("begun", rule="every 1 hours", enabled=False, start_time=LONG_AGO)
    PeriodicTask.objects.update(date_changed=LONG_AGO, last_run_at=LONG_AGO)
    renew_stale()
    switching.enable(all_schedules())
    now = timezone.now()
    renew_stale()
    assert not Timing.objects.exclude(next_run_at__gt=now).exists()


def test_a_time_that_has_passed_stays_off(db: None) -> None:
    make_schedule("once", rule="once 2020-01-01T00:00:00+00:00", enabled=False)
    make_schedule("ended", enabled=False, expires=LONG_AGO)
    assert switching.enable(all_schedules()) == 0


def test_a_one_off_that_ran_may_run_once_more(db: None) -> None:
    schedule = make_schedule(one_off=True, enabled=False, total_run_count=1)
    switching.enable(all_schedules())
    renew_stale()
    assert Timing.objects.get(pk=schedule.pk).next_run_at is not None


def test_a_disabled_one_has_nothing_to_wait_for(db: None) -> None:
    make_schedule()
    renew_stale()
    switching.disable(all_schedules())
    renew_stale()
    assert Timing.objects.get().next_run_at is None
