"""manage.py job retry, cancel"""

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from apps.jobs import acting, catalog
from apps.jobs.acting import CancelResult
from apps.jobs.commanding import FAILED, SubmitCommand
from apps.jobs.states import Source
from apps.ledger.management.job import values
from apps.ledger.management.job.action import Options, for_each, person, show
from apps.running import stacks, trees


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
    help = _("cancel jobs: those that wait at once, those that run by asking them to end")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("ids", nargs="+", metavar="id")
        parser.add_argument("--why", default="", help=_("a reason, kept with the job"))
        parser.add_argument("--force", action="store_true", help=_("kill a job that runs, at once"))
        parser.add_argument("--tree", action="store_true", help=_("and all jobs below it"))

    def run(self, command: SubmitCommand, options: Options) -> None:
        how: Any = {"by": person(), "why": options["why"], "force": options["force"]}

        def act(job_id: str) -> tuple[dict[str, Any], str, bool]:
            found = trees.cancel_tree(job_id, **how) if options["tree"] else [acting.cancel(job_id, **how)]
            data = {**vars(found[0]), "below": [vars(result) for result in found[1:]]}
            lines = [f"{result.id}: {result.text}" for result in found]
            return data, "\n".join(lines), all(is_done(result) for result in found)

        for_each(options["ids"], act, command, options)


def is_done(result: CancelResult) -> bool:
    return result.done or result.outcome == "asked"


class Stack:
    help = _("show where a running job is in its code")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id")

    def run(self, command: SubmitCommand, options: Options) -> None:
        found = stacks.look(options["id"])
        if not found.text and not options["json"]:
            raise CommandError(found.why, returncode=FAILED)
        words = _("process %(pid)d of %(worker)s") % {"pid": found.pid, "worker": found.worker}
        show(command, {"id": options["id"], **vars(found)}, f"{words}\n\n{found.text}", options)
        if not found.text:
            raise CommandError(found.why, returncode=FAILED)


def edits(job_id: str, kwargs: dict[str, Any] | None, texts: list[str]) -> dict[str, Any] | None:
    """The named arguments, given or the job's own, with those of --edit; None: the job's own."""
    if not texts:
        return kwargs
    job = acting.find(job_id)
    own = job.kwargs if kwargs is None else kwargs
    return {**(own or {}), **values.pairs("--edit", texts, catalog.find(job.task))}
