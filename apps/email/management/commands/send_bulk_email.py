from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from apps.email import recipients
from apps.email.management.commands.send_email import add_words, read, words
from apps.email.posting import SEND_TO_ALL
from apps.jobs.commanding import BAD_INPUT, SubmitCommand


class Command(SubmitCommand):
    help = "Sends a mail to each of many."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "file", metavar="FILE",
            help=_("one address a line, or CSV with a column to_email; - is standard input"),
        )  # fmt: skip
        add_words(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = recipients.read(read(options["file"]))
        except ValueError as error:
            raise CommandError(f"{options['file']}: {error}", returncode=BAD_INPUT) from error
        self.submit(SEND_TO_ALL, {"recipients": found, **words(options)}, options)
