"""manage.py schedule export, import"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import ngettext

from apps.schedules import exporting, importing, reading
from apps.schedules.exporting import CannotExport
from apps.schedules.importing import BadFile, Imported
from apps.schedules.management.schedule.finding import BAD_INPUT, FAILED, named
from apps.schedules.yamltext import BYTES_MOST

HEAD = "# manage.py schedule import FILE\n"


def write(command: BaseCommand, options: dict[str, Any]) -> None:
    """Export."""
    found = reading.schedules()
    if options["names"]:
        found = found.filter(pk__in=[named(name).pk for name in options["names"]])
    try:
        text = HEAD + exporting.text(found)
    except CannotExport as error:
        raise CommandError(str(error), returncode=FAILED) from error
    if options["output"] in {None, "-"}:
        command.stdout.write(text, ending="")
        return
    try:
        Path(options["output"]).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"--output: {error}", returncode=BAD_INPUT) from error


def read(command: BaseCommand, options: dict[str, Any]) -> None:
    """Import."""
    try:
        found = importing.bring(content(options["file"]), dry_run=options["dry_run"])
    except BadFile as error:
        raise CommandError(str(error), returncode=BAD_INPUT) from error
    if options["json"]:
        command.stdout.write(json.dumps([asdict(one) for one in found], ensure_ascii=False))
        return
    for one in found:
        command.stdout.write("\n".join([f"{one.outcome:10} {one.name}", *changes(one)]))
    command.stdout.write(summary(found, dry_run=options["dry_run"]))


def content(name: str) -> bytes:
    """Of a file, or of what comes in if it is `-`; no more than is needed to see that it is too long."""
    try:
        if name == "-":
            return sys.stdin.buffer.read(BYTES_MOST + 1)
        with Path(name).open("rb") as file:
            return file.read(BYTES_MOST + 1)
    except (OSError, ValueError) as error:
        raise CommandError(str(error), returncode=BAD_INPUT) from error


def changes(one: Imported) -> list[str]:
    """A new one has nothing before the arrow, so there is none."""
    if one.outcome == "created":
        return [f"    {found.field}: {found.new_words}" for found in one.differences]
    return [f"    {found.field}: {found.change}" for found in one.differences]


def summary(found: list[Imported], *, dry_run: bool) -> str:
    count = sum(one.outcome != "unchanged" for one in found)
    if dry_run:
        text = ngettext("%d schedule would change.", "%d schedules would change.", count)
    else:
        text = ngettext("%d schedule changed.", "%d schedules changed.", count)
    return text % count
