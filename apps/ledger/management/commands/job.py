from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from apps.jobs.commanding import SubmitCommand
from apps.jobs.errors import JobError
from apps.ledger.management.job.acting import Cancel, Retry, Stack
from apps.ledger.management.job.action import Action, code_of
from apps.ledger.management.job.reading import Logs
from apps.ledger.management.job.showing import List, Show
from apps.ledger.management.job.submitting import Submit

ACTIONS: dict[str, Action] = {
    "submit": Submit(),
    "show": Show(),
    "list": List(),
    "retry": Retry(),
    "cancel": Cancel(),
    "logs": Logs(),
    "stack": Stack(),
}


class Command(SubmitCommand):
    """Exit codes: 0 done, 1 not done (the job failed, runs, or ended otherwise), 2 bad or unknown input."""

    help = "Hands jobs in, shows them, runs them again and cancels them."

    def add_arguments(self, parser: CommandParser) -> None:
        words = parser.add_subparsers(dest="action", required=True, metavar="|".join(ACTIONS))
        for name, action in ACTIONS.items():
            sub = words.add_parser(name, help=action.help)
            action.add_arguments(sub)
            sub.add_argument("--json", action="store_true", help=_("print JSON, one object a line"))

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            ACTIONS[options["action"]].run(self, options)
        except JobError as error:
            raise CommandError(str(error), returncode=code_of(error)) from error
        except KeyboardInterrupt:
            raise CommandError(_("stopped waiting; the job goes on"), returncode=130) from None
