"""Dead letters are sent again: with a real broker, and the recorder as a process."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from celery import current_app
from celery.app.task import Context
from django.db import connection
from kombu.transport.native_delayed_delivery import MAX_LEVEL, calculate_routing_key, level_name

from apps.jobs import letters
from apps.jobs.models import DeadLetter, Job, JobKey
from apps.jobs.resending import Parcel
from apps.jobs.tests.dying import ADD, DELIVERY_LIMIT, Mill, call, ended, job, letter, plain_json
from apps.jobs.tests.making import job as make_job
from tests.waiting import RecorderProcess, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

NOWHERE = "amqp://guest:guest@127.0.0.1:1//"


@pytest.fixture(autouse=True)
def recorder(
    mill_recorder: RecorderProcess, mill: Mill, transactional_db: None, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    monkeypatch.setattr(current_app.conf, "broker_write_url", mill.broker.url)
    yield
    mill_recorder.ensure_alive()


def dead(mill: Mill, parcel: Parcel) -> DeadLetter:
    """The letter of a message that a worker has refused."""
    mill.publish(parcel)
    mill.refuse()
    found = letter(requeued_at=None)
    if found.job_id:
        ended(found.job_id)
    return found


def came_back(mill: Mill) -> Any:
    """The message that lies in the default queue now, without the broker's count."""
    with mill.channel() as channel:
        message = wait_until(lambda: channel.basic_get("default", no_ack=True))
    message.headers.pop("x-delivery-count", None)
    return message


def reopened(job_id: str) -> Job:
    return job(id=job_id, state="PENDING", reason="sent_again")


def test_a_letter_comes_back_to_its_queue_as_it_was_and_its_job_is_open_again(mill: Mill) -> None:
    parcel = call(ADD, 1, 2, custom="kept")
    kept = dead(mill, parcel)
    assert letters.requeue([kept.id], by="alice") == {"sent": 1, "failed": 0, "skipped": 0, "taken": 0}
    message = came_back(mill)
    assert message.body.encode() == parcel.body
    assert message.headers == parcel.headers | {"requeues": 1}
    assert message.properties["delivery_mode"] == 2
    kept.refresh_from_db()
    assert (kept.requeued_by, kept.requeued_at is None) == ("alice", False)
    opened = reopened(parcel.headers["id"])
    assert (opened.finished_at, opened.error) == (None, "")


def test_a_job_that_was_sent_again_runs(mill: Mill) -> None:
    kept = dead(mill, call(ADD, 1, 2))
    letters.requeue([kept.id])
    worker = mill.worker()
    worker.start()
    done = job(id=kept.job_id, state="SUCCESS")
    worker.stop()
    assert (done.result, done.attempts, list(DeadLetter.objects.filter(requeued_at=None))) == (3, 1, [])


def test_what_was_delayed_goes_to_its_queue_at_once(mill: Mill) -> None:
    parcel = call(ADD, 1, 2)
    place = {"exchange": level_name(MAX_LEVEL), "routing_key": calculate_routing_key(1, "default")}
    kept = dead(mill, Parcel(parcel.body, parcel.properties, parcel.headers, **place))
    letters.requeue([kept.id])
    message = came_back(mill)
    assert (message.delivery_info["exchange"], message.delivery_info["routing_key"]) == ("tasks", "default")


@pytest.mark.parametrize(
    "parcel", [Parcel(b"\xff\x00 garbage"), Parcel(b"{", plain_json()), Parcel(b"", {"content_type": "x/y"})]
)
def test_what_nobody_could_read_is_sent_again_all_the_same(mill: Mill, parcel: Parcel) -> None:
    kept = dead(mill, parcel)
    assert letters.requeue([kept.id])["sent"] == 1
    message = came_back(mill)
    body = message.body if isinstance(message.body, bytes) else message.body.encode()
    assert (body, message.headers) == (parcel.body, {"requeues": 1})
    assert message.properties.get("content_type") == parcel.properties.get("content_type")


def test_a_message_that_dies_again_is_another_letter(mill: Mill) -> None:
    first = dead(mill, call(ADD, 1, 2))
    letters.requeue([first.id])
    mill.refuse()
    second = letter(requeued_at=None)
    assert (second.id != first.id, second.job_id, second.headers["requeues"]) == (True, first.job_id, 1)
    assert set(DeadLetter.objects.filter(job_id=first.job_id)) == {first, second}
    assert ended(first.job_id).state == "FAILURE"


def test_what_was_counted_before_counts_no_more(mill: Mill) -> None:
    parcel = call(ADD, 1, 2, resends=2, unknown_since=5.0)
    mill.publish(parcel)
    mill.refuse(DELIVERY_LIMIT + 1, requeue=True)
    kept = letter(requeued_at=None, reason="delivery_limit")
    ended(kept.job_id)
    letters.requeue([kept.id])
    mill.refuse(DELIVERY_LIMIT + 1, requeue=True)
    assert letter(job_id=kept.job_id, requeued_by="recorder").headers["resends"] is None
    assert came_back(mill).headers["resends"] == 1


def test_what_has_expired_gets_no_new_deadline(mill: Mill) -> None:
    parcel = call(ADD, 1, 2, expires="2020-01-01T00:00:00+00:00")
    mill.publish(Parcel(parcel.body, parcel.properties | {"expiration": "1"}, parcel.headers))
    kept = letter(reason="expired")
    assert ended(kept.job_id).state == "REVOKED"
    letters.requeue([kept.id])
    message = came_back(mill)
    assert (message.headers["expires"], "expiration" in message.properties) == (None, False)
    assert reopened(kept.job_id).expires_at is None


def test_a_letter_that_no_queue_takes_stays_and_its_job_says_why(mill: Mill) -> None:
    kept = dead(mill, call(ADD, 1, 2))
    DeadLetter.objects.update(routing_key="nowhere")
    assert letters.requeue([kept.id]) == {"sent": 0, "failed": 1, "skipped": 0, "taken": 0}
    said = "it could not be sent again: no queue is bound to 'tasks' for 'nowhere'"
    closed = job(id=kept.job_id, error__contains=said)
    assert (closed.state, closed.reason) == ("FAILURE", "unknown_task")
    assert DeadLetter.objects.filter(requeued_at=None).get() == kept


def test_with_the_broker_away_every_letter_stays(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = [dead(mill, call("no.such.task")).id]
    monkeypatch.setattr(current_app.conf, "broker_write_url", NOWHERE)
    assert letters.requeue([*kept, 10**9]) == {"sent": 0, "failed": 2, "skipped": 0, "taken": 0}
    closed = job(error__contains="the broker is out of reach")
    assert (closed.state, DeadLetter.objects.filter(requeued_at=None).count()) == ("FAILURE", 1)


def test_what_needs_it_no_more_is_skipped(mill: Mill) -> None:
    kept = dead(mill, call(ADD, 1, 2))
    letters.requeue([kept.id])
    came_back(mill)
    assert letters.requeue([kept.id, kept.id + 1]) == {"sent": 0, "failed": 0, "skipped": 2, "taken": 0}
    DeadLetter.objects.update(requeued_at=None)
    current_app.backend.mark_as_done(kept.job_id, 3, Context({"id": kept.job_id, "task": ADD}))
    assert letters.requeue([kept.id]) == {"sent": 0, "failed": 0, "skipped": 1, "taken": 0}


def test_a_letter_stays_while_another_job_has_its_key(mill: Mill) -> None:
    kept = dead(mill, call(ADD, 1, 2))
    Job.objects.filter(id=kept.job_id).update(key="alice")
    JobKey.objects.create(key="alice", job_id=make_job("STARTED", id="other").id)
    assert letters.requeue([kept.id]) == {"sent": 0, "failed": 0, "skipped": 0, "taken": 1}
    assert (letter(requeued_at=None), ended(kept.job_id).state) == (kept, "FAILURE")
    Job.objects.filter(id="other").delete()
    assert letters.requeue([kept.id])["sent"] == 1
    assert JobKey.objects.get().job_id == kept.job_id
    came_back(mill)


def test_two_people_send_a_letter_once(mill: Mill) -> None:
    kept = dead(mill, call(ADD, 1, 2))
    ready = Barrier(2)

    def send_again(by: str) -> dict[str, int]:
        ready.wait(10)
        try:
            return letters.requeue([kept.id], by)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        counts = list(pool.map(send_again, ["alice", "bob"]))
    assert sorted(count["sent"] for count in counts) == [0, 1]
    came_back(mill)
    assert mill.length("default") == 0


def test_a_hundred_letters_are_sent_again_in_one_go(mill: Mill) -> None:
    mill.publish(*[call(ADD, number) for number in range(100)])
    mill.refuse(100)
    wait_until(lambda: Job.objects.filter(state="FAILURE").count() == 100)
    ids = DeadLetter.objects.values_list("id", flat=True)
    assert letters.requeue(list(ids))["sent"] == 100
    wait_until(lambda: mill.length("default") == 100)
    wait_until(lambda: Job.objects.filter(reason="sent_again").count() == 100)
