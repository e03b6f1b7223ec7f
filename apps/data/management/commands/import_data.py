import os
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.utils.translation import gettext as _

from apps.data.formats import FORMATS
from apps.data.formats.csv import DELIMITERS
from apps.data.formats.lines import ENCODINGS
from apps.data.importing import start
from apps.data.receiving import Plan, receive
from apps.jobs.commanding import BAD_INPUT, SubmitCommand, complaints, how

BY_NAME = {name: delimiter for delimiter, name in DELIMITERS.items()}


class Command(SubmitCommand):
    help = "Imports a CSV or JSON Lines file into a dataset."
    takes_key = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="path of the file")
        parser.add_argument("--dataset", required=True, help="name of the dataset; made if it is new")
        parser.add_argument("--key", default="", help="column by which rows are recognised")
        parser.add_argument("--format", default="", choices=FORMATS, help="default: by the file's name")
        parser.add_argument("--encoding", default="utf-8", choices=ENCODINGS, help="default: utf-8")
        parser.add_argument("--delimiter", choices=BY_NAME, help="default: found out from the header")
        super().add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        path = readable(options["file"])
        delimiter = BY_NAME.get(options["delimiter"], "")
        plan = Plan(options["dataset"], options["key"], options["format"], options["encoding"], delimiter)
        with complaints():
            asked = how(options)
            with transaction.atomic(), path.open("rb") as file:
                job = start(receive(File(file), path.name, plan), **asked)
        self.report(job, options)


def readable(name: str) -> Path:
    """Standard input (-) is none: a file is read twice."""
    if not Path(name).is_file():
        raise CommandError(_("expected the path of a file, got %s") % name, returncode=BAD_INPUT)
    if not os.access(name, os.R_OK):
        raise CommandError(_("this user may not read %s") % name, returncode=BAD_INPUT)
    return Path(name)
