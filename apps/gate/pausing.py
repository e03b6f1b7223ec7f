"""Pausing and resuming a queue, a task, or everything. It holds from the commit on, in workers within 2 s."""

import difflib
from datetime import datetime

from django.conf import settings
from django.utils import timezone

from apps.gate.desired import publish_soon
from apps.gate.models import Pause
from apps.jobs import catalog, plain
from apps.jobs.errors import ArgumentError

BY_LENGTH, WHY_LENGTH, SHOWN = 150, 1000, 100


def pause(what: str, name: str = "", *, by: str = "", why: str = "", until: datetime | None = None) -> Pause:
    """`what` is "queue", "task" or "all". Of what is paused already, who, why and until are the new ones.

    Raises ArgumentError, which names each bad one.
    """
    problems = wrong_place(what, name) | wrong_words(by, why)
    if until is not None and is_past(until):
        problems["until"] = "expected a time in the future, with a zone"
    if problems:
        raise ArgumentError(problems)
    values = {"by": by, "why": why, "until": until}
    made, _new = Pause.objects.update_or_create(what=what, name=name, defaults=values)
    publish_soon()
    return made


def resume(what: str, name: str = "") -> bool:
    """False if it was not paused. Raises ArgumentError for what can't be."""
    if what not in Pause.What.values:
        raise ArgumentError(wrong_place(what, name))
    count, _kinds = Pause.objects.filter(what=what, name=name).delete()
    publish_soon()
    return bool(count)


def is_past(until: datetime) -> bool:
    return until.tzinfo is None or until <= timezone.now()


def wrong_place(what: str, name: str) -> dict[str, str]:
    if what not in Pause.What.values:
        return {"what": f"expected queue, task or all, got {what[:SHOWN]!r}"}
    if what == Pause.What.ALL:
        return {"name": "expected none: everything is paused"} if name else {}
    known = queue_names() if what == Pause.What.QUEUE else list(catalog.tasks())
    if name in known:
        return {}
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return {"name": f"expected the name of a {what}, got {name[:SHOWN]!r}{hint}"}


def wrong_words(by: str, why: str) -> dict[str, str]:
    return {
        name: f"expected a text of at most {longest} characters"
        for name, text, longest in (("by", by, BY_LENGTH), ("why", why, WHY_LENGTH))
        if len(text) > longest or plain.complaint(text)
    }


def queue_names() -> list[str]:
    return [queue.name for queue in settings.CELERY_TASK_QUEUES]
