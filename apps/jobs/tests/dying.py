"""A broker on which messages may die, and what it takes to send them as nobody should."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import amqp
from django.utils import timezone
from kombu import Connection

from apps.jobs.models import DeadLetter, Job
from apps.jobs.resending import Parcel
from tests.vhosts import Broker
from tests.waiting import RecorderProcess, WorkerProcess, wait_until

ADD = "apps.jobs.tests.sample_tasks.add_task"
TASKS = "apps.jobs.tests.dying_tasks"
DELIVERY_LIMIT = 2


class RawMessage(amqp.Message):
    """Takes the property `raw`: all properties as bytes, for those that py-amqp wouldn't write."""

    def _serialize_properties(self) -> bytes:
        raw = self.properties.get("raw")
        return raw if raw is not None else super()._serialize_properties()  # type: ignore[misc,no-any-return]


class Mill:
    """One broker with the topology, a low delivery limit, and processes that talk to it."""

    def __init__(self, broker: Broker, **environment: str) -> None:
        self.broker = broker
        self.environment = {
            "CELERY_BROKER_URL": broker.url,
            "CELERY_BROKER_MANAGEMENT_URL": broker.management_url,
            "CELERY_QUEUE_DELIVERY_LIMIT": str(DELIVERY_LIMIT),
            **environment,
        }

    def declare(self) -> None:
        argv = [sys.executable, "manage.py", "topology"]
        subprocess.run(argv, env=os.environ | self.environment, check=True, capture_output=True, timeout=60)

    def recorder(self, *arguments: str) -> RecorderProcess:
        return RecorderProcess(*arguments, environment=self.environment)

    def worker(self, *arguments: str, concurrency: int = 1) -> WorkerProcess:
        return WorkerProcess(
            "-I",
            f"{TASKS},apps.jobs.tests.sample_tasks",
            *arguments,
            concurrency=concurrency,
            environment=self.environment,
        )

    @contextmanager
    def channel(self) -> Iterator[Any]:
        # py-amqp gives a socket up whose other end takes nothing for a second, as a busy broker may.
        patient = {"socket_settings": {socket.TCP_USER_TIMEOUT: 30_000}}
        with Connection(self.broker.url, transport_options=patient) as connection:
            yield connection.default_channel

    def publish(self, *parcels: Parcel) -> None:
        with self.channel() as channel:
            for parcel in parcels:
                message = RawMessage(parcel.body, application_headers=parcel.headers, **parcel.properties)
                place = {
                    "exchange": parcel.exchange or "tasks",
                    "routing_key": parcel.routing_key or "default",
                }
                channel.basic_publish_confirm(message, confirm_timeout=30, **place)

    def refuse(self, count: int = 1, *, requeue: bool = False, queue: str = "default") -> None:
        """Plays a worker that rejects the next messages of a queue."""
        with self.channel() as channel:
            for _ in range(count):
                found = wait_until(lambda: channel.basic_get(queue), what=f"a message in {queue}")
                channel.basic_reject(found.delivery_tag, requeue=requeue)

    def length(self, queue: str) -> int:
        with self.channel() as channel:
            return int(channel.queue_declare(queue, passive=True).message_count)


def call(name: str = ADD, *args: Any, **headers: Any) -> Parcel:
    """A good message, but for the headers that are given otherwise; `...` leaves one out."""
    found = {
        "lang": "py", "task": name, "id": str(uuid4()), "retries": 0, "eta": None, "expires": None,
        "submitted_at": time.time(), "argsrepr": repr(args)[:100], "kwargsrepr": "{}",
    } | headers  # fmt: skip
    links = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
    body = json.dumps([list(args), {}, links]).encode()
    return Parcel(body, plain_json(), {name: value for name, value in found.items() if value is not ...})


def plain_json() -> dict[str, Any]:
    return {"content_type": "application/json", "content_encoding": "utf-8", "delivery_mode": 2}


def written(*parcels: Parcel) -> None:
    """Their rows, as `submit` writes them."""
    Job.objects.bulk_create(
        Job(
            id=parcel.headers["id"], task=parcel.headers["task"], queue="default", submitted_at=timezone.now()
        )
        for parcel in parcels
    )


def letter(**found: Any) -> DeadLetter:
    """The one letter that is like this, once it is there."""
    rows = DeadLetter.objects.filter(**found)
    return wait_until(rows.first, what=f"a letter with {found}")  # type: ignore[return-value]


def ended(job_id: str) -> Job:
    return job(id=job_id, finished_at__isnull=False)


def job(**found: Any) -> Job:
    """The job that is like this, once it is."""
    rows = Job.objects.filter(**found)
    return wait_until(rows.first, what=f"a job with {found}")  # type: ignore[return-value]
