from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from apps.jobs.commanding import SubmitCommand

TASK = "apps.notification.tasks.test_channel_task"


class Command(SubmitCommand):
    help = "Sends a test notification through one channel, even if it is disabled."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", help=_("the channel's name"))
        parser.add_argument("--to", help=_("user name or mail address; none: the channel itself"))

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"]
        self.submit(TASK, {"channel": name, "recipient": options["to"] or name}, options)
