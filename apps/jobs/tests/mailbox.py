"""What lies in the broker's queues, and a broker that is reached through a line which tests can cut."""

import json
import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest
from celery import current_app
from django.conf import settings
from kombu import Connection
from kombu.transport.native_delayed_delivery import MAX_LEVEL, level_name

CHUNK = 65_536


@dataclass(frozen=True)
class Letter:
    """A message as it was found in a queue."""

    queue: str
    headers: dict[str, Any]
    properties: dict[str, Any]
    body: Any

    @property
    def id(self) -> str:
        return str(self.headers["id"])


def letters(*queues: str) -> list[Letter]:
    """Takes all messages out of these queues, or of all work queues."""
    names = queues or [queue.name for queue in settings.CELERY_TASK_QUEUES]
    with current_app.connection_for_write() as connection:
        return [letter for name in names for letter in taken(connection.default_channel, name)]


def delayed() -> list[Letter]:
    """Takes what waits for its time."""
    return letters(*(level_name(level) for level in range(MAX_LEVEL + 1)))


def empty() -> None:
    letters()
    delayed()


def taken(channel: Any, queue: str) -> list[Letter]:
    found = []
    while (message := channel.basic_get(queue, no_ack=True)) is not None:
        properties = dict(message.properties)
        headers = properties.pop("application_headers", {})
        found.append(Letter(queue, headers, properties, json.loads(message.body)))
    return found


class Line:
    """A TCP line to the broker. Cut, it refuses new connections; held, nothing comes back over it."""

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        self.target = (target.hostname, target.port)
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = url.replace(f"{target.hostname}:{target.port}", f"127.0.0.1:{self.port}")
        self.held = threading.Event()
        self.pairs: list[socket.socket] = []
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.server.getsockname()[1])

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            broker = socket.create_connection(self.target)
            self.pairs += [client, broker]
            threading.Thread(target=self.carry, args=(client, broker), daemon=True).start()

    def carry(self, client: socket.socket, broker: socket.socket) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(client, selectors.EVENT_READ, broker)
            selector.register(broker, selectors.EVENT_READ, client)
            while True:
                for key, _ in selector.select():
                    try:
                        data = key.fileobj.recv(CHUNK)  # type: ignore[union-attr]
                        if key.fileobj is broker and self.held.is_set():
                            continue
                        key.data.sendall(data)
                    except OSError:
                        return
                    if not data:
                        return

    @contextmanager
    def leading_there(self) -> Iterator["Line"]:
        """While it lasts, this process reaches the broker over the line alone."""
        options = {**current_app.conf.broker_transport_options}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                current_app, "connection_for_write", lambda: Connection(self.url, transport_options=options)
            )
            patch.setattr(current_app.amqp, "_producer_pool", None)
            yield self
        self.cut()

    def cut(self) -> None:
        with suppress(OSError):
            self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.drop()

    def drop(self) -> None:
        """Breaks every connection off; new ones are taken."""
        for end in self.pairs:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self.pairs.clear()
