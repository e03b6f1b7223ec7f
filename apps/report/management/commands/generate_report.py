"""`manage.py generate_report NAME --format csv --parameter since=2026-01-01 --wait --output FILE`."""

import shutil
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils.translation import gettext as _

from apps.jobs.commanding import BAD_INPUT, FAILED, SubmitCommand
from apps.jobs.errors import ArgumentError
from apps.report import catalog
from apps.report.generating import Wish
from apps.report.models import Report
from apps.report.ordering import TASK
from apps.report.parameters import parameters

STANDARD_OUTPUT = "-"


class Command(SubmitCommand):
    help = "Makes a report as a file."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("name", nargs="?", help=_("which report; --list shows them"))
        parser.add_argument("--list", action="store_true", help=_("show the reports and their parameters"))
        parser.add_argument("--format", default="html", help=_("html, csv or xlsx"))
        parser.add_argument(
            "--parameter", action="append", default=[], metavar="KEY=VALUE", help=_("may be repeated")
        )
        parser.add_argument("--output", metavar="FILE", help=_("with --wait: put it there; - is stdout"))

    def handle(self, *args: Any, **options: Any) -> None:
        if options["list"]:
            return self.list_reports()
        wish = Wish(options["name"] or "", options["format"], pairs(options["parameter"]))
        self.check_arguments(wish, options)
        if options["output"] == STANDARD_OUTPUT:
            self.stdout = self.stderr  # what is said about the job must not end up in the file
        kwargs = {"report": wish.report, "format": wish.format, "parameters": dict(wish.parameters)}
        job = self.submit(TASK, kwargs, options)
        if options["output"]:
            copy(Report.objects.get(job_id=job.id), options["output"])
        return None

    def list_reports(self) -> None:
        for report in catalog.reports().values():
            self.stdout.write(f"{report.name:24} {report.title}: {report.description}")
            for name, parameter in parameters(report).items():
                default = _("required") if parameter.required else parameter.default
                self.stdout.write(f"{'':24} {name}={default}")

    def check_arguments(self, wish: Wish, options: dict[str, Any]) -> None:
        """Everything that can be wrong is said before the job is handed in."""
        problems = {}
        if not wish.report:
            problems["name"] = _("missing; --list shows the reports")
        if options["output"] and not options["wait"]:
            problems["--output"] = _("needs --wait")
        if options["output"] and not Path(options["output"]).absolute().parent.is_dir():
            problems["--output"] = _("expected a file in a folder that exists")
        try:
            if not problems:
                wish.checked()
        except ArgumentError as error:
            problems = error.problems
        if problems:
            raise CommandError(str(ArgumentError(problems)), returncode=BAD_INPUT)


def pairs(texts: list[str]) -> dict[str, str]:
    bad = [text for text in texts if not text.partition("=")[0] or "=" not in text]
    if bad:
        raise CommandError(
            str(ArgumentError({"--parameter": f"expected KEY=VALUE, got {bad[0]!r}"})), returncode=BAD_INPUT
        )
    return dict(text.split("=", 1) for text in texts)


def copy(report: Report, output: str) -> None:
    if not report.is_ready:
        raise CommandError(_("the file of report %s is gone") % report.pk, returncode=FAILED)
    with report.file.open("rb") as source:
        if output == STANDARD_OUTPUT:
            shutil.copyfileobj(source, sys.stdout.buffer)
            sys.stdout.buffer.flush()
        else:
            with Path(output).open("wb") as target:
                shutil.copyfileobj(source, target)
