from typing import Any

from django.core.management.base import CommandParser

from apps.jobs.commanding import SubmitCommand


class Command(SubmitCommand):
    help = "Fetches a source's file and imports it, if it has changed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("source", help="name or number of the source")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        self.submit("apps.data.tasks.sync_data_task", {"source": options["source"]}, options)
