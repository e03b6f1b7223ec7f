"""Schedules by the names that people type."""

import difflib

from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django_celery_beat.models import PeriodicTask

BAD_INPUT, FAILED = 2, 1


def named(name: str) -> PeriodicTask:
    """Exits with 2 and the nearest name if there is no such schedule."""
    schedule = None if "\0" in name else PeriodicTask.objects.filter(name=name).first()
    if schedule is None:
        near = difflib.get_close_matches(name, PeriodicTask.objects.values_list("name", flat=True), n=1)
        hint = _("; did you mean “%s”?") % near[0] if near else ""
        raise CommandError(_("no schedule is named “%s”") % name + hint, returncode=BAD_INPUT)
    return schedule
