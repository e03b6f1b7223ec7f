"""manage.py schedule sync, reset"""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from apps.schedules import shipping
from apps.schedules.management.schedule.finding import BAD_INPUT, FAILED, named
from apps.schedules.models import ShippedSchedule
from apps.schedules.shipping import BadDeclaration, CannotReset, Change


def sync(command: BaseCommand, options: dict[str, Any]) -> None:
    try:
        changes = shipping.sync(restore=options["restore"])
    except BadDeclaration as error:
        raise CommandError(str(error), returncode=BAD_INPUT) from error
    for change in changes:
        command.stdout.write(f"{change.outcome:10} {change.name}{remark(change)}")
    if not changes:
        command.stdout.write(_("The code ships no schedules."))


def remark(change: Change) -> str:
    remarks = {
        "deleted": _("deleted here; sync --restore brings it back"),
        "retired": _("no longer in the code, so it is disabled"),
        "taken": _("another schedule of the code was given this name here; rename that one"),
    }
    said = [remarks[change.outcome]] if change.outcome in remarks else []
    if change.written:
        said.append(_("from the code: %s") % ", ".join(change.written))
    if change.kept:
        said.append(_("changed here: %s") % ", ".join(change.kept))
    return f"  ({'; '.join(said)})" if said else ""


def reset(command: BaseCommand, options: dict[str, Any]) -> None:
    name = options["name"]
    shipped = ShippedSchedule.objects.filter(name=name.replace("\0", "")).first()
    if shipped and shipped.periodic_task is None:
        said = _("“%s” was deleted here; sync --restore brings it back")
        raise CommandError(said % name, returncode=FAILED)
    try:
        changes = shipping.reset(shipped.periodic_task if shipped and shipped.periodic_task else named(name))
    except BadDeclaration as error:
        raise CommandError(str(error), returncode=BAD_INPUT) from error
    except CannotReset as error:
        raise CommandError(str(error), returncode=FAILED) from error
    for change in changes:
        command.stdout.write(f"{change.field}: {change.change}")
    command.stdout.write(_("as the code says now") if changes else _("was as the code says already"))
