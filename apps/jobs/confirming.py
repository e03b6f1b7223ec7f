"""Publishing many messages in one window of publisher confirms.

kombu waits for each confirm before it sends the next message; here they are sent in one go and the
confirms are counted. Built on py-amqp's channel: `confirm_select` and the events `basic_ack`,
`basic_nack` and `basic_return`.
"""

import logging
import struct
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from types import TracebackType
from typing import Any

from celery import current_app
from django.conf import settings
from kombu import Connection, Producer
from kombu.exceptions import OperationalError

from apps.jobs.wire import Message

logger = logging.getLogger(__name__)

CONFIRM_SECONDS = 5.0
CLOSE_SECONDS = 1.0
UNWRITABLE = (struct.error, ValueError, TypeError)  # what AMQP's tables can't hold


class Window:
    """A connection for publishing. Not for use by several threads at once."""

    def __init__(self) -> None:
        conf = current_app.conf
        options = {**conf.broker_transport_options, "confirm_publish": False}
        self.connection: Connection = current_app.connection_for_write().clone(transport_options=options)
        self.channel: Any = None
        self.tags = count(1)  # the broker numbers what a channel publishes

    def __enter__(self) -> "Window":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def errors(self) -> tuple[type[BaseException], ...]:
        """What a broker out of reach raises."""
        errors = (*self.connection.connection_errors, *self.connection.channel_errors)
        return (OSError, OperationalError, *errors)

    def publish(self, messages: Sequence[Message]) -> dict[str, str | None]:
        """Sends all; returns each id that the broker answered for: None, or why it refused it.

        An id that is missing was not confirmed in time: its message may have arrived or not. Raises
        one of `errors` when the connection breaks; nothing is then known of any.
        """
        if self.channel is None:
            self.open()
        if not settings.PUBLISH_OPTIONS:  # the Redis transport knows no confirms
            for message in messages:
                self.send_plainly(message)
            return dict.fromkeys(message.id for message in messages)
        waiting = Confirms(self.channel, messages, self.tags)
        try:
            waiting.send()
            waiting.wait()
        finally:
            waiting.detach()
        return waiting.answers

    def open(self) -> None:
        self.connection.ensure_connection(max_retries=1, timeout=settings.CELERY_BROKER_CONNECTION_TIMEOUT)
        self.channel, self.tags = self.connection.default_channel, count(1)
        if settings.PUBLISH_OPTIONS:
            self.channel.confirm_select()

    def send_plainly(self, message: Message) -> None:
        Producer(self.channel).publish(
            message.body,
            exchange=message.exchange,
            routing_key=message.routing_key,
            headers=message.headers,
            content_type="application/json",
            content_encoding="utf-8",
            **{name: value for name, value in message.properties.items() if value is not None},
        )

    def close(self) -> None:
        """Also of a broker that doesn't answer: it is not asked."""
        self.channel = None
        try:
            self.connection.collect(socket_timeout=CLOSE_SECONDS)
        except self.errors as error:
            logger.debug("a connection was broken off: %s", error)


class Confirms:
    """One window: what was sent and what came back."""

    def __init__(self, channel: Any, messages: Sequence[Message], tags: Iterator[int]) -> None:
        self.channel, self.messages, self.tags = channel, messages, tags
        self.answers: dict[str, str | None] = {}
        self.sent: dict[int, str] = {}
        self.returned: dict[str, str] = {}
        self.events = {
            "basic_ack": self.on_ack,
            "basic_nack": self.on_nack,
            "basic_return": self.on_return,
        }
        for name, handler in self.events.items():
            channel.events[name].add(handler)

    def detach(self) -> None:
        for name, handler in self.events.items():
            self.channel.events[name].discard(handler)

    def send(self) -> None:
        for message in self.messages:
            try:
                self.send_one(message)
            except UNWRITABLE as error:  # before anything of it was sent: the broker counts it not
                self.answers[message.id] = f"it can't be written: {error}"
            else:
                self.sent[next(self.tags)] = message.id

    def send_one(self, message: Message) -> None:
        self.channel.basic_publish(
            self.prepared(message),
            exchange=message.exchange,
            routing_key=message.routing_key,
            mandatory=message.mandatory,
        )

    def prepared(self, message: Message) -> Any:
        properties = {name: value for name, value in message.properties.items() if value is not None}
        priority = properties.pop("priority", None)
        return self.channel.prepare_message(
            message.body, priority, "application/json", "utf-8", message.headers, properties
        )

    def wait(self) -> None:
        deadline = time.monotonic() + CONFIRM_SECONDS
        while self.sent and (left := deadline - time.monotonic()) > 0:
            try:
                self.channel.connection.drain_events(timeout=left)
            except TimeoutError:
                return

    def on_ack(self, tag: int, multiple: bool) -> None:
        for job_id in self.settled(tag, multiple):
            self.answers[job_id] = self.returned.get(job_id)

    def on_nack(self, tag: int, multiple: bool) -> None:
        for job_id in self.settled(tag, multiple):
            self.answers[job_id] = "the queue is full"

    def on_return(self, error: Exception, exchange: str, routing_key: str, message: Any) -> None:
        """A message that no queue takes comes back before it is confirmed."""
        self.returned[str(message.headers.get("id"))] = f"no queue is bound to {exchange} for {routing_key}"

    def settled(self, tag: int, multiple: bool) -> Iterable[str]:
        tags = [sent for sent in self.sent if sent <= tag] if multiple else [tag]
        return [self.sent.pop(settled) for settled in tags if settled in self.sent]
