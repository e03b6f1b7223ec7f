"""manage.py job show, list"""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.canvas.tree import text_of, tree_of
from apps.jobs import acting, progress
from apps.jobs.commanding import SubmitCommand, line
from apps.jobs.errors import ArgumentError
from apps.jobs.models import Attempt, Job
from apps.jobs.state import redis_error
from apps.jobs.states import State
from apps.ledger.management.job import documents, values
from apps.ledger.management.job.action import Options, show

LIMIT, LIMIT_MOST = 50, 10_000
STEP = 500


class Show:
    help = _("show everything the ledger knows of a job")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id")

    def run(self, command: SubmitCommand, options: Options) -> None:
        job = acting.find(options["id"])
        tries = list(Attempt.objects.filter(job_id=job.id).order_by("token"))
        again = list(
            Job.objects.filter(retry_of=job.id).order_by("submitted_at").values_list("id", flat=True)
        )
        said, tree = progress_of(job), tree_of(job.id)
        related = text_of(tree) if tree.jobs > 1 else []
        found = {
            **documents.whole(job),
            "tries": [documents.attempt(tried) for tried in tries],
            "retried_as": again,
            "progress": vars(said) if said else None,
            "tree": related,
        }
        lines = [documents.block(documents.whole(job)), *map(documents.tried_line, tries)]
        lines += [documents.block({"retried_as": job_id}) for job_id in again]
        lines += [documents.block({"progress": line(said)})] if said else []
        lines += ["tree", *related] if related else []
        show(command, found, "\n".join(lines), options)


class List:
    help = _("list jobs, the newest first")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--state", action="append", default=[], help=", ".join(State.values))
        parser.add_argument("--task", help=_("its full name"))
        parser.add_argument("--queue")
        parser.add_argument("--since", help=_("submitted after then: 90s, 5m, 2h, 1d ago, or a time"))
        parser.add_argument("--limit", default=str(LIMIT), help=_("at most so many"))
        parser.add_argument("--dead", action="store_true", help=_("failed, and not run again by anybody"))
        parser.add_argument("--held", action="store_true", help=_("kept back until a time"))

    def run(self, command: SubmitCommand, options: Options) -> None:
        limit = values.whole("--limit", options["limit"], 1, LIMIT_MOST)
        found = 0
        for job in selected(options)[:limit].iterator(chunk_size=STEP):
            show(command, documents.brief(job), documents.row(job), options)
            found += 1
        if not found and not options["json"]:
            command.stderr.write(_("no such jobs"))


def progress_of(job: Job) -> progress.Progress | None:
    try:
        return progress.read(job.id)
    except redis_error():  # the ledger alone has most of what there is to show
        return None


def selected(options: Options) -> QuerySet[Job]:
    rows = Job.objects.order_by("-submitted_at", "-id").defer("args", "kwargs", "result", "outbox")
    if states := wanted_states(options):
        rows = rows.filter(state__in=states)
    for name in ("task", "queue"):
        if options[name] is not None:
            rows = rows.filter(**{name: text(f"--{name}", options[name])})
    if options["since"] is not None:
        moment: datetime = values.since("--since", options["since"])
        rows = rows.filter(submitted_at__gte=moment)
    if options["dead"]:
        rows = rows.filter(~Exists(Job.objects.filter(retry_of=OuterRef("id"))))
    if options["held"]:
        rows = rows.filter(eta__gt=timezone.now())
    return rows


def wanted_states(options: Options) -> list[str]:
    if options["dead"] + options["held"] + bool(options["state"]) > 1:
        raise ArgumentError({"--state": _("expected one of --state, --dead and --held")})
    if options["dead"]:
        return [State.FAILURE]
    if options["held"]:
        return [State.PENDING]
    states = [name.strip().upper() for names in options["state"] for name in names.split(",")]
    for name in states:
        if name not in State.values:
            values.refuse("--state", f"one of {', '.join(State.values)}", name)
    return states


def text(option: str, value: Any) -> str:
    if "\x00" in value:
        values.refuse(option, "a text without NUL", value)
    return str(value)
