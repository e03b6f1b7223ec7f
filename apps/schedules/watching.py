"""Watching: what goes wrong with schedules becomes an event, once. The recorder looks every few seconds.

Each look begins where the last one ended, with some overlap: what was written late is found, too, and the
events' keys see to it that nothing is told twice.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Any

from django.conf import settings
from django.db.models import Max
from django.utils.timezone import now as current_time
from django_celery_beat.models import PeriodicTask

from apps.jobs import events
from apps.jobs.reading.ends import End, failed_since, latest_ends
from apps.schedules import condition
from apps.schedules.models import Absence, Firing, Look, Streak
from apps.schedules.policies import PASSED_OVER

ABSENT, BACK = "schedule.beat_absent", "schedule.beat_back"
FIRST_LOOK = timedelta(days=1)  # what is older is history
OVERLAP = timedelta(minutes=2)  # a batch of a killed recorder is written half a minute later
COUNTED = 100  # failures of one streak


def look_for_late() -> None:
    """`schedule.late`, once for each due time that a beat left lying. Without any beat, only that is told."""
    found = late_beside_a_beat().filter(timing__next_run_at__gt=reached("late") - OVERLAP)
    rows = list(found.order_by("timing__next_run_at").values_list("pk", "name", "timing__next_run_at"))
    now = current_time()
    for pk, name, due_at in rows:
        facts = {**about(pk, name), "due": due_at.isoformat(), "seconds": seconds(now - due_at)}
        events.publish("schedule.late", facts, f"schedule.late:{pk}:{due_at.isoformat()}")
    if rows:
        note("late", rows[-1][2])


def late_beside_a_beat() -> Any:
    """Those for which a beat had time enough: since they were due, and since it came back."""
    seen, back = condition.signs().seen, Absence.objects.aggregate(at=Max("ended_at"))["at"]
    if seen is None:
        return PeriodicTask.objects.none()
    due_before = seen - timedelta(seconds=settings.SCHEDULE_LATE_SECONDS)
    if back and back > due_before:
        return PeriodicTask.objects.none()
    return condition.late().filter(timing__next_run_at__lt=due_before)


def look_for_missed() -> None:
    """`schedule.missed`, once for each firing that was passed over, which may be of many due times."""
    decided_after = reached("missed")
    found = Firing.objects.filter(outcome__in=PASSED_OVER, decided_at__gt=decided_after - OVERLAP)
    firings = list(found.select_related("schedule").order_by("decided_at"))
    for firing in firings:
        facts = {
            **about(firing.schedule_id, firing.schedule.name),
            "outcome": firing.outcome,
            "due": firing.due_at.isoformat(),
            "until": (firing.until or firing.due_at).isoformat(),
            "count": firing.count,
        }
        events.publish("schedule.missed", facts, f"schedule.missed:{firing.pk}")
    if firings:
        note("missed", firings[-1].decided_at)


def look_for_failing() -> None:
    """`schedule.failing`, once for each streak of failures; `schedule.recovered` when a success ends it."""
    failed = failed_since(reached("failing") - OVERLAP)
    streaks = {row.periodic_task.name: row for row in Streak.objects.select_related("periodic_task")}
    newest = latest_ends({*failed, *streaks}, settings.SCHEDULE_FAILING_COUNT)
    for name in [name for name, row in streaks.items() if has_recovered(row, newest[name])]:
        recover(streaks.pop(name))
    suspects = [name for name in failed if fails(newest[name])]
    ends = latest_ends(suspects, COUNTED) if suspects else {}
    for schedule in PeriodicTask.objects.filter(name__in=suspects):
        fail(schedule, failures(ends[schedule.name]), streaks.get(schedule.name))
    if failed:
        note("failing", max(failed.values()))


def look_for_beat() -> None:
    """`schedule.beat_absent`, once for each absence of any beat, and `schedule.beat_back` after it."""
    signs, told = condition.signs(), events.latest(ABSENT, BACK)
    since = since_of(told) if told and told.topic == ABSENT else None
    if signs.absent and signs.seen and since is None:
        facts = {"since": signs.seen.isoformat(), "seconds": seconds(signs.silence)}
        events.publish(ABSENT, facts, f"{ABSENT}:{signs.seen.isoformat()}")
    elif since and signs.seen and signs.seen > since and not signs.absent:
        facts = {"since": since.isoformat(), "seconds": seconds(signs.seen - since)}
        events.publish(BACK, facts, f"{BACK}:{since.isoformat()}")


def failures(ends: Iterable[End]) -> list[End]:
    """Those since the last success, the newest first."""
    return list(takewhile(lambda end: end.failed, ends))


def fails(ends: Sequence[End]) -> bool:
    return len(failures(ends)) >= settings.SCHEDULE_FAILING_COUNT


def has_recovered(streak: Streak, ends: Iterable[End]) -> bool:
    return any(not end.failed and end.at > streak.began_at for end in ends)


def fail(schedule: PeriodicTask, found: Sequence[End], known: Streak | None) -> None:
    last, first = found[0], found[-1]
    if known:
        Streak.objects.filter(pk=known.pk).update(failures=max(known.failures, len(found)))
        return
    Streak.objects.create(
        periodic_task=schedule, failures=len(found), first_job=first.job_id, began_at=first.at
    )
    facts = {
        **about(schedule.pk, schedule.name),
        "failures": len(found),
        "since": first.at.isoformat(),
        "first_job": first.job_id,
        "last_job": last.job_id,
    }
    events.publish("schedule.failing", facts, f"schedule.failing:{first.job_id}")


def recover(streak: Streak) -> None:
    schedule = streak.periodic_task
    facts = {
        **about(schedule.pk, schedule.name),
        "failures": streak.failures,
        "since": streak.began_at.isoformat(),
    }
    events.publish("schedule.recovered", facts, f"schedule.recovered:{streak.first_job}")
    streak.delete()


def since_of(absence: Any) -> datetime:
    return datetime.fromisoformat(absence.facts["since"])


def about(pk: int, name: str) -> dict[str, Any]:
    return {"schedule": name, "id": pk}


def seconds(span: timedelta) -> float:
    return round(span.total_seconds(), 1)


def reached(watch: str) -> datetime:
    look = Look.objects.filter(watch=watch).first()
    return look.reached_at if look else current_time() - FIRST_LOOK


def note(watch: str, moment: datetime) -> None:
    if moment > reached(watch):
        Look.objects.update_or_create(watch=watch, defaults={"reached_at": moment})
