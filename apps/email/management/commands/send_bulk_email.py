from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from apps.email import addresses, recipients, texts
from apps.email.mailing import post_to_all
from apps.email.management.commands.send_email import add_words, read, words
from apps.email.writing import Draft
from apps.jobs.commanding import SubmitCommand, complaints, how
from apps.jobs.errors import ArgumentError


class Command(SubmitCommand):
    help = "Sends a mail to each of many."
    takes_key = False

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "file", metavar="FILE",
            help=_("one address a line, or CSV with a column to_email; - is standard input"),
        )  # fmt: skip
        add_words(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        given = {"recipients": read(options["file"]), **words(options)}
        with complaints():
            found = checked(given)
            people = found.pop("recipients")
            job = post_to_all(Draft(**found), people, **how(options))
        self.report(job, options)


def checked(given: dict[str, str]) -> dict[str, Any]:
    """Raises ArgumentError that names all that is wrong."""
    found: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, text in given.items():
        try:
            found[name] = CHECKS[name](text)
        except ValueError as error:
            problems[name] = str(error)
    if problems:
        raise ArgumentError(problems)
    return found


CHECKS: dict[str, Callable[[str], Any]] = {
    "recipients": lambda text: recipients.checked(recipients.read(text)),
    "subject": texts.subject, "content": texts.body, "template": texts.template_name,
    "reply_to": addresses.parse,
}  # fmt: skip
