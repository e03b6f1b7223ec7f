"""Management commands that submit a job and may wait for it."""

import json
import re
import time
from argparse import ArgumentTypeError
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Unpack

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from apps.jobs import reading
from apps.jobs.errors import ArgumentError, JobError
from apps.jobs.models import Job
from apps.jobs.orders import PRIORITY_DEFAULT, Options, Order
from apps.jobs.progress import Progress
from apps.jobs.states import Source, State
from apps.jobs.submitting import submit

BAD_INPUT, FAILED = 2, 1
POLL_SECONDS = 0.2
DURATION = re.compile(r"([0-9]{1,8}(?:\.[0-9]{1,6})?)([smhd]?)")
UNITS = {"": "seconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class SubmitCommand(BaseCommand):
    """Base of a family's own command: adds --wait, --timeout, --json and how the job is to run.

    Exit codes: 0 submitted (with --wait: and succeeded), 1 failed, 2 bad arguments.
    """

    takes_key = True  # False for a job that is stored together with other rows, or with other jobs

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--wait", action="store_true", help=_("wait for the job and show how it ends"))
        parser.add_argument("--timeout", type=float, default=3600, help=_("seconds that --wait waits"))
        parser.add_argument("--priority", type=int, default=PRIORITY_DEFAULT, help=_("0 (first) to 9"))
        parser.add_argument(
            "--delay", type=duration, metavar="TIME", help=_("not before then: 90s, 5m, 2h, 1d")
        )
        parser.add_argument("--queue", help=_("instead of the one that the task's route names"))
        if self.takes_key:  # not --key, which families have for keys of their own
            said = _("if a job that is alive has this key, it is taken instead")
            parser.add_argument("--job-key", metavar="KEY", help=said)
        parser.add_argument("--json", action="store_true", help=_("print one JSON object"))

    def submit(
        self, task: str, kwargs: dict[str, Any], options: dict[str, Any], **more: Unpack[Options]
    ) -> Job:
        """Hands the job in, and reports it as the options ask."""
        with complaints():
            asked: Options = {**how(options), **more}
            job = submit(task, kwargs=kwargs, **asked)
        self.report(job, options)
        return job

    def report(self, job: Job, options: dict[str, Any]) -> None:
        if options["wait"]:
            self.report_end(self.wait(job.id, options), options)
        else:
            found = {"id": job.id, "task": job.task, "state": str(job.state)}
            self.show({**found, "existing": True} if job.existing else found, options)

    def wait(self, job_id: str, options: dict[str, Any]) -> reading.JobView:
        deadline = time.monotonic() + options["timeout"]
        shown: Progress | None = None
        while time.monotonic() < deadline:
            view = reading.find(job_id)
            if view is None:
                raise CommandError(_("job %(id)s is gone") % {"id": job_id}, returncode=FAILED)
            if view.ended:
                return view
            if not options["json"] and (now := view.progress) and now != shown:
                self.stderr.write(line(now))
                shown = now
            time.sleep(POLL_SECONDS)
        raise CommandError(
            _("job %(id)s has not ended after %(seconds)g s; it goes on")
            % {"id": job_id, "seconds": options["timeout"]},
            returncode=FAILED,
        )

    def report_end(self, view: reading.JobView, options: dict[str, Any]) -> None:
        found = {"id": view.id, "task": view.task, "state": view.state, "result": view.result}
        self.show(found, options)
        if view.state != State.SUCCESS:
            raise CommandError(view.error or view.state, returncode=FAILED)

    def show(self, found: dict[str, Any], options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps(found, default=str))
            return
        for name, value in found.items():
            text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
            self.stdout.write(f"{name:8} {text}")


def how(options: dict[str, Any]) -> Options:
    """`submit`'s options, as the command line has them. Raises ArgumentError."""
    found: Options = {"source": Source.COMMAND, "priority": options["priority"]}
    if options["delay"] is not None:
        found["delay"] = options["delay"]
    if options["queue"] is not None:
        found["queue"] = options["queue"]
    if options.get("job_key") is not None:
        found["key"] = options["job_key"]
    Order.of(found)
    return found


@contextmanager
def complaints() -> Iterator[None]:
    """What a submission raises becomes a CommandError with the exit code for it."""
    try:
        yield
    except ArgumentError as error:
        raise CommandError(str(error), returncode=BAD_INPUT) from error
    except JobError as error:
        raise CommandError(str(error), returncode=FAILED) from error


def duration(text: str) -> timedelta:
    """`90`, `90s`, `5m`, `2h`, `1d`: for argparse."""
    found = DURATION.fullmatch(text)
    if found is None:
        raise ArgumentTypeError(_("expected a time such as 90s, 5m, 2h or 1d, got %r") % text[:100])
    return timedelta(**{UNITS[found[2]]: float(found[1])})


def line(progress: Progress) -> str:
    total = f" of {progress.total} ({progress.percent} %)" if progress.total else ""
    return f"{progress.done}{total} {progress.message}".rstrip()
