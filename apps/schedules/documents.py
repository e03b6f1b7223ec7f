"""A schedule as a document: each of its fields as plain JSON, as the code declares it and files keep it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from django_celery_beat.models import PeriodicTask

from apps.schedules import forecasting, rules
from apps.schedules.models import Timing
from apps.schedules.policies import MISSED_WINDOW_SECONDS, Missed, Overlap

Document: TypeAlias = dict[str, Any]

DEFAULTS: Document = {
    "args": [], "kwargs": {}, "queue": None, "exchange": None, "routing_key": None, "priority": None,
    "headers": {}, "start": None, "end": None, "one_off": False, "expire_seconds": None, "enabled": True,
    "description": "", "owner": "", "missed": str(Missed.ONCE),
    "missed_window_seconds": MISSED_WINDOW_SECONDS, "overlap": str(Overlap.ALLOW), "jitter_seconds": 0,
    "late_seconds_max": None,
}  # fmt: skip
FIELDS = ("name", "task", "rule", *DEFAULTS)
POLICIES = frozenset(
    {"owner", "missed", "missed_window_seconds", "overlap", "jitter_seconds", "late_seconds_max"}
)
JSON_FIELDS = ("args", "kwargs", "headers")
MOMENTS = {"start": "start_time", "end": "expires"}


def of(schedule: PeriodicTask) -> Document:
    """All FIELDS. Times are ISO 8601 in UTC; JSON that can't be read is the text as it is."""
    rule, timing = rules.of(schedule), forecasting.timing_of(schedule)
    return {
        "name": schedule.name,
        "task": schedule.task,
        "rule": rules.text(rule) if rule else "",
        **{name: loaded(getattr(schedule, name), DEFAULTS[name]) for name in JSON_FIELDS},
        **{name: getattr(schedule, name) or None for name in ("queue", "exchange", "routing_key")},
        "priority": schedule.priority,
        **{name: moment_text(getattr(schedule, column)) for name, column in MOMENTS.items()},
        "one_off": schedule.one_off or schedule.clocked_id is not None,
        "expire_seconds": schedule.expire_seconds,
        "enabled": schedule.enabled,
        "description": schedule.description,
        **{name: getattr(timing, name) for name in sorted(POLICIES)},
    }


def held(schedules: Any) -> list[PeriodicTask]:
    """Those of the queryset, whole, and locked against beat, which passes over them until the commit.

    A schedule is locked first and its timing after it, as by every edit of the row.
    """
    list(schedules.select_for_update(no_key=True).order_by("pk").values("pk"))
    timings = Timing.objects.filter(periodic_task__in=schedules)
    list(timings.select_for_update(no_key=True).order_by("pk").values("pk"))
    return list(schedules.select_related("timing", *rules.KINDS))


def write(schedule: PeriodicTask, values: Mapping[str, Any]) -> PeriodicTask:
    """Saves these fields of it and no others: beat may have counted a run meanwhile.

    A schedule that isn't saved yet needs all FIELDS. The values are checked already.
    """
    columns = {name: value for field in values.keys() - POLICIES for name, value in column(field, values)}
    for name, value in columns.items():
        setattr(schedule, name, value)
    if schedule.pk is None:
        schedule.save()
    elif columns:
        schedule.save(update_fields=[*columns, "date_changed"])
    policies = {name: values[name] for name in POLICIES & values.keys()}
    if policies:
        Timing.objects.filter(pk=schedule.pk).update(**policies)
    return schedule


def column(field: str, values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    value = values[field]
    if field == "rule":
        rule = rules.saved(rules.parse(value))
        return [(kind, rule.row if kind == rule.kind else None) for kind in rules.KINDS]
    if field in JSON_FIELDS:
        return [(field, json.dumps(value, ensure_ascii=False))]
    if field in MOMENTS:
        return [(MOMENTS[field], datetime.fromisoformat(value) if value else None)]
    return [(field, value)]


def default(document: Document, field: str) -> Any:
    """What a field is if nothing is said of it. What runs once is a one-off without being told."""
    if field == "one_off":
        return document["rule"].startswith("once ")
    return DEFAULTS.get(field)


def same(one: Any, other: Any) -> bool:
    """As JSON: 1, 1.0 and true are three values, and the order of names doesn't matter."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def differing(one: Document, other: Document) -> list[str]:
    return [field for field in FIELDS if not same(one[field], other[field])]


def loaded(text: str | None, empty: Any) -> Any:
    try:
        return json.loads(text) if text else empty
    except ValueError:
        return text


def moment_text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None
