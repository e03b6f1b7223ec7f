"""`manage.py broadcast log-level DEBUG`, `manage.py broadcast send TOPIC --facts '{…}'`."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from apps.jobs.commanding import BAD_INPUT, FAILED
from apps.jobs.errors import ArgumentError
from apps.messaging import broadcasting, levels


class Command(BaseCommand):
    """Exit codes: 0 sent, 1 the broker didn't take it, 2 bad input."""

    help = "Tells every running worker and recorder something, at once."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="log-level|send")
        level = verbs.add_parser("log-level", help=_("what they log, until they are started anew"))
        level.add_argument("level", help=", ".join(levels.LEVELS))
        level.add_argument("--logger", default="", help=_("of this logger alone, such as apps.data"))
        send = verbs.add_parser("send", help=_("for handlers of your own"))
        send.add_argument("topic", help=_("a word, such as reload"))
        send.add_argument("--facts", default="{}", metavar="JSON", help=_("an object that goes with it"))
        for verb in (level, send):
            verb.add_argument("--json", action="store_true", help=_("print one JSON object"))

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            topic, facts = asked(options)
            sent = broadcasting.send(topic, facts)
        except ArgumentError as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from error
        if not sent:
            raise CommandError(_("the broker did not take it"), returncode=FAILED)
        told = {"topic": topic, "facts": facts}
        self.stdout.write(json.dumps(told) if options["json"] else _("sent"))


def asked(options: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Topic and facts. Raises ArgumentError."""
    if options["verb"] == "log-level":
        return levels.TOPIC, dict(levels.checked(options["level"], options["logger"]))
    try:
        facts = json.loads(options["facts"])
    except ValueError as error:
        raise ArgumentError({"facts": f"expected a JSON object: {error}"}) from None
    if not isinstance(facts, dict):
        raise ArgumentError({"facts": f"expected a JSON object, got {options['facts']!r}"})
    if options["topic"] == levels.TOPIC:
        facts = dict(levels.checked(facts.get("level", ""), facts.get("logger", "")))
    return options["topic"], facts
