import json
from typing import Any

from django.core.management.base import CommandParser
from django.utils.translation import gettext as _

from apps.cleanup.reading import PolicyView, overview
from apps.jobs.commanding import SubmitCommand

TASK = "apps.cleanup.tasks.cleanup_data_task"


class Command(SubmitCommand):
    help = "Deletes what the retention policies no longer keep."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("policy", nargs="?", help=_("name of one policy; none: all of them"))
        parser.add_argument("--dry-run", action="store_true", help=_("only count, delete nothing"))
        parser.add_argument("--list", action="store_true", help=_("show the policies and what is due"))

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list"]:
            self.list(overview(), as_json=options["json"])
            return
        kwargs = {"policy": options["policy"], "dry_run": options["dry_run"]}
        self.submit(TASK, kwargs, options)

    def list(self, views: list[PolicyView], *, as_json: bool) -> None:
        if as_json:
            rows = [{"policy": v.name, "keep_days": v.keep_days, "due": v.due} for v in views]
            self.stdout.write(json.dumps(rows))
            return
        for view in views:
            kept = _("for ever") if view.keep_days is None else _("%d days") % view.keep_days
            self.stdout.write(f"{view.name:30} {kept:>10} {view.due_text:>10} {_('due')}")
