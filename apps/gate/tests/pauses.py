"""Pauses that every worker follows."""

from datetime import datetime, timedelta

from django.utils import timezone

from apps.gate.pausing import pause
from tests.waiting import wait_until

FOLLOWED = timedelta(seconds=2)  # as promised


def paused_for_sure(what: str, name: str = "", until: datetime | None = None) -> None:
    pause(what, name, by="alice", why="the shop is closed", until=until)
    began = timezone.now()
    wait_until(lambda: timezone.now() - began > FOLLOWED, what="workers to follow")
