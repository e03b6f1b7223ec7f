"""What people want of the gate, as every process that runs jobs follows it: at most a second old.

PostgreSQL has it; Redis has a copy, because workers ask often. Who finds no copy asks PostgreSQL.
"""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from django.db import DatabaseError, transaction

from apps.gate.models import LimitSetting, Pause
from apps.jobs.limits import Concurrency, Limit, Rate
from apps.jobs.state import redis_error, state_redis

logger = logging.getLogger(__name__)

KEY = "switchyard:gate"
LOOK_SECONDS = 1.0


@dataclass(frozen=True)
class Stop:
    """One pause. `until` is in seconds since the epoch; None: until it is resumed."""

    what: str
    name: str
    until: float | None = None

    @property
    def holds(self) -> bool:
        return self.until is None or self.until > time.time()

    @property
    def line(self) -> str:
        """What a job that waits for its end waits for."""
        return f"pause:{self.what}:{self.name}"


@dataclass(frozen=True)
class Desired:
    """`limits` are those that people set: each a pattern of task names and a limit."""

    stops: tuple[Stop, ...] = ()
    limits: tuple[tuple[str, Limit], ...] = ()
    known: dict[str, Sequence[Limit]] = field(default_factory=dict, compare=False)

    @cached_property
    def by_place(self) -> dict[tuple[str, str], Stop]:
        return {(stop.what, stop.name): stop for stop in self.stops}

    def stop_for(self, task: str, queue: str) -> Stop | None:
        """The pause that keeps this job, the widest first."""
        for place in (("all", ""), ("queue", queue), ("task", task)):
            stop = self.by_place.get(place)
            if stop is not None and stop.holds:
                return stop
        return None

    def stops_queue(self, queue: str) -> bool:
        return self.stop_for("", queue) is not None

    def limits_of(self, task: Any) -> Sequence[Limit]:
        """The task's own, unless people set one of the same kind."""
        found = self.known.get(task.name)
        if found is None:
            asked = [limit for pattern, limit in self.limits if fnmatchcase(task.name, pattern)]
            kinds = {limit.kind for limit in asked}
            found = self.known[task.name] = [*asked, *(own for own in task.limits if own.kind not in kinds)]
        return found

    def to_json(self) -> str:
        limits = [[pattern, limit.kind, asdict(limit)] for pattern, limit in self.limits]
        return json.dumps([[asdict(stop) for stop in self.stops], limits])

    @classmethod
    def from_json(cls, text: str) -> "Desired":
        stops, limits = json.loads(text)
        made = tuple((pattern, limit_of(kind, values)) for pattern, kind, values in limits)
        return cls(tuple(Stop(**stop) for stop in stops), made)


def limit_of(kind: str, values: Mapping[str, Any]) -> Limit:
    kinds: dict[str, type[Limit]] = {"rate": Rate, "concurrency": Concurrency}
    return kinds[kind](**{**values, "key": tuple(values["key"]), "share": tuple(values["share"])})


class Following:
    """This process's view."""

    def __init__(self) -> None:
        self.text: str | None = None
        self.desired = Desired()
        self.next_look = 0.0

    def current(self) -> Desired:
        now = time.monotonic()
        if now >= self.next_look:
            self.next_look = now + LOOK_SECONDS
            self.look()
        return self.desired

    def look(self) -> None:
        """Of Redis and PostgreSQL both away, what was known last holds."""
        try:
            text: Any = state_redis().get(KEY)
            if text is None:
                text = stored().to_json()
        except (redis_error(), DatabaseError) as error:
            logger.warning("pauses and limits can't be looked up: %s", error)
            return
        if text != self.text:
            self.text, self.desired = text, Desired.from_json(text)


_following = Following()
current = _following.current


def stored() -> Desired:
    """As PostgreSQL has it. Raises the database's errors."""
    stops = [
        Stop(pause.what, pause.name, pause.until.timestamp() if pause.until else None)
        for pause in Pause.objects.order_by("what", "name")
    ]
    rows = LimitSetting.objects.filter(enabled=True).order_by("task", "kind", "key")
    return Desired(tuple(stops), tuple((row.task, of_setting(row)) for row in rows))


def of_setting(setting: LimitSetting) -> Limit:
    """Raises ValueError."""
    values: dict[str, Any] = {"key": names(setting.key), "share": names(setting.share)}
    own = ("per_seconds", "burst") if setting.kind == LimitSetting.Kind.RATE else ("lease_seconds",)
    values |= {name: getattr(setting, name) for name in ("limit", *own)}
    return limit_of(setting.kind, values)


def names(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def publish() -> Desired:
    """Copies what is wanted to Redis. Raises redis's errors and the database's."""
    wanted = stored()
    text = wanted.to_json()
    if state_redis().get(KEY) != text:
        state_redis().set(KEY, text)
    return wanted


def publish_soon() -> None:
    """After the commit. Without Redis the gate's own round does it."""
    transaction.on_commit(publish_or_leave)


def publish_or_leave() -> None:
    try:
        publish()
    except (redis_error(), DatabaseError) as error:
        logger.warning("the gate is told later: %s", error)
