"""manage.py job logs"""

import time

from django.core.management.base import CommandError, CommandParser
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from apps.jobs import joblog
from apps.jobs.commanding import BAD_INPUT, FAILED, POLL_SECONDS, SubmitCommand
from apps.jobs.joblog import Line
from apps.jobs.models import Job
from apps.jobs.state import redis_error
from apps.jobs.states import FINISHED
from apps.ledger.management.job.action import Options, show

LAST_SECONDS = 1.0  # the last lines come a moment after the job's end


class Logs:
    help = _("show what a job logged")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id")
        parser.add_argument("--follow", action="store_true", help=_("go on until the job has ended"))

    def run(self, command: SubmitCommand, options: Options) -> None:
        try:
            tell(command, options)
        except redis_error() as error:
            said = _("Redis, which keeps the lines, can't be reached: %(error)s") % {"error": error}
            raise CommandError(said, returncode=FAILED) from error


def tell(command: SubmitCommand, options: Options) -> None:
    job_id = options["id"]
    lines, ends = joblog.read(job_id), has_ended(job_id)
    if not lines and ends is None:
        raise CommandError(_("no job has the id %(id)s") % {"id": job_id[:255]}, returncode=BAD_INPUT)
    write(command, lines, options)
    last_look = 0.0
    while options["follow"] and not (last_look and time.monotonic() > last_look):
        if ends and not last_look:
            last_look = time.monotonic() + LAST_SECONDS
        time.sleep(POLL_SECONDS)
        seen, lines = lines, joblog.read(job_id)
        write(command, newer(lines, seen), options)
        ends = has_ended(job_id)


def has_ended(job_id: str) -> bool | None:
    """None: nobody knows the job."""
    state = (
        None if "\x00" in job_id else Job.objects.filter(id=job_id).values_list("state", flat=True).first()
    )
    return None if state is None else state in FINISHED


def newer(lines: list[Line], seen: list[Line]) -> list[Line]:
    """Those after the last one seen; all of them, if that one had to go."""
    place = lines.index(seen[-1]) + 1 if seen and seen[-1] in lines else 0
    return lines[place:]


def write(command: SubmitCommand, lines: list[Line], options: Options) -> None:
    for line in lines:
        clock = localtime(line.time).isoformat(sep=" ", timespec="milliseconds")
        words = f"{clock} #{line.attempt} {line.level} {line.logger}: {line.message}"
        show(command, vars(line), words, options)
