"""Many schedules due at the same moment: few statements, and each job is what it would be alone."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from apps.jobs import Job
from apps.schedules import rules, running
from apps.schedules.models import Firing, Timing
from apps.schedules.tests.making import ADD, make_schedule
from apps.schedules.timetable.claiming import fire_due
from apps.schedules.timetable.preparing import Preparing
from apps.schedules.timetable.renewing import renew_stale

pytestmark = pytest.mark.django_db

TIMES = ("submitted_at", "eta", "expires_at", "relay_at")
# All that a schedule can say of its jobs: each differs from the first in one thing.
SAYING: list[dict[str, Any]] = [
    {},
    {"kwargs": {"left": 2}},
    {"kwargs": {}, "args": [1]},
    {"headers": '{"tenant": "a"}'},
    {"queue": "urgent"},
    {"routing_key": "report"},
    {"priority": 0},
    {"expire_seconds": 60},
    {"expires": timezone.now() + timedelta(days=1)},
    {"task": "celery.backend_cleanup", "kwargs": {}},
]


@pytest.fixture(autouse=True)
def no_publishing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.jobs.submitting.publish_soon", bool)


def make_due(count: int, **policy: Any) -> datetime:
    """As many schedules, all due at the same moment."""
    rule = rules.saved(rules.parse("every 1 hours")).row
    kwargs = json.dumps({"left": 1, "right": 2})
    PeriodicTask.objects.bulk_create(
        PeriodicTask(name=f"one of {count}: {n}", task=ADD, interval=rule, kwargs=kwargs)
        for n in range(count)
    )
    renew_stale()
    due_at = timezone.now() - timedelta(seconds=1)
    Timing.objects.filter(last_due_at=None).update(next_run_at=due_at, anchor_at=due_at, **policy)
    return due_at


def row(job: Job) -> dict[str, Any]:
    """All columns but its id; of times the tens of seconds from now, because a slow machine takes some."""
    found = {name: value for name, value in vars(job).items() if name not in {"id", "_state", "rule"}}
    times = {name: found[name] - job.submitted_at for name in TIMES if found[name]}
    return found | {name: round(ahead / timedelta(seconds=10) + 0.2) for name, ahead in times.items()}


def test_what_is_prepared_together_is_as_if_it_were_alone() -> None:
    together, due_at = Preparing(), timezone.now()
    schedules = [make_schedule(f"{n}", **saying) for n, saying in enumerate(SAYING * 2)]
    made = [together.job(schedule, due_at, 0) for schedule in schedules]
    assert [row(job) for job in made] == [row(running.prepare(one, due_at)) for one in schedules]
    assert len({job.id for job in made}) == len(made)


def test_jobs_that_say_the_same_share_neither_due_time_nor_name() -> None:
    together, first = Preparing(), timezone.now()
    second = first + timedelta(minutes=1)
    jobs = [together.job(make_schedule(name), due, 0) for name, due in (("a", first), ("b", second))]
    assert [job.schedule for job in jobs] == ["a", "b"]
    told = [(job.outbox or {})["headers"]["scheduled_for"] for job in jobs]
    assert told == [first.isoformat(), second.isoformat()]


def test_as_many_statements_for_many_as_for_one() -> None:
    counts = []
    for count in (1, 40):
        make_due(count, overlap="queue")
        with CaptureQueriesContext(connection) as queries:
            assert fire_due() == count
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert (Firing.objects.filter(outcome="fired").count(), Job.objects.count()) == (41, 41)
    Timing.objects.update(next_run_at=timezone.now())
    with CaptureQueriesContext(connection) as queries:
        assert fire_due() == 41
    assert len(queries) <= counts[0]
    assert Firing.objects.filter(outcome="waiting").count() == 41


def test_what_is_wrong_with_many_is_told_of_each() -> None:
    make_due(3)
    PeriodicTask.objects.update(task="shop.tasks.gone_task")
    fire_due()
    notes = Firing.objects.filter(outcome="error").values_list("note", flat=True)
    assert len(notes) == 3
    assert all("shop.tasks.gone_task" in note for note in notes)


def test_single_times_of_many_are_over_at_once() -> None:
    """Beat disables them by itself: that is no change that it would have to look at."""
    make_due(3)
    PeriodicTask.objects.update(one_off=True)
    renew_stale()
    fire_due()
    assert not PeriodicTask.objects.filter(enabled=True).exists()
    assert not Timing.objects.exclude(stale="", next_run_at=None).exists()
