"""Moving messages from queue to queue: none is lost, and only an interruption can double some.

A message is acknowledged after the broker has confirmed its copy. A kill in between leaves both, for
at most a window of messages.
"""

import time
from collections.abc import Callable
from typing import Any

from kombu import Connection

WINDOW = 100
CONFIRM_SECONDS = 60
# Confirms are asked for here, a window at a time; `confirm_publish` would wait for each of them.
UNCONFIRMED = {"read_timeout": CONFIRM_SECONDS, "write_timeout": CONFIRM_SECONDS}
# What a queue counts for itself; in another queue the count begins anew.
COUNTS = ("x-delivery-count", "x-acquired-count")

# Prepares a message for its new place: returns the exchange and routing key to publish it with.
Addressing = Callable[[Any], tuple[str, str]]


class MoveError(Exception):
    """The broker did not take a message; it is still where it was."""


def move(connection: Connection, source: str, address: Addressing) -> int:
    """Empties the queue over a connection of its own; returns how many messages that were.

    Raises MoveError.
    """
    moved = 0
    with connection.clone(transport_options=UNCONFIRMED, heartbeat=0) as link:
        publisher = Publisher(link.channel())
        while batch := take(publisher.channel, source):
            hand_over(publisher, batch, address)
            moved += len(batch)
    return moved


def take(channel: Any, source: str) -> list[Any]:
    """Fetched one by one: the end of a consumer would delete a queue that deletes itself."""
    batch: list[Any] = []
    while len(batch) < WINDOW and (message := channel.basic_get(source)) is not None:
        batch.append(message)
    return batch


def hand_over(publisher: "Publisher", batch: list[Any], address: Addressing) -> None:
    numbers = {}
    for message in batch:
        exchange, key = address(message)
        strip(message)
        numbers[publisher.publish(message, exchange, key)] = message.delivery_info["delivery_tag"]
    confirmed, complaint = publisher.settle()
    for number in confirmed & numbers.keys():
        publisher.channel.basic_ack(numbers[number])
    if complaint:
        raise MoveError(complaint)


def strip(message: Any) -> None:
    """Headers and properties stay, but for what the broker counts anew or would refuse."""
    message.properties.pop("user_id", None)  # only the user of that name may publish it
    for name in COUNTS:
        message.properties.get("application_headers", {}).pop(name, None)


class Publisher:
    """Publishes without waiting for each answer; `settle` waits for all of them."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        channel.auto_decode = False  # bodies stay the bytes they are
        self.sent = 0
        self.open: set[int] = set()
        self.confirmed: set[int] = set()
        self.complaint = ""
        channel.events["basic_ack"].add(self._on_ack)
        channel.events["basic_nack"].add(self._on_nack)
        channel.events["basic_return"].add(self._on_return)
        channel.confirm_select()

    def publish(self, message: Any, exchange: str, key: str) -> int:
        """Returns its number, by which the broker will answer."""
        self.sent += 1
        self.open.add(self.sent)
        self.channel.basic_publish(message, exchange=exchange, routing_key=key, mandatory=True)
        return self.sent

    def settle(self) -> tuple[set[int], str]:
        """Waits; returns the messages that were taken, and why others were not."""
        deadline = time.monotonic() + CONFIRM_SECONDS
        while self.open:
            left = deadline - time.monotonic()
            try:
                self.channel.connection.drain_events(timeout=max(left, 0.001))
            except TimeoutError:
                self.complaint = f"the broker did not answer within {CONFIRM_SECONDS} s"
                break
        confirmed, self.confirmed = self.confirmed, set()
        return confirmed, self.complaint

    def _on_ack(self, number: int, multiple: bool) -> None:
        self.confirmed |= self._answered(number, multiple)

    def _on_nack(self, number: int, multiple: bool) -> None:
        self._answered(number, multiple)
        self.complaint = "the broker refused a message: is the queue full?"

    def _on_return(self, error: Exception, exchange: str, key: str, _message: Any) -> None:
        # It is confirmed all the same, and which one it was is not told: none of this window counts.
        self.open, self.confirmed = set(), set()
        self.complaint = f"no queue took a message for {exchange or 'the default exchange'}, {key}: {error}"

    def _answered(self, number: int, multiple: bool) -> set[int]:
        answered = {each for each in self.open if each == number or (multiple and each < number)}
        self.open -= answered
        return answered
