"""Nothing is lost between the commit and the broker, and nobody waits for the broker."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connections, transaction

from apps.jobs import confirming, publishing, submit, submit_many
from apps.jobs.models import Job
from apps.jobs.publishing import flush, publisher
from apps.jobs.tests.ledger import drain, own_stream  # noqa: F401
from apps.jobs.tests.mailbox import Line, empty, letters
from apps.jobs.tests.sample_tasks import add_task
from apps.recorder.relaying import Relaying
from tests.waiting import of_test_database, wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("no_others", "own_stream"),
]


@pytest.fixture(autouse=True)
def own_publisher(own_stream: None) -> Iterator[None]:  # noqa: F811
    """Of this test alone: another's has a connection already, or a pause after a failure."""
    empty()
    publishing._publisher.clear()
    yield
    assert flush()
    publishing._publisher.clear()
    empty()


def waiting() -> set[str]:
    return set(Job.objects.filter(outbox__isnull=False).values_list("id", flat=True))


def relay() -> None:
    relaying = Relaying(threading.Event())
    relaying.publish_batch(ahead_seconds=60)
    relaying.disconnect()


@contextmanager
def lost_broker(broker: str) -> Iterator[Line]:
    line = Line(broker)
    line.cut()
    with line.leading_there():
        yield line


def test_a_committed_job_is_published_once_and_leaves_the_outbox() -> None:
    job = submit(add_task, args=[1], kwargs={"right": 2})
    assert flush()
    drain()
    found = letters()
    assert [(letter.id, letter.queue, letter.body[:2]) for letter in found] == [
        (job.id, "default", [[1], {"right": 2}])
    ]
    row = Job.objects.get()
    assert (row.outbox, row.state) == (None, "PENDING")
    assert row.published_at is not None


def test_a_job_is_published_only_after_the_commit() -> None:
    with transaction.atomic():
        job = submit(add_task, args=[1])
        flush()
        assert letters() == []
    flush()
    assert [letter.id for letter in letters()] == [job.id]


def test_a_rollback_publishes_nothing() -> None:
    with transaction.atomic():
        submit(add_task, args=[1])
        submit_many(add_task, [[1], [2]])
        transaction.set_rollback(True)
    flush()
    assert (letters(), Job.objects.count()) == ([], 0)


def test_a_rolled_back_part_of_a_transaction_publishes_nothing() -> None:
    with transaction.atomic():
        kept = submit(add_task, args=[1])
        with transaction.atomic():
            submit(add_task, args=[2])
            transaction.set_rollback(True)
    flush()
    assert [letter.id for letter in letters()] == [kept.id]


def test_many_are_published_in_windows() -> None:
    jobs = submit_many(add_task, [[n] for n in range(1200)])
    assert flush(30)
    drain()
    assert {letter.id for letter in letters()} == {job.id for job in jobs}
    assert waiting() == set()


def test_a_broker_that_is_away_makes_nobody_wait_and_loses_nothing(
    broker: str, caplog: pytest.LogCaptureFixture
) -> None:
    with lost_broker(broker):
        submit(add_task, args=[0])
        began = time.monotonic()
        jobs = [submit(add_task, args=[n]) for n in range(5)]
        assert time.monotonic() - began < 0.5
        assert flush(10)
    assert {job.id for job in jobs} <= waiting()
    assert "left to the recorder" in caplog.text
    relay()
    assert len(letters()) == 6
    assert waiting() == set()


def test_a_broker_that_hangs_makes_nobody_wait(broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirming, "CONFIRM_SECONDS", 1)
    with Line(broker).leading_there() as line:
        submit(add_task, args=[0])
        flush()
        line.held.set()
        began = time.monotonic()
        job = submit(add_task, args=[1])
        assert time.monotonic() - began < 0.2
        assert flush(10)
    drain()
    assert waiting() == {job.id}


def test_after_a_failure_jobs_are_left_to_the_relay_for_a_while(
    broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "BREAK_SECONDS", 0.5)
    with lost_broker(broker):
        submit(add_task, args=[1])
        flush(10)
    left = submit(add_task, args=[2])
    assert flush()
    assert left.id in waiting()
    wait_until(lambda: time.monotonic() > publisher().broken_until)
    submit(add_task, args=[3])
    flush()
    assert [letter.body[0] for letter in letters()] == [[3]]


def test_whoever_leaves_a_job_wakes_the_relay(broker: str) -> None:
    with connections["default"].cursor() as cursor:
        cursor.execute(f"LISTEN {publishing.OUTBOX_CHANNEL}")
    publisher().broken_until = time.monotonic() + 60
    submit(add_task, args=[1])
    raw: Any = connections["default"].connection
    assert [said.channel for said in raw.notifies(timeout=5, stop_after=1)] == [publishing.OUTBOX_CHANNEL]


def test_what_no_queue_takes_stays_and_is_logged(settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.CELERY_TASK_DEFAULT_EXCHANGE = "amq.fanout"  # which nothing is bound to
    job = submit(add_task, args=[1])
    flush()
    drain()
    assert waiting() == {job.id}
    assert f"job {job.id} was not published: no queue is bound" in caplog.text


def test_a_queue_that_is_gone_spoils_no_other_job(caplog: pytest.LogCaptureFixture) -> None:
    jobs = submit_many(add_task, [[n] for n in range(4)])
    flush()
    letters()
    Job.objects.update(outbox={})
    Job.objects.filter(id=jobs[0].id).update(queue="gone")
    relay()
    assert len(letters()) == 3
    assert waiting() == {jobs[0].id}


def test_a_redis_that_is_away_is_no_reason_to_publish_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "note_published", lambda ids: False)
    submit(add_task, args=[1])
    flush()
    assert waiting() == set()
    relay()
    assert len(letters()) == 1


SCRIPT = """
import os, django; django.setup()
from apps.jobs import submit
from apps.jobs.publishing import flush
from django.db import transaction
with transaction.atomic():
    job = submit("apps.jobs.tests.sample_tasks.add_task", args=[1])
    {inside}
print(job.id, flush=True)
{after}
"""


def run(inside: str = "", after: str = "") -> str:
    """A process of its own; returns what it printed."""
    environment = os.environ | of_test_database() | {"DJANGO_SETTINGS_MODULE": "project.settings"}
    code = "import apps.jobs.tests.sample_tasks\n".join(
        SCRIPT.format(inside=inside, after=after).split("from apps.jobs import submit\n", 1)
    )
    code = code.replace("import apps.jobs.tests", "from apps.jobs import submit\nimport apps.jobs.tests")
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout.strip()


def test_a_process_that_dies_right_after_the_commit_loses_nothing() -> None:
    job_id = run(after="os._exit(9)")
    assert waiting() == {job_id}
    relay()
    assert [letter.id for letter in letters()] == [job_id]
    relay()
    assert letters() == []


def test_a_process_that_dies_before_the_commit_leaves_nothing() -> None:
    run(inside="os._exit(9)")
    relay()
    assert (letters(), Job.objects.count()) == ([], 0)


def test_a_process_that_ends_publishes_first() -> None:
    job_id = run()
    assert [letter.id for letter in letters()] == [job_id]


def in_child(work: Any) -> int:
    """Runs it in a fork, as a server that preloads its application does; returns the exit code."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            connections.close_all()
            code = 0 if work() else 2
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_publishes_over_a_connection_of_its_own() -> None:
    first = submit(add_task, args=[1])
    flush()
    parent = publisher()

    def work() -> bool:
        submit_many(add_task, [[2], [3]])
        return flush() and publisher() is not parent

    connections.close_all()
    assert [in_child(work) for _ in range(3)] == [0, 0, 0]
    last = submit(add_task, args=[4])
    assert flush()
    assert publisher() is parent
    assert parent.broken_until == 0  # its connection was never broken
    found = letters()
    assert len(found) == 8
    assert {first.id, last.id} <= {letter.id for letter in found}
    drain()
    assert waiting() == set()


def test_flush_waits_for_what_was_handed_over_at_any_moment() -> None:
    for n in range(30):
        submit(add_task, args=[n])
        assert flush()
        assert publisher().waiting.empty()
    assert len(letters()) == 30


def test_an_idle_publisher_gives_its_connection_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "IDLE_SECONDS", 0.2)
    submit(add_task, args=[1])
    flush()
    wait_until(lambda: publisher().window is None)
    submit(add_task, args=[2])
    flush()
    assert len(letters()) == 2
