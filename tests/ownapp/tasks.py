"""Tasks as people write them."""

import time
from datetime import date
from typing import Annotated, Any, Literal

from celery import shared_task
from pydantic import BaseModel, Field

from apps.jobs.errors import PermanentError, TemporaryError
from apps.jobs.progress import track


class Parcel(BaseModel):
    address: str
    weight: float = 1.0


@shared_task
def greet(name, greeting="Hello"):  # type: ignore[no-untyped-def]
    """Greets somebody by name."""
    return f"{greeting}, {name}!"


@shared_task
def count_sheep(
    sheep: Annotated[int, Field(ge=1, le=1000)], seconds_each: Annotated[float, Field(ge=0, le=5)] = 0.1
) -> dict[str, Any]:
    """Counts sheep until you sleep.

    Shows its progress while it counts.

    sheep: how many there are
    seconds_each: how long one takes to jump
    """
    for _ in track(range(sheep), sheep, "counting"):
        time.sleep(seconds_each)
    return {"status": "success", "sheep": sheep}


@shared_task
def send_parcels(
    parcels: list[Parcel],
    day: date,
    speed: Literal["slow", "fast"] = "slow",
    notify: list[str] | None = None,
    *,
    insured: bool = True,
) -> dict[str, Any]:
    """Sends parcels on a day.

    Args:
        parcels: what goes where
        day: when the van comes
        notify: whom to tell, by mail address
    """
    return {"status": "success", "sent": len(parcels), "day": day.isoformat(), "speed": speed}


@shared_task
def trip(times_before_it_works: int = 0, message: str = "the road was wet") -> None:
    """Falls over: at once for good, or some times until it works."""
    if times_before_it_works == 0:
        raise PermanentError(message)
    raise TemporaryError(message, retry_after_seconds=3600)
