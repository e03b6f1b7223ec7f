"""A worker's heartbeat as it lies in the state Redis: written by workers, read by the recorder."""

import json
from dataclasses import asdict, dataclass, fields

from django.conf import settings

INSTANCES = "switchyard:workers"  # a set of all that beat within the last hour or so
BEAT_SECONDS = 5.0
KEPT_SECONDS = 3600


def key_of(instance: str) -> str:
    return f"switchyard:worker:{instance}"


def beat_seconds() -> float:
    """Often enough for several beats in the time after which a silent worker is lost."""
    return min(BEAT_SECONDS, settings.WORKER_LOST_SECONDS / 6)


@dataclass(frozen=True)
class Beat:
    """`number` only grows. `held`: the jobs whose messages the worker has, running or not; `whole`: all
    of them. `started` is seconds since the epoch, by the worker's clock.
    """

    instance: str
    name: str
    pid: int
    queues: tuple[str, ...]
    concurrency: int
    started: float
    number: int
    held: tuple[str, ...] = ()
    whole: bool = True
    stopped: bool = False

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Beat":
        """Also of a worker of another release, which may tell more."""
        told = json.loads(text)
        found = {field.name: told[field.name] for field in fields(cls) if field.name in told}
        return cls(**{**found, "queues": tuple(found["queues"]), "held": tuple(found["held"])})
