"""A round of beat: each due time fires once, and what is written agrees."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from apps.jobs import Job
from apps.jobs.tests.sample_tasks import add_task
from apps.schedules import running
from apps.schedules.models import Absence, Firing, Stale, Timing
from apps.schedules.policies import FiringOutcome
from apps.schedules.timetable import claiming, preparing
from apps.schedules.timetable.claiming import fire_due
from apps.schedules.timetable.releasing import release_waiting
from apps.schedules.timetable.renewing import renew_stale

pytestmark = pytest.mark.django_db(transaction=True)

ADD = add_task.name


@pytest.fixture(autouse=True)
def no_publishing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.jobs.submitting.publish_soon", bool)


def every(seconds: int, name: str = "tick", **more: Any) -> PeriodicTask:
    rule, _ = IntervalSchedule.objects.get_or_create(every=seconds, period="seconds")
    values = {"interval": rule, "task": ADD, "kwargs": json.dumps({"left": 1, "right": 2}), **more}
    schedule: PeriodicTask = PeriodicTask.objects.create(name=name, **values)
    renew_stale()
    return schedule


def timing(schedule: PeriodicTask) -> Timing:
    return Timing.objects.get(pk=schedule.pk)


def overdue(schedule: PeriodicTask, seconds: float, **columns: Any) -> datetime:
    """As if its next run had been so long ago."""
    due_at = timezone.now() - timedelta(seconds=seconds)
    Timing.objects.filter(pk=schedule.pk).update(next_run_at=due_at, anchor_at=due_at, **columns)
    return due_at


def absent(seconds: float) -> None:
    """No beat was alive until now."""
    now = timezone.now()
    Absence.objects.create(began_at=now - timedelta(seconds=seconds), ended_at=now)


def outcomes(schedule: PeriodicTask) -> list[str]:
    return list(Firing.objects.filter(schedule=schedule).order_by("due_at").values_list("outcome", flat=True))


def test_a_new_schedule_is_due_after_its_first_interval() -> None:
    before = timezone.now()
    found = timing(every(60))
    assert found.stale == Stale.NOTHING
    assert found.next_run_at is not None
    assert timedelta(seconds=59) < found.next_run_at - before < timedelta(seconds=62)
    assert fire_due() == 0


def test_what_is_due_fires_and_goes_on() -> None:
    schedule = every(60)
    due_at = overdue(schedule, 1)
    assert fire_due() == 1
    assert fire_due() == 0
    (firing,) = Firing.objects.all()
    job = Job.objects.get()
    assert (firing.due_at, firing.outcome, firing.job) == (due_at, FiringOutcome.FIRED, job.id)
    assert (job.schedule, job.source, job.kwargs) == ("tick", "schedule", {"left": 1, "right": 2})
    assert (job.outbox or {})["headers"]["scheduled_for"] == due_at.isoformat()
    assert timing(schedule).next_run_at == due_at + timedelta(seconds=60)
    schedule.refresh_from_db()
    assert (schedule.total_run_count, schedule.last_run_at is not None) == (1, True)


def test_late_due_times_fire_one_by_one_while_a_beat_was_alive() -> None:
    schedule = every(1)
    overdue(schedule, 3.5)
    fire_due()
    assert outcomes(schedule) == [FiringOutcome.FIRED] * 4
    assert Job.objects.count() == 4


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({"missed": "skip"}, ["missed"]),
        ({"missed": "once"}, ["missed", "fired"]),
        ({"missed": "all"}, ["fired"] * 11),
        ({"missed": "all", "missed_window_seconds": 3}, ["missed", *["fired"] * 3]),
        ({"missed": "all", "late_seconds_max": 3}, ["late", *["fired"] * 3]),
    ],
)
def test_what_was_missed_follows_the_policy(policy: dict[str, Any], expected: list[str]) -> None:
    schedule = every(1)
    overdue(schedule, 10.5, **policy)
    absent(20)
    fire_due()
    assert outcomes(schedule) == expected
    assert sum(Firing.objects.values_list("count", flat=True)) == 11


@pytest.mark.parametrize(
    ("overlap", "expected", "jobs"),
    [
        ("allow", ["fired", "fired"], 2),
        ("skip", ["fired", "overlap"], 1),
        ("queue", ["fired", "waiting"], 1),
        ("cancel", ["fired", "fired"], 2),
    ],
)
def test_while_the_last_job_is_there_the_policy_decides(overlap: str, expected: list[str], jobs: int) -> None:
    schedule = every(60)
    overdue(schedule, 1, overlap=overlap)
    fire_due()
    first = Job.objects.get()
    overdue(schedule, 0.5)
    fire_due()
    assert (outcomes(schedule), Job.objects.count()) == (expected, jobs)
    replaced = Firing.objects.exclude(cancels="").values_list("cancels", flat=True)
    assert list(replaced) == ([first.id] if overlap == "cancel" else [])


def test_one_waits_and_runs_once_the_job_before_has_ended() -> None:
    schedule = every(60)
    for _ in range(3):
        overdue(schedule, 1, overlap="queue")
        fire_due()
    assert outcomes(schedule) == ["fired", "waiting", "overlap"]
    assert release_waiting() == 0
    Job.objects.update(state="SUCCESS", finished_at=timezone.now())
    assert release_waiting() == 1
    assert outcomes(schedule) == ["fired", "fired", "overlap"]
    assert Job.objects.count() == 2


def test_two_beats_never_fire_the_same_due_time() -> None:
    schedule = every(60)
    due_at = overdue(schedule, 1)
    fire_due()
    Timing.objects.filter(pk=schedule.pk).update(next_run_at=due_at)  # as if it had not been written
    fire_due()
    assert (Firing.objects.count(), Job.objects.count()) == (1, 1)


def test_what_no_job_can_be_made_of_says_so_and_holds_up_nobody() -> None:
    bad, good = every(60, "bad", task="shop.tasks.gone_task"), every(60, "good")
    overdue(bad, 2)
    overdue(good, 1)
    assert fire_due() == 2
    assert (outcomes(bad), outcomes(good)) == (["error"], ["fired"])
    assert "shop.tasks.gone_task" in Firing.objects.get(schedule=bad).note


def test_a_bug_in_one_schedule_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    bad, good = every(60, "bad"), every(60, "good")

    def prepare(schedule: PeriodicTask, due_at: datetime, _jitter: int) -> Job:
        if schedule == bad:
            raise ZeroDivisionError("oops")
        return running.prepare(schedule, due_at)

    monkeypatch.setattr(preparing, "prepare", prepare)
    overdue(bad, 2)
    overdue(good, 1)
    assert fire_due() == 2
    assert (outcomes(bad), outcomes(good)) == (["error"], ["fired"])


def test_a_single_run_switches_itself_off() -> None:
    schedule = every(60, one_off=True)
    overdue(schedule, 1)
    fire_due()
    renew_stale()
    schedule.refresh_from_db()
    assert (schedule.enabled, timing(schedule).next_run_at) == (False, None)


@pytest.mark.parametrize("way", ["save", "queryset", "sql"])
def test_an_edit_by_any_way_is_noticed(way: str) -> None:
    schedule = every(60)
    rule = IntervalSchedule.objects.create(every=7, period="seconds")
    if way == "save":
        schedule.interval = rule
        schedule.save()
    elif way == "queryset":
        PeriodicTask.objects.update(interval=rule)
    else:
        with connection.cursor() as cursor:
            cursor.execute("UPDATE django_celery_beat_periodictask SET interval_id = %s", [rule.pk])
    assert timing(schedule).stale == Stale.EDITED
    assert renew_stale() == 1
    next_run = timing(schedule).next_run_at
    assert next_run is not None
    assert next_run - timezone.now() <= timedelta(seconds=7)


def test_an_edit_of_a_shared_rule_concerns_all_its_schedules() -> None:
    every(60, "a")
    every(60, "b")
    every(61, "c")
    IntervalSchedule.objects.filter(every=60).update(every=90)
    assert Timing.objects.exclude(stale="").count() == 2


def test_what_does_not_change_the_time_changes_nothing() -> None:
    schedule = every(60)
    schedule.description = "more words"
    schedule.save()
    assert timing(schedule).stale == Stale.NOTHING


def test_switching_on_fires_nothing_by_surprise() -> None:
    schedule = every(1)
    overdue(schedule, 100)
    PeriodicTask.objects.update(enabled=False)
    assert (renew_stale(), fire_due()) == (1, 0)
    PeriodicTask.objects.update(enabled=True)
    assert (renew_stale(), fire_due()) == (1, 0)


def test_a_due_time_before_the_edit_is_not_lost() -> None:
    schedule = every(60)
    due_at = overdue(schedule, 1)
    PeriodicTask.objects.filter(pk=schedule.pk).update(expires=timezone.now() + timedelta(days=1))
    renew_stale()
    fire_due()
    assert Firing.objects.get().due_at == due_at


def test_another_zone_fires_nothing_by_itself() -> None:
    hour = timezone.now().hour
    rule = CrontabSchedule.objects.create(minute="0", hour=f"{hour}", timezone="UTC")
    PeriodicTask.objects.bulk_create(
        PeriodicTask(name=f"daily {n}", task=ADD, crontab=rule, kwargs='{"left": 1, "right": 2}')
        for n in range(20)
    )
    renew_stale()
    nexts = set()
    for zone in ("Asia/Tokyo", "America/New_York", "Pacific/Kiritimati", "UTC"):
        rule.timezone = zone
        rule.save()
        assert (renew_stale(), fire_due()) == (20, 0)
        nexts |= set(Timing.objects.values_list("next_run_at", flat=True))
    assert len(nexts) == 4
    assert not Timing.objects.filter(next_run_at__lte=timezone.now()).exists()


def test_a_clock_that_is_set_back_fires_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    schedule = every(10)
    due_at = overdue(schedule, 1)
    assert fire_due() == 1
    an_hour_ago = timezone.now() - timedelta(hours=1)
    monkeypatch.setattr(claiming, "database_time", lambda: an_hour_ago)
    assert fire_due() == 0
    Timing.objects.update(stale=Stale.EDITED, stale_since=an_hour_ago, next_run_at=None)
    assert (renew_stale(), fire_due()) == (1, 0)
    assert timing(schedule).next_run_at == due_at + timedelta(seconds=10)
    assert outcomes(schedule) == [FiringOutcome.FIRED]


def test_a_rule_that_never_fires_is_told() -> None:
    rule = CrontabSchedule.objects.create(minute="0", hour="0", day_of_month="30", month_of_year="2")
    schedule = PeriodicTask.objects.create(name="never", task=ADD, crontab=rule)
    renew_stale()
    found = timing(schedule)
    assert (found.next_run_at, bool(found.problem)) == (None, True)


def test_after_its_end_it_fires_no_more() -> None:
    schedule = every(60, expires=timezone.now() + timedelta(seconds=30))
    assert timing(schedule).next_run_at is None


def test_its_start_is_its_first_run() -> None:
    start = timezone.now() + timedelta(hours=1)
    assert timing(every(60, start_time=start)).next_run_at == start


def test_who_edits_a_due_schedule_and_beat_never_wait_for_each_other() -> None:
    """The edit has the row and will want the timing; beat would have the timing and want the row."""
    schedule = every(1)
    overdue(schedule, 1)

    def beat() -> int:
        try:
            return fire_due()
        finally:
            connection.close()

    with ThreadPoolExecutor() as others, transaction.atomic():
        PeriodicTask.objects.select_for_update(no_key=True).get(pk=schedule.pk)
        assert others.submit(beat).result(timeout=30) == 0
        PeriodicTask.objects.filter(pk=schedule.pk).update(enabled=False)
    assert outcomes(schedule) == []
