"""Watching: the duties that other apps have registered, one after the other, each as often as it asks for."""

import logging
import threading
import time

from django.db import InterfaceError, OperationalError, connection

from apps.jobs.duties import REGISTERED, Duty

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
LOST_DATABASE = (OperationalError, InterfaceError)


class Rounds:
    """Goes on until `stop` is set. Of several recorders one at a time does a duty."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self.next = dict.fromkeys(REGISTERED.values(), 0.0)
        self.rounds = 0
        for duty in self.next:
            duty.load()  # a wrong name ends the recorder when it starts

    def run(self) -> None:
        while not self.stop.wait(LOOK_SECONDS):
            for duty in [duty for duty, due in self.next.items() if due <= time.monotonic()]:
                self.do(duty)

    def do(self, duty: Duty) -> None:
        self.next[duty] = time.monotonic() + duty.every_seconds
        try:
            self.rounds += duty.do()
        except LOST_DATABASE as error:
            logger.warning("the duty %s waits for the database: %s", duty.name, error)
            connection.close()
        except Exception:  # the next one has nothing to do with it
            logger.exception("the duty %s failed", duty.name)
