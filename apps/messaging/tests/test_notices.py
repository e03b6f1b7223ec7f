"""Urgent notices have a lane of their own: by their headers on RabbitMQ, by the lane's key on Redis."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from kombu import Queue

from apps.jobs import submit
from apps.jobs.confirming import Window
from apps.jobs.models import Job
from apps.jobs.tests.lives import running
from apps.jobs.wire import message
from apps.messaging.tests.places import Place
from project.topology import Lane, LaneRow, expand_lanes
from tests.waiting import RecorderProcess, ended, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
SEND = "apps.notification.tasks.send_notification_task"
STUMBLE = "apps.messaging.tests.sample_tasks.stumble_notice_task"


@pytest.fixture(autouse=True)
def alice(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> User:
    monkeypatch.setattr("apps.jobs.submitting.publish_soon", lambda jobs: None)
    return User.objects.create_user("alice", "alice@example.com")


def notice(severity: str = "critical", **options: Any) -> Job:
    kwargs = {"recipient": "alice", "title": "The pump", "severity": severity}
    return submit(SEND, kwargs=kwargs, **options)


@contextmanager
def taken(place: Place, job: Job, queue: str) -> Iterator[Any]:
    """The job's message, once it is published: in that queue and in no other."""
    place.declare()
    with Window() as window:
        assert window.publish([message(job)]) == {job.id: None}
    with place.channel() as channel:
        found = Queue(queue, channel=channel)
        yield wait_until(lambda: found.get(no_ack=True), what=f"a message in {queue}")
        for other in ("urgent", "notification", "default"):
            assert Queue(other, channel=channel).get(no_ack=True) is None


def test_a_critical_one_goes_to_the_urgent_lane(place: Place) -> None:
    job = notice()
    assert job.queue == "urgent"
    with taken(place, job, "urgent") as found:
        assert found.delivery_info["exchange"] == ("notices" if place.amqp else "tasks")
        if place.amqp:
            assert (found.headers["severity"], found.headers["channel"]) == ("critical", "other")


@pytest.mark.parametrize("severity", ["info", "warning", "error"])
def test_others_go_where_their_route_says(place: Place, severity: str) -> None:
    job = notice(severity)
    assert job.queue == "notification"
    with taken(place, job, "notification") as found:
        assert found.delivery_info["exchange"] == "tasks"


def test_a_delayed_one_waits_as_any_job_and_finds_its_lane(rabbitmq: Place) -> None:
    job = notice(delay=timedelta(seconds=1))
    with taken(rabbitmq, job, "urgent") as found:
        assert "severity" not in found.headers


def test_a_queue_that_was_asked_for_is_taken(place: Place) -> None:
    job = notice(queue="notification")
    with taken(place, job, "notification") as found:
        assert found.delivery_info["exchange"] == "tasks"


def test_by_place_it_finds_its_lane_too(place: Place) -> None:
    job = submit(SEND, args=["alice", "The pump", "", None, "critical"])
    assert job.queue == "urgent"


def test_a_try_again_stays_in_the_lane(place: Place) -> None:
    place.declare()
    job = submit(STUMBLE, kwargs={"severity": "critical"})
    recorder = RecorderProcess("--only", "record", "--only", "relay", environment=place.environment)
    worker = place.worker("-I", "apps.messaging.tests.sample_tasks", "-Q", "urgent")
    with running(recorder, worker):
        done = ended(job.id)
    assert (done.state, done.result, done.queue) == ("SUCCESS", "urgent", "urgent")


def test_every_combination_of_headers_has_one_queue() -> None:
    rows = (
        LaneRow("pager", "critical", "pager"),
        LaneRow("urgent", "critical"),
        LaneRow("slow", channel="hook"),
    )
    lanes = expand_lanes(rows)
    headers = [tuple(lane.headers.values()) for lane in lanes]
    assert len(headers) == len(set(headers))
    queues = {tuple(lane.headers.values()): lane.queue for lane in lanes}
    assert queues["critical", "pager"] == "pager"
    assert queues["critical", "hook"] == "urgent"
    assert queues["info", "hook"] == "slow"
    assert ("info", "other") not in queues
    assert expand_lanes() == [Lane("urgent", {"severity": "critical", "channel": "other"})]


def test_a_lane_may_be_for_a_channel(settings: Any, place: Place) -> None:
    settings.NOTICE_LANES = expand_lanes((LaneRow("data", channel="mail"),))
    kwargs = {"recipient": "alice", "title": "The pump"}
    assert submit(SEND, kwargs={**kwargs, "channels": ["mail"]}).queue == "data"
    assert submit(SEND, kwargs={**kwargs, "channels": ["mail", "in-app"]}).queue == "notification"
