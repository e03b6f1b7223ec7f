"""Which schedules fire between two times, and firing them without a beat."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.schedules.models import Firing, Timing
from apps.schedules.policies import Overlap
from apps.schedules.tests.making import make_schedule
from apps.testing.collected import Jobs
from apps.testing.timetable import Due, Timetable

pytest_plugins = ["apps.testing.plugin"]

NOON = datetime(2030, 5, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_due_times_are_told_and_nothing_fires(timetable: Timetable) -> None:
    make_schedule("nightly", "0 2 * * *")
    make_schedule("hourly", "every 6 hours")
    make_schedule("off", "0 3 * * *", enabled=False)
    due = timetable.at(NOON).due_until(NOON + DAY)
    assert [(one.schedule, (one.at - NOON) / HOUR) for one in due] == [
        ("hourly", 6), ("hourly", 12), ("nightly", 14), ("hourly", 18), ("hourly", 24),
    ]  # fmt: skip
    assert timetable.due_until(NOON + DAY, "nightly") == [Due(NOON + 14 * HOUR, "nightly")]
    assert not Firing.objects.exists()


def test_jobs_are_fired_as_a_beat_does(timetable: Timetable, jobs: Jobs) -> None:
    schedule = make_schedule("nightly", "0 2 * * *", kwargs={"left": 4})
    Timing.objects.update(jitter_seconds=600)
    fired = timetable.at(NOON).fire_until(NOON + 3 * DAY)
    assert [(job.schedule, job.source, job.kwargs) for job in fired] == [
        ("nightly", "schedule", {"left": 4})
    ] * 3
    assert list(Firing.objects.values_list("due_at", flat=True).order_by("due_at")) == [
        NOON + 14 * HOUR + days * DAY for days in range(3)
    ]
    assert [ran.result for ran in jobs.run_pending()] == [5] * 3
    assert timetable.fire_until(NOON + 3 * DAY) == []
    schedule.kwargs = '{"left": 6}'
    schedule.save()
    assert [ran.result for ran in timetable.run_until(NOON + 4 * DAY)] == [7]


def test_overlaps_are_decided_on_and_jobs_that_run_first_are_none(timetable: Timetable) -> None:
    make_schedule("nightly", "0 2 * * *")
    Timing.objects.update(overlap=Overlap.SKIP)
    assert len(timetable.at(NOON).fire_until(NOON + 3 * DAY)) == 1
    assert len(timetable.run_until(NOON + 3 * DAY)) == 0
    assert len(timetable.jobs.run_pending()) == 1
    assert len(timetable.run_until(NOON + 6 * DAY)) == 3


def test_mistakes_are_told(timetable: Timetable, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="timetable.at"):
        timetable.due_until(NOON)
    with pytest.raises(ValueError, match="with a zone"):
        timetable.at(datetime(2030, 5, 1))  # noqa: DTZ001 - that is what is wrong
    with pytest.raises(ValueError, match="no enabled schedule is named 'nightly'"):
        timetable.at(NOON).due_until(NOON + DAY, "nightly")
    make_schedule("wrong", "0 2 * * *", kwargs={"lefft": 1})
    with pytest.raises(AssertionError, match="wrong: ArgumentError: lefft"):
        timetable.fire_until(NOON + DAY)
    monkeypatch.setattr("apps.testing.timetable.FIRINGS_MOST", 5)
    make_schedule("often", "every 1 minutes")
    with pytest.raises(AssertionError, match="5 due times, and no end"):
        timetable.due_until(NOON + 3 * DAY, "often")
