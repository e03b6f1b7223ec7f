"""Two workers with the same delivery: one sends."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import connection
from django.utils import timezone

from apps.jobs.errors import TemporaryError
from apps.notification.channel import Answer, Recipient
from apps.notification.channels import KINDS
from apps.notification.delivering import LEASE, claim, deliver, finish
from apps.notification.models import Channel, Delivery, Notification
from apps.notification.tests.receiver import Receiver

ALICE = Recipient("alice")


def test_a_claimed_delivery_is_left_alone(delivery: Delivery, receiver: Receiver) -> None:
    assert claim(delivery)
    assert not claim(delivery)
    with pytest.raises(TemporaryError, match="ops: another worker has it") as error:
        deliver(delivery.notification, ALICE)
    assert error.value.retry_after_seconds == LEASE.total_seconds()
    assert receiver.received == []


def test_a_dead_workers_claim_runs_out(delivery: Delivery, receiver: Receiver) -> None:
    stale = timezone.now() - LEASE - timedelta(seconds=1)
    Delivery.objects.update(claimed_at=stale, attempts=1)
    assert deliver(delivery.notification, ALICE) == ["ops"]
    assert Delivery.objects.get().attempts == 2


def test_a_sent_delivery_can_not_be_claimed(delivery: Delivery, receiver: Receiver) -> None:
    deliver(delivery.notification, ALICE)
    assert not claim(delivery)
    assert deliver(delivery.notification, ALICE) == ["ops"]
    assert len(receiver.received) == 1


def test_a_late_failure_does_not_undo_a_success(delivery: Delivery) -> None:
    finish(delivery, Answer("ok", 200))
    finish(delivery, Answer(error=TemporaryError("too late")))
    assert Delivery.objects.get().state == "sent"


def test_of_many_claims_at_once_one_wins(transactional_db: None) -> None:
    delivery = new_delivery()
    start = threading.Barrier(6)

    def run(_: int) -> bool:
        start.wait()
        try:
            return claim(delivery)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(run, range(6))) == [False] * 5 + [True]


def new_delivery() -> Delivery:
    notification = Notification.objects.create(key="k", recipient="alice", title="t", severity="info")
    return Delivery.objects.create(notification=notification, channel=Channel.objects.get(name="in-app"))


def test_running_out_of_time_leaves_a_reason(delivery: Delivery, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object) -> Answer:
        raise SoftTimeLimitExceeded

    monkeypatch.setattr(KINDS["webhook"], "send", slow)
    with pytest.raises(SoftTimeLimitExceeded):
        deliver(delivery.notification, ALICE)
    row = Delivery.objects.get()
    assert (row.state, row.error, row.claimed_at) == ("failed", "the job ran out of time", None)
