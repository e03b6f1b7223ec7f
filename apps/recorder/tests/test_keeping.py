"""Dead letters are kept and their jobs end: with a real broker, and the recorder as a process."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Event

import pytest
from celery import current_app
from celery.app.task import Context
from celery.result import AsyncResult
from django.db import connection
from django.utils import timezone
from kombu.transport.native_delayed_delivery import MAX_LEVEL, calculate_routing_key, level_name

from apps.jobs.errors import UnknownTask
from apps.jobs.models import DeadLetter, Job
from apps.jobs.resending import Parcel
from apps.jobs.tests.dying import ADD, DELIVERY_LIMIT, Mill, call, ended, job, letter, written
from apps.recorder import keeping
from apps.recorder.receiving import Arrival
from project.servers.rabbitmq import RabbitMQ
from tests.waiting import RecorderProcess, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def recorder(mill_recorder: RecorderProcess, transactional_db: None) -> Iterator[RecorderProcess]:
    yield mill_recorder
    mill_recorder.ensure_alive()


def started(parcel: Parcel) -> None:
    """As a worker does that takes this message up."""
    info = {"routing_key": "default", "redelivered": True}
    request = Context(
        {**parcel.headers, "hostname": "w@test", "delivery_info": info, "args": (), "kwargs": {}}
    )
    assert current_app.backend.start(request, tracked=True).verdict == "run"


def delayed(key: str) -> dict[str, str]:
    return {"exchange": level_name(MAX_LEVEL), "routing_key": calculate_routing_key(1, key)}


def test_a_refused_message_is_kept_whole_and_its_job_ends(mill: Mill) -> None:
    parcel = call(ADD, 1, 2)
    mill.publish(parcel)
    mill.refuse()
    kept = letter(job_id=parcel.headers["id"])
    assert (kept.queue, kept.exchange, kept.routing_key, kept.task) == ("default", "tasks", "default", ADD)
    assert (bytes(kept.body), kept.properties) == (parcel.body, parcel.properties)
    assert time.time() - kept.died_at.timestamp() < 60
    done = ended(parcel.headers["id"])
    assert (done.state, done.reason, done.args) == ("FAILURE", "unknown_task", [1, 2])


def test_whoever_waits_for_the_job_hears_of_its_end(mill: Mill) -> None:
    parcel = call("no.such.task")
    mill.publish(parcel)
    mill.refuse()
    with pytest.raises(UnknownTask, match="no worker knows the task 'no.such.task'"):
        AsyncResult(parcel.headers["id"]).get(timeout=30)


def test_nothing_that_amqp_can_carry_is_lost_from_headers_and_properties(mill: Mill) -> None:
    odd = {
        "nul": "a\x00b", "bytes": b"\xff\xfe", "decimal": Decimal("1.5"), "float": 0.5,
        "time": datetime(2020, 1, 2, 3, 4, 5),  # noqa: DTZ001 - AMQP's have no zone
        "table": {"list": [1, None, True, 2**40, {"deep": ["x"]}]},
    }  # fmt: skip
    parcel = call(ADD, **odd)
    properties = parcel.properties | {"correlation_id": "c", "reply_to": "r", "timestamp": 1_600_000_000}
    mill.publish(Parcel(parcel.body, properties, parcel.headers))
    mill.refuse()
    kept = letter(job_id=parcel.headers["id"])
    again = Parcel.from_envelope(bytes(kept.body), bytes(kept.envelope))
    assert {name: again.headers[name] for name in parcel.headers} == parcel.headers
    assert (again.body, again.properties) == (parcel.body, properties)
    assert kept.headers["nul"] == "a\\x00b"


def test_an_expired_message_ends_its_job_as_expired(mill: Mill) -> None:
    parcel = call(ADD, 1, 2)
    mill.publish(Parcel(parcel.body, parcel.properties | {"expiration": "50"}, parcel.headers))
    done = ended(parcel.headers["id"])
    assert (done.state, done.reason, letter(job_id=done.id).reason) == ("REVOKED", "expired", "expired")


def test_what_came_before_its_time_comes_back_when_it_is_due(mill: Mill) -> None:
    due = timezone.now() + timedelta(seconds=6)
    parcel = call(ADD, 1, 2, eta=due.isoformat())
    mill.publish(parcel)
    mill.refuse()
    waiting = job(id=parcel.headers["id"], due_at=due)
    assert (waiting.state, waiting.note) == ("PENDING", "a worker got it before its time")
    assert not DeadLetter.objects.exists()
    wait_until(lambda: mill.length("default"), what="the message to come back")
    assert timezone.now() >= due
    mill.refuse()  # it is another reason now
    assert ended(parcel.headers["id"]).reason == "unknown_task"


def test_an_unrouted_message_ends_its_job_and_holds_up_no_other(mill: Mill) -> None:
    lost = [call(ADD, number) for number in range(40)]
    mill.publish(*(Parcel(one.body, one.properties, one.headers, **delayed("nowhere")) for one in lost))
    good = call(ADD, 1, 2)
    mill.publish(Parcel(good.body, good.properties, good.headers, **delayed("default")))
    for one in lost:
        assert (ended(one.headers["id"]).reason, letter(job_id=one.headers["id"]).reason) == ("unrouted",) * 2
    kept = DeadLetter.objects.first()
    assert kept is not None
    assert (kept.exchange, kept.routing_key) == ("tasks", "nowhere")
    mill.refuse(1)
    assert letter(job_id=good.headers["id"]).routing_key == "default"


def test_a_message_that_was_run_each_time_ends_at_the_limit(mill: Mill) -> None:
    parcel = call(ADD, 1, 2)
    mill.publish(parcel)
    for _ in range(DELIVERY_LIMIT + 1):
        started(parcel)
        current_app.backend.lose(parcel.headers["id"], '{"error": "killed"}')
        mill.refuse(requeue=True)
    done = ended(parcel.headers["id"])
    assert (done.state, done.reason) == ("FAILURE", "delivery_limit")
    assert "it was started 3 times" in done.error
    assert list(done.tries.values_list("outcome", flat=True)) == ["worker_lost"] * 3
    assert letter(job_id=done.id).requeued_at is None


def test_what_was_never_run_is_sent_again_twice_and_then_ends(mill: Mill) -> None:
    parcel = call(ADD, 1, 2)
    written(parcel)
    mill.publish(parcel)
    for deaths in (1, 2, 3):
        mill.refuse(DELIVERY_LIMIT + 1, requeue=True)
        wait_until(lambda: DeadLetter.objects.count() == deaths)  # noqa: B023 - asked at once
    done = ended(parcel.headers["id"])
    assert (done.state, done.reason, done.resends, done.attempts) == ("FAILURE", "delivery_limit", 2, 0)
    assert [one.requeued_by for one in DeadLetter.objects.order_by("id")] == ["recorder", "recorder", ""]


def test_a_retry_that_was_never_run_is_innocent_although_its_job_was(mill: Mill) -> None:
    parcel = call(ADD, 1, 2)
    started(parcel)
    request = Context({**parcel.headers, "hostname": "w@test"})
    current_app.backend.mark_as_retry(parcel.headers["id"], ValueError("once"), request=request)
    retry = Parcel(parcel.body, parcel.properties, parcel.headers | {"retries": 1})
    mill.publish(retry)
    mill.refuse(DELIVERY_LIMIT + 1, requeue=True)
    assert letter(job_id=parcel.headers["id"]).requeued_by == "recorder"
    wait_until(lambda: mill.length("default") == 1)
    started(retry)
    mill.refuse()


def test_what_no_queue_takes_any_more_ends_and_says_so(mill: Mill) -> None:
    parcel = call(ADD, 1, 2)
    with mill.channel() as channel:
        channel.exchange_declare("passing", "fanout", auto_delete=False)
        channel.queue_bind("default", "passing")
        mill.publish(Parcel(parcel.body, parcel.properties, parcel.headers, "passing", "x"))
        channel.exchange_delete("passing")
    mill.refuse(DELIVERY_LIMIT + 1, requeue=True)
    done = ended(parcel.headers["id"])
    assert (done.state, done.reason) == ("FAILURE", "delivery_limit")
    assert "it can't be sent again" in done.error
    assert "no exchange 'passing'" in letter(job_id=done.id, requeued_at=None).error
    mill.publish(parcel := call(ADD, 1, 2))
    mill.refuse(DELIVERY_LIMIT + 1, requeue=True)
    assert letter(job_id=parcel.headers["id"]).requeued_by == "recorder"
    wait_until(lambda: mill.length("default") == 1)
    started(parcel)
    mill.refuse()


def test_a_broken_copy_does_not_end_a_job_that_runs(mill: Mill) -> None:
    parcel = call(ADD, 1, 2)
    started(parcel)
    mill.publish(Parcel(b"\xff", parcel.properties, parcel.headers))
    mill.refuse()
    assert letter(job_id=parcel.headers["id"]).reason == "unreadable"
    assert job(id=parcel.headers["id"]).state == "STARTED"
    assert current_app.backend.get_state(parcel.headers["id"]) == "STARTED"


def test_a_copy_of_a_job_that_has_ended_is_kept_and_changes_nothing(mill: Mill) -> None:
    parcel = call(ADD, 1, 2)
    current_app.backend.mark_as_done(
        parcel.headers["id"], 3, Context({**parcel.headers, "hostname": "w@test"})
    )
    mill.publish(parcel)
    mill.refuse()
    assert letter(job_id=parcel.headers["id"]).reason == "rejected"
    assert (ended(parcel.headers["id"]).state, ended(parcel.headers["id"]).result) == ("SUCCESS", 3)


def test_callbacks_for_errors_are_called(mill: Mill) -> None:
    body = b'[[1], {}, {"errbacks": [{"task": "no.such.errback", "args": [], "kwargs": {}, "options": {}}]}]'
    parcel = call("no.such.task")
    mill.publish(Parcel(body, parcel.properties, parcel.headers))
    mill.refuse()
    assert ended(parcel.headers["id"]).reason == "unknown_task"
    mill.refuse()
    assert letter(task="no.such.errback").job_id != parcel.headers["id"]


def test_links_that_nobody_can_call_do_not_keep_a_job_from_its_end(mill: Mill) -> None:
    body = b'[[1], {}, {"errbacks": [{"task": 5}], "chain": [{}], "chord": {"task": []}}]'
    parcel = call("no.such.task", group="g")
    mill.publish(Parcel(body, parcel.properties, parcel.headers))
    mill.refuse()
    assert ended(parcel.headers["id"]).reason == "unknown_task"


def test_it_goes_on_when_postgres_breaks_off_its_connections(mill: Mill, recorder: RecorderProcess) -> None:
    for parcel in [call("no.such.task") for _ in range(2)]:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND datname = current_database()"
            )
        mill.publish(parcel)
        mill.refuse()
        assert ended(parcel.headers["id"]).reason == "unknown_task"


def test_a_recorder_that_died_while_sending_a_message_sends_it_once_more(
    mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(current_app.conf, "broker_write_url", mill.broker.url)
    parcel, duty = call(ADD, 1, 2), keeping.Keeping(Event())
    death = {"queue": "default", "reason": "delivery_limit", "exchange": "tasks", "routing-keys": ["default"]}
    told = parcel.headers | {"x-death": [death]}
    arrival = Arrival(1, Parcel(parcel.body, parcel.properties, told, "dead", "default"), False, False)
    duty.settle(arrival)
    started(parcel)
    duty.settle(arrival)
    assert (mill.length("default"), DeadLetter.objects.get().requeued_by) == (2, "recorder")
    assert Job.objects.filter(finished_at__isnull=False).count() == 0
    current_app.backend.mark_as_done(
        parcel.headers["id"], 3, Context({**parcel.headers, "hostname": "w@test"})
    )
    duty.settle(arrival)
    duty.post.close()
    assert mill.length("default") == 2
    mill.refuse(2)


def test_a_letter_that_can_not_be_handled_is_kept_and_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stumble(*_: object, **__: object) -> None:
        raise RuntimeError("no idea")

    monkeypatch.setattr(keeping, "judge", stumble)
    duty, parcel = keeping.Keeping(Event()), Parcel(b"\xff", {}, {"odd": "\x00"}, "dead", "default")
    with pytest.raises(RuntimeError):
        duty.settled(Arrival(1, parcel, False, False))
    assert duty.settled(Arrival(1, parcel, False, True))
    kept = DeadLetter.objects.get()
    assert (bytes(kept.body), kept.error, kept.queue) == (b"\xff", "RuntimeError: no idea", "default")


@pytest.mark.faults
def test_it_comes_back_with_the_broker(own_rabbitmq: RabbitMQ) -> None:
    mill = Mill(own_rabbitmq, UNKNOWN_TASK_RETRY_SECONDS="0")
    mill.declare()
    process = mill.recorder("--only", "keep", "--only", "record")
    process.start()
    own_rabbitmq.restart()
    parcel = call("no.such.task")
    wait_until(lambda: published(mill, parcel))
    mill.refuse()
    assert ended(parcel.headers["id"]).reason == "unknown_task"
    process.stop()


def published(mill: Mill, parcel: Parcel) -> bool:
    try:
        mill.publish(parcel)
    except OSError:
        return False
    return True


@pytest.mark.faults
def test_a_killed_recorder_loses_no_letter_and_doubles_none(mill: Mill, recorder: RecorderProcess) -> None:
    parcels = [call("no.such.task", number) for number in range(60)]
    mill.publish(*parcels)
    mill.refuse(30)
    wait_until(DeadLetter.objects.count)
    recorder.kill()
    mill.refuse(30)
    recorder.start()
    wait_until(lambda: Job.objects.filter(reason="unknown_task").count() == 60)
    assert DeadLetter.objects.count() == DeadLetter.objects.values("job_id").distinct().count() == 60
    assert mill.length("dead") == 0
