import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from apps.email.posting import SEND
from apps.jobs.commanding import BAD_INPUT, SubmitCommand


class Command(SubmitCommand):
    help = "Sends one mail."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("to_email", metavar="TO", help=_("one address"))
        add_words(parser)
        parser.add_argument("--context", metavar="JSON", help=_("values for the template"))
        parser.add_argument("--key", help=_("two jobs with the same key send one mail"))

    def handle(self, *args: Any, **options: Any) -> None:
        kwargs = {
            "to_email": options["to_email"],
            **words(options),
            "context": values(options["context"]),
            "idempotency_key": options["key"],
        }
        given = {name: value for name, value in kwargs.items() if value is not None}
        self.submit(SEND, given, options)


def add_words(parser: CommandParser) -> None:
    """The options of a mail's words, for any command that sends some."""
    parser.add_argument("--subject")
    parser.add_argument("--content", help=_("the text"))
    parser.add_argument("--content-file", metavar="FILE", help=_("a file with the text; - is standard input"))
    parser.add_argument("--template", help=_("a stored mail template, instead of subject and text"))
    parser.add_argument("--reply-to", metavar="ADDRESS")


def words(options: dict[str, Any]) -> dict[str, Any]:
    found = {name: options[name] for name in ("subject", "content", "template", "reply_to")}
    if options["content_file"]:
        if options["content"] is not None:
            raise CommandError(_("give --content or --content-file, not both"), returncode=BAD_INPUT)
        found["content"] = read(options["content_file"])
    return {name: value for name, value in found.items() if value is not None}


def read(name: str) -> str:
    """The text of a file, or of standard input for `-`."""
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{name}: {error}", returncode=BAD_INPUT) from error


def values(text: str | None) -> Any:
    try:
        return None if text is None else json.loads(text)
    except ValueError as error:
        raise CommandError(f"--context: {error}", returncode=BAD_INPUT) from error
