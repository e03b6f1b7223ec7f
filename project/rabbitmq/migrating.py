"""Giving a live queue other arguments, which RabbitMQ allows only to a new queue.

The old queue is unbound, and its messages take the detour to a queue beside it, the refuge. It is
emptied into the refuge and deleted; the new one is declared and bound; the refuge is emptied into it.
No message meets a gap, none goes two ways. How far it got is seen from the broker itself, so whoever
was killed starts again and goes on from there.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from amqp.exceptions import NotFound, PreconditionFailed, ResourceLocked
from kombu import Connection, Queue

from project.broker import declare, keeper_queues
from project.rabbitmq.channels import opened
from project.rabbitmq.detour import Detour
from project.rabbitmq.management import Management
from project.rabbitmq.moving import move
from project.topology import TASKS

POLL_SECONDS = 0.25
ORIGIN = "x-switchyard-origin"  # header of a message in the refuge: the exchange and key it came by


class MigrationError(Exception):
    """The queue can't be migrated now; the text says what to do. Nothing is lost."""


@dataclass(frozen=True)
class Patience:
    """How long a queue has to be empty until that is believed.

    What consumers hold is told by figures that are up to ten seconds old.
    """

    rest_seconds: float = 15
    refuge_rest_seconds: float = 3  # nobody but us reads from it
    held_seconds: float = 1800  # for what consumers hold


@dataclass
class Migration:
    """One queue's. `say` hears of each step; `force` allows consumers on the old queue."""

    connection: Connection
    api: Management
    queue: Queue
    say: Callable[[str], None]
    force: bool = False
    patience: Patience = field(default_factory=Patience)

    def run(self) -> bool:
        """Whether anything had to be done. Raises MigrationError, MoveError and ManagementError."""
        with self._alone():
            old, refuge = self.api.queue(self.name), self.api.queue(self.refuge)
            right = old is not None and self._is_right(old)
            if right and refuge is None:
                return False
            if old is not None and not right:
                self._refuse_what_can_not_be_moved(old)
                self._divert()
                self._empty_old()
                self._remove_old(str(old["type"]))
            self._renew()
            self._empty_refuge()
            self._tidy()
            return True

    @property
    def name(self) -> str:
        return str(self.queue.name)

    @property
    def refuge(self) -> str:
        return f"{self.name}_moving"

    @property
    def detour(self) -> Detour:
        return Detour(self.connection, self.api, self.refuge)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """An exclusive queue is the lock: it goes away with its connection, however that ends."""
        lock = f"{self.refuge}_lock"
        channel: Any = self.connection.channel()
        try:
            channel.queue_declare(lock, exclusive=True, auto_delete=True)
        except ResourceLocked as error:
            raise MigrationError(f"Another migration of {self.name} is running.") from error
        try:
            yield
        finally:
            channel.queue_delete(lock)

    def _is_right(self, row: dict[str, Any]) -> bool:
        lasting = row["durable"] and not row["auto_delete"]
        return bool(lasting and row["arguments"] == dict(self.queue.queue_arguments or {}))

    def _refuse_what_can_not_be_moved(self, old: dict[str, Any]) -> None:
        if obstacle := self.detour.obstacle():
            raise MigrationError(obstacle)
        if old["type"] == "stream" or old.get("exclusive"):
            kind = "a stream" if old["type"] == "stream" else "exclusive to one connection"
            raise MigrationError(f"{self.name} is {kind}: it can't be emptied. Delete it.")
        consumers = self._counts(self.name).consumer_count
        if consumers and not self.force:
            raise MigrationError(
                f"{self.name} has {consumers} consumers, which would be cut off. Stop the workers that "
                "read it; or add --force: they may go on until it is empty, then have to connect again."
            )

    def _divert(self) -> None:
        """From here on new messages reach the refuge and the old queue gets none."""
        rows = self.api.bindings_of(self.name)
        keys = {row["routing_key"] for row in rows if row["source"] == TASKS}
        with opened(self.connection) as channel:
            for keeper in keeper_queues([self.name]):
                keeper.bind(channel).declare()
            channel.queue_declare(
                self.refuge, durable=True, auto_delete=False, arguments=self.queue.queue_arguments
            )
        self.detour.open(keys | {self.queue.routing_key, f"#.{self.queue.routing_key}"})
        self._hand_on(self.name, self.refuge, [row for row in rows if row["source"] != TASKS])
        self._unbind(self.name, [row for row in rows if row["source"] == TASKS])
        self.say(f"{self.name}: new messages go to {self.refuge}")

    def _empty_old(self) -> None:
        moved = move(self.connection, self.name, self._to_refuge)
        while not self._rests():
            moved += move(self.connection, self.name, self._to_refuge)
        self.say(f"{self.name}: {moved} messages moved to {self.refuge}")

    def _rests(self) -> bool:
        """False as soon as there are messages to move. Raises MigrationError when some stay held."""
        begin = quiet_since = time.monotonic()
        while time.monotonic() - quiet_since < self.patience.rest_seconds:
            if self._counts(self.name).message_count:
                return False
            if held := self._held():
                quiet_since = time.monotonic()
            if time.monotonic() - begin > self.patience.held_seconds:
                raise MigrationError(
                    f"{self.name}: {held} messages are still held by a consumer. Stop it; run this again."
                )
            time.sleep(POLL_SECONDS)
        return True

    def _held(self) -> int | str:
        """Messages that a consumer has and did not acknowledge: no count of AMQP's has them."""
        found: int | str = (self.api.queue(self.name) or {}).get("messages_unacknowledged", "some")
        return found

    def _remove_old(self, kind: str) -> None:
        # Only a classic queue can be deleted on conditions; the others were looked at just now.
        conditions = {"if_empty": True, "if_unused": not self.force} if kind == "classic" else {}
        self._refuse_new_consumers()
        try:
            with opened(self.connection) as channel:
                channel.queue_delete(self.name, **conditions)
        except PreconditionFailed as error:
            raise MigrationError(f"{self.name} is in use again. Run this again. ({error})") from error

    def _refuse_new_consumers(self) -> None:
        if self._counts(self.name).consumer_count and not self.force:
            raise MigrationError(f"{self.name} has a consumer again. Stop it, then run this again.")

    def _renew(self) -> None:
        try:
            declare(self.connection, [self.queue])
        except PreconditionFailed as error:
            raise MigrationError(
                f"Somebody made {self.name} anew as it was: is there still an old worker? "
                f"Stop it, then run this again. ({error})"
            ) from error
        if self.api.queue(self.refuge) is not None:
            self._take_bindings_over()
        self.say(f"{self.name}: declared and bound")

    def _take_bindings_over(self) -> None:
        rows = self.api.bindings_of(self.refuge)
        detoured = [{**row, "source": TASKS} for row in rows if row["source"] == self.refuge]
        self._bind(self.name, detoured)
        self._hand_on(self.refuge, self.name, [row for row in rows if row["source"] != self.refuge])

    def _empty_refuge(self) -> None:
        """What was routed there just before the new queue was bound may still arrive: it is waited for."""
        moved, quiet_since = 0, time.monotonic()
        while time.monotonic() - quiet_since < self.patience.refuge_rest_seconds:
            if self._counts(self.refuge).message_count:
                moved += move(self.connection, self.refuge, self._home)
                quiet_since = time.monotonic()
            time.sleep(POLL_SECONDS)
        self.say(f"{self.name}: {moved} messages moved back")

    def _tidy(self) -> None:
        """The refuge last: while it is there, the migration is known to be unfinished."""
        self.detour.close()
        with opened(self.connection) as channel:
            channel.queue_delete(self.refuge)

    def _to_refuge(self, message: Any) -> tuple[str, str]:
        info = message.delivery_info
        headers = message.properties.setdefault("application_headers", {})
        headers[ORIGIN] = [info["exchange"], info["routing_key"]]
        return "", self.refuge

    def _home(self, message: Any) -> tuple[str, str]:
        """The way it came, if that leads to this queue alone: a retry reads the queue from it."""
        headers = message.properties.get("application_headers", {})
        info = message.delivery_info
        exchange, key = headers.pop(ORIGIN, [info["exchange"], info["routing_key"]])
        ours = f".{key}".endswith(f".{self.queue.routing_key}")
        return (exchange, key) if exchange == TASKS and ours else ("", self.name)

    def _hand_on(self, giver: str, taker: str, rows: list[dict[str, Any]]) -> None:
        """Bindings to exchanges that have no detour: for a moment their messages reach both."""
        self._bind(taker, rows)
        self._unbind(giver, rows)

    def _bind(self, queue: str, rows: list[dict[str, Any]]) -> None:
        with opened(self.connection) as channel:
            for row in rows:
                channel.queue_bind(queue, row["source"], row["routing_key"], arguments=row["arguments"])

    def _unbind(self, queue: str, rows: list[dict[str, Any]]) -> None:
        with opened(self.connection) as channel:
            for row in rows:
                channel.queue_unbind(queue, row["source"], row["routing_key"], arguments=row["arguments"])

    def _counts(self, name: str) -> Any:
        """Ready messages and consumers, as of now; of no queue: none of either."""
        try:
            with opened(self.connection) as channel:
                return channel.queue_declare(name, passive=True)
        except NotFound:
            return Nothing()


@dataclass(frozen=True)
class Nothing:
    message_count: int = 0
    consumer_count: int = 0
