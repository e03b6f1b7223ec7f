"""What a job needs to begin, one permit for each of its limits; asked for in Redis, all at once."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from apps.gate import scripts
from apps.jobs.arguments import signature
from apps.jobs.limits import InOrder, Limit
from apps.jobs.redacting import redact
from apps.jobs.state import state_redis

PREFIX = "switchyard:gate"
VALUE_LENGTH = 60  # longer values of arguments are known by their hash
WAKE = f"{PREFIX}:wake"  # a list: whatever is in it wakes the gate
COUNTED_SECONDS = 30  # for how long a count of those who wait is believed, if nobody counts anew
AHEAD_MILLISECONDS = 600_000  # for how long a job that was sent on keeps its permits


@dataclass(frozen=True)
class Permit:
    """`key` is where the limit's state lies; `line` what a job waits for, `words` for people. `a` and `b` are
    the script's numbers. `share` is whose turn it is among those who wait.
    """

    kind: str
    key: str
    a: float
    b: float
    words: str
    share: str = ""

    @property
    def place(self) -> str:
        return f"{PREFIX}:{self.kind}:{self.key}"

    @property
    def line(self) -> str:
        return f"{self.kind}:{self.key}"


@dataclass(frozen=True)
class Refusal:
    """`seconds` until it may be otherwise; 0 where nobody knows."""

    permit: Permit
    seconds: float


def permits_for(task: Any, limits: Sequence[Limit], args: Any, kwargs: Any) -> list[Permit]:
    """One for each limit, for a job with these arguments."""
    named: dict[str, str] = {}
    if any(limit.key or limit.share for limit in limits):
        hidden = set(redact(task, args, kwargs).names)
        values = signature(task).named(args, kwargs)
        named = {name: spelled(value, is_secret=name in hidden) for name, value in values}
    return [permit_for(task.name, limit, named) for limit in limits]


def permit_for(task: str, limit: Limit, named: Mapping[str, str]) -> Permit:
    key, words = limit.name or task, f"{limit.name or task}: {limit}"
    if limit.key:
        said = ", ".join(f"{name}={named.get(name, 'null')}" for name in limit.key)
        key, words = f"{key}:{said}", f"{words} for {said}"
    share = ",".join(named.get(name, "null") for name in limit.share)
    a, b = limit.numbers()
    return Permit(limit.kind, key, a, b, words, share)


def spelled(value: Any, *, is_secret: bool) -> str:
    """A value in a key: as JSON if it is short, else its hash."""
    text = json.dumps(value, default=str, sort_keys=True)  # jsonb, through which some come, sorts too
    if is_secret or len(text) > VALUE_LENGTH:
        return hashlib.sha256(text.encode()).hexdigest()[:32]
    return text


def admit(job_id: str, permits: Sequence[Permit], *, ahead: bool = False) -> Refusal | None:
    """Takes all permits, or none and says which was refused. `ahead`: for a job that will be sent on.

    Raises redis's errors.
    """
    keys = [f"{PREFIX}:pass:{job_id}"]
    args: list[Any] = [job_id, "1" if ahead else "0", AHEAD_MILLISECONDS]
    for permit in permits:
        keys += [permit.place, waiting_key(permit.line)]
        args += [permit.kind, permit.a, permit.b]
    answer = script("ADMIT")(keys=keys, args=args)
    if answer[0] == 0:
        return None
    return Refusal(permits[answer[0] - 1], answer[1] / 1000)


def counted(permits: Sequence[Permit]) -> list[Permit]:
    """Those that Redis grants. Whose turn it is PostgreSQL knows (`ordering`)."""
    return [permit for permit in permits if permit.kind != InOrder.kind]


def places(permits: Sequence[Permit]) -> list[Permit]:
    """Those that are given back when the job ends."""
    return [permit for permit in permits if permit.kind == "concurrency"]


def leave(job_id: str, held: Sequence[Permit]) -> None:
    keys = [key for permit in held for key in (permit.place, waiting_key(permit.line))]
    script("LEAVE")(keys=[WAKE, *keys], args=[job_id])


def renew(job_id: str, held: Sequence[Permit]) -> None:
    for permit in held:
        script("RENEW")(keys=[permit.place], args=[job_id, int(permit.b)])


def failed(permit: Permit, breaker_failures: int) -> bool:
    """Counts a failure; True if everybody has to wait from now on."""
    return bool(script("FAIL")(keys=[permit.place], args=[breaker_failures, int(permit.b), int(permit.a)]))


def succeeded(permit: Permit) -> None:
    """Closes the breaker: whoever waits for it may go on."""
    if state_redis().delete(permit.place):
        state_redis().rpush(WAKE, 1)


def waiting_key(line: str) -> str:
    return f"{PREFIX}:line:{line}"


@cache
def script(name: str) -> Any:
    return state_redis().register_script(getattr(scripts, name))
