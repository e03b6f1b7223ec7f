"""`manage.py queue list`, `manage.py queue delete NAME`."""

import json
from collections.abc import Iterable
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from apps.jobs.commanding import BAD_INPUT, FAILED
from apps.jobs.errors import ArgumentError
from apps.messaging.looking import Unreachable, look
from apps.messaging.removing import remove

UNKNOWN = "-"
BINDINGS_MOST = 4
COLUMNS = "{:28} {:13} {:>8} {:>8} {:>10}  {}"


class Command(BaseCommand):
    """Exit codes: 0 done, 1 the broker can't be asked, 2 bad input."""

    help = "Shows exchanges and queues with what waits in them, and deletes what a subscription left behind."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="list|delete")
        listed = verbs.add_parser("list", help=_("every exchange and queue, with messages and bindings"))
        listed.add_argument("--json", action="store_true", help=_("print one JSON object"))
        delete = verbs.add_parser("delete", help=_("the queue of a subscription that the code no longer has"))
        delete.add_argument("name", help=_("the queue, as list has it"))
        delete.add_argument("--force", action="store_true", help=_("also with the events that wait in it"))
        delete.add_argument("--json", action="store_true", help=_("print one JSON object"))

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self.list(options) if options["verb"] == "list" else self.delete(options)
        except ArgumentError as error:
            raise CommandError("; ".join(error.problems.values()), returncode=BAD_INPUT) from error
        except Unreachable as error:
            raise CommandError(str(error), returncode=FAILED) from error

    def list(self, options: dict[str, Any]) -> None:
        found = look()
        if options["json"]:
            self.stdout.write(json.dumps(found, indent=2))
            return
        for row in found["exchanges"]:
            note = _("missing: run manage.py topology") if row["missing"] else ""
            self.stdout.write(f"{_('exchange')} {row['name']:10} {row['type']:8} {note}".rstrip())
        self.stdout.write("")
        self.table(found["queues"])
        for line in notes(found):
            self.stdout.write(line)

    def table(self, rows: Iterable[dict[str, Any]]) -> None:
        head = (_("queue"), _("kind"), _("ready"), _("held"), _("consumers"), _("gets"))
        self.stdout.write(COLUMNS.format(*head))
        for row in rows:
            figures = [shown(row[name]) for name in ("ready", "unacknowledged", "consumers")]
            self.stdout.write(COLUMNS.format(row["name"], row["kind"], *figures, gets(row)).rstrip())

    def delete(self, options: dict[str, Any]) -> None:
        dropped = remove(options["name"], force=options["force"])
        if options["json"]:
            self.stdout.write(json.dumps({"deleted": options["name"], "dropped": dropped}))
        else:
            said = _("%(name)s is deleted, with %(count)d events")
            self.stdout.write(said % {"name": options["name"], "count": dropped})


def gets(row: dict[str, Any]) -> str:
    """What leads to the queue, and what becomes of it."""
    if row["missing"]:
        return _("missing: run manage.py topology")
    bound = [f"{each['exchange']}: {each['headers'] or each['key'] or '*'}" for each in row["bindings"]]
    if len(bound) > BINDINGS_MOST and row["kind"] == "dead":
        bound = [_("what %d queues gave up") % len(bound)]
    if row["kind"] == "orphan":
        bound.append(_("nobody takes its events: manage.py queue delete %s") % row["name"])
    elif row["task"]:
        bound.append(f"-> {row['task']}")
    return ", ".join(bound)


def notes(found: dict[str, Any]) -> list[str]:
    if found["source"] == "redis":
        return [
            "",
            _("This broker keeps neither exchanges nor consumers; notices go to their lane by its name."),
        ]
    if found["source"] == "amqp":
        return ["", _("Bindings are those that have to be there: %s.") % found["silence"]]
    return ["", _("%d messages wait for their time.") % found["delayed"]] if found["delayed"] else []


def shown(value: int | None) -> str:
    return UNKNOWN if value is None else str(value)
