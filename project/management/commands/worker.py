"""Runs a worker of a profile, in the place of this process."""

import argparse
import difflib
import json
import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from project.checks import beyond, in_use
from project.profiles import ProfileRow
from project.profiles import changed as with_changes

BAD_INPUT = 2
CELERY = (sys.executable, "-m", "celery", "-A", "project", "--quiet", "worker")
# Options of Celery's own that a profile has too: by their words there, what they change here.
CHANGES = {
    "queues": ("-Q", "--queues"),
    "pool": ("-P", "--pool"),
    "concurrency": ("-c", "--concurrency"),
    "prefetch": ("--prefetch-multiplier",),
    "max_tasks": ("--max-tasks-per-child",),
    "max_memory_kilobytes": ("--max-memory-per-child",),
}


class Command(BaseCommand):
    help = (
        "Runs a Celery worker as a profile says: which queues it reads, how many jobs at once, with what "
        "limits. Further options are those of `celery worker`, and win over the profile."
    )
    requires_system_checks = []  # the worker itself makes all of them

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--list", action="store_true", help=_("show the profiles instead"))
        parser.add_argument("--json", action="store_true", help=_("with --list: as JSON"))
        parser.add_argument("profile", nargs="?", help=", ".join(settings.WORKER_PROFILES))
        parser.add_argument("more", nargs=argparse.REMAINDER, metavar="…", help=_("such as --concurrency 8"))

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list"]:
            self.stdout.write(as_json() if options["json"] else as_table())
            return
        row, more = changed(profile(options["profile"]), options["more"])
        queues = queues_of(row)
        refuse_what_has_limits(row, queues)
        # On SIGTERM running jobs get CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT seconds, then go back to their
        # queue. By itself Celery would wait for them without a limit.
        environment = {"REMAP_SIGTERM": "SIGQUIT", **os.environ, **row.environment()}
        argv = [*CELERY, *row.words(queues), *more]
        os.execve(sys.executable, argv, environment)  # noqa: S606 - signals are to reach the worker


def profile(name: str | None) -> ProfileRow:
    """Raises CommandError."""
    known = settings.WORKER_PROFILES
    if name is None:
        raise bad(_("Which profile? Known are %(known)s.") % {"known": ", ".join(known)})
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        words = _("No worker profile %(name)r; known are %(known)s.")
        guess = _(" Did you mean %(near)s?") % {"near": near[0]} if near else ""
        raise bad(words % {"name": name, "known": ", ".join(known)} + guess)
    found: ProfileRow = known[name]
    return found


def changed(row: ProfileRow, words: list[str]) -> tuple[ProfileRow, list[str]]:
    """The profile with what the command line says otherwise, and what is left for Celery."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, prog=f"manage.py worker {row.name}")
    for field, names in CHANGES.items():
        parser.add_argument(*names, dest=field)
    given, more = parser.parse_known_args(words)
    asked = {field: value for field, value in vars(given).items() if value is not None}
    try:
        return with_changes(row, asked), [word for word in more if word != "--"]
    except ValueError as error:
        raise bad(str(error)) from None


def queues_of(row: ProfileRow) -> list[str]:
    names = [queue.name for queue in settings.CELERY_TASK_QUEUES]
    if unknown := [queue for queue in row.queues if queue not in names]:
        words = _("%(profile)s: no queue %(unknown)s; queues are %(known)s.")
        told = {"profile": row.name, "unknown": ", ".join(unknown), "known": ", ".join(names)}
        raise bad(words % told)
    if found := row.queues_of(in_use(), names):
        return found
    raise bad(_("%(profile)s: the other profiles in use read every queue.") % {"profile": row.name})


def refuse_what_has_limits(row: ProfileRow, queues: list[str]) -> None:
    if found := beyond(row, queues):
        queue, task = found[0]
        words = _(
            "%(profile)s: the pool %(pool)s keeps no time limits, but %(task)s in %(queue)s declares one."
        )
        raise bad(words % {"profile": row.name, "pool": row.pool, "task": task, "queue": queue})


def bad(text: str) -> CommandError:
    return CommandError(text, returncode=BAD_INPUT)


def told(row: ProfileRow) -> dict[str, Any]:
    """A profile as it would run, with the settings that it leaves open."""
    names = [queue.name for queue in settings.CELERY_TASK_QUEUES]
    limit, pooled = settings.CELERY_TASK_TIME_LIMIT, row.ends_jobs
    return {
        "name": row.name,
        "in_use": row.name in settings.WORKER_SET,
        "queues": row.queues_of(in_use(), names),
        "pool": row.pool,
        "concurrency": row.concurrency or settings.CELERY_WORKER_CONCURRENCY,
        "prefetch": row.prefetch or settings.CELERY_WORKER_PREFETCH_MULTIPLIER,
        "max_tasks": (row.max_tasks or settings.CELERY_WORKER_MAX_TASKS_PER_CHILD) if pooled else None,
        "max_memory_kilobytes": (row.max_memory_kilobytes or settings.CELERY_WORKER_MAX_MEMORY_PER_CHILD)
        if pooled
        else None,
        "time_limit_seconds": min(filter(None, [limit, row.time_limit_seconds]), default=None)
        if pooled
        else None,
        "purpose": row.purpose,
    }


def as_json() -> str:
    return json.dumps([told(row) for row in settings.WORKER_PROFILES.values()], indent=2)


def as_table() -> str:
    heads = ("profile", "in use", "pool", "at once", "prefetch", "time limit", "queues", "purpose")
    rows = [heads]
    for row in settings.WORKER_PROFILES.values():
        found = told(row)
        limit = found["time_limit_seconds"]
        rows.append((
            row.name, "yes" if found["in_use"] else "no", row.pool, str(found["concurrency"]),
            str(found["prefetch"]), f"{limit} s" if limit else "none", ",".join(found["queues"]), row.purpose,
        ))  # fmt: skip
    widths = [max(len(line[place]) for line in rows) for place in range(len(heads))]
    lines = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in rows]
    return "\n".join(lines)
