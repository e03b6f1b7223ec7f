"""Which queues each running worker takes from, as it told itself, and whether that is what people want."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from apps.gate import desired
from apps.gate.desired import Desired
from apps.jobs import workers as engine
from apps.jobs.state import state_redis

PREFIX = "switchyard:gate:worker"
KEPT_SECONDS = 20


@dataclass(frozen=True)
class Taking:
    """`takes` from these queues; of those that it is for, the `paused` ones are left alone."""

    takes: tuple[str, ...] = ()
    paused: tuple[str, ...] = ()

    def follows(self, wanted: Desired) -> bool:
        return {name for name in self.takes + self.paused if wanted.stops_queue(name)} == {*self.paused}


@dataclass(frozen=True)
class Follower:
    """A living worker. `follows`: whether it does what is wanted now; None if it says nothing."""

    instance: str
    name: str
    takes: tuple[str, ...]
    paused: tuple[str, ...]
    follows: bool | None


def workers() -> list[Follower]:
    """Raises redis's errors and the database's."""
    living = engine.living()
    if not living:
        return []
    wanted = desired.stored()
    texts: Any = state_redis().mget([key_of(worker.instance) for worker in living])
    return [follower(worker, text, wanted) for worker, text in zip(living, texts, strict=True)]


def follower(worker: engine.WorkerView, text: str | None, wanted: Desired) -> Follower:
    if text is None:
        return Follower(worker.instance, worker.name, worker.queues, (), None)
    found = taking_of(text)
    return Follower(worker.instance, worker.name, found.takes, found.paused, found.follows(wanted))


def paused_queues(instance: str) -> tuple[str, ...]:
    """Those that this worker leaves alone. Raises redis's errors."""
    text: Any = state_redis().get(key_of(instance))
    return taking_of(text).paused if text else ()


def tell(instance: str, taking: Taking) -> None:
    """Called by the worker. Raises redis's errors."""
    state_redis().set(key_of(instance), json.dumps(asdict(taking)), ex=KEPT_SECONDS)


def taking_of(text: str) -> Taking:
    told = json.loads(text)
    return Taking(tuple(told["takes"]), tuple(told["paused"]))


def key_of(instance: str) -> str:
    return f"{PREFIX}:{instance}"
