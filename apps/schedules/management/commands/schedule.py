import difflib
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django_celery_beat.models import PeriodicTask

from apps.jobs.errors import JobError
from apps.schedules import reading, running, shipping, switching
from apps.schedules.shipping import BadDeclaration, Change

BAD_INPUT, FAILED = 2, 1


class Command(BaseCommand):
    help = "Lists, runs, enables and disables schedules, and brings those of the code to the database."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="sync|list|run|enable|disable")
        sync = verbs.add_parser("sync", help="create and update the schedules of project/recurring.py")
        sync.add_argument("--restore", action="store_true", help="also those that a person deleted")
        found = verbs.add_parser("list", help="every schedule with its rule, next run and last run")
        found.add_argument("--json", action="store_true", help="print one JSON list")
        for verb, text in NAMED.items():
            verbs.add_parser(verb, help=text).add_argument("name", help="the schedule's name")

    def handle(self, *args: Any, **options: Any) -> None:
        verbs: dict[str, Callable[[dict[str, Any]], None]] = {
            "sync": self.sync,
            "list": self.list,
            "run": self.run,
            "enable": self.enable,
            "disable": self.disable,
        }
        verbs[options["verb"]](options)

    def sync(self, options: dict[str, Any]) -> None:
        try:
            changes = shipping.sync(restore=options["restore"])
        except BadDeclaration as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from error
        for change in changes:
            self.stdout.write(f"{change.outcome:10} {change.name}{remark(change)}")
        if not changes:
            self.stdout.write(_("The code ships no schedules."))

    def list(self, options: dict[str, Any]) -> None:
        if options["json"]:
            rows = [asdict(view) for view in reading.every()]
            self.stdout.write(json.dumps(rows, default=datetime.isoformat, ensure_ascii=False))
            return
        self.stdout.write(f"{_('name'):32} {_('rule'):40} {_('next run'):17} {_('last run'):17}")
        for view in reading.every():
            coming = moment(view.next_run) if view.enabled else _("disabled")
            note = f"  {view.problem}" if view.problem else ""
            self.stdout.write(
                f"{view.name:32} {view.words:40} {coming:17} {moment(view.last_run):17}".rstrip() + note
            )

    def run(self, options: dict[str, Any]) -> None:
        try:
            job = running.run_now(named(options["name"]))
        except JobError as error:
            raise CommandError(str(error), returncode=FAILED) from error
        self.stdout.write(job.id)

    def enable(self, options: dict[str, Any]) -> None:
        schedule = named(options["name"])
        count = switching.enable(PeriodicTask.objects.filter(pk=schedule.pk))
        if not count and not schedule.enabled:
            raise CommandError(_("its time has passed, so it stays disabled"), returncode=FAILED)
        self.stdout.write(_("enabled") if count else _("was enabled already"))

    def disable(self, options: dict[str, Any]) -> None:
        schedule = named(options["name"])
        count = switching.disable(PeriodicTask.objects.filter(pk=schedule.pk))
        self.stdout.write(_("disabled") if count else _("was disabled already"))


NAMED = {
    "run": "start its job now, as beat would",
    "enable": "let it run by itself",
    "disable": "stop it from running by itself",
}


def named(name: str) -> PeriodicTask:
    """Exits with 2 and the nearest name if there is no such schedule."""
    schedule = PeriodicTask.objects.filter(name=name).first()
    if schedule is None:
        near = difflib.get_close_matches(name, PeriodicTask.objects.values_list("name", flat=True), n=1)
        hint = _("; did you mean “%s”?") % near[0] if near else ""
        raise CommandError(_("no schedule is named “%s”") % name + hint, returncode=BAD_INPUT)
    return schedule


def moment(time: datetime | None) -> str:
    return localtime(time).strftime("%Y-%m-%d %H:%M") if time else "-"


def remark(change: Change) -> str:
    remarks = {
        "kept": _("changed here: %s") % ", ".join(change.fields),
        "deleted": _("deleted here; sync --restore brings it back"),
        "retired": _("no longer in the code, so it is disabled"),
    }
    return f"  ({remarks[change.outcome]})" if change.outcome in remarks else ""
