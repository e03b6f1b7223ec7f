import getpass
import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.timezone import localtime, now
from django.utils.translation import gettext as _
from django_celery_beat.models import PeriodicTask

from apps.jobs.errors import ArgumentError, JobError
from apps.jobs.states import Source
from apps.schedules import forecasting, pausing, reading, running, switching
from apps.schedules.management.schedule import files, shipping
from apps.schedules.management.schedule.finding import BAD_INPUT, FAILED, named
from apps.schedules.rules import RuleError

COUNT_MOST = 1000


class Command(BaseCommand):
    help = (
        "Lists, runs, pauses, enables and disables schedules, brings those of the code to the database, "
        "writes schedules to files and reads them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        sync = verbs.add_parser("sync", help="create and update the schedules of project/recurring.py")
        sync.add_argument("--restore", action="store_true", help="also those that a person deleted")
        found = verbs.add_parser("list", help="every schedule with its rule, next run and last run")
        found.add_argument("--json", action="store_true", help="print one JSON list")
        export = verbs.add_parser("export", help="write schedules as YAML, for import")
        export.add_argument("names", nargs="*", metavar="name", help="the schedules; all of them")
        export.add_argument("--output", metavar="FILE", help="instead of the terminal")
        bring = verbs.add_parser(
            "import", help="create and change schedules as a YAML file says, all or none"
        )
        bring.add_argument("file", metavar="FILE", help="what export wrote; - is the standard input")
        bring.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
        bring.add_argument("--json", action="store_true", help="print one JSON list")
        for verb, text in NAMED.items():
            verbs.add_parser(verb, help=text).add_argument("name", help="the schedule's name")
        verbs.choices["next"].add_argument("--count", type=int, default=5, help="how many; 5")
        verbs.choices["pause"].add_argument("--until", help="a time with its zone, in ISO 8601")
        verbs.choices["pause"].add_argument("--why", default="", help="the reason, for people")

    def handle(self, *args: Any, **options: Any) -> None:
        verbs: dict[str, Callable[[dict[str, Any]], None]] = {
            "sync": partial(shipping.sync, self),
            "reset": partial(shipping.reset, self),
            "export": partial(files.write, self),
            "import": partial(files.read, self),
            "list": self.list,
            "run": self.run,
            "enable": self.enable,
            "disable": self.disable,
            "next": self.next,
            "pause": self.pause,
            "resume": self.resume,
        }
        verbs[options["verb"]](options)

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
            job = running.run_now(named(options["name"]), source=Source.COMMAND)
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

    def next(self, options: dict[str, Any]) -> None:
        count = options["count"]
        if not 1 <= count <= COUNT_MOST:
            raise CommandError(f"--count: expected 1 to {COUNT_MOST}, got {count}", returncode=BAD_INPUT)
        try:
            moments = forecasting.next_runs(named(options["name"]), now(), count)
        except RuleError as error:
            raise CommandError(str(error), returncode=FAILED) from error
        self.stdout.write("\n".join(found.isoformat() for found in moments) or _("none to come"))

    def pause(self, options: dict[str, Any]) -> None:
        schedule, until = named(options["name"]), time_of(options["until"])
        try:
            count = pausing.pause([schedule], by=getpass.getuser(), reason=options["why"], until=until)
        except ArgumentError as error:
            raise CommandError(str(error), returncode=BAD_INPUT) from error
        self.stdout.write(_("paused") if count else _("was paused already"))

    def resume(self, options: dict[str, Any]) -> None:
        count = pausing.resume([named(options["name"])])
        self.stdout.write(_("goes on") if count else _("was not paused"))


NAMED = {
    "reset": "make it as the code says, whatever was changed here",
    "next": "when it runs next",
    "pause": "pass over what is due, until it is resumed or a time has come",
    "resume": "end its pause",
    "run": "start its job now, as beat would",
    "enable": "let it run by itself",
    "disable": "stop it from running by itself",
}


def time_of(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        found = None
    if text and (found is None or found.utcoffset() is None):
        raise CommandError(
            _("--until: expected a time with its zone, such as 2026-05-03T09:00+02:00"), returncode=BAD_INPUT
        )
    return found


def moment(time: datetime | None) -> str:
    return localtime(time).strftime("%Y-%m-%d %H:%M") if time else "-"
