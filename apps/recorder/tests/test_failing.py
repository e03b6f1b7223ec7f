"""The event of a failed job: told once, for good failures alone, and never in a circle."""

from typing import Any

import pytest
from django.db import connection

from apps.jobs import failing, submit
from apps.jobs.errors import ArgumentError
from apps.jobs.models import Event, Job
from apps.jobs.tests.making import failure, job
from apps.jobs.tests.many import JOBS
from apps.messaging.subscribing import Fact
from apps.notification.subscribers import tell_of_failure
from tests.waiting import WorkerProcess, ended, wait_until

pytestmark = pytest.mark.django_db


def told() -> list[str]:
    return list(Event.objects.filter(topic=failing.TOPIC).order_by("pk").values_list("facts__job", flat=True))


@pytest.mark.django_db(transaction=True)
def test_a_job_that_fails_for_good_is_told_and_others_are_not(worker: WorkerProcess) -> None:
    good = submit("apps.jobs.tests.sample_tasks.add_task", args=[1])
    later = submit("apps.jobs.tests.sample_tasks.stumble_task", args=[1])
    bad = submit("apps.jobs.tests.sample_tasks.stumble_task", args=[99], tags=["wet"])
    for found in (good, later, bad):
        ended(found.id)
    wait_until(told)
    (event,) = Event.objects.all()
    facts = event.facts
    assert (facts["job"], facts["task"], facts["tags"]) == (bad.id, bad.task, ["wet"])
    assert (facts["reason"], facts["error"]) == ("error", "TemporaryError: not yet")
    assert facts["attempts"] > 1
    assert event.published_at is None


def test_told_again_it_is_one_event_until_it_fails_anew() -> None:
    row = failure("wet")
    for _ in range(2):
        failing.tell([row.id])
    assert told() == [row.id]
    Job.objects.filter(id=row.id).update(version=row.version + 1)
    failing.tell([row.id])
    assert told() == [row.id] * 2


def test_a_job_that_did_not_fail_is_not_told(django_assert_num_queries: Any) -> None:
    failing.tell([job().id, "nobody"])
    assert told() == []
    with django_assert_num_queries(0):
        failing.tell([])


def test_what_comes_of_a_failure_is_not_told() -> None:
    """Neither the subscriber's own job, nor one that it has submitted."""
    subscriber = failure("wet", id="event:1:notices:0", source="event", tags=[failing.TOPIC])
    notice = failure("wet", id="notice", root=subscriber.id)
    other = failure("wet", id="event:2:reports:0", source="event", tags=["report.ready"])
    failing.tell([subscriber.id, notice.id, other.id])
    assert told() == [other.id]


def test_an_id_as_long_as_it_gets_fits() -> None:
    row = failure("wet", id="x" * 255)
    failing.tell([row.id])
    assert told() == [row.id]


def test_people_are_told_of_a_task_once_an_hour(settings: Any, staff: Any) -> None:
    settings.FAILURE_NOTICES_TO = ["alice"]
    rows = [failure("wet \x1b[31m", id=f"job {n}") for n in range(3)]
    failing.tell([row.id for row in rows])
    for event in Event.objects.all():
        tell_of_failure(Fact(event.pk, event.topic, event.facts, event.occurred_at))
    first = Event.objects.latest("occurred_at", "pk").facts["job"]
    (notice,) = Job.objects.filter(task__endswith="send_notification_task")
    assert notice.kwargs is not None
    assert notice.kwargs["url"] == f"/jobs/{first.replace(' ', '%20')}/"
    assert (notice.kwargs["recipient"], notice.kwargs["severity"]) == ("alice", "error")
    assert "wet  [31m" in notice.kwargs["message"]
    assert notice.kwargs["title"].endswith(" failed")


def test_one_who_is_not_there_keeps_nobody_from_being_told(settings: Any, staff: Any) -> None:
    settings.FAILURE_NOTICES_TO = ["", "alice"]
    failing.tell([failure("wet").id])
    event = Event.objects.get()
    with pytest.raises(ArgumentError, match="recipient"):
        tell_of_failure(Fact(event.pk, event.topic, event.facts, event.occurred_at))
    notices = Job.objects.filter(task__endswith="send_notification_task")
    assert [notice.kwargs["recipient"] for notice in notices if notice.kwargs] == ["alice"]


def test_it_finds_its_jobs_by_an_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute(JOBS, [5000, 5000])
        cursor.execute("ANALYZE jobs_job")
        cursor.execute(f"EXPLAIN {failing.TELL}", [["a", "b"]])
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Seq Scan on jobs_job " not in plan
