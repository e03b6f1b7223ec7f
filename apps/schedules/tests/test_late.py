"""What is due for too long, and whose fault that is."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from apps.schedules import pausing, watching
from apps.schedules.models import Absence, Beat, Timing
from apps.schedules.tests.test_watching import due, known, told, topics

pytestmark = pytest.mark.django_db


def beat_lives(seconds_ago: float = 0) -> None:
    """The last sign of life of a beat."""
    now = timezone.now()
    Beat.objects.update_or_create(
        instance="a", defaults={"started_at": now, "ticked_at": now - timedelta(seconds=seconds_ago)}
    )


def test_what_is_due_for_too_long_is_late_once() -> None:
    beat_lives()
    schedule, fine = known(), known("fine")
    moment = due(schedule, 61)
    due(fine, 50)
    for _ in range(3):
        watching.look_for_late()
    (facts,) = told("late")
    assert (facts["schedule"], facts["id"], facts["due"]) == ("nightly", schedule.pk, moment.isoformat())
    assert 61 <= facts["seconds"] < 70


def test_nothing_is_late_while_no_beat_lives() -> None:
    """What became due before the last sign of life, or after it: `schedule.beat_absent` tells it all."""
    beat_lives(100)
    for number in range(5):
        due(known(f"s{number}"), 30 * (number + 1))
    for _ in range(2):
        watching.look_for_late()
        watching.look_for_beat()
    assert topics() == ["beat_absent"]


def test_a_beat_that_came_back_has_its_time_before_anything_is_late() -> None:
    now = timezone.now()
    due(known(), 3000)
    back = Absence.objects.create(began_at=now - timedelta(hours=1), ended_at=now - timedelta(seconds=59))
    beat_lives()
    watching.look_for_late()
    assert topics() == []
    Absence.objects.filter(pk=back.pk).update(ended_at=now - timedelta(seconds=61))
    watching.look_for_late()
    assert topics() == ["late"]


def test_each_due_time_is_late_by_itself() -> None:
    beat_lives()
    schedule = known()
    for seconds in (300, 200, 100):
        due(schedule, seconds)
        watching.look_for_late()
    assert len(told("late")) == 3


def test_what_becomes_late_between_two_looks_is_told_whatever_its_order() -> None:
    beat_lives()
    first, second = known("first"), known("second")
    due(first, 70)
    watching.look_for_late()
    due(second, 90)
    watching.look_for_late()
    assert [facts["schedule"] for facts in told("late")] == ["first", "second"]


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.update(enabled=False),
        pausing.pause,
        lambda found: Timing.objects.update(stale="edited", stale_since=timezone.now()),
        lambda found: Timing.objects.update(next_run_at=None),
    ],
)
def test_what_is_off_paused_or_just_edited_is_not_late(change: Callable[[Any], Any]) -> None:
    beat_lives()
    due(known(), 3600)
    change(PeriodicTask.objects.all())
    watching.look_for_late()
    assert topics() == []


def test_when_late_begins_is_a_setting(settings: Any) -> None:
    settings.SCHEDULE_LATE_SECONDS = 600
    beat_lives()
    due(known(), 500)
    watching.look_for_late()
    assert topics() == []
