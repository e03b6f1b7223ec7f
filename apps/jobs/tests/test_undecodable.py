"""What no worker can read goes to the dead letters, and the worker lives."""

import bz2
import inspect
import json
import lzma
import uuid
import zlib
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import amqp
import pytest
from celery.worker.consumer import Consumer
from django.conf import settings
from kombu import Connection
from kombu.utils.imports import symbol_by_name

from apps.jobs.consuming import CarefulConsumer, complaint
from apps.jobs.tests.sample_tasks import add_task
from project.broker import declare, transport_options
from tests.messages import reasons, waiting
from tests.vhosts import Vhost
from tests.waiting import WorkerProcess, ended, wait_until

JSON = "application/json"
BODY = b'[[2], {"right": 3}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]'
GOOD: dict[str, Any] = {
    "lang": "py", "task": add_task.name, "root_id": None, "parent_id": None, "group": None, "retries": 0,
    "timelimit": [None, None], "eta": None, "expires": None, "argsrepr": "(2,)", "kwargsrepr": "{}",
}  # fmt: skip


def message(body: bytes = BODY, content_type: str = JSON, **headers: Any) -> amqp.Message:
    """Of protocol 2 with these headers changed; None takes one away."""
    named = {**GOOD, "id": str(uuid.uuid4()), **headers}
    kept = {name: value for name, value in named.items() if value is not None}
    return amqp.Message(
        body, content_type=content_type, content_encoding="utf-8", delivery_mode=2, application_headers=kept
    )


def protocol_1(**fields: Any) -> amqp.Message:
    body = {"task": add_task.name, "id": str(uuid.uuid4()), "args": [2], "kwargs": {}, **fields}
    return amqp.Message(json.dumps(body), content_type=JSON, content_encoding="utf-8")


MALFORMED: dict[str, Callable[[], amqp.Message]] = {
    "garbage": lambda: message(b"\xff\x00garbage"),
    "garbage without headers": lambda: amqp.Message(b"\xff\x00garbage"),
    "pickle": lambda: message(b"\x80\x04N.", "application/x-python-serialize"),
    "yaml": lambda: message(b"a: 1", "application/x-yaml"),
    "msgpack": lambda: message(b"\x80", "application/x-msgpack"),
    "no content type": lambda: message(content_type=""),
    "unknown compression": lambda: message(compression="application/x-nonsense"),
    "wrong compression": lambda: message(compression="application/x-gzip"),
    "unwanted compression": lambda: message(compression="application/x-brotli"),
    "bomb": lambda: message(zlib.compress(b" " * 30_000_000), compression="application/x-gzip"),
    "a number": lambda: message(b"5"),
    "nothing": lambda: message(b"null"),
    "a text": lambda: message(b'"args"'),
    "two parts": lambda: message(b"[[], {}]"),
    "an object": lambda: message(b'{"args": [2], "kwargs": {}}'),
    "arguments no list": lambda: message(b"[5, {}, {}]"),
    "keywords no object": lambda: message(b"[[], 5, {}]"),
    "callbacks no object": lambda: message(b"[[], {}, 5]"),
    "callbacks a text": lambda: message(b'[[], {}, {"callbacks": "x"}]'),
    "too deep": lambda: message(b"[" * 100_000),
    "no id": lambda: message(id=None),
    "id a number": lambda: message(id=5),
    "id a list": lambda: message(id=["x"]),
    "id too long": lambda: message(id="x" * 256),
    "no task": lambda: message(task=None),
    "task a list": lambda: message(task=["x"]),
    "unknown task": lambda: message(task="no.such.task"),
    "unknown task without id": lambda: message(task="no.such.task", id=None),
    "unknown task, garbage": lambda: message(b"\xff", task="no.such.task"),
    "eta a word": lambda: message(eta="tomorrow"),
    "eta a number": lambda: message(eta=5),
    "eta in the year 9999": lambda: message(eta="9999-12-31T23:59:59.999999+00:00"),
    "expires a list": lambda: message(expires=["x"]),
    "time limit a text": lambda: message(timelimit="abc"),
    "time limit negative": lambda: message(timelimit=[-5, -5]),
    "time limit a number": lambda: message(timelimit=5),
    "retries a text": lambda: message(retries="x"),
    "retries negative": lambda: message(retries=-1),
    "group a list": lambda: message(group=["x"]),
    "arguments' text a list": lambda: message(argsrepr=["x"]),
    "protocol 1": protocol_1,
    "protocol 1, unknown task": lambda: protocol_1(task="no.such.task"),
    "protocol 1, no id": lambda: protocol_1(id=None),
    "protocol 1, wrong keywords": lambda: protocol_1(kwargs=[1]),
}


@pytest.fixture(scope="module")
def connection(vhost: Vhost) -> Iterator[Any]:
    with Connection(vhost.url, transport_options=transport_options(vhost.url)) as connection:
        declare(connection, settings.CELERY_TASK_QUEUES)
        yield connection


@pytest.fixture(scope="module")
def started(vhost: Vhost, connection: Any, django_db_setup: None) -> Iterator[WorkerProcess]:
    process = WorkerProcess(concurrency=1, environment={"CELERY_BROKER_URL": vhost.url})
    process.start()
    yield process
    process.stop()


@pytest.fixture
def reader(started: WorkerProcess, transactional_db: None) -> WorkerProcess:
    """The same; afterwards the database is emptied, which takes a second."""
    started.ensure_alive()
    return started


def send(connection: Any, what: amqp.Message) -> None:
    connection.default_channel.basic_publish(what, exchange="tasks", routing_key="default", mandatory=True)


@pytest.mark.parametrize("name", MALFORMED)
def test_each_malformed_message_is_dead_lettered(started: WorkerProcess, connection: Any, name: str) -> None:
    sent = MALFORMED[name]()
    send(connection, sent)
    dead = wait_until(
        lambda: connection.default_channel.basic_get("dead", no_ack=True), 30, "the dead letter"
    )
    assert reasons(dead) == ["rejected"]
    assert dead.headers["x-first-death-queue"] == "default"
    started.ensure_alive()


def test_after_all_of_them_the_worker_still_works(reader: WorkerProcess, connection: Any) -> None:
    job_id = str(uuid.uuid4())
    send(connection, message(id=job_id))
    job = ended(job_id)
    assert (job.state, job.result) == ("SUCCESS", 5)
    assert waiting(connection, "dead") is None


@pytest.mark.parametrize(
    ("name", "deflate"),
    [
        ("application/x-gzip", zlib.compress),
        ("application/x-bz2", bz2.compress),
        ("application/x-lzma", lzma.compress),
    ],
)
def test_a_compressed_message_is_read(
    reader: WorkerProcess, connection: Any, name: str, deflate: Callable[[bytes], bytes]
) -> None:
    job_id = str(uuid.uuid4())
    send(connection, message(deflate(BODY), compression=name, id=job_id))
    assert ended(job_id).result == 5


def test_whatever_celery_itself_sends_has_nothing_wrong(reader: WorkerProcess, connection: Any) -> None:
    job = add_task.s(2, 3).set(link=add_task.s(1), link_error=add_task.s(1, 1), headers={"own": "header"})
    options: dict[str, Any] = {
        "countdown": 1,
        "expires": 60,
        "time_limit": 30,
        "soft_time_limit": 20,
        "retries": 2,
    }
    result = job.apply_async(connection=connection, shadow="other", ignore_result=False, **options)
    assert ended(result.id).state == "SUCCESS"
    assert waiting(connection, "dead") is None


def test_celery_calls_what_we_replaced() -> None:
    """Were it renamed, undecodable messages would be acknowledged again: that is, deleted."""
    assert symbol_by_name(settings.CELERY_WORKER_CONSUMER) is CarefulConsumer
    for name in ("on_decode_error", "create_task_handler"):
        assert name in vars(Consumer), f"Celery's consumer has no {name} any more"
    assert "message.ack()" in inspect.getsource(Consumer.on_decode_error), (
        "Celery may now do better than this"
    )


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({"timelimit": [0, None]}, [[], {}, {}], "timelimit: expected two numbers above 0"),
        ({"id": ""}, [[], {}, {}], "id: expected a text of 1 to 255 characters"),
        ({"eta": "soon"}, [[], {}, {}], "eta: expected a time"),
        ({}, [[], []], "its body is no list of arguments"),
        ({}, [[], {}, {"chain": 1}], "chain: expected a list"),
        ({"timelimit": None, "eta": "2026-01-01T00:00:00"}, [[], {}, None], ""),
    ],
)
def test_the_reason_names_the_place_and_what_was_expected(
    headers: dict[str, Any], body: object, expected: str
) -> None:
    found = complaint(SimpleNamespace(headers={**GOOD, "id": "x", **headers}, payload=body))
    assert found.startswith(expected) if expected else found == ""
