"""A message as it lay in a queue, whatever it is, and sending it again with the broker's confirm."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

import amqp
from amqp import serialization
from celery import current_app
from django.conf import settings
from kombu import Connection
from kombu.exceptions import OperationalError

CONFIRM_SECONDS = 5.0
CLOSE_SECONDS = 1.0
PERSISTENT = 2

# What brokers write into a message on its way.
BROKER_MARKS = ("x-death", "x-first-death-", "x-last-death-", "x-delivery-count", "x-acquired-count")
# Its time to live would end it at once; the user's name must be that of whoever publishes.
OUTLIVED = ("expiration", "user_id", "cluster_id")


@dataclass(frozen=True)
class Parcel:
    """One message. `properties` are AMQP's, without the headers."""

    body: bytes
    properties: dict[str, Any] = field(default_factory=dict)
    headers: dict[Any, Any] = field(default_factory=dict)
    exchange: str = ""
    routing_key: str = ""

    @classmethod
    def of(cls, message: Any) -> "Parcel":
        """From py-amqp's message. kombu's would have been unpacked already, however large."""
        properties = dict(message.properties)
        headers = properties.pop("application_headers", None) or {}
        body = message.body.encode() if isinstance(message.body, str) else bytes(message.body or b"")
        place = message.delivery_info
        return cls(body, properties, headers, place["exchange"], place["routing_key"])

    @classmethod
    def from_envelope(cls, body: bytes, envelope: bytes) -> "Parcel":
        (table,), _ = serialization.loads("F", envelope, 0)
        return cls(body, table["properties"], table["headers"])

    def envelope(self) -> bytes:
        """Headers and properties without loss: they may hold what JSON can't."""
        table = {"properties": self.properties, "headers": self.headers}
        return bytes(serialization.dumps("F", (table,)))

    def again(self, exchange: str, routing_key: str, **marks: Any) -> "Parcel":
        """To be sent there, without what befell it; `marks` are headers that count."""
        headers = {name: value for name, value in self.headers.items() if not is_brokers(name)}
        properties = {name: value for name, value in self.properties.items() if name not in OUTLIVED}
        return replace(
            self,
            headers=headers | marks,
            properties=properties | {"delivery_mode": PERSISTENT},
            exchange=exchange,
            routing_key=routing_key,
        )


class Post:
    """A connection for sending parcels, made with the first. Not for use by several threads at once."""

    def __init__(self) -> None:
        self.connection: Connection = current_app.connection_for_write().clone(
            transport_options={**current_app.conf.broker_transport_options, "confirm_publish": True}
        )
        self.channel: Any = None
        self.returned = ""

    def __enter__(self) -> "Post":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def errors(self) -> tuple[type[BaseException], ...]:
        """What a broker out of reach raises, or one that breaks off."""
        return broker_errors(self.connection)

    def send(self, parcel: Parcel) -> str:
        """Returns "" once the broker has it, else why it refused it. Raises one of `errors`."""
        if not settings.PUBLISH_OPTIONS:
            return "this broker keeps no dead letters, so it can't take one back"
        if self.channel is None:
            self.open()
        self.returned = ""
        message = amqp.Message(parcel.body, application_headers=parcel.headers, **parcel.properties)
        try:
            self.channel.basic_publish(
                message,
                exchange=parcel.exchange,
                routing_key=parcel.routing_key,
                mandatory=True,
                confirm_timeout=CONFIRM_SECONDS,
            )
        except amqp.exceptions.MessageNacked:
            return "the queue is full"
        except self.connection.channel_errors as error:  # such as an exchange that is gone
            self.close()
            return str(error)
        return self.returned

    def open(self) -> None:
        self.connection.ensure_connection(max_retries=1, timeout=settings.CELERY_BROKER_CONNECTION_TIMEOUT)
        self.channel = self.connection.default_channel
        self.channel.events["basic_return"].add(self.on_return)

    def on_return(self, error: Exception, exchange: str, routing_key: str, message: Any) -> None:
        self.returned = f"no queue is bound to {exchange!r} for {routing_key!r}"

    def close(self) -> None:
        """Also of a broker that doesn't answer: it is not asked."""
        self.channel = None
        with suppress(*self.errors):
            self.connection.collect(socket_timeout=CLOSE_SECONDS)


def broker_errors(connection: Connection) -> tuple[type[BaseException], ...]:
    return (OSError, OperationalError, *connection.connection_errors, *connection.channel_errors)


def is_brokers(name: Any) -> bool:
    """Whether a header tells of the message's way, rather than of what it is."""
    return isinstance(name, str) and name.startswith(BROKER_MARKS)
