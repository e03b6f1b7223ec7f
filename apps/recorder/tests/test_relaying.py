"""The recorder publishes what nobody else did."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone
from kombu import Connection

from apps.jobs import submit, submit_many
from apps.jobs.models import Job
from apps.jobs.publishing import OUTBOX_CHANNEL
from apps.recorder.relaying import Relaying
from tests.waiting import wait_until

TASK = "apps.jobs.tests.sample_tasks.add_task"

pytestmark = pytest.mark.usefixtures("no_others", "transactional_db", "quiet", "silent")


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the process died between commit and publish."""
    monkeypatch.setattr("apps.jobs.submitting.publish_soon", lambda jobs: None)


@pytest.fixture
def quiet(broker: str) -> Iterator[None]:
    """Nobody takes what is published: it goes to a queue without a worker."""
    purge()
    yield
    purge()


@pytest.fixture
def relay() -> Iterator[Relaying]:
    found = Relaying(threading.Event())
    yield found
    found.disconnect()


def purge() -> int:
    from project.celery import app

    with app.connection_for_write() as found:
        return int(app.amqp.queues["data"].bind(found.default_channel).purge() or 0)


def overdue(**values: Any) -> None:
    Job.objects.update(relay_at=timezone.now() - timedelta(seconds=60), **values)


def test_a_job_that_nobody_published_is_published(relay: Relaying) -> None:
    job = submit(TASK, args=[1], queue="data")
    overdue()
    assert relay.publish_batch() == 1
    job.refresh_from_db()
    assert job.outbox is None
    assert job.published_at is not None
    assert purge() == 1


def test_a_job_that_was_just_committed_is_left_to_its_own_process(relay: Relaying) -> None:
    submit(TASK, args=[1], queue="data")
    assert relay.publish_batch() == 0


def test_the_oldest_go_first(relay: Relaying) -> None:
    late, early = submit(TASK, args=[1], queue="data"), submit(TASK, args=[2], queue="data")
    now = timezone.now()
    Job.objects.filter(id=late.id).update(relay_at=now - timedelta(seconds=10))
    Job.objects.filter(id=early.id).update(relay_at=now - timedelta(seconds=20))
    seen: list[str] = []
    relay.publish = lambda jobs: seen.extend(job.id for job in jobs)  # type: ignore[method-assign]
    relay.publish_batch()
    assert seen == [early.id, late.id]


def test_a_long_delay_waits_in_the_database(relay: Relaying, settings: Any) -> None:
    settings.BROKER_DELAY_MAX_SECONDS = 60
    job = submit(TASK, args=[1], queue="data", delay=timedelta(hours=2))
    assert relay.publish_batch() == 0
    assert job.relay_at is not None
    assert job.eta is not None
    assert job.eta - job.relay_at == timedelta(seconds=60)


def test_what_no_queue_takes_waits_and_holds_up_nobody(relay: Relaying, broker: str) -> None:
    refused, taken = submit(TASK, args=[1], queue="data"), submit(TASK, args=[2], queue="report")
    overdue()
    with Connection(broker) as found, unbound(found, "report"):
        relay.publish_batch()
        taken.refresh_from_db()
        assert taken.outbox is not None
        assert "no queue is bound" in taken.note
        assert taken.relay_at is not None
        assert taken.relay_at > timezone.now()
    refused.refresh_from_db()
    assert refused.outbox is None
    overdue()
    relay.publish_batch()
    taken.refresh_from_db()
    assert taken.outbox is None


class unbound:  # noqa: N801 - reads as a phrase
    """A queue without its bindings, for a while."""

    def __init__(self, found: Connection, name: str) -> None:
        self.channel: Any = found.channel()
        self.name = name
        self.keys = (name, f"#.{name}")

    def __enter__(self) -> None:
        for key in self.keys:
            self.channel.queue_unbind(self.name, "tasks", key)

    def __exit__(self, *_: object) -> None:
        for key in self.keys:
            self.channel.queue_bind(self.name, "tasks", key)


def test_a_job_of_a_queue_that_is_gone_says_so(relay: Relaying) -> None:
    job = submit(TASK, args=[1], queue="data")
    overdue(queue="gone")
    relay.publish_batch()
    job.refresh_from_db()
    assert job.outbox is not None
    assert "no message can be made of it" in job.note


def test_several_relays_share_the_work(relay: Relaying) -> None:
    submit_many(TASK, [[number] for number in range(40)], queue="data")
    overdue()
    others = [threading.Thread(target=publish_all) for _ in range(3)]
    for other in others:
        other.start()
    for other in others:
        other.join(30)
    assert Job.objects.filter(outbox__isnull=False).count() == 0
    assert purge() == 40


def publish_all() -> None:
    own = Relaying(threading.Event())
    try:
        while own.publish_batch():
            pass
    finally:
        own.disconnect()
        connection.close()


def test_a_notice_wakes_it_early(settings: Any) -> None:
    settings.RELAY_GRACE_SECONDS = 30
    job = submit(TASK, args=[1], queue="data")
    Job.objects.update(relay_at=timezone.now() + timedelta(seconds=28))  # committed two seconds ago
    stop = threading.Event()
    thread = threading.Thread(target=Relaying(stop).run)
    thread.start()
    try:
        wait_until(lambda: woken(job), 20)
    finally:
        stop.set()
        thread.join(20)


def woken(job: Job) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {OUTBOX_CHANNEL}")
    job.refresh_from_db()
    return job.outbox is None


def test_without_a_broker_jobs_wait_and_none_is_marked(
    relay: Relaying, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = submit(TASK, args=[1], queue="data")
    overdue()
    with monkeypatch.context() as patch:
        patch.setattr("apps.jobs.confirming.current_app.conf.broker_write_url", "amqp://127.0.0.1:9//")
        patch.setattr("apps.recorder.relaying.OUTAGE_SECONDS", 0)
        relay.publish_batch()
    job.refresh_from_db()
    assert job.outbox is not None
