"""Tasks that wait for a test's word, so that it can take their worker away in the middle."""

import time
from pathlib import Path
from typing import Any

from celery import shared_task

from apps.jobs.effects import once
from apps.jobs.errors import Snooze, TemporaryError

POLL_SECONDS = 0.05


@shared_task
def hold_task(place: str, key: str = "") -> str:
    """Tells of its start, waits until `place/go` is there, then has its effect, guarded by the key."""
    write(place, "starts")
    while not Path(place, "go").exists():
        time.sleep(POLL_SECONDS)
    if key:
        once(key, lambda: write(place, "effects"))
    return "held"


@shared_task(bind=True, retry_backoff=False)
def later_task(self: Any, place: str, seconds: int, way: str = "retry") -> str:
    """The first time it asks for another try, or to be left in peace, for so long."""
    if len(lines(place, "starts")) == 0:
        write(place, "starts")
        raise TemporaryError("later", retry_after_seconds=seconds) if way == "retry" else Snooze(seconds)
    write(place, "starts")
    return f"{self.request.retries} retries"


def write(place: str, name: str) -> None:
    with Path(place, name).open("a") as file:
        file.write("once\n")


def lines(place: str | Path, name: str) -> list[str]:
    found = Path(place, name)
    return found.read_text().splitlines() if found.exists() else []
