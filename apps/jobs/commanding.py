"""Management commands that submit a job and may wait for it."""

import json
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from apps.jobs import reading
from apps.jobs.errors import ArgumentError, JobError
from apps.jobs.progress import Progress
from apps.jobs.states import State
from apps.jobs.submitting import Order, Submission, submit

BAD_INPUT, FAILED = 2, 1
POLL_SECONDS = 0.2


class SubmitCommand(BaseCommand):
    """Base of a family's own command: adds --wait, --timeout, --priority and --json.

    Exit codes: 0 submitted (with --wait: and succeeded), 1 failed, 2 bad arguments.
    """

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--wait", action="store_true", help=_("wait for the job and show how it ends"))
        parser.add_argument("--timeout", type=float, default=3600, help=_("seconds that --wait waits"))
        parser.add_argument("--priority", type=int, default=5, help=_("0 (first) to 9"))
        parser.add_argument("--json", action="store_true", help=_("print one JSON object"))

    def submit(self, task: str, kwargs: dict[str, Any], options: dict[str, Any]) -> Submission:
        """Hands the job in, and reports it as the options ask."""
        try:
            job = submit(task, kwargs=kwargs, order=Order(priority=options["priority"]))
        except ArgumentError as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from error
        except JobError as error:
            raise CommandError(str(error), returncode=FAILED) from error
        if options["wait"]:
            self.report_end(self.wait(job, options), options)
        else:
            self.show({"id": job.id, "task": job.task, "state": State.PENDING.value}, options)
        return job

    def wait(self, job: Submission, options: dict[str, Any]) -> reading.JobView:
        deadline = time.monotonic() + options["timeout"]
        shown: Progress | None = None
        while time.monotonic() < deadline:
            view = reading.find(job.id)
            if view is None:
                raise CommandError(_("job %(id)s is gone") % {"id": job.id}, returncode=FAILED)
            if view.ended:
                return view
            if not options["json"] and (now := view.progress) and now != shown:
                self.stderr.write(line(now))
                shown = now
            time.sleep(POLL_SECONDS)
        raise CommandError(
            _("job %(id)s has not ended after %(seconds)g s; it goes on")
            % {"id": job.id, "seconds": options["timeout"]},
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


def line(progress: Progress) -> str:
    total = f" of {progress.total} ({progress.percent} %)" if progress.total else ""
    return f"{progress.done}{total} {progress.message}".rstrip()
