"""Handing a report in from a page, so that it can be seen while it waits, with who asked for it."""

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction

from apps.jobs import submit
from apps.jobs.errors import NotSubmitted
from apps.report.generating import Wish
from apps.report.models import Report

TASK = "apps.report.tasks.generate_report_task"

User = AbstractBaseUser | AnonymousUser | None


def order(wish: Wish, user: User = None) -> Report:
    """A report that waits for its job. Raises ArgumentError, and NotSubmitted with nothing left behind."""
    row = wish.checked().row()
    kwargs = {"report": wish.report, "format": wish.format, "parameters": row["parameters"]}
    report = Report(**row, submitted_by_id=user.pk if user else None)
    try:
        with transaction.atomic():
            report.job_id = submit(TASK, kwargs=kwargs).id
            report.save()
    except NotSubmitted:  # comes after the commit, which is when the job is sent
        Report.objects.filter(job_id=report.job_id).delete()
        raise
    return report


def again(report: Report, user: User) -> Report:
    """A new report of the same kind with the same parameters."""
    return order(Wish(report.name, report.format, report.parameters), user)
