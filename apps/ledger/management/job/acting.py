"""manage.py job retry, cancel"""

from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from apps.jobs import acting, catalog
from apps.jobs.commanding import SubmitCommand
from apps.jobs.states import Source
from apps.ledger.management.job import values
from apps.ledger.management.job.action import Options, for_each, person


class Retry:
    help = _("run jobs that have ended again, as new jobs")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="+", metavar="id")
        parser.add_argument("--args", dest="positional", metavar="JSON", help=_("instead of its own"))
        parser.add_argument("--kwargs", dest="named", metavar="JSON", help=_("instead of its own"))
        parser.add_argument(
            "--edit",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help=_("one argument instead of its own"),
        )

    def run(self, command: SubmitCommand, options: Options) -> None:
        args = None if options["positional"] is None else values.json_list("--args", options["positional"])
        kwargs = None if options["named"] is None else values.json_object("--kwargs", options["named"])

        def act(job_id: str) -> tuple[dict[str, Any], str, bool]:
            edited = edits(job_id, kwargs, options["edit"])
            job = acting.retry(job_id, args, edited, by=person(), source=Source.COMMAND)
            found = {"id": job.id, "task": job.task, "state": str(job.state), "retry_of": job_id}
            return found, _("%(old)s runs again as %(new)s") % {"old": job_id, "new": job.id}, True

        for_each(options["ids"], act, command, options)


class Cancel:
    help = _("cancel jobs: those that wait, and with --force those that run")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="+", metavar="id")
        parser.add_argument("--why", default="", help=_("a reason, kept with the job"))
        parser.add_argument("--force", action="store_true", help=_("kill a job that runs"))

    def run(self, command: SubmitCommand, options: Options) -> None:
        def act(job_id: str) -> tuple[dict[str, Any], str, bool]:
            result = acting.cancel(job_id, by=person(), why=options["why"], force=options["force"])
            return vars(result), f"{job_id}: {result.text}", result.done

        for_each(options["ids"], act, command, options)


def edits(job_id: str, kwargs: dict[str, Any] | None, texts: list[str]) -> dict[str, Any] | None:
    """The named arguments, given or the job's own, with those of --edit; None: the job's own."""
    if not texts:
        return kwargs
    job = acting.find(job_id)
    own = job.kwargs if kwargs is None else kwargs
    return {**(own or {}), **values.pairs("--edit", texts, catalog.find(job.task))}
