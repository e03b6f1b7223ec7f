"""Duties of other apps: what the recorder does for them every few seconds, in one process at a time.

An app registers its own when it is ready:

    duties.register("schedules.late", every_seconds=10, work="apps.schedules.watching.look_for_late")

`stand` is for what never rests: it has a thread of its own in every recorder. `follow` is for rows that must
say the same as the ledger.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.utils.module_loading import import_string

logger = logging.getLogger(__name__)

LONGEST_SECONDS = 30  # a recorder that doesn't come round within a minute counts as stuck
FROZEN_SECONDS = 30
CLAIM = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))"


@dataclass(frozen=True)
class Duty:
    """`work` is the dotted name of a function without arguments, since models can't be imported yet."""

    name: str
    every_seconds: float
    work: str

    def load(self) -> Callable[[], Any]:
        """Raises ImportError."""
        found: Callable[[], Any] = import_string(self.work)
        return found

    def do(self) -> bool:
        """The work once, in a transaction of its own; False if another process is at it."""
        with transaction.atomic():
            with connection.cursor() as cursor:
                # A process that is frozen in the middle gives way.
                cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{FROZEN_SECONDS}s'")
                cursor.execute(CLAIM, [f"duty:{self.name}"])
                if not cursor.fetchone()[0]:
                    return False
            self.load()()
        return True


REGISTERED: dict[str, Duty] = {}


def register(name: str, *, every_seconds: float, work: str) -> None:
    """Raises ValueError for a name that another work has, and for seconds that are not 1 to 30."""
    if not 1 <= every_seconds <= LONGEST_SECONDS:
        raise ValueError(f"every_seconds: expected 1 to {LONGEST_SECONDS}, got {every_seconds}")
    duty = Duty(name, every_seconds, work)
    if REGISTERED.setdefault(name, duty) != duty:
        raise ValueError(f"name: there is a duty {name!r} already")


STANDING: dict[str, str] = {}


def stand(name: str, work: str) -> None:
    """`work` is the dotted name of a class as apps.recorder.duties.Duty has it: made with the event that
    ends it, its `run` returns once that is set. Raises ValueError for a name that another work has."""
    if STANDING.setdefault(name, work) != work:
        raise ValueError(f"name: there is a standing duty {name!r} already")


FOLLOWING: dict[str, str] = {}


def follow(name: str, work: str) -> None:
    """`work` is the dotted name of a function that takes the ids of jobs that have ended, or are open again:
    the recorder calls it in the transaction that writes so. Raises ValueError for a name that another has."""
    if FOLLOWING.setdefault(name, work) != work:
        raise ValueError(f"name: {name!r} follows already")


def tell_followers(ids: Sequence[str]) -> None:
    """One that fails is logged and leaves no trace: the ledger doesn't wait for it."""
    for name, work in FOLLOWING.items() if ids else ():
        try:
            with transaction.atomic():
                import_string(work)(ids)
        except Exception:
            if connection.needs_rollback:  # the connection is lost, and with it the whole transaction
                raise
            logger.exception("%s could not follow %d jobs", name, len(ids))
