from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from apps.jobs.commanding import SubmitCommand
from apps.notification.severity import Severity

TASK = "apps.notification.tasks.send_notification_task"


class Command(SubmitCommand):
    help = "Notifies a person or a team."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("recipient", help=_("user name, mail address or name of a channel"))
        parser.add_argument("title")
        parser.add_argument("message", nargs="?", default="")
        parser.add_argument(
            "--channel", action="append", help=_("name of a channel; may be given several times")
        )
        parser.add_argument("--severity", choices=Severity.values, default=Severity.INFO.value)
        parser.add_argument("--url", help=_("a link that goes with it"))
        parser.add_argument("--key", help=_("idempotency key: the same never notifies twice"))

    def handle(self, *args: Any, **options: Any) -> None:
        kwargs = {name: options[name] for name in ("recipient", "title", "message", "severity", "url")}
        kwargs |= {"channels": options["channel"], "idempotency_key": options["key"]}
        self.submit(TASK, {name: value for name, value in kwargs.items() if value is not None}, options)
