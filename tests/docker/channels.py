"""The broker as one of its users sees it."""

import json
import urllib.request
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from kombu import Connection, Producer

from tests.docker.stack import Stack


@contextmanager
def channel(stack: Stack, role: str, vhost: str = "switchyard") -> Iterator[Any]:
    url = stack.url(f"broker_url_{role}").replace("/switchyard", f"/{vhost}")
    with Connection(url, transport_options={"confirm_publish": True}) as link:
        yield link.channel()


def publish(link: Any, exchange: str, key: str, body: str = "x") -> None:
    """As our tasks are: durable, confirmed, and an error when no queue is bound."""
    producer = Producer(link, auto_declare=False)
    producer.publish(body, exchange=exchange, routing_key=key, mandatory=True, confirm_timeout=5)


def waiting(stack: Stack, queue: str) -> int:
    """How many messages the queue holds."""
    with channel(stack, "topology") as link:
        return int(link.queue_declare(queue, passive=True).message_count)


def management(stack: Stack, path: str) -> Any:
    """What RabbitMQ's pages tell the user `monitor`."""
    user = urlsplit(stack.url("broker_url_monitor"))
    login = b64encode(f"{user.username}:{user.password}".encode()).decode()
    url = f"http://127.0.0.1:{stack.rabbitmq.management_port}/api/{path}"
    request = urllib.request.Request(url, headers={"Authorization": f"Basic {login}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)
