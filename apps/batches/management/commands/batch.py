"""`manage.py batch list|show|cancel|retry`."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.batches import acting, opening
from apps.batches.errors import BatchBusy
from apps.batches.models import Batch
from apps.batches.reading import STATES, UNCLOSED, documents, in_state
from apps.jobs.commanding import BAD_INPUT, FAILED
from apps.jobs.errors import ArgumentError, JobError

MOST = 1000
LISTED = (*STATES, UNCLOSED)


class Command(BaseCommand):
    """Exit codes: 0 done, 1 in use: try again, 2 bad input."""

    help = "Shows batches and how far they are, cancels one, and runs again what failed in one."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="list|show|cancel|retry")
        listed = verbs.add_parser("list", help=_("the newest first"))
        listed.add_argument("--state", help=_("only those that are %s") % ", ".join(LISTED))
        listed.add_argument("--limit", type=int, default=50, help=_("how many at most; 50"))
        show = verbs.add_parser("show", help=_("everything of one batch"))
        cancel = verbs.add_parser("cancel", help=_("cancels its members, and the batches in it"))
        retry = verbs.add_parser("retry", help=_("runs its failed members again"))
        for verb in (show, cancel, retry):
            verb.add_argument("id", type=int, help=_("of the batch"))
        for verb in (cancel, retry):
            verb.add_argument("--by", default="", help=_("who wants it"))
        cancel.add_argument("--why", default="", help=_("for people"))
        cancel.add_argument("--kill", action="store_true", help=_("kill members that run, too"))
        retry.add_argument("--cancelled", action="store_true", help=_("run cancelled members again, too"))
        for verb in (listed, show, cancel, retry):
            verb.add_argument("--json", action="store_true", help=_("print JSON"))

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found, text = getattr(self, options["verb"])(options)
        except BatchBusy as error:
            raise CommandError(str(error), returncode=FAILED) from error
        except JobError as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from error
        self.stdout.write(json.dumps(found, default=str) if options["json"] else text)

    def list(self, options: dict[str, Any]) -> tuple[Any, str]:
        if options["state"] not in (None, *LISTED):
            expected = f"expected one of {', '.join(LISTED)}, got {options['state'][:100]!r}"
            raise ArgumentError({"state": expected})
        if not 1 <= options["limit"] <= MOST:
            raise ArgumentError({"limit": f"expected 1 to {MOST}, got {options['limit']}"})
        asked = options["state"]
        rows = Batch.objects.all() if asked is None else in_state(Batch.objects.all(), asked)
        found = documents(rows.order_by("-id")[: options["limit"]])
        lines = [f"{row['id']}  {row['state']:9}  {row['progress']}  {row['name']}".rstrip() for row in found]
        return found, "\n".join(lines) or _("no batch")

    def show(self, options: dict[str, Any]) -> tuple[Any, str]:
        (found,) = documents([opening.row_of(options["id"])])
        shown = {name: value for name, value in found.items() if value not in (None, "", {})}
        lines = [
            f"{name:14} {value if isinstance(value, str) else json.dumps(value)}"
            for name, value in shown.items()
        ]
        return found, "\n".join(lines)

    def cancel(self, options: dict[str, Any]) -> tuple[Any, str]:
        done = acting.cancel(options["id"], options["by"], options["why"], kill=options["kill"])
        said = _("batch %(id)d is being cancelled") if done else _("batch %(id)d has finished already")
        return {"id": options["id"], "cancelled": done}, said % {"id": options["id"]}

    def retry(self, options: dict[str, Any]) -> tuple[Any, str]:
        result = acting.retry(options["id"], options["by"], cancelled=options["cancelled"])
        said = ngettext("%d job runs again", "%d jobs run again", result.count) % result.count
        lines = [said, *(f"{job_id}: {why}" for job_id, why in result.refused.items())]
        return {"id": options["id"], "retried": result.count, "refused": result.refused}, "\n".join(lines)
