"""What goes wrong with schedules becomes an event, once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from apps.jobs import duties
from apps.jobs.models import Event, Job
from apps.jobs.reading.ends import End, failed_since, latest_ends
from apps.jobs.tests.making import failure, job
from apps.jobs.tests.many import rows_read
from apps.schedules import condition, watching
from apps.schedules.models import Beat, Firing, Streak, Timing
from apps.schedules.tests.making import make_schedule
from apps.schedules.timetable.renewing import renew_stale

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def known(name: str = "nightly", rule: str = "every 3600 seconds", **fields: Any) -> PeriodicTask:
    """A schedule that a beat has seen."""
    schedule = make_schedule(name, rule=rule, **fields)
    renew_stale()
    return schedule


def due(schedule: PeriodicTask, seconds_ago: float) -> datetime:
    moment = timezone.now() - timedelta(seconds=seconds_ago)
    Timing.objects.filter(pk=schedule.pk).update(next_run_at=moment)
    return moment


def told(topic: str = "") -> list[dict[str, Any]]:
    found = Event.objects.filter(topic=f"schedule.{topic}").order_by("id")
    return list(found.values_list("facts", flat=True))


def topics() -> list[str]:
    found = Event.objects.order_by("id").values_list("topic", flat=True)
    return [topic.removeprefix("schedule.") for topic in found]


# missed


def fired(schedule: PeriodicTask, outcome: str, minutes_ago: float = 1, **columns: Any) -> Firing:
    moment = timezone.now() - minutes_ago * MINUTE
    return Firing.objects.create(
        schedule=schedule, due_at=moment, decided_at=moment, outcome=outcome, **columns
    )


def test_each_firing_that_was_passed_over_is_missed_once() -> None:
    schedule = known()
    for number, outcome in enumerate(["missed", "late", "fired", "overlap", "error", "waiting"]):
        fired(schedule, outcome, number + 1, count=number + 1)
    for _ in range(2):
        watching.look_for_missed()
    fired(schedule, "missed", 0)
    watching.look_for_missed()
    found = told("missed")
    assert [(facts["outcome"], facts["count"]) for facts in found] == [
        ("late", 2),
        ("missed", 1),
        ("missed", 1),
    ]
    assert {facts["schedule"] for facts in found} == {"nightly"}


def test_a_firing_that_was_written_late_is_found_too() -> None:
    schedule = known()
    fired(schedule, "missed", 1)
    watching.look_for_missed()
    fired(schedule, "missed", 2)
    watching.look_for_missed()
    assert len(told("missed")) == 2


def test_what_was_missed_long_ago_is_history() -> None:
    fired(known(), "missed", 60 * 25)
    watching.look_for_missed()
    assert topics() == []


# failing


def ended(state: str, minutes_ago: float, schedule: str = "nightly") -> Job:
    moment = timezone.now() - minutes_ago * MINUTE
    return job(state, schedule=schedule, created=moment - MINUTE, done=moment)


def test_failures_in_a_row_are_told_once_and_so_is_the_end_of_them() -> None:
    schedule = known()
    ended("SUCCESS", 60)
    first = ended("FAILURE", 50)
    ended("FAILURE", 40)
    watching.look_for_failing()
    assert topics() == []
    last = ended("FAILURE", 30)
    watching.look_for_failing()
    ended("FAILURE", 20)
    watching.look_for_failing()
    (facts,) = told("failing")
    assert (facts["first_job"], facts["last_job"], facts["failures"]) == (first.id, last.id, 3)
    streak = Streak.objects.get()
    assert (streak.periodic_task, streak.failures, streak.began_at) == (schedule, 4, first.finished_at)

    ended("SUCCESS", 10)
    for _ in range(2):
        watching.look_for_failing()
    (facts,) = told("recovered")
    assert (facts["schedule"], facts["failures"]) == ("nightly", 4)
    assert not Streak.objects.exists()


def test_a_second_streak_is_told_again() -> None:
    known()
    for minutes in (60, 50, 40):
        ended("FAILURE", minutes)
    watching.look_for_failing()
    ended("SUCCESS", 35)
    watching.look_for_failing()
    for minutes in (30, 20, 10):
        ended("FAILURE", minutes)
    watching.look_for_failing()
    assert topics() == ["failing", "recovered", "failing"]


def test_a_success_and_a_failure_between_two_looks_end_a_streak() -> None:
    known()
    for minutes in (60, 50, 40):
        ended("FAILURE", minutes)
    watching.look_for_failing()
    ended("SUCCESS", 30)
    ended("FAILURE", 20)
    watching.look_for_failing()
    assert topics() == ["failing", "recovered"]


def test_a_job_that_was_cancelled_or_still_runs_says_nothing() -> None:
    known()
    for minutes, state in ((60, "FAILURE"), (50, "FAILURE"), (40, "REVOKED"), (30, "STARTED")):
        ended(state, minutes)
    watching.look_for_failing()
    assert topics() == []
    ended("FAILURE", 20)
    ended("REVOKED", 10)
    watching.look_for_failing()
    assert topics() == ["failing"]
    assert told("failing")[0]["failures"] == 3


def test_jobs_of_no_schedule_or_of_one_that_is_gone_are_no_streak() -> None:
    for minutes in (60, 50, 40):
        ended("FAILURE", minutes, schedule="gone")
        failure(created=timezone.now() - minutes * MINUTE)
    watching.look_for_failing()
    assert topics() == []


def test_how_many_failures_are_too_many_is_a_setting(settings: Any) -> None:
    settings.SCHEDULE_FAILING_COUNT = 2
    known()
    for minutes in (60, 50):
        ended("FAILURE", minutes)
    watching.look_for_failing()
    assert topics() == ["failing"]


def test_a_streak_goes_with_its_schedule() -> None:
    schedule = known()
    for minutes in (60, 50, 40):
        ended("FAILURE", minutes)
    watching.look_for_failing()
    schedule.delete()
    watching.look_for_failing()
    assert topics() == ["failing"]
    assert not Streak.objects.exists()


@pytest.mark.parametrize(
    ("states", "count"), [([], 0), (["FAILURE"], 1), (["FAILURE", "SUCCESS", "FAILURE"], 1), (["SUCCESS"], 0)]
)
def test_a_streak_is_what_failed_since_the_last_success(states: list[str], count: int) -> None:
    ends = [End(f"job-{number}", state, NOON) for number, state in enumerate(states)]
    assert len(watching.failures(ends)) == count


# beat


@pytest.fixture
def beats() -> Callable[[float], Beat]:
    def tick(seconds_ago: float) -> Beat:
        moment = timezone.now() - timedelta(seconds=seconds_ago)
        beat, _ = Beat.objects.update_or_create(
            instance=f"beat {seconds_ago}", defaults={"started_at": moment, "ticked_at": moment}
        )
        return beat

    return tick


def test_an_absence_of_beat_is_told_once_and_so_is_its_end(beats: Callable[[float], Beat]) -> None:
    known()
    last = beats(75)
    for _ in range(3):
        watching.look_for_beat()
    (facts,) = told("beat_absent")
    assert facts["since"] == last.ticked_at.isoformat()
    assert 75 <= facts["seconds"] < 85
    beats(1)
    for _ in range(2):
        watching.look_for_beat()
    (facts,) = told("beat_back")
    assert facts["since"] == last.ticked_at.isoformat()
    assert 70 <= facts["seconds"] < 80


def test_each_absence_is_told(beats: Callable[[float], Beat]) -> None:
    known()
    for seconds in (300, 1):
        beats(seconds)
        watching.look_for_beat()
    Beat.objects.update(ticked_at=timezone.now() - timedelta(seconds=100))
    watching.look_for_beat()
    assert topics() == ["beat_absent", "beat_back", "beat_absent"]


def test_one_living_beat_is_enough(beats: Callable[[float], Beat]) -> None:
    known()
    beats(500)
    beats(2)
    watching.look_for_beat()
    assert topics() == []


def test_without_an_enabled_schedule_no_beat_is_needed(beats: Callable[[float], Beat]) -> None:
    known(enabled=False)
    beats(500)
    watching.look_for_beat()
    assert topics() == []


def test_a_new_site_without_beat_is_told_once_a_schedule_has_waited_long_enough() -> None:
    make_schedule()
    watching.look_for_beat()
    assert topics() == []
    Timing.objects.update(stale_since=timezone.now() - timedelta(seconds=70))
    watching.look_for_beat()
    assert topics() == ["beat_absent"]


# what it costs

SCHEDULES, JOBS = 10_000, 50_000
MAKE_SCHEDULES = """
INSERT INTO django_celery_beat_periodictask (name, task, interval_id, args, kwargs, headers, enabled,
    total_run_count, one_off, description, date_changed)
SELECT 'many ' || n, 'shop.tasks.sell_task', %s, '[]', '{}', '{}', true, 0, false, '', now()
FROM generate_series(1, %s) AS n
"""
MAKE_TIMINGS = """
UPDATE schedules_timing SET stale = '', stale_since = NULL,
    next_run_at = now() + (periodic_task_id %% 10000) * interval '1 second' - %s * interval '1 second'
"""
MAKE_FIRINGS = """
INSERT INTO schedules_firing (schedule_id, due_at, count, decided_at, outcome, caught_up, job, cancels, note)
SELECT id, now() - n * interval '1 minute', 1, now() - n * interval '1 minute',
    CASE WHEN n = 3 AND id % 1000 = 0 THEN 'missed' ELSE 'fired' END, false, '', '', ''
FROM django_celery_beat_periodictask, generate_series(1, 3) AS n
"""
MAKE_JOBS = """
INSERT INTO jobs_job (id, task, queue, state, reason, redacted, error, note, attempts, worker, instance,
    submitted_at, finished_at, schedule, submitter, source, key, tags, resends, version)
SELECT 'j' || n, 'shop.tasks.sell_task', 'default', CASE WHEN n %% 1000 = 0 THEN 'FAILURE' ELSE 'SUCCESS' END,
    '', '{}', '', '', 1, '', '', now() - n * interval '1 second', now() - n * interval '1 second',
    CASE WHEN n %% 2 = 0 THEN 'many ' || n %% 5000 ELSE '' END, '', 'schedule', '', '{}', 0, 0
FROM generate_series(1, %s) AS n
"""


@pytest.fixture
def many() -> None:
    schedule = known()
    with connection.cursor() as cursor:
        cursor.execute(MAKE_SCHEDULES, [schedule.interval_id, SCHEDULES])
        cursor.execute(MAKE_TIMINGS, [65])
        cursor.execute(MAKE_FIRINGS)
        cursor.execute(MAKE_JOBS, [JOBS])
        for table in ("jobs_job", "schedules_timing", "schedules_firing", "django_celery_beat_periodictask"):
            cursor.execute(f"ANALYZE {table}")


LOOKS = [watching.look_for_late, watching.look_for_missed, watching.look_for_failing, watching.look_for_beat]


@pytest.mark.slow
def test_a_look_reads_what_happened_and_not_what_there_is(many: None) -> None:
    for look in LOOKS:
        look()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE schedules_streak")
    with CaptureQueriesContext(connection) as asked:
        for look in LOOKS:
            look()
        condition.trouble()
    selects = [query["sql"] for query in asked if query["sql"].lstrip("\n(").startswith("SELECT")]
    reads = {sql: rows_read(sql) for sql in selects}
    assert any("UNION ALL" in sql for sql in selects)
    assert len(reads) >= 8
    assert max(reads.values()) <= 200, max(reads, key=lambda sql: reads[sql])


@pytest.mark.slow
def test_the_last_ends_of_a_schedule_are_found_by_the_index(many: None) -> None:
    with CaptureQueriesContext(connection) as asked:
        found = latest_ends(["many 4", "many 1000", "none"], 3)
    assert [end.state for end in found["many 1000"]][:1] == ["FAILURE"]
    assert [len(ends) for ends in found.values()] == [3, 3]
    assert rows_read(asked[0]["sql"]) <= 6
    assert set(failed_since(timezone.now() - timedelta(hours=1))) == {"many 1000", "many 2000", "many 3000"}


def test_the_recorder_does_all_four() -> None:
    for name in ("late", "missed", "failing", "beat"):
        work = duties.REGISTERED[f"schedules.{name}"].load()
        assert work is getattr(watching, f"look_for_{name}")
