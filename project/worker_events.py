"""What workers tell Flower, without waiting for a broker that says nothing.

Celery's dispatcher sends from the worker's own loop and takes the options of all publishers: it waits for
the broker's confirm of each event, then tries for ever to connect anew. Under a frozen broker the loop would
do nothing else, and the worker look lost. These events are for watching: one that is missing costs nothing.
"""

from typing import Any

from celery.app.events import Events
from celery.events.dispatcher import EventDispatcher

ONCE = {"max_retries": 1}


class Dispatcher(EventDispatcher):
    connection: Any
    channel: Any

    def enable(self) -> None:
        """Of a connection of its own. One that it borrows, with a channel, belongs to a publisher of jobs."""
        if self.channel is None and self.connection is not None:
            confirm_nothing(self.connection)
        super().enable()

    def send(self, *args: Any, **fields: Any) -> Any:
        """`fields`: of the event, beside the options of Celery's own `send`."""
        return super().send(*args, **{"retry_policy": ONCE, **fields})


class WorkerEvents(Events):
    """Set as the Celery app's `events`."""

    dispatcher_cls = "project.worker_events:Dispatcher"


def confirm_nothing(connection: Any) -> None:
    """For channels that are opened from now on, also after it was connected anew."""
    if connection.transport.driver_type != "amqp":
        return
    connection.transport_options = {**connection.transport_options, "confirm_publish": False}
    if connection.connected:
        connection.connection.confirm_publish = False
