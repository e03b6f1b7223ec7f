"""A round of beat goes on, whatever is wrong with one schedule or changed meanwhile."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from apps.jobs import Job
from apps.schedules.models import Firing, Timing
from apps.schedules.policies import FiringOutcome
from apps.schedules.scheduler import LOOK_SECONDS, LOST_DATABASE, seconds_until_next
from apps.schedules.tests.making import make_schedule
from apps.schedules.timetable.claiming import fire_due
from apps.schedules.timetable.releasing import release_waiting
from apps.schedules.timetable.renewing import renew_stale

pytestmark = pytest.mark.django_db(transaction=True)

HERE = "apps.schedules.tests.test_rounds"


class Mistaken:
    """Asks the database for what it has not."""

    def route(self, _task: str, _args: Any, kwargs: Any, _options: Any) -> None:
        if kwargs.get("left") == 13:
            with connection.cursor() as cursor:
                cursor.execute("SELECT queue FROM no_such_table")


class Quiet(Mistaken):
    """Hides its mistake, which the transaction knows."""

    def route(self, *asked: Any) -> None:
        with suppress(DatabaseError):
            super().route(*asked)


class Cut:
    """Loses the database meanwhile."""

    def route(self, *_: Any) -> None:
        connection.connection.close()


@pytest.fixture(autouse=True)
def no_publishing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.jobs.submitting.publish_soon", bool)


def due(name: str, left: int = 1, **policy: Any) -> PeriodicTask:
    schedule = make_schedule(name, "every 1 hours", kwargs={"left": left})
    renew_stale()
    due_at = timezone.now() - timedelta(seconds=1)
    Timing.objects.filter(pk=schedule.pk).update(next_run_at=due_at, anchor_at=due_at, **policy)
    return schedule


def told(schedule: PeriodicTask) -> tuple[str, str]:
    firing = Firing.objects.get(schedule=schedule)
    return firing.outcome, firing.note


@pytest.mark.parametrize(
    ("name", "policy", "words"),
    [
        ("Mistaken", {}, "RoutingError: queue: the router"),
        ("Mistaken", {"jitter_seconds": 9}, "no_such_table"),
        ("Quiet", {}, "InternalError"),
        ("Quiet", {"jitter_seconds": 9}, "InternalError"),
    ],
)
def test_a_router_that_fails_in_the_database_holds_up_nobody(
    settings: Any, name: str, policy: dict[str, Any], words: str
) -> None:
    settings.JOB_ROUTERS = [f"{HERE}.{name}"]
    bad, good = due("bad", 13, **policy), due("good")
    assert fire_due() == 2
    outcome, note = told(bad)
    assert (outcome, words in note) == (FiringOutcome.ERROR, True)
    assert (told(good)[0], Job.objects.get().schedule) == (FiringOutcome.FIRED, "good")


@pytest.mark.parametrize("name", ["Mistaken", "Quiet"])
def test_nor_when_it_fails_for_one_that_waited(settings: Any, name: str) -> None:
    settings.JOB_ROUTERS = [f"{HERE}.{name}"]
    bad, good = due("bad", 13), due("good")
    for schedule in (bad, good):
        Firing.objects.create(
            schedule=schedule, due_at=timezone.now(), decided_at=timezone.now(), outcome=FiringOutcome.WAITING
        )
    assert release_waiting() == 2
    assert (told(bad)[0], told(good)[0]) == (FiringOutcome.ERROR, FiringOutcome.FIRED)
    assert release_waiting() == 0


def test_a_database_that_is_lost_meanwhile_ends_the_round_and_loses_nothing(settings: Any) -> None:
    settings.JOB_ROUTERS = [f"{HERE}.Cut"]
    due("one")
    with pytest.raises(LOST_DATABASE):
        fire_due()
    connection.close()
    settings.JOB_ROUTERS = []
    assert not Firing.objects.exists()
    assert fire_due() == 1


def test_what_was_switched_off_does_not_fire_before_beat_has_looked_at_it() -> None:
    off, changed, other = due("off"), due("changed"), due("other")
    due_at = Timing.objects.get(pk=changed.pk).next_run_at
    PeriodicTask.objects.filter(pk=off.pk).update(enabled=False)
    PeriodicTask.objects.filter(pk=changed.pk).update(expires=timezone.now() + timedelta(days=1))
    assert fire_due() == 1
    assert Firing.objects.get().schedule == other
    assert seconds_until_next() == LOOK_SECONDS  # beat has to wait for whoever holds the others
    renew_stale()
    assert fire_due() == 1
    assert Firing.objects.get(schedule=changed).due_at == due_at
    assert not Firing.objects.filter(schedule=off).exists()
