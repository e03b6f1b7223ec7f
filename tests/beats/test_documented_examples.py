"""What django-celery-beat 2.9.0 and Celery 5.7 show in their documents, on our beat and a worker.

The names in the tests' descriptions are the headings of django-celery-beat's README, unless said otherwise.
"""

import json
import zoneinfo
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.test import Client
from django.utils import timezone
from django_celery_beat import admin as beat_admin
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    PeriodicTasks,
    SolarSchedule,
)
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

from apps.jobs import Job
from apps.jobs.tests.lives import purge
from apps.schedules import rules
from apps.schedules.models import Firing, Timing
from apps.schedules.tests.making import make_schedule
from apps.schedules.timetable.claiming import fire_due
from apps.schedules.timetable.renewing import renew_stale
from project.celery import app
from tests.beats.processes import BeatProcess
from tests.waiting import RecorderProcess, WorkerProcess, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

WORKER = ("-I", "tests.beats.documented")
SCHEDULER = "apps.schedules.scheduler:Timetable"
PATIENCE = 60


@pytest.fixture(scope="module")
def worker(no_others: None) -> Iterator[WorkerProcess]:
    """1. Start a Celery worker service."""
    found, recorder = WorkerProcess(*WORKER), RecorderProcess()
    recorder.start()
    found.start()
    yield found
    found.stop()
    recorder.stop()
    purge()


@pytest.fixture(scope="module")
def beat(worker: WorkerProcess) -> Iterator[BeatProcess]:
    """2. As a separate process, start the beat service (specify the Django scheduler)."""
    found = BeatProcess("--scheduler", SCHEDULER)
    found.start()
    yield found
    found.stop()


def done(name: str) -> Job:
    """The schedule's first job that has ended well."""
    found: Job | None = wait_until(
        lambda: Job.objects.filter(schedule=name, state="SUCCESS").order_by("submitted_at").first(),
        PATIENCE,
        f"a job of {name}",
    )
    assert found is not None
    return found


def timing(schedule: PeriodicTask) -> Timing:
    return Timing.objects.get(pk=schedule.pk)


def next_run(schedule: PeriodicTask) -> datetime:
    """As beat has computed it."""
    found = wait_until(lambda: timing(schedule).next_run_at, PATIENCE, "beat to take the schedule")
    assert found is not None
    return found


def ten_seconds() -> IntervalSchedule:
    schedule, _created = IntervalSchedule.objects.get_or_create(
        every=10,
        period=IntervalSchedule.SECONDS,
    )
    return schedule


def test_schedules_of_code_and_settings_run(worker: WorkerProcess) -> None:
    """Celery's user guide, "Periodic Tasks": `beat_schedule` and `add_periodic_task`."""
    beat = BeatProcess(app="tests.beats.documented")
    beat.start()
    try:
        job = done("add-with-options")
        assert (job.result, job.queue, job.priority, job.kwargs) == (3, "report", 7, {"x": 1, "y": 2})
        assert job.expires_at == job.submitted_at + timedelta(seconds=60)
        assert done("add every 10").result == "hello"
        beat.ensure_alive()
    finally:
        beat.stop()
    made = {one.name: rules.text(found) for one in PeriodicTask.objects.all() if (found := rules.of(one))}
    assert made == {
        "add every 10": "every 10 seconds",
        "tasks.test('world')": "every 30 seconds",
        "tasks.test('Happy Mondays!')": "30 7 * * 1 UTC",
        "add-every-30-seconds": "every 30 seconds",
        "add-every-monday-morning": "30 7 * * 1 UTC",
        "add-at-melbourne-sunset": "sunset -37.81753 144.96715",
        "add-with-options": "every 5 seconds",
    }
    assert PeriodicTask.objects.get(name="add-every-30-seconds").args == "[16, 16]"
    assert "not-a-schedule" in beat.output()


def test_the_interval_example_runs(beat: BeatProcess) -> None:
    """Example creating interval-based periodic task."""
    schedule = ten_seconds()
    PeriodicTask.objects.create(
        interval=schedule,
        name="Importing contacts",
        task="proj.tasks.import_contacts",
    )
    assert done("Importing contacts").result == {"sources": [], "be_careful": False}
    assert ("seconds", "Seconds") in [(name, str(label)) for name, label in IntervalSchedule.PERIOD_CHOICES]


def test_the_example_with_arguments_runs_until_it_expires(beat: BeatProcess) -> None:
    """Example creating interval-based periodic task: arguments and an expiry time, naive as it is there."""
    with pytest.warns(RuntimeWarning, match="naive datetime"):
        made = PeriodicTask.objects.create(
            interval=ten_seconds(),
            name="Importing contacts",
            task="proj.tasks.import_contacts",
            args=json.dumps(["arg1", "arg2"]),
            kwargs=json.dumps({
                "be_careful": True,
            }),
            expires=datetime.utcnow() + timedelta(seconds=30),  # noqa: DTZ003
        )  # fmt: skip
    job = done("Importing contacts")
    assert job.result == {"sources": ["arg1", "arg2"], "be_careful": True}
    made.refresh_from_db()
    assert job.expires_at is not None
    assert abs(job.expires_at - made.expires) < timedelta(seconds=2)
    wait_until(lambda: timing(made).next_run_at is None, PATIENCE, "its end")
    assert Firing.objects.filter(schedule=made, outcome="fired").count() == 2
    ended = Job.objects.filter(schedule=made.name, state="SUCCESS")
    wait_until(lambda: ended.count() == 2, PATIENCE, "the last job, whose name is that of the next test's")


def test_the_crontab_example_is_due_in_its_zone(beat: BeatProcess) -> None:
    """Example creating crontab-based periodic task."""
    schedule, _ = CrontabSchedule.objects.get_or_create(
        minute="30",
        hour="*",
        day_of_week="*",
        day_of_month="*",
        month_of_year="*",
        timezone=zoneinfo.ZoneInfo("Canada/Pacific"),
    )
    made = PeriodicTask.objects.create(
        crontab=schedule,
        name="Importing contacts",
        task="proj.tasks.import_contacts",
    )
    due_at = next_run(made).astimezone(zoneinfo.ZoneInfo("Canada/Pacific"))
    assert (due_at.minute, due_at.second) == (30, 0)
    assert timedelta(0) < due_at - timezone.now() <= timedelta(hours=1)
    Timing.objects.filter(pk=made.pk).update(next_run_at=timezone.now())  # instead of waiting for it
    assert done("Importing contacts").result == {"sources": [], "be_careful": False}


def test_a_schedule_is_disabled_for_a_while(beat: BeatProcess) -> None:
    """Temporarily disable a periodic task."""
    periodic_task = PeriodicTask.objects.create(interval=ten_seconds(), name="a", task="tasks.test")
    next_run(periodic_task)
    periodic_task.enabled = False
    periodic_task.save()
    wait_until(lambda: timing(periodic_task).next_run_at is None, PATIENCE, "beat to see it")
    periodic_task.enabled = True
    periodic_task.save()
    assert next_run(periodic_task) > timezone.now() + timedelta(seconds=5)


def test_a_single_time_runs_once(beat: BeatProcess) -> None:
    """The model ClockedSchedule, and "One-off Task" of PeriodicTask."""
    clocked = ClockedSchedule.objects.create(clocked_time=timezone.now() + timedelta(seconds=2))
    made = PeriodicTask.objects.create(
        clocked=clocked, name="once", task="tasks.add", args="[1, 2]", one_off=True
    )
    assert done("once").result == 3
    wait_until(lambda: not PeriodicTask.objects.get(pk=made.pk).enabled, PATIENCE, "it to be disabled")
    assert Firing.objects.filter(schedule=made).count() == 1


def test_many_are_updated_at_once(beat: BeatProcess) -> None:
    """Models: "If you update periodic tasks in bulk, you will need to update the counter manually"."""
    made = [make_schedule(f"n{n}", rule="every 1 hours", task="tasks.add") for n in range(3)]
    for one in made:
        next_run(one)
    PeriodicTask.objects.all().update(interval=ten_seconds())
    PeriodicTasks.update_changed()
    soon = timezone.now() + timedelta(seconds=15)
    wait_until(lambda: Timing.objects.filter(next_run_at__lt=soon).count() == 3, PATIENCE, "all three")


def test_the_last_runs_are_forgotten_without_a_surprise() -> None:
    """Important Warning about Time Zones: here no due time depends on the last run."""
    schedule = make_schedule(rule="every 1 hours", last_run_at=timezone.now() - timedelta(days=9))
    renew_stale()
    next_run(schedule)  # the module's beat may have been quicker
    before = timing(schedule)
    PeriodicTask.objects.all().update(last_run_at=None)
    PeriodicTasks.update_changed()
    after = timing(schedule)
    assert (renew_stale(), fire_due()) == (0, 0)
    assert (after.next_run_at, after.anchor_at) == (before.next_run_at, before.anchor_at)


@pytest.mark.parametrize("arguments", [(), ("--scheduler", SCHEDULER)])
def test_worker_and_beat_in_one_command(no_others: None, arguments: tuple[str, ...]) -> None:
    """Example running periodic tasks: "you can run the two steps above with only one command"."""
    both = WorkerProcess(*WORKER, "--beat", *arguments)
    PeriodicTask.objects.create(
        interval=IntervalSchedule.objects.create(every=2, period="seconds"),
        name="both",
        task="tasks.add",
        args="[20, 22]",
    )
    recorder = RecorderProcess()
    recorder.start()
    both.start()
    try:
        assert done("both").result == 42
    finally:
        both.stop()
        recorder.stop()
        purge()


def test_code_that_knows_the_models_goes_on_working(admin_client: Client) -> None:
    """Models; and the module's reference: managers, `schedule`, entries, the other scheduler, the admin."""
    lines = [
        "every 10 seconds",
        "30 4 * * * Asia/Tokyo",
        "once 2100-01-01T00:00:00+00:00",
        "sunset 52.52 13.405",
    ]
    made = [make_schedule(line, rule=line) for line in lines]
    off = make_schedule("off", enabled=False)
    assert set(PeriodicTask.objects.enabled()) == set(made)
    for one in made:
        assert one.schedule.is_due(timezone.now()).next > 0
        assert one.scheduler is getattr(one, rules.of(one).kind)  # type: ignore[union-attr]
        assert str(one).startswith(one.name)
    changed = PeriodicTasks.last_change()
    off.delete()
    assert PeriodicTasks.last_change() > changed
    entry = ModelEntry.from_entry("entry", app=app, task="tasks.add", schedule=7, args=(1, 2))
    assert rules.text(rules.of(entry.model)) == "every 7 seconds"  # type: ignore[arg-type]
    scheduler: Any = DatabaseScheduler(app, lazy=True)
    assert set(scheduler.all_as_schedule()) >= {"every 10 seconds", "sunset 52.52 13.405", "entry"}
    for model in (PeriodicTask, IntervalSchedule, CrontabSchedule, ClockedSchedule, SolarSchedule):
        registered = admin.site._registry[model]
        assert isinstance(registered, getattr(beat_admin, f"{model.__name__}Admin"))
        assert admin_client.get(f"/admin/django_celery_beat/{model._meta.model_name}/").status_code == 200
