"""Handing a report in from a page, so that it can be seen while it waits, with who asked for it."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction

from apps.jobs import submit
from apps.jobs.states import Source
from apps.report.generating import Wish
from apps.report.models import Report

TASK = "apps.report.tasks.generate_report_task"

User = AbstractBaseUser | AnonymousUser


def order(wish: Wish, user: User, source: str = Source.PAGE) -> Report:
    """A report that waits for its job. Raises ArgumentError."""
    row = wish.checked().row()
    kwargs = {"report": wish.report, "format": wish.format, "parameters": row["parameters"]}
    with transaction.atomic():
        job = submit(TASK, kwargs=kwargs, source=source, submitter=user.get_username())
        return Report.objects.create(**row, job_id=job.id, submitted_by_id=user.pk)


def again(report: Report, user: User, source: str = Source.PAGE) -> Report:
    """A new report of the same kind with the same parameters."""
    return order(Wish(report.name, report.format, report.parameters), user, source)
