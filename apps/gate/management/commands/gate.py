"""`manage.py gate status|pause|resume|held`."""

import json
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_duration
from django.utils.translation import gettext as _

from apps.gate import looking
from apps.gate.looking import Follower
from apps.gate.models import LimitSetting, Pause
from apps.gate.pausing import pause, resume
from apps.jobs.commanding import BAD_INPUT
from apps.jobs.errors import ArgumentError
from apps.jobs.models import Hold
from apps.jobs.state import redis_error

SHOWN = 100


class Command(BaseCommand):
    """Exit codes: 0 done, 2 bad input."""

    help = "Pauses and resumes queues, tasks or everything, and shows which jobs wait and for what."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="status|pause|resume|held")
        status = verbs.add_parser("status", help=_("pauses, limits that people set, and how many jobs wait"))
        paused = verbs.add_parser("pause", help=_("nothing of it begins until it is resumed"))
        resumed = verbs.add_parser("resume", help=_("it goes on"))
        for verb in (paused, resumed):
            verb.add_argument("what", help=_("queue, task or all"))
            verb.add_argument("name", nargs="?", default="", help=_("of the queue or task"))
        paused.add_argument("--why", default="", help=_("for people"))
        paused.add_argument("--by", default="", help=_("who wants it"))
        paused.add_argument("--for", dest="duration", help=_("for how long, as 2:00:00; else until resumed"))
        held = verbs.add_parser("held", help=_("jobs that wait, the next first"))
        for verb in (status, paused, resumed, held):
            verb.add_argument("--json", action="store_true", help=_("print JSON"))

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found, text = getattr(self, options["verb"])(options)
        except ArgumentError as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from error
        self.stdout.write(json.dumps(found, default=str) if options["json"] else text)

    def pause(self, options: dict[str, Any]) -> tuple[Any, str]:
        duration = duration_of(options["duration"])
        until = timezone.now() + duration if duration else None
        made = pause(options["what"], options["name"], by=options["by"], why=options["why"], until=until)
        return as_dict(made), _("paused: %(what)s") % {"what": made}

    def resume(self, options: dict[str, Any]) -> tuple[Any, str]:
        done = resume(options["what"], options["name"])
        place = f"{options['what']} {options['name']}".rstrip()
        text = _("resumed: %(what)s") if done else _("%(what)s was not paused")
        return {"resumed": done}, text % {"what": place}

    def status(self, options: dict[str, Any]) -> tuple[Any, str]:
        pauses = [as_dict(found) for found in Pause.objects.order_by("what", "name")]
        limits = [str(found) for found in LimitSetting.objects.filter(enabled=True).order_by("task", "kind")]
        held = Hold.objects.count()
        lines = [f"{_('paused')}: {line(found)}" for found in pauses] or [_("nothing is paused")]
        lines += [f"{_('limit')}: {found}" for found in limits]
        lines.append(_("%(count)d jobs are held") % {"count": held})
        workers = self.workers()
        lines += [worker_line(found) for found in workers]
        found = {"pauses": pauses, "limits": limits, "held": held, "workers": list(map(asdict, workers))}
        return found, "\n".join(lines)

    def workers(self) -> list[Follower]:
        try:
            return looking.workers()
        except redis_error() as error:
            self.stderr.write(_("Redis can't say what workers do: %(error)s") % {"error": error})
            return []

    def held(self, options: dict[str, Any]) -> tuple[Any, str]:
        rows = Hold.objects.order_by("line", "turn", "held_at")[:SHOWN]
        found = [
            {"id": row.job_id, "task": row.task, "why": row.why, "held_at": row.held_at, "until": row.until}
            for row in rows
        ]
        text = "\n".join(f"{row['id']}  {row['task']}  {row['why']}" for row in found)
        return found, text or _("no job is held")


def duration_of(text: str | None) -> timedelta | None:
    """Raises ArgumentError."""
    if text is None:
        return None
    found = parse_duration(text)
    if found is None or found <= timedelta(0):
        raise ArgumentError({"for": f"expected a time such as 2:00:00 (two hours), got {text[:SHOWN]!r}"})
    return found


def as_dict(found: Pause) -> dict[str, Any]:
    return {name: getattr(found, name) for name in ("what", "name", "by", "why", "since", "until")}


def worker_line(found: Follower) -> str:
    takes = _("takes %(queues)s") % {"queues": ", ".join(found.takes) or _("nothing")}
    paused = _("paused: %(queues)s") % {"queues": ", ".join(found.paused)} if found.paused else ""
    follows = {None: _("says nothing"), True: _("follows"), False: _("has not followed yet")}[found.follows]
    return f"{found.name}: {'; '.join(filter(None, [takes, paused, follows]))}"


def line(found: dict[str, Any]) -> str:
    words = f"{found['what']} {found['name']}".rstrip()
    parts = [
        f"{_('until')} {found['until']:%Y-%m-%d %H:%M %Z}" if found["until"] else "",
        f"{_('by')} {found['by']}" if found["by"] else "",
        found["why"],
    ]
    return "; ".join(filter(None, [words, *parts]))
