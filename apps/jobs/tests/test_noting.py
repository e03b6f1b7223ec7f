"""What publishers tell the ledger: a plain `.delay()`, and that a job was published."""

import time
from typing import Any

import pytest
from celery import chain, chord, current_app, group
from celery.signals import after_task_publish
from django.utils import timezone

from apps.jobs import noting
from apps.jobs.models import Job
from apps.jobs.noting import append, note_published
from apps.jobs.results import LedgerBackend
from apps.jobs.tests.ledger import drain, entries, kinds, own_stream  # noqa: F401
from apps.jobs.tests.mailbox import empty, letters
from apps.jobs.tests.sample_tasks import add_task

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("no_others", "own_stream", "emptied"),
]


@pytest.fixture
def emptied(no_others: None) -> Any:
    noting._silent_until[0] = 0
    empty()
    yield
    empty()


def test_a_plain_delay_is_in_the_ledger_as_queued() -> None:
    result = add_task.delay(1, right=2)
    drain()
    job = Job.objects.get()
    assert (job.id, job.task, job.state, job.queue) == (result.id, add_task.name, "PENDING", "default")
    assert (job.args, job.kwargs, job.priority, job.outbox) == ([1], {"right": 2}, None, None)
    assert job.published_at is not None
    assert abs(timezone.now() - job.submitted_at).total_seconds() < 10


def test_a_delayed_one_is_noted_with_its_times_and_its_queue() -> None:
    add_task.apply_async((1,), countdown=60, expires=600, queue="report")
    drain()
    job = Job.objects.get()
    assert job.queue == "report"
    assert job.eta is not None
    assert job.expires_at is not None
    assert 50 < (job.eta - timezone.now()).total_seconds() <= 61


def test_the_message_says_when_it_was_submitted() -> None:
    before = time.time()
    add_task.delay(1)
    (letter,) = letters()
    assert before <= letter.headers["submitted_at"] <= time.time()


def test_each_of_a_group_is_noted_with_the_group() -> None:
    result: Any = group(add_task.s(n) for n in range(3)).apply_async()
    drain()
    assert set(Job.objects.values_list("group", flat=True)) == {result.id}
    assert {job.id for job in Job.objects.all()} == {child.id for child in result.children}


def test_of_a_chain_the_first_is_noted() -> None:
    result: Any = chain(add_task.s(1), add_task.s(2)).apply_async()
    assert kinds() == ["submitted"]
    assert kinds(result.parent.id) == ["submitted"]


def test_of_a_chord_the_header_is_noted() -> None:
    chord([add_task.s(1), add_task.s(2)], add_task.s(3)).apply_async()
    assert kinds() == ["submitted", "submitted"]


def test_a_schedules_job_says_so() -> None:
    add_task.apply_async((1,), headers={"periodic_task_name": "every night"})
    drain()
    assert (Job.objects.get().schedule, Job.objects.get().source) == ("every night", "schedule")


def test_a_task_this_process_does_not_know_is_noted_too() -> None:
    current_app.send_task("somebody.elses", args=[1], queue="default")
    drain()
    assert (Job.objects.get().task, Job.objects.get().args) == ("somebody.elses", [1])


def test_a_further_message_of_a_job_is_no_new_job() -> None:
    more: dict[str, Any] = {"retries": 1}
    add_task.apply_async((1,), task_id="one", **more)
    assert entries() == []


def test_publishing_is_noted_for_many_at_once() -> None:
    assert note_published(f"job-{n}" for n in range(3))
    assert kinds() == ["published"] * 3
    assert note_published([])


def test_arguments_that_are_large_leave_a_note(settings: Any) -> None:
    settings.LEDGER_DOCUMENT_MAX_BYTES = 2000
    large: Any = "x" * 5000
    add_task.delay(large)
    drain()
    assert Job.objects.get().args is None


def test_what_postgresql_cannot_hold_is_noted_in_other_words() -> None:
    left: Any = "a\x00b"
    right: Any = float("nan")
    add_task.delay(left, right=right)
    drain()
    assert (Job.objects.get().args, Job.objects.get().kwargs) == (["a\\x00b"], {"right": "nan"})


class Away:
    """A Redis that can't be reached."""

    asked = 0

    def pipeline(self, **_: Any) -> Any:
        from redis.exceptions import ConnectionError as Lost

        Away.asked += 1
        raise Lost("nobody there")


def test_a_redis_that_is_away_stops_no_publisher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noting, "stream_redis", Away)
    began = time.monotonic()
    for _ in range(20):
        add_task.delay(1)
    assert time.monotonic() - began < 3
    assert len(letters()) == 20


def test_after_a_failure_it_is_quiet_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noting, "stream_redis", Away)
    Away.asked = 0
    assert not note_published(["one"])
    assert not note_published(["two"])
    assert Away.asked == 1
    monkeypatch.undo()
    noting._silent_until[0] = 0
    assert append([])


def test_other_receivers_of_the_signal_may_send_anything() -> None:
    bodies: list[Any] = [None, "text", {"args": []}, (1, 2)]
    for body in bodies:
        after_task_publish.send(sender="x", body=body, headers=None, routing_key="a", exchange="b")
    assert entries() == []


def test_without_our_backend_nothing_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LedgerBackend, "tells_the_ledger", False)
    add_task.delay(1)
    assert entries() == []
