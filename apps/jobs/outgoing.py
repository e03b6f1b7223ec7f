"""A duty of the recorder that sends what lies in a table, over any outage."""

import logging
import threading
from typing import ClassVar

import psycopg
from django.db import InterfaceError, OperationalError, connection

from apps.jobs.confirming import Window

logger = logging.getLogger(__name__)

OUTAGE_SECONDS = 2.0
LOST_DATABASE = (OperationalError, InterfaceError, psycopg.OperationalError)


class Outgoing:
    """Goes on until `stop` is set. `round` is one look, with the pause after it; `what` is for the log."""

    what: ClassVar[str]

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self.window: Window | None = None

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                self.look()
        finally:
            self.disconnect()
            connection.close()

    def look(self) -> None:
        try:
            self.round()
        except LOST_DATABASE as error:
            logger.warning("%s wait for the database: %s", self.what, error)
            connection.close()
            self.stop.wait(OUTAGE_SECONDS)

    def round(self) -> None:
        raise NotImplementedError

    def connected(self) -> Window:
        """The one window; it connects when it first publishes."""
        self.window = self.window or Window()
        return self.window

    def disconnect(self) -> None:
        if self.window is not None:
            self.window.close()
            self.window = None
