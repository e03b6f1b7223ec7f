"""Whatever comes from the broker, the worker lives and a row tells what happened.

With a real broker, and a worker and a recorder as processes.
"""

import json
import pickle
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from celery import current_app

from apps.jobs.models import Attempt, DeadLetter, Job
from apps.jobs.resending import Parcel
from apps.jobs.tests.dying import ADD, DELIVERY_LIMIT, TASKS, Mill, call, ended, letter, plain_json
from tests.vhosts import Vhost
from tests.waiting import WorkerProcess

pytestmark = pytest.mark.django_db(transaction=True)

MEGABYTES = 10 * 1024 * 1024


@pytest.fixture(scope="module")
def mill(vhost: Vhost, django_db_setup: None) -> Mill:
    made = Mill(vhost, UNKNOWN_TASK_RETRY_SECONDS="0")
    made.declare()
    return made


@pytest.fixture(scope="module")
def _processes(mill: Mill) -> Iterator[WorkerProcess]:
    recorder, worker = mill.recorder(), mill.worker(concurrency=2)
    recorder.start()
    worker.start()
    yield worker
    worker.stop()
    recorder.stop()


@pytest.fixture(autouse=True)
def worker(_processes: WorkerProcess, transactional_db: None) -> Iterator[WorkerProcess]:
    """It lives, and goes on working, after whatever a test has sent it."""
    yield _processes
    _processes.ensure_alive()


def with_body(body: Any, **properties: Any) -> Parcel:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    parcel = call(ADD, 1, 2)
    return replace(parcel, body=raw, properties=parcel.properties | properties)


LINKS = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
PICKLE, YAML, MSGPACK = "application/x-python-serialize", "application/x-yaml", "application/x-msgpack"
PROTOCOL_1 = {"task": ADD, "id": "protocol-1", "args": [1, 2], "kwargs": {}}
UNREADABLE = {
    "garbage bytes": with_body(b"\xff\x00\xfe garbage"),
    "not JSON": with_body(b'[[1, 2], {}, {"callbacks"'),
    "an empty body": with_body(b""),
    "JSON of another shape": with_body({"left": 1}),
    "a JSON text": with_body("abc"),
    "a JSON number": with_body(3),
    "two parts": with_body([[1], {}]),
    "arguments that are no list": with_body([{"left": 1}, {}, LINKS]),
    "named arguments that are no object": with_body([[1], [2], LINKS]),
    "pickle": with_body(pickle.dumps([[1, 2], {}, LINKS]), content_type=PICKLE, content_encoding="binary"),
    "yaml": with_body(b"[[1, 2], {}, {}]", content_type=YAML),
    "msgpack": with_body(b"\x93\x92\x01\x02\x80\x80", content_type=MSGPACK, content_encoding="binary"),
    "another encoding": with_body(b"\xff", content_encoding="utf-16"),
    "10 MB of garbage": with_body(b"\xff" * MEGABYTES),
    "eta as text": call(ADD, 1, 2, eta="tomorrow"),
    "eta as a list": call(ADD, 1, 2, eta=[1]),
    "expires as text": call(ADD, 1, 2, expires="soon"),
    "unknown compression": call(ADD, 1, 2, compression="application/x-nonsense"),
    "broken compression": call(ADD, 1, 2, compression="application/x-gzip"),
    "arguments of another kind": call(ADD, 1, 2, argsrepr=["x"]),
    "a negative time limit": call(ADD, 1, 2, timelimit=[-5, -5]),
    "retries as text": call(ADD, 1, 2, retries="many"),
    "links as text": with_body([[1, 2], {}, "x"]),
    "callbacks as text": with_body([[1, 2], {}, LINKS | {"callbacks": "x"}]),
    "protocol 1": Parcel(json.dumps(PROTOCOL_1).encode(), plain_json()),
    "a bomb": replace(
        call(ADD, compression="application/x-gzip"), body=zlib.compress(bytes(300 * 1024 * 1024))
    ),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_no_worker_can_read_is_kept_and_its_job_fails(mill: Mill, what: str) -> None:
    parcel = UNREADABLE[what]
    mill.publish(parcel)
    job_id = parcel.headers.get("id", PROTOCOL_1["id"])
    kept = letter(job_id=job_id)
    assert (kept.reason, bytes(kept.body) == parcel.body) == ("unreadable", True)
    job = ended(job_id)
    assert (job.state, job.reason, kept.error in job.error) == ("FAILURE", "unreadable", True)


NAMELESS = {
    "garbage without headers": Parcel(b"\xff\x00 garbage"),
    "garbage that says it is JSON": Parcel(b"{", plain_json()),
    "JSON that names no task": Parcel(b'{"a": 1}', plain_json()),
    "a missing id": call(ADD, 1, 2, id=...),
    "an id that is a number": call(ADD, 1, 2, id=7),
    "an id that is null": call(ADD, 1, 2, id=None),
    "an id that is a list": call(ADD, 1, 2, id=["x"]),
    "an id that is too long": call(ADD, 1, 2, id="x" * 300),
}


@pytest.mark.parametrize("what", NAMELESS)
def test_what_names_no_job_is_kept_all_the_same(mill: Mill, what: str) -> None:
    parcel = NAMELESS[what]
    mill.publish(parcel)
    kept = letter()
    assert (kept.reason, bytes(kept.body)) == ("unreadable", parcel.body)


@pytest.mark.parametrize("task", [None, 5, ["x"], "", "x" * 300])
def test_a_task_that_can_be_none_makes_its_job_fail(mill: Mill, task: Any) -> None:
    parcel = call(ADD, 1, 2, task=task)
    mill.publish(parcel)
    assert (letter().reason, ended(parcel.headers["id"]).reason) == ("unreadable", "unreadable")


def test_an_unknown_task_makes_its_job_fail(mill: Mill) -> None:
    parcel = call("apps.nowhere.tasks.lost_task", 1)
    mill.publish(parcel)
    job = ended(parcel.headers["id"])
    assert (job.state, job.reason, job.task, job.args) == (
        "FAILURE", "unknown_task", "apps.nowhere.tasks.lost_task", [1],
    )  # fmt: skip
    assert letter(job_id=job.id).reason == "unknown_task"


def test_wrong_arguments_make_a_job_fail_with_their_names(mill: Mill) -> None:
    parcel = call(ADD, "one")
    mill.publish(parcel)
    job = ended(parcel.headers["id"])
    assert (job.state, job.reason) == ("FAILURE", "arguments")
    assert "left: Input should be a valid integer" in job.error
    assert not DeadLetter.objects.exists()


def test_a_message_of_ten_megabytes_runs_and_is_recorded_without_its_arguments(mill: Mill) -> None:
    parcel = call(f"{TASKS}.measure_task", "x" * MEGABYTES)
    mill.publish(parcel)
    job = ended(parcel.headers["id"])
    assert (job.state, job.result, job.args) == ("SUCCESS", MEGABYTES, None)
    assert "more than the ledger keeps" in job.note


def test_a_message_of_a_finished_job_does_not_run_again(mill: Mill) -> None:
    parcel = call(ADD, 1, 2)
    mill.publish(parcel)
    first = ended(parcel.headers["id"])
    mill.publish(parcel, parcel)
    settled(mill)
    job = Job.objects.get(id=first.id)
    assert (job.state, job.result, job.attempts, job.tries.count()) == ("SUCCESS", 3, 1, 1)


def test_a_message_of_a_cancelled_job_does_not_run(mill: Mill) -> None:
    parcel = call(ADD, 1, 2)
    current_app.backend.mark_as_revoked(parcel.headers["id"], "cancelled by alice")
    mill.publish(parcel)
    settled(mill)
    job = ended(parcel.headers["id"])
    assert (job.state, job.reason, job.attempts) == ("REVOKED", "cancelled", 0)


def test_a_millionth_retry_is_the_last(mill: Mill) -> None:
    parcel = call(f"{TASKS}.retry_task", retries=10**6)
    mill.publish(parcel)
    job = ended(parcel.headers["id"])
    assert (job.state, job.error) == ("FAILURE", "TemporaryError: again, please")


def test_a_job_whose_deadline_has_passed_is_not_run(mill: Mill) -> None:
    parcel = call(ADD, 1, 2, expires="2020-01-01T00:00:00+00:00")
    mill.publish(parcel)
    job = ended(parcel.headers["id"])
    assert (job.state, job.reason, job.attempts) == ("REVOKED", "expired", 0)


def test_a_message_that_kills_its_process_runs_to_the_limit_and_its_job_fails(mill: Mill) -> None:
    parcel = call(f"{TASKS}.kill_process_task")
    mill.publish(parcel)
    job = ended(parcel.headers["id"])
    assert (job.state, job.reason) == ("FAILURE", "delivery_limit")
    assert [found.outcome for found in job.tries.all()] == ["worker_lost"] * (DELIVERY_LIMIT + 1)
    kept = letter(job_id=job.id)
    assert (kept.reason, kept.deliveries, kept.requeued_at) == ("delivery_limit", DELIVERY_LIMIT + 1, None)


def test_a_task_that_rejects_itself_is_kept_and_its_job_fails(mill: Mill) -> None:
    parcel = call(f"{TASKS}.reject_task")
    mill.publish(parcel)
    job = ended(parcel.headers["id"])
    assert (job.state, job.reason) == ("FAILURE", "rejected")
    assert letter(job_id=job.id).reason == "rejected"


def test_every_message_twice_runs_once(mill: Mill) -> None:
    parcels = [call(ADD, number, 1) for number in range(20)]
    mill.publish(*parcels, *parcels)
    jobs = [ended(parcel.headers["id"]) for parcel in parcels]
    settled(mill)
    assert [(job.state, job.result) for job in jobs] == [("SUCCESS", number + 1) for number in range(20)]
    assert Attempt.objects.filter(job__in=jobs).count() == len(parcels)


def test_callbacks_to_unknown_tasks_end_as_dead_letters_of_their_own(mill: Mill) -> None:
    links = LINKS | {"callbacks": [{"task": "no.such.task", "args": [], "kwargs": {}, "options": {}}]}
    parcel = with_body([[1, 2], {}, links])
    mill.publish(parcel)
    assert ended(parcel.headers["id"]).state == "SUCCESS"
    assert letter(task="no.such.task").reason == "unknown_task"


HEADERS_FLAG, TYPE_FLAG = 0x2000, 0x8000


def table(*fields: bytes) -> bytes:
    """The headers alone, as AMQP writes properties."""
    body = b"".join(fields)
    return struct.pack(">HI", HEADERS_FLAG, len(body)) + body


def nested(depth: int) -> bytes:
    body = b""
    for _ in range(depth):
        body = b"\x01aF" + struct.pack(">I", len(body)) + body
    return body


FAR = b"\x01tT" + struct.pack(">Q", 2**60)
UNDECODABLE = {
    "a content type that is no text": (struct.pack(">HB", TYPE_FLAG, 2) + b"\xff\xfe", b"\xff\xfe"),
    "a time that no clock has": (table(FAR), FAR),
    "tables in tables": (table(nested(3000)), nested(10)),
}


@pytest.mark.parametrize("what", UNDECODABLE)
def test_properties_that_can_not_be_decoded_end_nobody(mill: Mill, what: str) -> None:
    raw, mark = UNDECODABLE[what]
    mill.publish(Parcel(b"x", {"raw": raw}))
    kept = letter()
    assert (kept.reason, kept.error, kept.queue) == ("unreadable", "its properties can't be read", "default")
    assert mark in bytes(kept.envelope)


def settled(mill: Mill) -> None:
    """A further job has run, on each of the worker's processes, so those before it have been seen."""
    for _ in range(4):
        parcel = call(ADD, 0, 0)
        mill.publish(parcel)
        ended(parcel.headers["id"])
