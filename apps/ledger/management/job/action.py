"""What the actions of `manage.py job` have in common."""

import getpass
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from apps.jobs.acting import UnknownJob
from apps.jobs.commanding import BAD_INPUT, FAILED, SubmitCommand
from apps.jobs.errors import ArgumentError, JobError, UnknownTask

Options = Mapping[str, Any]
ByJob = Callable[[str], tuple[dict[str, Any], str, bool]]


class Action(Protocol):
    """One word after `manage.py job`. `run` raises JobError or CommandError."""

    help: str

    def add_arguments(self, parser: CommandParser) -> None: ...

    def run(self, command: SubmitCommand, options: Options) -> None: ...


def show(command: SubmitCommand, found: Mapping[str, Any], text: str, options: Options) -> None:
    """One result: a JSON object on a line, or words for people."""
    command.stdout.write(json.dumps(found, default=str) if options["json"] else text)


def for_each(ids: Sequence[str], act: ByJob, command: SubmitCommand, options: Options) -> None:
    """Does it to every job, also after one that failed; ends with the worst exit code.

    `act` returns what to show as JSON, as words, and whether it is done.
    """
    codes = []
    for job_id in ids:
        try:
            found, text, done = act(job_id)
        except JobError as error:
            found, text, code = {"id": job_id, "error": str(error)}, str(error), code_of(error)
        else:
            code = 0 if done else FAILED
        codes.append(code)
        if code and len(ids) == 1 and not options["json"]:
            raise CommandError(text, returncode=code)
        show(command, found, text, options)
    failed = [code for code in codes if code]
    if failed:
        said = _("%(failed)d of %(all)d: not done") % {"failed": len(failed), "all": len(codes)}
        raise CommandError(said, returncode=max(failed))


def code_of(error: JobError) -> int:
    return BAD_INPUT if isinstance(error, ArgumentError | UnknownTask | UnknownJob) else FAILED


def person() -> str:
    """Who types: the account of the system, or "" where it has no name."""
    try:
        return getpass.getuser()[:150]
    except (KeyError, OSError):
        return ""
