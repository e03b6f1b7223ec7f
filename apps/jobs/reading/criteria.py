"""What a list of jobs is narrowed down to."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from apps.jobs import catalog
from apps.jobs.models import Job
from apps.jobs.reading.counting import distinct
from apps.jobs.states import State


class Special(TextChoices):
    """What people look for as if it were a state."""

    HELD = "held", _("held")
    DEAD = "dead", _("dead")
    LOST = "lost", _("worker lost")
    UNSENT = "unsent", _("not yet sent")


@dataclass(frozen=True)
class Criteria:
    """Empty is anything. `state` is a State or a Special; `text` an id or its beginning, or a whole key.

    Jobs were submitted at or after `since` and before `until`, both with a zone.
    """

    state: str = ""
    task: str = ""
    family: str = ""
    queue: str = ""
    worker: str = ""
    schedule: str = ""
    tag: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Condition:
    """`columns` of the ledger are named without their table."""

    sql: str
    values: tuple[Any, ...] = ()


NEVER_RETRIED = Condition("NOT EXISTS (SELECT FROM jobs_job AS again WHERE again.retry_of = found.id)")
SPECIALS = {
    Special.HELD: Condition("state = 'PENDING' AND (eta > now() OR reason = 'held')"),
    Special.LOST: Condition("reason = 'worker_lost'"),
    Special.UNSENT: Condition("outbox IS NOT NULL"),
}


def conditions(wanted: Criteria) -> dict[str, Condition]:
    """By name; what is not asked for is left out. Task, family and period are none of them."""
    found = {
        name: equal(name, value)
        for name in ("schedule", "queue", "worker")
        if (value := getattr(wanted, name))
    }
    if wanted.text:
        found["text"] = Condition("(id LIKE %s OR key = %s)", (f"{literally(wanted.text)}%", wanted.text))
    if wanted.tag:
        found["tag"] = Condition("tags @> ARRAY[%s]::varchar[]", (wanted.tag,))
    if wanted.state in SPECIALS:
        found["special"] = SPECIALS[Special(wanted.state)]
    elif wanted.state == Special.DEAD:
        found |= {"state": equal("state", State.FAILURE), "dead": NEVER_RETRIED}
    elif wanted.state:
        found["state"] = equal("state", wanted.state)
    return found


def equal(column: str, value: str) -> Condition:
    return Condition(f"{column} = %s", (value,))


def literally(text: str) -> str:
    """Without the wildcards of LIKE."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def tasks_of(wanted: Criteria) -> list[str] | None:
    """None is any task. A family has those that are registered, and those of which there are jobs still."""
    if not wanted.family:
        return [wanted.task] if wanted.task else None
    names = {wanted.task} if wanted.task else {*catalog.tasks(), *distinct(Job, "task")}
    return sorted(name for name in names if catalog.family(name) == wanted.family)


def period(wanted: Criteria) -> list[Condition]:
    found = []
    if wanted.since:
        found.append(Condition("submitted_at >= %s", (wanted.since,)))
    if wanted.until:
        found.append(Condition("submitted_at < %s", (wanted.until,)))
    return found
