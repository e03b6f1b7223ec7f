"""How two documents of a schedule differ, for people: without secrets, in few words."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from celery import current_app
from django.utils.text import Truncator
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.jobs.redacting import redact
from apps.schedules.documents import Document, differing, same
from apps.schedules.policies import Missed, Overlap

SHOWN = 200
NOTHING = "–"
LABELS = {
    "name": gettext_lazy("Name"), "task": gettext_lazy("Task"), "rule": gettext_lazy("Rule"),
    "args": gettext_lazy("Positional arguments"), "kwargs": gettext_lazy("Arguments"),
    "queue": gettext_lazy("Queue"), "exchange": gettext_lazy("Exchange"),
    "routing_key": gettext_lazy("Routing key"), "priority": gettext_lazy("Priority"),
    "headers": gettext_lazy("Message headers"), "start": gettext_lazy("Not before"),
    "end": gettext_lazy("End"), "one_off": gettext_lazy("Only one run"),
    "expire_seconds": gettext_lazy("Job expires after (seconds)"), "enabled": gettext_lazy("Enabled"),
    "description": gettext_lazy("Description"), "owner": gettext_lazy("Owner"),
    "missed": gettext_lazy("Missed runs"),
    "missed_window_seconds": gettext_lazy("Window for missed runs (seconds)"),
    "overlap": gettext_lazy("While the last job is still there"),
    "jitter_seconds": gettext_lazy("Jitter (seconds)"),
    "late_seconds_max": gettext_lazy("Latest start (seconds)"),
}  # fmt: skip
CHOICES: dict[str, Any] = {"missed": Missed, "overlap": Overlap}


@dataclass(frozen=True)
class Difference:
    """`field` of a document, or one part of it such as `kwargs.left`; a part that isn't there is None."""

    field: str
    old: Any
    new: Any

    @property
    def label(self) -> str:
        name, _dot, part = self.field.partition(".")
        return f"{LABELS[name]}: {part}" if part else str(LABELS[name])

    @property
    def old_words(self) -> str:
        return words(self.field, self.old)

    @property
    def new_words(self) -> str:
        return words(self.field, self.new)

    @property
    def change(self) -> str:
        """`every 5 minutes → every 10 minutes`."""
        return f"{self.old_words} → {self.new_words}"


def between(old: Document, new: Document) -> tuple[Difference, ...]:
    """In the order of a document's fields. Secrets are `[redacted]`, as everywhere."""
    shown_old, shown_new = without_secrets(old), without_secrets(new)
    return tuple(found for field in differing(old, new) for found in parts(field, shown_old, shown_new))


def without_secrets(document: Document) -> Document:
    args, kwargs, headers = document["args"], document["kwargs"], document["headers"]
    if not (isinstance(args, list) and isinstance(kwargs, dict) and isinstance(headers, dict)):
        return document
    call = redact(current_app.tasks.get(document["task"]), args, kwargs)
    hidden = {"args": list(call.args), "kwargs": dict(call.kwargs)}
    return {**document, **hidden, "headers": dict(redact(None, (), headers).kwargs)}


def parts(field: str, old: Document, new: Document) -> list[Difference]:
    """One for each name of an object; a secret that changed is told, though it looks the same."""
    before, after = old[field], new[field]
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return [Difference(field, before, after)]
    found = [
        Difference(f"{field}.{name}", before.get(name), after.get(name))
        for name in {**before, **after}
        if name not in before or name not in after or not same(before[name], after[name])
    ]
    return found or [Difference(field, before, after)]


def words(field: str, value: Any) -> str:
    if value is None or value in ("", [], {}):
        return NOTHING
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if field in CHOICES:
        return str(CHOICES[field](value).label)
    if field in {"start", "end"}:
        return localtime(datetime.fromisoformat(value)).strftime("%Y-%m-%d %H:%M:%S %Z")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return Truncator(text).chars(SHOWN)
