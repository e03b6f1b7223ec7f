"""Beat's scheduler: `celery -A project beat` asks it what to do, again and again."""

import logging
import os
import socket
import time
from typing import Any
from uuid import uuid4

import psycopg
from celery.beat import Scheduler
from django.db import InterfaceError, OperationalError, connection
from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import ModelEntry

from apps.schedules.models import Timing
from apps.schedules.timetable import pulse
from apps.schedules.timetable.claiming import BATCH, database_time, fire_due
from apps.schedules.timetable.releasing import cancel_replaced, release_waiting
from apps.schedules.timetable.renewing import renew_problems, renew_stale

logger = logging.getLogger(__name__)

CHANNEL = "switchyard_timetable"  # the triggers on beat's tables notify it
LOOK_SECONDS = 1.0
OUTAGE_SECONDS = 1.0
LOST_DATABASE = (OperationalError, InterfaceError, psycopg.OperationalError)


class Timetable(Scheduler):
    """Any number of these may run: PostgreSQL decides which of them fires what.

    The schedules are PeriodicTask's rows; those of the setting `beat_schedule` are added to them if there
    are none of that name.
    """

    def __init__(self, app: Any, **options: Any) -> None:
        self.instance = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
        super().__init__(app, **options)

    def setup_schedule(self) -> None:
        self.install_default_entries(self.app.conf.beat_schedule)
        self.update_from_dict(self.app.conf.beat_schedule)
        renew_problems()

    def update_from_dict(self, mapping: dict[str, Any]) -> None:
        known = set(PeriodicTask.objects.filter(name__in=mapping).values_list("name", flat=True))
        for name, entry in mapping.items():
            if name in known:
                continue
            try:
                ModelEntry.from_entry(name, app=self.app, **entry)
            except LOST_DATABASE:
                raise
            except Exception:  # whatever is wrong with one entry, all others shall run
                logger.exception("the entry %s of beat_schedule can't be added", name)

    @property
    def info(self) -> str:
        return f"    . instance -> {self.instance}"

    def tick(self, **_: Any) -> float:  # type: ignore[override]
        """One look; then it waits by itself, for as long as nothing is due and nothing was changed."""
        try:
            self.look()
        except LOST_DATABASE as error:
            logger.warning("the timetable can't be read: %s", error)
            connection.close()
            time.sleep(OUTAGE_SECONDS)
        return 0

    def look(self) -> None:
        if absent := pulse.tick(self.instance):
            logger.warning("no beat was alive for %.0f s: what was due then was missed", absent)
        renewed, fired = renew_stale(), fire_due()
        if fired:
            logger.info("%d schedules fired", fired)
        release_waiting()
        cancel_replaced()
        if not renewed and fired < BATCH:
            self.wait(seconds_until_next())

    def wait(self, seconds: float) -> None:
        """A change of any schedule cuts it short."""
        connection.ensure_connection()
        raw: Any = connection.connection
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        list(raw.notifies(timeout=seconds, stop_after=1))

    def close(self) -> None:
        try:
            pulse.stop(self.instance)
        except LOST_DATABASE as error:
            logger.warning("the end of this beat can't be written: %s", error)
        super().close()


def seconds_until_next() -> float:
    """0 to LOOK_SECONDS."""
    upcoming = Timing.objects.filter(stale="", next_run_at__isnull=False).order_by("next_run_at")
    soonest = upcoming.values_list("next_run_at", flat=True).first()
    if soonest is None:
        return LOOK_SECONDS
    return min(LOOK_SECONDS, max(0.0, (soonest - database_time()).total_seconds()))
