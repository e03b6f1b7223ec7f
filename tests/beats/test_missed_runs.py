"""Beat is killed and stays away over ten due times: what each policy makes of them, and what is shown."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from apps.jobs import Job
from apps.jobs.tests.lives import purge
from apps.schedules.models import Absence, Firing, Timing
from apps.schedules.tests.making import change_url, make_schedule
from tests.beats.processes import BeatProcess
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults, pytest.mark.slow]

AWAY_SECONDS, WINDOW_SECONDS = 11, 5
PATIENCE = 60


@pytest.fixture
def schedules(no_others: None) -> Iterator[dict[str, PeriodicTask]]:
    """One for each policy, due each second. No worker takes their jobs, and none may find them afterwards."""
    made = {name: make_schedule(name, rule="every 1 seconds") for name in ("skip", "once", "all")}
    for name, schedule in made.items():
        Timing.objects.filter(pk=schedule.pk).update(missed=name, missed_window_seconds=WINDOW_SECONDS)
    yield made
    purge()


def fired(schedule: PeriodicTask, since: datetime) -> int:
    """How many of its due times since then fired in time."""
    found = Firing.objects.filter(schedule=schedule, outcome="fired", caught_up=False)
    return found.filter(due_at__gte=since).count()


def run_beat(schedules: dict[str, PeriodicTask]) -> datetime:
    """Until each schedule has fired three times; then it is killed. Returns when it had started."""
    beat = BeatProcess()
    beat.start()
    began = timezone.now()
    try:
        for schedule in schedules.values():
            wait_until(lambda one=schedule: fired(one, began) >= 3, PATIENCE, "beat to fire")  # type: ignore[misc]
    finally:
        beat.kill()
    return began


def history(schedule: PeriodicTask) -> list[Firing]:
    return list(Firing.objects.filter(schedule=schedule).order_by("due_at"))


def around(schedule: PeriodicTask) -> tuple[Firing, list[Firing]]:
    """The row of those that were passed over, and those that were caught up."""
    (missed,) = Firing.objects.filter(schedule=schedule, outcome="missed")
    return missed, [one for one in history(schedule) if one.caught_up]


def test_each_policy_does_what_it_says(admin_client: Client, schedules: dict[str, PeriodicTask]) -> None:
    run_beat(schedules)
    away_since = timezone.now()
    back = away_since + timedelta(seconds=AWAY_SECONDS)
    wait_until(lambda: timezone.now() > back, PATIENCE, "ten due times to pass")
    run_beat(schedules)
    (absence,) = Absence.objects.all()
    absent = (absence.ended_at - absence.began_at).total_seconds()
    assert absent >= AWAY_SECONDS

    missed, caught_up = around(schedules["skip"])
    assert caught_up == []
    assert missed.count >= 10

    missed, caught_up = around(schedules["once"])
    assert [one.due_at - (missed.until or missed.due_at) for one in caught_up] == [timedelta(seconds=1)]
    assert missed.count >= 9

    missed, caught_up = around(schedules["all"])
    assert WINDOW_SECONDS - 1 <= len(caught_up) <= WINDOW_SECONDS + 1
    assert all(one.decided_at - one.due_at <= timedelta(seconds=WINDOW_SECONDS) for one in caught_up)
    assert missed.count >= 10 - len(caught_up)

    for schedule in schedules.values():
        check_that_all_are_told(schedule)
        check_page(admin_client, schedule)


def check_that_all_are_told(schedule: PeriodicTask) -> None:
    """Every due time has its place in the history, once, and each that fired has one job."""
    rows = history(schedule)
    second = timedelta(seconds=1)
    assert all(after.due_at - (before.until or before.due_at) == second for before, after in pairwise(rows))
    jobs = [one.job for one in rows if one.outcome == "fired"]
    assert len(set(jobs)) == len(jobs) == Job.objects.filter(id__in=jobs, schedule=schedule.name).count()


def check_page(client: Client, schedule: PeriodicTask) -> None:
    """The newest twenty rows of its history."""
    page = client.get(change_url(schedule))
    missed, caught_up = around(schedule)
    shown = {str(cell) for row in page.context["recent_firings"]["rows"] for cell in row}
    assert any(re.search(rf"\b{missed.count} due times until", text) for text in shown)
    text = page.content.decode()
    assert text.count("caught up: no beat was alive then") == len(caught_up)
    assert "missed" in text
